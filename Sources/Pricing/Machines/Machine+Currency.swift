extension Machine {
  /// The same machine with every price in another currency, exactly.
  /// - Throws: `currencies`, `tooPrecise`, `overflow`.
  public func converted(by exchange: ExchangeRate) throws(PricingError) -> Machine {
    func convert(_ rate: Rate?) throws(PricingError) -> Rate? {
      guard let rate else { return nil }
      return try rate.converted(by: exchange)
    }
    var machine = self
    machine.onDemand = try convert(onDemand)
    machine.oneYear = try convert(oneYear)
    machine.threeYear = try convert(threeYear)
    if let spot {
      let range = spot.range
      machine.spot = Spot(
        median: try spot.median.converted(by: exchange),
        range: try range.map { (range) throws(PricingError) in
          ClosedRangeOfRates(low: try range.low.converted(by: exchange), high: try range.high.converted(by: exchange))
        })
    }
    machine.burst?.surplus = try convert(burst?.surplus)
    machine.extras = Extras(
      disk: try convert(extras.disk), address: try convert(extras.address), egress: try convert(extras.egress))
    if let serverless {
      machine.serverless = Serverless(
        perGiBSecond: try serverless.perGiBSecond.converted(by: exchange),
        perRequest: try convert(serverless.perRequest))
    }
    if let cap = billing.monthlyCap {
      guard cap.currency == exchange.from else { throw .currencies(exchange.from, cap.currency) }
      machine.billing.monthlyCap = try Fraction(cap.picos).times(Fraction(exchange.rate)).money(exchange.to)
    }
    return machine
  }
}
