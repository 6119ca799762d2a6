/// A decimal number held exactly: coefficient / 10^scale, with as small a scale as the value allows.
///
/// Numbers enter the module as text and never pass through floating point, so that 0.0083764275 is exactly that.
public struct ExactDecimal: Sendable, Hashable {
  public let coefficient: Int64
  /// Digits after the point, 0 to `maximumScale`.
  public let scale: Int

  /// Beyond this a number says nothing about money.
  public static let maximumScale = 36
  private static let maximumTextBytes = 64

  public init(_ value: Int64) {
    coefficient = value
    scale = 0
  }

  /// 25 is 0.25.
  init(hundredths: Int64) {
    (coefficient, scale) =
      hundredths % 100 == 0 ? (hundredths / 100, 0) : hundredths % 10 == 0 ? (hundredths / 10, 1) : (hundredths, 2)
  }

  /// This number in thousandths, rounded to the nearest.
  /// - Throws: `tooPrecise` where that leaves `Int64`.
  public func thousandths() throws(PricingError) -> Int64 {
    let scaled = (Int128(coefficient) * 1000).divided(by: Int128.powerOfTen(scale), rounding: .nearestEven)
    guard let scaled = Int64(exactly: scaled) else { throw .tooPrecise(description) }
    return scaled
  }

  /// Reads `0.0168`, `-3`, `1e-07`, `.5`.
  /// - Throws: `notADecimal`; `tooPrecise` where the coefficient leaves `Int64` or the scale exceeds 36.
  public init(_ text: String) throws(PricingError) {
    var digits = DecimalDigits()
    let bytes = Array(text.utf8.prefix(Self.maximumTextBytes + 1))
    guard bytes.count <= Self.maximumTextBytes, digits.read(bytes) else { throw .notADecimal(text) }
    guard !digits.lost else { throw .tooPrecise(text) }
    var coefficient = digits.coefficient
    var scale = digits.scale
    while scale > 0, coefficient % 10 == 0 {
      if coefficient == 0 { scale = 0 } else { (coefficient, scale) = (coefficient / 10, scale - 1) }
    }
    while scale < 0 {
      let (product, overflow) = coefficient.multipliedReportingOverflow(by: 10)
      guard !overflow else { throw .tooPrecise(text) }
      (coefficient, scale) = (product, coefficient == 0 ? 0 : scale + 1)
    }
    guard scale <= Self.maximumScale, let coefficient = Int64(exactly: coefficient) else { throw .tooPrecise(text) }
    self.coefficient = coefficient
    self.scale = scale
  }
}

extension ExactDecimal: CustomStringConvertible {
  /// Every digit and no more: reading it back gives the same number.
  public var description: String { DecimalText.text(Int128(coefficient), scale: scale) }
}

/// The parts of a decimal number while its text is read.
private struct DecimalDigits {
  /// Below 10^30; what fits `Int64` is decided when the zeros at the end are gone.
  var coefficient: Int128 = 0
  /// Digits after the point less the exponent; negative for 1e3.
  var scale = 0
  /// More significant digits than `coefficient` holds.
  var lost = false

  /// False where the text is not a number. The text is at most 64 bytes, which bounds every loop and every count here.
  mutating func read(_ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    let negative = rest.first == UInt8(ascii: "-")
    if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    var digitCount = 0
    var afterPoint = false
    while let byte = rest.first {
      if byte == UInt8(ascii: "."), !afterPoint {
        afterPoint = true
      } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
        digitCount += 1
        append(Int128(byte - UInt8(ascii: "0")), afterPoint: afterPoint)
      } else {
        break
      }
      rest.removeFirst()
    }
    guard digitCount > 0 else { return false }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      guard readExponent(rest.dropFirst()) else { return false }
    } else if !rest.isEmpty {
      return false
    }
    if negative { coefficient = -coefficient }
    return true
  }

  private mutating func append(_ digit: Int128, afterPoint: Bool) {
    // Zeros that end a fraction carry nothing: 0.5000... of any length is still 0.5.
    if coefficient >= 100_000_000_000_000_000_000_000_000_000 {
      lost = lost || digit != 0 || !afterPoint
      return
    }
    coefficient = coefficient * 10 + digit
    if afterPoint { scale += 1 }
  }

  private mutating func readExponent(_ text: ArraySlice<UInt8>) -> Bool {
    var rest = text
    let negative = rest.first == UInt8(ascii: "-")
    if negative || rest.first == UInt8(ascii: "+") { rest.removeFirst() }
    guard !rest.isEmpty, rest.count <= 4 else { return false }
    var exponent = 0
    for byte in rest {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return false }
      exponent = exponent * 10 + Int(byte - UInt8(ascii: "0"))
    }
    scale += negative ? exponent : -exponent
    return true
  }
}

/// Plain decimal text of exact numbers.
enum DecimalText {
  /// coefficient / 10^scale without zeros at the end of the fraction. `scale` is zero or more.
  static func text(_ coefficient: Int128, scale: Int) -> String {
    var digits = Array(String(coefficient.magnitude).utf8)
    if digits.count <= scale {
      digits.insert(contentsOf: repeatElement(UInt8(ascii: "0"), count: scale + 1 - digits.count), at: 0)
    }
    var fraction = digits.suffix(scale)
    while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    let whole = digits.dropLast(scale)
    let sign = coefficient < 0 ? "-" : ""
    return sign + String(decoding: whole, as: UTF8.self)
      + (fraction.isEmpty ? "" : "." + String(decoding: fraction, as: UTF8.self))
  }
}
