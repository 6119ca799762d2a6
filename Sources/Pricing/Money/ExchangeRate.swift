import Usage

/// How many units of one currency one unit of another was worth on a day. Given by a person: nothing ships with the
/// program, and nothing is looked up.
public struct ExchangeRate: Sendable, Hashable {
  public var from: Currency
  public var to: Currency
  /// Above zero.
  public var rate: ExactDecimal
  public var on: CivilDate
  public var source: String

  /// - Throws: `notAnExchangeRate` unless the rate is above zero, with at most 9 decimals, between two currencies.
  public init(
    from: Currency, to: Currency, rate: ExactDecimal, on: CivilDate, source: String
  ) throws(PricingError) {
    guard rate.coefficient > 0, rate.scale <= 9, rate.coefficient < 1_000_000_000_000, from != to else {
      throw .notAnExchangeRate("\(from) to \(to) at \(rate)")
    }
    self.from = from
    self.to = to
    self.rate = rate
    self.on = on
    self.source = source
  }

  /// Reads `EUR=1.0821@2026-11-24`: one euro is 1.0821 dollars on that day.
  public init(_ text: String, to: Currency = .usd) throws(PricingError) {
    let halves = text.split(separator: "=", maxSplits: 1)
    let parts = halves.count == 2 ? halves[1].split(separator: "@", maxSplits: 1) : []
    guard parts.count == 2, let day = CivilDate(String(parts[1])) else {
      throw .notAnExchangeRate("'\(text)'; expected a rate with its day, like EUR=1.0821@2026-11-24")
    }
    try self.init(
      from: Currency(String(halves[0])), to: to, rate: ExactDecimal(String(parts[0])), on: day, source: "given")
  }
}

extension Rate {
  /// The same price in another currency, exactly.
  /// - Throws: `currencies` unless the rate is from this currency; `tooPrecise`, `overflow`.
  public func converted(by exchange: ExchangeRate) throws(PricingError) -> Rate {
    guard exchange.from == currency else { throw .currencies(exchange.from, currency) }
    let scaled = try scaled(
      by: Int128(exchange.rate.coefficient), over: Int128.powerOfTen(exchange.rate.scale), unit: unit)
    return Rate(scaled, in: exchange.to)
  }
}

extension Sequence<ExchangeRate> {
  /// The rate of the latest day that is not after `day`; nil where there is none.
  public func rate(from: Currency, to: Currency, on day: CivilDate) -> ExchangeRate? {
    filter { $0.from == from && $0.to == to && $0.on <= day }.max { $0.on < $1.on }
  }
}
