import Usage

/// Which hosted models may be held against a model that somebody runs: the same or the nearest open one. An API of
/// another class of quality is a figure to know, never a saving, unless a person declares it equivalent.
public enum OpenModels {
  /// Billions of parameters as a name states them: 0.135 for `SmolLM2-135M-Instruct`, 1.5 for `Qwen2-1.5B`; nil where
  /// it states none. Vendors of closed models do not put sizes into names, so a size also marks an open model.
  public static func billions(in name: String) -> ExactDecimal? {
    let bytes = Array(name.utf8)
    var index = 0
    while index < bytes.count {
      guard isDigit(bytes[index]), index == 0 || !isWord(bytes[index - 1]) else {
        index += 1
        continue
      }
      var end = index
      while end < bytes.count, isDigit(bytes[end]) || bytes[end] == UInt8(ascii: ".") { end += 1 }
      if end < bytes.count, end + 1 == bytes.count || !isWord(bytes[end + 1]) {
        let text = String(decoding: bytes[index..<end], as: UTF8.self)
        switch bytes[end] | 0x20 {
        case UInt8(ascii: "b"): if let size = try? ExactDecimal(text), size.coefficient > 0 { return size }
        case UInt8(ascii: "m"): if let size = try? ExactDecimal(text + "e-3"), size.coefficient > 0 { return size }
        default: break
        }
      }
      index = end
    }
    return nil
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == UInt8(ascii: ".")
  }

  /// The hosted models that serve as the honest counterpart of a model, the cheapest first within each size: those
  /// whose name is the same, else those whose size is nearest, as a ratio.
  /// - Parameters:
  ///   - name: of the model that is run; its size is read from it.
  ///   - day: retired ones are left out.
  public static func counterparts(
    of name: String, in book: PriceBook, on day: CivilDate
  ) -> [HostedModel] {
    let open = book.hosted.filter { model in
      model.mode == .chat && (model.retires.map { day < $0 } ?? true) && billions(in: model.name) != nil
    }
    let same = open.filter { NearNames.same($0.shortName, name) || NearNames.same($0.name, name) }
    if !same.isEmpty { return same }
    guard let size = billions(in: name).map({ Fraction($0) }) else { return [] }
    var nearest: (ratio: Fraction, models: [HostedModel])?
    for model in open {
      guard let other = billions(in: model.name).map({ Fraction($0) }),
        let ratio = try? other < size ? size.over(other) : other.over(size)
      else { continue }
      guard let known = nearest else {
        nearest = (ratio, [model])
        continue
      }
      if ratio == known.ratio {
        nearest?.models.append(model)
      } else if ratio < known.ratio {
        nearest = (ratio, [model])
      }
    }
    return nearest?.models ?? []
  }

  /// Whether a model that somebody runs is the hosted one, by their names, tuned or not and at whatever quantisation: then
  /// it has that model's tokeniser.
  public static func isSame(_ hosted: HostedModel, as own: String) -> Bool {
    guard billions(in: hosted.name) != nil else { return false }
    let (left, right) = (core(String(hosted.shortName)), core(String(own.split(separator: "/").last ?? "")))
    return !left.isEmpty && left == right
  }

  /// Words at the end of a name that do not say which model it is.
  private static let remarks: Set<String> = ["gguf", "instruct", "it", "chat", "hf", "base", "f16", "bf16", "f32"]

  private static func core(_ name: String) -> [String] {
    var name = NearNames.key(name)[...]
    if name.hasSuffix(".gguf") { name = name.dropLast(5) }
    // A point parts words, but not the digits of a version.
    let bytes = Array(name.utf8)
    let parted = bytes.indices.map { index in
      let isVersion = index + 1 < bytes.count && isDigit(bytes[index + 1])
      return bytes[index] == UInt8(ascii: ".") && !isVersion ? UInt8(ascii: "-") : bytes[index]
    }
    var words = parted.split { "-_ ".utf8.contains($0) }.map { String(decoding: $0, as: UTF8.self) }
    while let last = words.last, remarks.contains(last) || isQuantization(last) { words.removeLast() }
    return words
  }

  /// q4, iq4, and what follows it: 0, k, m, xs.
  private static func isQuantization(_ word: String) -> Bool {
    if ["0", "1", "k", "s", "m", "l", "xs", "nl", "xxs"].contains(word) { return true }
    let digits = word.hasPrefix("iq") ? word.dropFirst(2) : word.hasPrefix("q") ? word.dropFirst() : ""
    return digits.count == 1 && digits.first?.isNumber == true
  }
}
