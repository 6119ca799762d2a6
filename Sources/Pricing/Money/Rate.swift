/// What a rate is a price of. Times are in nanoseconds and sizes in bytes, as everywhere in a usage record.
public enum RateUnit: String, Sendable, Hashable, CaseIterable {
  case token
  case request
  /// Wall time of a whole machine.
  case machineNanosecond
  /// Time of one virtual CPU.
  case vcpuNanosecond
  case byte
  /// One byte held for one nanosecond.
  case byteNanosecond
  case gibibyte
  /// One GiB held for one second, as functions are billed.
  case gibibyteSecond
  /// A month of 730 hours, a twelfth of 365 days.
  case month
  case gibibyteMonth
}

/// A price per quantity of a unit, exact: `picos` pico-units for `quantity` units, in lowest terms.
///
/// Both are `Int64`, so that a price times any `Int64` quantity is exact in 128 bits; it is divided once, at the end.
public struct Rate: Sendable, Hashable {
  /// Zero or above.
  public let picos: Int64
  /// Above zero.
  public let quantity: Int64
  public let unit: RateUnit
  public let currency: Currency

  public static let nanosPerHour: Int64 = 3_600_000_000_000

  /// A price as it is written: so much for `quantity` units.
  /// - Throws: `notADecimal`, `negative`; `tooPrecise` where the denominator leaves `Int64`, `overflow` where the
  ///   numerator does.
  public init(
    _ decimal: String, per quantity: Int64, of unit: RateUnit, currency: Currency = .usd
  ) throws(PricingError) {
    try self.init(ExactDecimal(decimal), per: quantity, of: unit, currency: currency)
  }

  public init(
    _ price: ExactDecimal, per quantity: Int64, of unit: RateUnit, currency: Currency = .usd
  ) throws(PricingError) {
    precondition(quantity > 0)
    guard price.coefficient >= 0 else { throw .negative(price.description) }
    let shift = Money.decimals - price.scale
    let numerator = Int128(price.coefficient) * Int128.powerOfTen(max(0, shift))
    let (denominator, overflow) = Int128(quantity).multipliedReportingOverflow(by: Int128.powerOfTen(max(0, -shift)))
    guard !overflow else { throw .tooPrecise(price.description) }
    try self.init(numerator, denominator, unit, currency, from: price.description)
  }

  /// Per million tokens, as vendors state it.
  public static func perMillionTokens(_ decimal: String, currency: Currency = .usd) throws(PricingError) -> Rate {
    try Rate(decimal, per: 1_000_000, of: .token, currency: currency)
  }

  /// Per hour of a machine.
  public static func perHour(_ decimal: String, currency: Currency = .usd) throws(PricingError) -> Rate {
    try Rate(decimal, per: nanosPerHour, of: .machineNanosecond, currency: currency)
  }

  init(zeroPer unit: RateUnit, in currency: Currency) {
    picos = 0
    quantity = 1
    self.unit = unit
    self.currency = currency
  }

  /// The same numbers in another currency.
  init(_ rate: Rate, in currency: Currency) {
    picos = rate.picos
    quantity = rate.quantity
    unit = rate.unit
    self.currency = currency
  }

  /// Which of two prices of one unit and one currency is the lower, exactly.
  /// - Precondition: the units are the same.
  /// - Throws: `currencies`.
  public func isLess(than other: Rate) throws(PricingError) -> Bool {
    precondition(unit == other.unit, "rates of two units were compared")
    guard currency == other.currency else { throw .currencies(currency, other.currency) }
    return Int128(picos) * Int128(other.quantity) < Int128(other.picos) * Int128(quantity)
  }

  /// In lowest terms.
  /// - Parameter text: what the fraction was made from, for the error.
  private init(
    _ numerator: Int128, _ denominator: Int128, _ unit: RateUnit, _ currency: Currency,
    from text: @autoclosure () -> String
  ) throws(PricingError) {
    let divisor = Int128.greatestCommonDivisor(numerator, denominator)
    guard let quantity = Int64(exactly: denominator / divisor) else { throw .tooPrecise(text()) }
    guard let picos = Int64(exactly: numerator / divisor) else { throw .overflow(text()) }
    self.picos = picos
    self.quantity = quantity
    self.unit = unit
    self.currency = currency
  }

  /// What so many units cost.
  /// - Throws: `overflow`.
  public func cost(of units: Int64, rounding: Rounding = .down) throws(PricingError) -> Money {
    let quotient = (Int128(units) * Int128(picos)).divided(by: Int128(quantity), rounding: rounding)
    guard let picos = Int64(exactly: quotient) else { throw .overflow("\(units) x \(self)") }
    return Money(picos: picos, currency: currency)
  }

