/// Parsing of the kernel's text: lines, fields and numbers, where whatever is not what it should be is nil.
enum HostText {
  typealias Slice = ArraySlice<UInt8>

  static func lines(_ text: [UInt8]) -> [Slice] {
    text.split(separator: UInt8(ascii: "\n"))
  }

  /// Parts between spaces and tabs.
  static func fields(_ line: Slice) -> [Slice] {
    line.split { isBlank($0) }
  }

  static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || (byte >= 9 && byte <= 13)
  }

  static func trimmed(_ text: Slice) -> Slice {
    var rest = text
    while let first = rest.first, isBlank(first) { rest = rest.dropFirst() }
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    return rest
  }

  static func equal(_ text: Slice, _ expected: String) -> Bool {
    text.elementsEqual(expected.utf8)
  }

  static func hasPrefix(_ text: Slice, _ expected: String) -> Bool {
    text.starts(with: expected.utf8)
  }

  /// A decimal number, with a minus sign or not; nil for anything else and for what 64 bits cannot hold.
  static func integer(_ text: Slice) -> Int? {
    let number = trimmed(text)
    let negative = number.first == UInt8(ascii: "-")
    let digits = negative ? number.dropFirst() : number
    guard !digits.isEmpty else { return nil }
    var value = 0
    for byte in digits {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let digit = Int(byte - UInt8(ascii: "0"))
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = negative ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }

  /// The number that a file of one number holds.
  static func integer(_ text: [UInt8]?) -> Int? {
    guard let text else { return nil }
    return integer(text[...])
  }

  /// What follows `name` and a colon at the start of a line, without blanks around it.
  /// Lines are `name: value` or, as in `/proc/cpuinfo`, `name<tab>: value`.
  static func value(of name: String, in text: [UInt8]) -> Slice? {
    for line in lines(text) where hasPrefix(line, name) {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      if equal(trimmed(line[..<colon]), name) { return trimmed(line[(colon + 1)...]) }
    }
    return nil
  }

  /// A size such as `1776 kB`, in bytes.
  static func kilobytes(of name: String, in text: [UInt8]) -> Int? {
    guard let parts = value(of: name, in: text).map(fields), parts.count == 2, equal(parts[1], "kB"),
      let count = integer(parts[0]), count >= 0
    else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: 1024)
    return overflow ? nil : bytes
  }
}
