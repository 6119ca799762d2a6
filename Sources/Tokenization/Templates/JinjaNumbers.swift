/// Numbers as Python reads, rounds and prints them.
extension Jinja {
  /// `repr(value)`: the shortest digits that read back the same, with an exponent below 1e-4 and from 1e16 on.
  static func text(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let (sign, digits, exponent) = decimal(value)
    let body: String
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      let power = String(exponent.magnitude)
      body = "\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(power.count < 2 ? "0" : "")\(power)"
    } else if exponent < 0 {
      body = "0." + String(repeating: "0", count: -exponent - 1) + digits
    } else if digits.count <= exponent + 1 {
      body = digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    } else {
      body = digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }
    return sign + body
  }

  /// The digits of Swift's own shortest form, and the power of ten of the first one.
  private static func decimal(_ value: Double) -> (sign: String, digits: String, exponent: Int) {
    var mantissa = Substring(value.description)
    var exponent = 0
    let sign = mantissa.first == "-" ? "-" : ""
    if sign == "-" { mantissa.removeFirst() }
    if let mark = mantissa.firstIndex(of: "e") {
      exponent = Int(mantissa[mantissa.index(after: mark)...]) ?? 0
      mantissa = mantissa[..<mark]
    }
    let parts = mantissa.split(separator: ".", omittingEmptySubsequences: false)
    let whole = parts[0]
    var digits = parts.joined()
    exponent += whole.count - 1
    let leading = digits.prefix { $0 == "0" }.count
    if leading == digits.count { return (sign, "0", 0) }
    digits.removeFirst(leading)
    exponent -= leading
    while digits.last == "0" { digits.removeLast() }
    return (sign, digits, exponent)
  }

  /// `round(value, places)`
  static func rounded(_ value: Double, places: Int) -> Double {
    guard value.isFinite, places < 323 else { return value }
    if places >= 0 { return Double(Jinja.printed(value, "f", places: places)) ?? value }
    guard places >= -308 else { return value * 0 }
    let scale = Jinja.raised(10, to: Double(-places))
    return (value / scale).rounded(.toNearestOrEven) * scale
  }

  /// `round(value, places)` of an integer; nil where the result does not fit.
  static func rounded(_ value: Int, places: Int) -> Int? {
    if places >= 0 { return value }
    guard places >= -18 else { return places == -19 && value.magnitude > 5_000_000_000_000_000_000 ? nil : 0 }
    var unit = 1
    for _ in 0..<(-places) { unit *= 10 }
    let remainder = value % unit
    let base = value - remainder
    let distance = remainder.magnitude
    let half = UInt(unit / 2)
    let away = distance > half || (distance == half && (base / unit) % 2 != 0)
    if !away { return base }
    let (result, overflows) = base.addingReportingOverflow(value < 0 ? -unit : unit)
    return overflows ? nil : result
  }

  static func floatPower(_ base: Double, _ exponent: Double, _ renderer: Renderer) throws(TemplateError) -> Value {
    if base == 0 && exponent < 0 { throw renderer.failure("0.0 cannot be raised to a negative power") }
    if base < 0 && base.isFinite && exponent.isFinite && exponent != exponent.rounded() {
      throw renderer.failure("complex numbers are not supported", kind: .unsupported)
    }
    let result = raised(base, to: exponent)
    if result.isInfinite && base.isFinite && exponent.isFinite { throw renderer.failure("the result is too large") }
    return .float(result)
  }

  // MARK: Reading

  /// Text without white space around it, with the digits of all scripts as ASCII ones, and without the single
  /// underscores that Python allows between digits; nil where an underscore stands elsewhere.
  private static func plain(_ bytes: [UInt8]) -> [UInt8]? {
    let start = UTF8Text.trimStart(bytes, 0..<bytes.count)
    let end = UTF8Text.trimEnd(bytes, start..<bytes.count)
    var out: [UInt8] = []
    var afterUnderscore = false
    var at = start
    while at < end {
      let (scalar, length) = UTF8Text.decode(bytes, at: at)
      at += length
      if scalar == "_" {
        guard !out.isEmpty, !afterUnderscore, out.last.map(isAlphanumeric) ?? false else { return nil }
        afterUnderscore = true
        continue
      }
      var byte = UInt8(truncatingIfNeeded: scalar.value)
      if scalar.value >= 0x80 {
        guard UTF8Text.isDecimal(scalar), let value = scalar.properties.numericValue else { return nil }
        byte = UInt8(ascii: "0") + UInt8(value)
      }
      if afterUnderscore && !isAlphanumeric(byte) { return nil }
      afterUnderscore = false
      out.append(byte)
    }
    return afterUnderscore ? nil : out
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 }

  enum ParsedInteger {
    case value(Int)
    case invalid
    case tooLarge
  }

  /// `int(text, base)`, with a base of 0 or from 2 to 36.
  static func integer(_ bytes: [UInt8], base: Int) -> ParsedInteger {
    guard var digits = plain(bytes), let first = digits.first else { return .invalid }
    let isNegative = first == UInt8(ascii: "-")
    if isNegative || first == UInt8(ascii: "+") { digits.removeFirst() }
    var radix = base
    if digits.count > 1, digits[0] == UInt8(ascii: "0") {
      let marked: Int? =
        switch digits[1] | 0x20 {
        case UInt8(ascii: "x"): 16
        case UInt8(ascii: "o"): 8
        case UInt8(ascii: "b"): 2
        default: nil
        }
      if let marked, base == 0 || base == marked {
        radix = marked
        digits.removeFirst(2)
      } else if base == 0 && digits.contains(where: { $0 != UInt8(ascii: "0") }) {
        return .invalid
      }
    }
    if radix == 0 { radix = 10 }
    func isDigit(_ byte: UInt8) -> Bool {
      let value = byte &- 0x30 < 10 ? Int(byte) - 0x30 : (byte | 0x20) &- 0x61 < 26 ? Int(byte | 0x20) - 0x57 : 99
      return value < radix
    }
    guard !digits.isEmpty, digits.allSatisfy(isDigit) else { return .invalid }
    let text = (isNegative ? "-" : "") + String(decoding: digits, as: UTF8.self)
    return Int(text, radix: radix).map { .value($0) } ?? .tooLarge
  }

  /// `float(text)`; nil where Python refuses.
  static func float(_ bytes: [UInt8]) -> Double? {
    guard let text = plain(bytes) else { return nil }
    var body = text[...]
    if let sign = body.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { body = body.dropFirst() }
    let word = String(decoding: body.map { $0 | 0x20 }, as: UTF8.self)
    let isNegative = text.first == UInt8(ascii: "-")
    if word == "inf" || word == "infinity" { return isNegative ? -.infinity : .infinity }
    if word == "nan" { return .nan }
    var (digits, points, at) = (0, 0, body.startIndex)
    while at < body.endIndex {
      if body[at] &- 0x30 < 10 { digits += 1 } else if body[at] == UInt8(ascii: ".") { points += 1 } else { break }
      at += 1
    }
    guard digits > 0, points < 2 else { return nil }
    if at < body.endIndex {
      guard body[at] | 0x20 == UInt8(ascii: "e") else { return nil }
      at += 1
      if at < body.endIndex, body[at] == UInt8(ascii: "-") || body[at] == UInt8(ascii: "+") { at += 1 }
      guard at < body.endIndex, body[at...].allSatisfy({ $0 &- 0x30 < 10 }) else { return nil }
    }
    // strtod reads the forms that the check above lets through; Swift's own reader refuses some, as "1." and ".5".
    var whole = String(decoding: body, as: UTF8.self)
    if whole.hasPrefix(".") { whole = "0" + whole }
    whole = whole.replacingPointAtEnd()
    guard let value = Double(whole) else { return nil }
    return isNegative ? -value : value
  }
}

extension String {
  /// "1." and "1.e5" with a zero behind the point.
  fileprivate func replacingPointAtEnd() -> String {
    guard let point = firstIndex(of: ".") else { return self }
    let next = index(after: point)
    if next < endIndex, self[next].isNumber { return self }
    return self[..<next] + "0" + self[next...]
  }
}
