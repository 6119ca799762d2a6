/// A value read from JSON text, with numbers kept as they are written: a price never passes through floating point.
indirect enum JSONText: Sendable, Equatable {
  case object([Member])
  case array([JSONText])
  case string(String)
  /// The characters of the number.
  case number(String)
  case bool(Bool)
  case null

  struct Member: Sendable, Equatable {
    let key: String
    let value: JSONText
  }

  /// - Parameter file: how the file is called in errors.
  /// - Throws: `table` with the line of whatever is no JSON, is nested deeper than 32 levels, or names a key twice.
  init(_ bytes: [UInt8], file: String) throws(PricingError) {
    var reader = JSONTextReader(bytes: bytes, file: file)
    self = try reader.document()
  }

  /// The members, where this is an object.
  var members: [Member]? { if case .object(let members) = self { members } else { nil } }

  var elements: [JSONText]? { if case .array(let elements) = self { elements } else { nil } }

  /// The member with that key that is there and is not null. Keys are compared as bytes.
  subscript(key: String) -> JSONText? {
    guard let member = members?.first(where: { $0.key.utf8.elementsEqual(key.utf8) }) else { return nil }
    return member.value == .null ? nil : member.value
  }

  /// The text of a string, a number or a truth value; nil for the rest.
  var scalarText: String? {
    switch self {
    case .string(let text), .number(let text): text
    case .bool(let value): value ? "true" : "false"
    case .object, .array, .null: nil
    }
  }

  var string: String? { if case .string(let text) = self { text } else { nil } }
  var number: String? { if case .number(let text) = self { text } else { nil } }
}

/// Reads one JSON document (RFC 8259).
private struct JSONTextReader {
  private let bytes: [UInt8]
  private let file: String
  private var index = 0
  private static let deepest = 32

  init(bytes: [UInt8], file: String) {
    self.bytes = bytes
    self.file = file
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
  }

  mutating func document() throws(PricingError) -> JSONText {
    let value = try value(depth: 0)
    skipBlanks()
    guard index == bytes.count else { throw wrong("text after the end of the document") }
    return value
  }

  private func wrong(_ reason: String) -> PricingError {
    let line = 1 + bytes[..<min(index, bytes.count)].reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    return .table(file: file, line: line, column: "", reason: reason)
  }

  private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { index += 1 }
  }

  private mutating func take(_ byte: Character) throws(PricingError) {
    guard let wanted = byte.asciiValue, next == wanted else { throw wrong("expected '\(byte)'") }
    index += 1
  }

  private mutating func value(depth: Int) throws(PricingError) -> JSONText {
    guard depth <= Self.deepest else { throw wrong("nested deeper than \(Self.deepest) levels") }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case let byte? where byte == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte):
      return .number(try number())
    case nil: throw wrong("the document ends early")
    default:
      for (word, value) in [("true", JSONText.bool(true)), ("false", .bool(false)), ("null", .null)]
      where bytes[index...].starts(with: word.utf8) {
        index += word.utf8.count
        return value
      }
      throw wrong("not JSON")
    }
  }

  private mutating func object(depth: Int) throws(PricingError) -> JSONText {
    try take("{")
    var members: [JSONText.Member] = []
    var keys: Set<[UInt8]> = []
    skipBlanks()
    if next == UInt8(ascii: "}") {
      index += 1
      return .object([])
    }
    while true {
      skipBlanks()
      let key = try string()
      guard keys.insert(Array(key.utf8)).inserted else { throw wrong("the key '\(key)' is there twice") }
      skipBlanks()
      try take(":")
      members.append(JSONText.Member(key: key, value: try value(depth: depth + 1)))
      skipBlanks()
      guard next == UInt8(ascii: ",") else { break }
      index += 1
    }
    try take("}")
    return .object(members)
  }

  private mutating func array(depth: Int) throws(PricingError) -> JSONText {
    try take("[")
    var elements: [JSONText] = []
    skipBlanks()
    if next == UInt8(ascii: "]") {
      index += 1
      return .array([])
    }
    while true {
      elements.append(try value(depth: depth + 1))
      skipBlanks()
      guard next == UInt8(ascii: ",") else { break }
      index += 1
    }
    try take("]")
    return .array(elements)
  }

  private mutating func number() throws(PricingError) -> String {
    let start = index
    while let byte = next, "+-.eE0123456789".utf8.contains(byte) { index += 1 }
    let text = String(decoding: bytes[start..<index], as: UTF8.self)
    do {
      _ = try ExactDecimal(text)
    } catch .tooPrecise {
      // Still a number; whether its digits are too many is for the reader of the field to say.
    } catch {
      throw wrong("'\(text)' is not a number")
    }
    return text
  }

  private mutating func string() throws(PricingError) -> String {
    try take("\"")
    var text: [UInt8] = []
    while let byte = next {
      index += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let valid = String(validating: text, as: UTF8.self) else { throw wrong("a string is not UTF-8") }
        return valid
      case UInt8(ascii: "\\"): text += Array(String(try escaped()).utf8)
      case 0..<0x20: throw wrong("a control character in a string")
      default: text.append(byte)
      }
    }
    throw wrong("a string is not closed")
  }

  private mutating func escaped() throws(PricingError) -> Unicode.Scalar {
    guard let byte = next else { throw wrong("a string is not closed") }
    index += 1
    switch byte {
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "u"):
      let first = try codeUnit()
      if let scalar = Unicode.Scalar(first) { return scalar }
      // Half of a pair: the other half must follow.
      guard first < 0xDC00, bytes[index...].starts(with: "\\u".utf8) else { throw wrong("half a surrogate pair") }
      index += 2
      let second = try codeUnit()
      guard (0xDC00..<0xE000).contains(second),
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      else { throw wrong("half a surrogate pair") }
      return scalar
    default: throw wrong("an unknown escape")
    }
  }

  private mutating func codeUnit() throws(PricingError) -> UInt32 {
    let digits = bytes[index..<min(index + 4, bytes.count)]
    guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
      let unit = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    else { throw wrong("four hexadecimal digits are missing") }
    index += 4
    return unit
  }
}
