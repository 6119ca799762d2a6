/// How a quotient that is not whole becomes a whole number of pico-units.
public enum Rounding: Sendable, Hashable {
  /// Towards minus infinity. The default for every charge: shares that are differences of floored running totals then
  /// add up to the floored whole.
  case down
  /// Towards plus infinity, for reservations that must not fall short.
  case up
  /// To the nearest, a half to the even neighbour.
  case nearestEven
}

/// An amount of one currency in whole pico-units (10^-12): one token at $0.02 per million is 20,000.
///
/// The range of `Int64` is about 9.2 million units either way; leaving it is `PricingError.overflow`, never a wrap.
public struct Money: Sendable, Hashable {
  public let picos: Int64
  public let currency: Currency

  public static let picosPerUnit: Int64 = 1_000_000_000_000
  static let decimals = 12

  public init(picos: Int64, currency: Currency = .usd) {
    self.picos = picos
    self.currency = currency
  }

  /// Reads decimal text such as `0.0125` exactly.
  /// - Throws: `notADecimal`; `tooPrecise` where there is a fraction of a pico-unit; `overflow`.
  public init(_ decimal: String, currency: Currency = .usd) throws(PricingError) {
    let number = try ExactDecimal(decimal)
    guard number.scale <= Self.decimals else { throw .tooPrecise(decimal) }
    let picos = Int128(number.coefficient) * Int128.powerOfTen(Self.decimals - number.scale)
    guard let picos = Int64(exactly: picos) else { throw .overflow(decimal) }
    self.init(picos: picos, currency: currency)
  }

  public var isZero: Bool { picos == 0 }

  /// - Throws: `currencies`, `overflow`.
  public func adding(_ other: Money) throws(PricingError) -> Money {
    try same(other)
    let (sum, overflow) = picos.addingReportingOverflow(other.picos)
    guard !overflow else { throw .overflow("\(decimalText) + \(other.decimalText)") }
    return Money(picos: sum, currency: currency)
  }

  /// - Throws: `currencies`, `overflow`.
  public func subtracting(_ other: Money) throws(PricingError) -> Money {
    try same(other)
    let (difference, overflow) = picos.subtractingReportingOverflow(other.picos)
    guard !overflow else { throw .overflow("\(decimalText) - \(other.decimalText)") }
    return Money(picos: difference, currency: currency)
  }

  /// - Throws: `currencies`.
  public func isLess(than other: Money) throws(PricingError) -> Bool {
    try same(other)
    return picos < other.picos
  }

  /// The total, whatever the order: it is taken in 128 bits, so that only a total that does not fit is an error.
  /// - Throws: `currencies`, `overflow`.
  public static func sum(_ amounts: some Sequence<Money>, currency: Currency = .usd) throws(PricingError) -> Money {
    var total: Int128 = 0
    for amount in amounts {
      guard amount.currency == currency else { throw .currencies(currency, amount.currency) }
      total += Int128(amount.picos)
    }
    guard let picos = Int64(exactly: total) else { throw .overflow("a sum") }
    return Money(picos: picos, currency: currency)
  }

  /// This amount over that many, times a million: the price per million tokens that it comes to, floored to a
  /// pico-unit. Nil where `count` is not positive.
  /// - Throws: `overflow`.
  public func perMillion(of count: Int) throws(PricingError) -> Money? {
    guard count > 0 else { return nil }
    let quotient = (Int128(picos) * 1_000_000).divided(by: Int128(count), rounding: .down)
    guard let picos = Int64(exactly: quotient) else { throw .overflow("\(decimalText) per million") }
    return Money(picos: picos, currency: currency)
  }

  private func same(_ other: Money) throws(PricingError) {
    guard currency == other.currency else { throw .currencies(currency, other.currency) }
  }
}

extension Money: CustomStringConvertible {
  /// The exact amount and nothing else, for JSON and tables: `0.0000123`, `-0.5`, `0`.
  public var decimalText: String { DecimalText.text(Int128(picos), scale: Self.decimals) }

  /// The exact amount with its currency: `$0.0000123`, `EUR 0.5`, `-$0.5`.
  public var description: String { signed(decimalText) }

  /// For people: `significant` significant digits, and never fewer than two decimals. Rounded to the nearest, a half
  /// away from zero. Because digits are counted from the first that is not zero, an amount that is not zero is never
  /// shown as zero; zero itself is `$0.00`.
  public func text(significant: Int = 3) -> String { signed(displayDigits(significant: significant)) }

  private func signed(_ digits: String) -> String {
    digits.hasPrefix("-") ? "-" + currency.prefix + digits.dropFirst() : currency.prefix + digits
  }

  private func displayDigits(significant: Int) -> String {
    precondition(significant >= 1)
    let magnitude = Int128(picos.magnitude)
    var length = 0
    var rest = magnitude
    while rest > 0 { (rest, length) = (rest / 10, length + 1) }
    // How many of the 12 decimals are kept: enough for the significant digits, at least two.
    let kept = min(Self.decimals, max(2, significant - (length - Self.decimals)))
    let step = Int128.powerOfTen(Self.decimals - kept)
    let rounded = (magnitude + step / 2) / step
    var text = DecimalText.text(rounded, scale: kept)
    let point = text.utf8.firstIndex(of: UInt8(ascii: "."))
    let shownDecimals = point.map { text.utf8.distance(from: $0, to: text.utf8.endIndex) - 1 } ?? 0
    if shownDecimals < 2 {
      text += (point == nil ? "." : "") + String(repeating: "0", count: 2 - shownDecimals)
    }
    return (picos < 0 ? "-" : "") + text
  }
}

extension Int128 {
  /// - Precondition: `exponent` is 0 to 38.
  static func powerOfTen(_ exponent: Int) -> Int128 {
    var power: Int128 = 1
    for _ in 0..<exponent { power *= 10 }
    return power
  }

  /// `divisor` is above zero.
  func divided(by divisor: Int128, rounding: Rounding) -> Int128 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    // Division truncates towards zero; from here on the remainder is zero or above.
    let (floor, above) = remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    switch rounding {
    case .down: return floor
    case .up: return above == 0 ? floor : floor + 1
    case .nearestEven:
      let below = divisor - above
      if above < below { return floor }
      if above > below { return floor + 1 }
      return floor % 2 == 0 ? floor : floor + 1
    }
  }
}
