/// The values of literal tokens.
extension Jinja.Parser {
  func integerValue(_ token: Token) throws(TemplateError) -> Int {
    var digits = bytes(token).filter { $0 != UInt8(ascii: "_") }
    var radix = 10
    if digits.count > 1, let mark = [0x78: 16, 0x6F: 8, 0x62: 2][digits[1] | 0x20] {
      radix = mark
      digits.removeFirst(2)
    }
    guard let value = Int(String(decoding: digits, as: UTF8.self), radix: radix) else {
      throw failure("integers beyond 64 bits are not supported", at: token, kind: .unsupported)
    }
    return value
  }

  /// What a string literal stands for, by the rules of Python's `unicode_escape`: an unknown escape keeps its
  /// backslash.
  func stringValue(_ token: Token) throws(TemplateError) -> [UInt8] {
    let end = Int(token.end) - 1
    var at = Int(token.start) + 1
    var out: [UInt8] = []
    while at < end {
      let byte = source[at]
      at += 1
      if byte == UInt8(ascii: "\\") {
        out.append(contentsOf: try escape(&at, before: end, token))
      } else {
        out.append(byte)
      }
    }
    return out
  }

  private func escape(_ at: inout Int, before end: Int, _ token: Token) throws(TemplateError) -> [UInt8] {
    let mark = source[at]
    if mark >= 0x80 {
      // Jinja writes other scripts as escapes first, so the backslash meets the one of that escape.
      let (scalar, length) = UTF8Text.decode(source, at: at)
      at += length
      let digits = String(scalar.value, radix: 16)
      let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
      return Array(("\\" + letter + String(repeating: "0", count: width - digits.count) + digits).utf8)
    }
    at += 1
    switch mark {
    case 0x0A: return []
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): return [mark]
    case UInt8(ascii: "a"): return [0x07]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "n"): return [0x0A]
    case UInt8(ascii: "v"): return [0x0B]
    case UInt8(ascii: "f"): return [0x0C]
    case UInt8(ascii: "r"): return [0x0D]
    case UInt8(ascii: "x"): return try scalar(digits: 2, &at, before: end, token)
    case UInt8(ascii: "u"): return try scalar(digits: 4, &at, before: end, token)
    case UInt8(ascii: "U"): return try scalar(digits: 8, &at, before: end, token)
    case UInt8(ascii: "N"):
      throw failure("escapes by character name are not supported", at: token, kind: .unsupported)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      var code = UInt32(mark - UInt8(ascii: "0"))
      var count = 1
      while count < 3, at < end, (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(source[at]) {
        code = code * 8 + UInt32(source[at] - UInt8(ascii: "0"))
        at += 1
        count += 1
      }
      return Array((Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
    default: return [UInt8(ascii: "\\"), mark]
    }
  }

  private func scalar(
    digits: Int, _ at: inout Int, before end: Int, _ token: Token
  ) throws(TemplateError) -> [UInt8] {
    let text = source[at..<min(at + digits, end)]
    let isHexadecimal = text.allSatisfy { $0 < 0x80 && Character(Unicode.Scalar($0)).isHexDigit }
    guard text.count == digits, isHexadecimal, let code = UInt32(String(decoding: text, as: UTF8.self), radix: 16)
    else { throw failure("an escape with too few digits in a string", at: token) }
    guard let scalar = Unicode.Scalar(code) else {
      throw failure("an escape of a surrogate or beyond Unicode in a string", at: token, kind: .unsupported)
    }
    at += digits
    return Array(scalar.utf8)
  }
}
