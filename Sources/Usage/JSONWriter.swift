/// Writes JSON into a byte array, in the order of the calls, without Foundation.
///
/// ```swift
/// var json = JSONWriter()
/// json.object { json in
///   json.field("model", "SmolLM2")
///   json.array("ids") { json in for id in ids { json.value(id) } }
/// }
/// print(json.text)
/// ```
///
/// Strings are escaped as JSON demands; the line separators U+2028 and U+2029 and DEL are escaped too, so that the text
/// can be pasted into a script or shown on a terminal. Bytes that are not UTF-8 are repaired with U+FFFD.
/// - Precondition: inside `object` every value has a key, inside `array` none has.
public struct JSONWriter: Sendable {
  /// What was written so far.
  public private(set) var bytes: [UInt8] = []
  private let pretty: Bool
  private var depth = 0
  private var needsComma = false

  /// - Parameter pretty: one member per line, indented by two spaces; else everything on one line.
  public init(pretty: Bool = false) {
    self.pretty = pretty
  }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  // MARK: Members of an object

  public mutating func object(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
    container(key, open: UInt8(ascii: "{"), close: UInt8(ascii: "}"), body)
  }

  public mutating func array(_ key: String? = nil, _ body: (inout JSONWriter) -> Void) {
    container(key, open: UInt8(ascii: "["), close: UInt8(ascii: "]"), body)
  }

  public mutating func field(_ key: String, _ value: String?) {
    begin(key)
    if let value { string(value.utf8) } else { literal("null") }
  }

  /// A string from bytes of UTF-8, repaired where they are not.
  public mutating func field(_ key: String, utf8 value: [UInt8]) {
    begin(key)
    string(String(decoding: value, as: UTF8.self).utf8)
  }

  public mutating func field(_ key: String, _ value: (some BinaryInteger)?) {
    begin(key)
    literal(value.map { String($0) } ?? "null")
  }

  public mutating func field(_ key: String, _ value: Bool) {
    begin(key)
    literal(value ? "true" : "false")
  }

  /// A finite number in its shortest form that reads back the same; else null, since JSON has no infinity.
  public mutating func field(_ key: String, _ value: Double?) {
    begin(key)
    number(value)
  }

  /// A number given as a count of 10^-decimals, written exactly: 1234567 with 6 decimals is 1.234567.
  public mutating func field(_ key: String, _ value: Int64?, decimals: Int) {
    begin(key)
    literal(value.map { FixedPoint.text($0, decimals: decimals, trimmed: true) } ?? "null")
  }

  // MARK: Elements of an array

  public mutating func value(_ value: String) {
    begin(nil)
    string(value.utf8)
  }

  public mutating func value(utf8 value: [UInt8]) {
    begin(nil)
    string(String(decoding: value, as: UTF8.self).utf8)
  }

  public mutating func value(_ value: some BinaryInteger) {
    begin(nil)
    literal(String(value))
  }

  public mutating func value(_ value: Bool) {
    begin(nil)
    literal(value ? "true" : "false")
  }

  public mutating func value(_ value: Double?) {
    begin(nil)
    number(value)
  }

  public mutating func null(_ key: String? = nil) {
    begin(key)
    literal("null")
  }

  // MARK: Parts

  private mutating func container(
    _ key: String?, open: UInt8, close: UInt8, _ body: (inout JSONWriter) -> Void
  ) {
    begin(key)
    bytes.append(open)
    depth += 1
    needsComma = false
    body(&self)
    depth -= 1
    // A comma is due exactly when the body wrote something.
    if needsComma { newLine() }
    bytes.append(close)
    needsComma = true
  }

  private mutating func begin(_ key: String?) {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    if depth > 0 { newLine() }
    if let key {
      string(key.utf8)
      bytes.append(UInt8(ascii: ":"))
      if pretty { bytes.append(UInt8(ascii: " ")) }
    }
    needsComma = true
  }

  private mutating func newLine() {
    guard pretty else { return }
    bytes.append(UInt8(ascii: "\n"))
    bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
  }

  private mutating func literal(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func number(_ value: Double?) {
    guard let value, value.isFinite else { return literal("null") }
    literal(value.description)
  }

  private mutating func string(_ utf8: String.UTF8View) {
    bytes.append(UInt8(ascii: "\""))
    // U+2028 and U+2029 are E2 80 A8 and E2 80 A9; they are escaped when their last byte comes by.
    var beforeLast: UInt8 = 0
    var last: UInt8 = 0
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case UInt8(ascii: "\n"): literal("\\n")
      case UInt8(ascii: "\r"): literal("\\r")
      case UInt8(ascii: "\t"): literal("\\t")
      case 0..<0x20, 0x7F:
        literal("\\u00")
        bytes.append(Self.hexDigit(byte >> 4))
        bytes.append(Self.hexDigit(byte & 15))
      case 0xA8, 0xA9:
        if beforeLast == 0xE2, last == 0x80 {
          bytes.removeLast(2)
          literal(byte == 0xA8 ? "\\u2028" : "\\u2029")
        } else {
          bytes.append(byte)
        }
      default: bytes.append(byte)
      }
      beforeLast = last
      last = byte
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
