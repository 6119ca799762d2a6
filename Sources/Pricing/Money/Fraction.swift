/// An exact fraction in 128 bits, in lowest terms; whatever does not fit is `overflow`.
///
/// For the few calculations that are no single product: shares of time, means over sizes, break-even points.
public struct Fraction: Sendable, Hashable {
  public let numerator: Int128
  /// Above zero.
  public let denominator: Int128

  public static let zero = Fraction(0)

  public init(_ whole: Int64) {
    numerator = Int128(whole)
    denominator = 1
  }

  public init(_ decimal: ExactDecimal) {
    let power = Int128.powerOfTen(decimal.scale)
    let divisor = Swift.max(1, Int128.greatestCommonDivisor(Int128(decimal.coefficient.magnitude), power))
    numerator = Int128(decimal.coefficient) / divisor
    denominator = power / divisor
  }

  /// - Throws: `overflow`; a `denominator` of zero counts as one.
  init(_ numerator: Int128, over denominator: Int128) throws(PricingError) {
    guard denominator != 0, numerator != .min, denominator != .min else { throw .overflow("a fraction") }
    let sign: Int128 = denominator < 0 ? -1 : 1
    let divisor = Swift.max(1, Int128.greatestCommonDivisor(abs(numerator), abs(denominator)))
    self.numerator = sign * numerator / divisor
    self.denominator = sign * denominator / divisor
  }

  /// The price of one unit.
  init(_ rate: Rate) {
    numerator = Int128(rate.picos)
    denominator = Int128(rate.quantity)
  }

  public var isZero: Bool { numerator == 0 }
  public var isPositive: Bool { numerator > 0 }

  func plus(_ other: Fraction) throws(PricingError) -> Fraction {
    let divisor = Int128.greatestCommonDivisor(denominator, other.denominator)
    let (left, overflow1) = numerator.multipliedReportingOverflow(by: other.denominator / divisor)
    let (right, overflow2) = other.numerator.multipliedReportingOverflow(by: denominator / divisor)
    let (sum, overflow3) = left.addingReportingOverflow(right)
    let (common, overflow4) = denominator.multipliedReportingOverflow(by: other.denominator / divisor)
    guard !overflow1, !overflow2, !overflow3, !overflow4 else { throw .overflow("a sum of fractions") }
    return try Fraction(sum, over: common)
  }

  func minus(_ other: Fraction) throws(PricingError) -> Fraction { try plus(other.negated) }

  private var negated: Fraction { Fraction(lowestTerms: -numerator, denominator) }

  /// Both without a common divisor, the denominator above zero.
  init(lowestTerms numerator: Int128, _ denominator: Int128) {
    self.numerator = numerator
    self.denominator = denominator
  }

  func times(_ other: Fraction) throws(PricingError) -> Fraction {
    // Reduced across first, so that only a result that does not fit is an error.
    let left = Swift.max(1, Int128.greatestCommonDivisor(abs(numerator), other.denominator))
    let right = Swift.max(1, Int128.greatestCommonDivisor(abs(other.numerator), denominator))
    let (top, overflow1) = (numerator / left).multipliedReportingOverflow(by: other.numerator / right)
    let (bottom, overflow2) = (denominator / right).multipliedReportingOverflow(by: other.denominator / left)
    guard !overflow1, !overflow2 else { throw .overflow("a product of fractions") }
    return try Fraction(top, over: bottom)
  }

  func times(_ whole: Int64) throws(PricingError) -> Fraction { try times(Fraction(whole)) }

  /// - Throws: `overflow`, also for a divisor of zero.
  func over(_ other: Fraction) throws(PricingError) -> Fraction {
    guard !other.isZero else { throw .overflow("a division by zero") }
    let inverse =
      other.numerator < 0
      ? Fraction(lowestTerms: -other.denominator, -other.numerator)
      : Fraction(lowestTerms: other.denominator, other.numerator)
    return try times(inverse)
  }

  /// Towards minus infinity.
  var floored: Int128 { numerator.divided(by: denominator, rounding: .down) }

  /// Times a power of ten, rounded to the nearest, as decimal text: for people.
  public func text(decimals: Int) -> String {
    let scale = Int128.powerOfTen(decimals)
    let (scaled, overflow) = numerator.multipliedReportingOverflow(by: scale)
    guard !overflow else { return DecimalText.text(floored, scale: 0) }
    return DecimalText.text(scaled.divided(by: denominator, rounding: .nearestEven), scale: decimals)
  }

  /// This number times parts per million over a divisor, for people; `-` where that does not fit.
  public func scaledText(_ millionths: Int64, decimals: Int, over divisor: Int64 = 1) -> String {
    guard let factor = try? Fraction(Int128(millionths), over: 1_000_000 * Int128(divisor)),
      let scaled = try? times(factor)
    else { return "-" }
    return scaled.text(decimals: decimals)
  }

  /// Pico-units as exact decimal text of whole units, floored.
  public var decimalDollars: String { DecimalText.text(floored, scale: Money.decimals) }

  /// Pico-units of dollars times parts per million, with four significant digits.
  public func scaledDollars(_ millionths: Int64) -> String {
    guard let factor = try? Fraction(Int128(millionths), over: 1_000_000), let scaled = try? times(factor),
      let money = try? scaled.money(.usd)
    else { return "-" }
    return money.text(significant: 4)
  }

  /// A share: `12.3 %`.
  public var percentText: String { scaledText(100_000_000, decimals: 1) + " %" }

  /// Pico-units of a currency, floored.
  func money(_ currency: Currency) throws(PricingError) -> Money {
    guard let picos = Int64(exactly: floored) else { throw .overflow("an amount") }
    return Money(picos: picos, currency: currency)
  }
}

extension Fraction: Comparable {
  /// Compares whole parts, then the reciprocals of the remainders: nothing here can overflow.
  public static func < (left: Fraction, right: Fraction) -> Bool {
    var (a, b, c, d) = (left.numerator, left.denominator, right.numerator, right.denominator)
    var swapped = false
    while true {
      let (first, second) = (a.divided(by: b, rounding: .down), c.divided(by: d, rounding: .down))
      if first != second { return (first < second) != swapped }
      let (restFirst, restSecond) = (a - first * b, c - second * d)
      if restFirst == 0 || restSecond == 0 {
        if restFirst == restSecond { return false }
        return (restFirst == 0) != swapped
      }
      (a, b, c, d) = (b, restFirst, d, restSecond)
      swapped.toggle()
    }
  }
}
