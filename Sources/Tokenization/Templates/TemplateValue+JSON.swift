extension TemplateValue {
  /// What is wrong with a JSON text, and at which byte.
  public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    public let offset: Int
    public let message: String
    public var description: String { "JSON, byte \(offset): \(message)" }
  }

  /// Reads a JSON text (RFC 8259), keeping the order of keys and the difference between `1` and `1.0`.
  ///
  /// Source: tools and conversations that people write. Refused: text that is not UTF-8, anything after the value,
  /// nesting beyond `depth`, integers beyond 64 bits, escapes of lone surrogates.
  public init(json: [UInt8], depth: Int = 96) throws(JSONError) {
    guard String(validating: json, as: UTF8.self) != nil else {
      throw JSONError(offset: 0, message: "the text is not valid UTF-8")
    }
    var reader = JSONReader(bytes: json, depth: depth)
    self = try reader.document()
  }
}

private struct JSONReader {
  let bytes: [UInt8]
  var depth: Int
  var at = 0

  init(bytes: [UInt8], depth: Int) {
    self.bytes = bytes
    self.depth = depth
  }

  typealias Failure = TemplateValue.JSONError

  func failure(_ message: String) -> Failure { Failure(offset: at, message: message) }

  var next: UInt8? { at < bytes.count ? bytes[at] : nil }

  mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  mutating func document() throws(Failure) -> TemplateValue {
    let value = try self.value()
    skipSpace()
    guard at == bytes.count else { throw failure("something follows the value") }
    return value
  }

  mutating func value() throws(Failure) -> TemplateValue {
    skipSpace()
    switch next {
    case nil: throw failure("the text ends where a value is expected")
    case UInt8(ascii: "{"): return try dictionary()
    case UInt8(ascii: "["): return try list()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  mutating func word(_ word: StaticString, _ value: TemplateValue) throws(Failure) -> TemplateValue {
    let text = Array("\(word)".utf8)
    guard bytes[at...].starts(with: text) else { throw failure("expected a value") }
    at += text.count
    return value
  }

  mutating func enter() throws(Failure) {
    depth -= 1
    guard depth >= 0 else { throw failure("nested too deeply") }
    at += 1
    skipSpace()
  }

  /// After an element: true when another follows, false at `close`.
  mutating func another(before close: UInt8) throws(Failure) -> Bool {
    skipSpace()
    if next == UInt8(ascii: ",") {
      at += 1
      return true
    }
    guard leave(at: close) else { throw failure("expected a comma or the closing bracket") }
    return false
  }

  mutating func leave(at close: UInt8) -> Bool {
    guard next == close else { return false }
    at += 1
    depth += 1
    return true
  }

  mutating func list() throws(Failure) -> TemplateValue {
    try enter()
    var items: [TemplateValue] = []
    if leave(at: UInt8(ascii: "]")) { return .list([]) }
    repeat { items.append(try value()) } while try another(before: UInt8(ascii: "]"))
    return .list(items)
  }

  mutating func dictionary() throws(Failure) -> TemplateValue {
    try enter()
    var entries: [TemplateValue.Entry] = []
    if leave(at: UInt8(ascii: "}")) { return .dictionary([]) }
    repeat {
      skipSpace()
      guard next == UInt8(ascii: "\"") else { throw failure("expected a key") }
      let key = try string()
      skipSpace()
      guard next == UInt8(ascii: ":") else { throw failure("expected a colon") }
      at += 1
      entries.append(.init(key, try value()))
    } while try another(before: UInt8(ascii: "}"))
    return .dictionary(entries)
  }

  mutating func string() throws(Failure) -> String {
    at += 1
    var out: [UInt8] = []
    while let byte = next {
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: out, as: UTF8.self)
      case 0..<0x20: throw failure("a control character inside a string")
      case UInt8(ascii: "\\"): try escape(into: &out)
      default: out.append(byte)
      }
    }
    throw failure("a string that does not end")
  }

  private mutating func escape(into out: inout [UInt8]) throws(Failure) {
    guard let byte = next else { throw failure("a string that does not end") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
    case UInt8(ascii: "b"): out.append(0x08)
    case UInt8(ascii: "f"): out.append(0x0C)
    case UInt8(ascii: "n"): out.append(0x0A)
    case UInt8(ascii: "r"): out.append(0x0D)
    case UInt8(ascii: "t"): out.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hex4()
      if (0xD800..<0xDC00).contains(code), bytes[at...].starts(with: [0x5C, 0x75]) {
        at += 2
        let low = try hex4()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("an escape of a lone surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("an escape of a lone surrogate") }
      out.append(contentsOf: scalar.utf8)
    default: throw failure("an unknown escape")
    }
  }

  private mutating func hex4() throws(Failure) -> UInt32 {
    guard at + 4 <= bytes.count else { throw failure("a short escape") }
    var code: UInt32 = 0
    for byte in bytes[at..<at + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw failure("an escape with a wrong digit")
      }
      code = code << 4 | UInt32(digit)
    }
    at += 4
    return code
  }

  mutating func number() throws(Failure) -> TemplateValue {
    let start = at
    func isDigit(_ byte: UInt8?) -> Bool { byte.map { (0x30...0x39).contains($0) } ?? false }
    if next == UInt8(ascii: "-") { at += 1 }
    guard isDigit(next) else { throw failure("expected a value") }
    if next == UInt8(ascii: "0") { at += 1 } else { while isDigit(next) { at += 1 } }
    var isInteger = true
    if next == UInt8(ascii: ".") {
      isInteger = false
      at += 1
      guard isDigit(next) else { throw failure("a digit must follow the point") }
      while isDigit(next) { at += 1 }
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      isInteger = false
      at += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
      guard isDigit(next) else { throw failure("a digit must follow the exponent sign") }
      while isDigit(next) { at += 1 }
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if isInteger {
      guard let value = Int(text) else { throw failure("an integer beyond 64 bits") }
      return .int(value)
    }
    guard let value = Double(text) else { throw failure("a number that cannot be read") }
    return .float(value)
  }
}
