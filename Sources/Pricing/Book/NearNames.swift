/// Names that somebody may have meant.
enum NearNames {
  /// At most `limit` of the candidates, the nearest first: those that hold the name, then those few letters away.
  static func near(_ name: String, among candidates: [String], limit: Int = 4) -> [String] {
    let wanted = lowered(name).prefix(64)
    guard !wanted.isEmpty else { return [] }
    var ranked: [(score: Int, index: Int)] = []
    for (index, candidate) in candidates.enumerated() {
      let bytes = lowered(candidate)
      if contains(bytes, wanted) {
        ranked.append((bytes.count - wanted.count, index))
      } else {
        let steps = shortForms(bytes).map { distance(wanted, $0) }.min() ?? .max
        if steps <= max(2, wanted.count / 3) { ranked.append((1000 + steps, index)) }
      }
    }
    ranked.sort { ($0.score, $0.index) < ($1.score, $1.index) }
    return ranked.prefix(limit).map { candidates[$0.index] }
  }

  /// `provider:maker/name@region` whole and without the parts that people leave out.
  private static func shortForms(_ name: [UInt8]) -> [ArraySlice<UInt8>] {
    let afterProvider = name.firstIndex(of: UInt8(ascii: ":")).map { name[($0 + 1)...] } ?? name[...]
    let beforeRegion = afterProvider.lastIndex(of: UInt8(ascii: "@")).map { afterProvider[..<$0] } ?? afterProvider
    let afterMaker = afterProvider.lastIndex(of: UInt8(ascii: "/")).map { afterProvider[($0 + 1)...] } ?? afterProvider
    return [name[...], afterProvider, beforeRegion, afterMaker]
  }

  /// Equal but for the case of ASCII letters.
  static func same(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
    lowered(left).elementsEqual(lowered(right))
  }

  /// One text for all spellings of a name that differ in the case of ASCII letters.
  static func key(_ name: String) -> String { String(decoding: lowered(name), as: UTF8.self) }

  private static func lowered(_ text: some StringProtocol) -> [UInt8] {
    text.utf8.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 + 32 : $0 }
  }

  private static func contains(_ text: [UInt8], _ part: ArraySlice<UInt8>) -> Bool {
    guard text.count >= part.count else { return false }
    return (0...(text.count - part.count)).contains { text[$0...].starts(with: part) }
  }

  /// Letters to add, drop or change to come from one to the other.
  private static func distance(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
    let right = Array(right.prefix(96))
    var row = Array(0...right.count)
    for (lineNumber, letter) in left.enumerated() {
      var diagonal = row[0]
      row[0] = lineNumber + 1
      for column in right.indices {
        let changed = diagonal + (letter == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(changed, row[column] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