  /// What the stretch from `start` to `end` of a running quantity costs: the floored cost up to its end less the
  /// floored cost up to its start, so that consecutive stretches add up to the floored cost of the whole, however it
  /// is cut.
  /// - Throws: `overflow`.
  public func cost(from start: Int64, to end: Int64) throws(PricingError) -> Money {
    try cost(of: end).subtracting(cost(of: start))
  }

  /// The price of a share: of one virtual CPU of a machine that has `count` of them.
  /// - Throws: `tooPrecise` or `overflow` where the exact result leaves `Int64`; `negative` unless `count` is above
  ///   zero.
  public func divided(by count: ExactDecimal, unit: RateUnit) throws(PricingError) -> Rate {
    guard count.coefficient > 0 else { throw .negative(count.description) }
    return try scaled(by: Int128.powerOfTen(count.scale), over: Int128(count.coefficient), unit: unit)
  }

  /// This rate times numerator / denominator, exactly. Both are above zero.
  /// - Throws: `tooPrecise`, `overflow`.
  func scaled(by numerator: Int128, over denominator: Int128, unit: RateUnit) throws(PricingError) -> Rate {
    let (top, overflow1) = Int128(picos).multipliedReportingOverflow(by: numerator)
    let (bottom, overflow2) = Int128(quantity).multipliedReportingOverflow(by: denominator)
    guard !overflow1, !overflow2 else { throw .overflow("\(self) times \(numerator)/\(denominator)") }
    return try Rate(top, bottom, unit, currency, from: "\(self) times \(numerator)/\(denominator)")
  }

  /// The sum of two prices of the same unit, exactly.
  /// - Throws: `currencies`, `tooPrecise`, `overflow`.
  public func adding(_ other: Rate) throws(PricingError) -> Rate {
    precondition(unit == other.unit, "rates of two units were added")
    guard currency == other.currency else { throw .currencies(currency, other.currency) }
    // Products of two `Int64`; their sum stays below 2^127.
    let top = Int128(picos) * Int128(other.quantity) + Int128(other.picos) * Int128(quantity)
    return try Rate(top, Int128(quantity) * Int128(other.quantity), unit, currency, from: "\(self) + \(other)")
  }

  /// What several quantities cost together, each at its rate: one exact sum, divided once.
  /// - Throws: `currencies`, `overflow`.
  public static func total(
    _ lines: [(units: Int64, rate: Rate)], currency: Currency = .usd, rounding: Rounding = .down
  ) throws(PricingError) -> Money {
    var numerator: Int128 = 0
    var denominator: Int128 = 1
    for line in lines {
      guard line.rate.currency == currency else { throw .currencies(currency, line.rate.currency) }
      let quantity = Int128(line.rate.quantity)
      // The rates of a model are mostly for the same quantity, and divisions of 128 bits are slow.
      let divisor = denominator == quantity ? quantity : Int128.greatestCommonDivisor(denominator, quantity)
      let (widened, overflow1) = numerator.multipliedReportingOverflow(by: quantity / divisor)
      let (added, overflow2) = (Int128(line.units) * Int128(line.rate.picos))
        .multipliedReportingOverflow(by: denominator / divisor)
      let (sum, overflow3) = widened.addingReportingOverflow(added)
      let (common, overflow4) = denominator.multipliedReportingOverflow(by: quantity / divisor)
      guard !overflow1, !overflow2, !overflow3, !overflow4 else { throw .overflow("a total of \(lines.count) lines") }
      (numerator, denominator) = (sum, common)
    }
    guard let picos = Int64(exactly: numerator.divided(by: denominator, rounding: rounding)) else {
      throw .overflow("a total of \(lines.count) lines")
    }
    return Money(picos: picos, currency: currency)
  }
}

extension Rate: CustomStringConvertible {
  /// The exact fraction: `4200000000 picos USD per 900000000000 machineNanosecond`.
  public var description: String { "\(picos) picos \(currency) per \(quantity) \(unit.rawValue)" }

  /// The price of so many units as exact decimal text, where it has an end; else nil.
  public func decimalText(per units: Int64) -> String? {
    var divisor = Int128(quantity)
    let numerator = Int128(picos) * Int128(units)
    divisor /= Int128.greatestCommonDivisor(numerator, divisor)
    var scale = 0
    // A fraction has an end in decimal exactly when its denominator divides a power of ten.
    var power: Int128 = 1
    while power % divisor != 0 {
      guard scale < 18 else { return nil }
      (power, scale) = (power * 10, scale + 1)
    }
    let (scaled, overflow) = numerator.multipliedReportingOverflow(by: power)
    guard !overflow else { return nil }
    return DecimalText.text(scaled / Int128(quantity), scale: Money.decimals + scale)
  }
}

extension Int128 {
  /// Both zero or above, not both zero.
  static func greatestCommonDivisor(_ left: Int128, _ right: Int128) -> Int128 {
    var (a, b) = (left, right)
    while b != 0 { (a, b) = (b, a % b) }
    return a
  }
}
