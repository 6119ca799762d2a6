import Usage

/// The defended answer to "self-host or API?".
public struct CostAnswer: Sendable, Hashable {
  /// How far the verdict can be relied on.
  public enum Standing: Sendable, Hashable {
    case firm
    /// Within the measurement error the other verdict is as good.
    case tie(with: Verdict)
    /// It rests on a price that nobody vouches for, and would be another one at half or twice that price.
    case undecided(because: [PriceMark])
  }

  public let verdict: Verdict
  public let standing: Standing
  public let flip: Flip?
  /// The cheapest way, and the cheapest with another verdict.
  public let best: Plan
  public let other: Plan?
  /// Everything on machines; nil where no number of them keeps the limits.
  public let selfHosted: Side?
  public let api: Side
  public let breakEven: BreakEven?
  public let busy: Busy

  /// One side of the comparison.
  public struct Side: Sendable, Hashable {
    public let perMonth: Money
    /// Over prompt and completion tokens together, by our own count; nil where there are none.
    public let perMillion: Money?
    public let machines: Int64
    /// For machines: split by the time they read and write. Per million uncached prompt and completion tokens.
    public let inputPerMillion: Money?
    public let outputPerMillion: Money?
  }

  /// Where one machine and the API cost the same.
  public struct BreakEven: Sendable, Hashable {
    public let requestsPerDay: Fraction
    public let tokensPerMonth: Fraction
    /// One machine keeps the limits at that volume.
    public let feasible: Bool
  }

  public struct Busy: Sendable, Hashable {
    /// Of one machine in the busiest hour, with the machines of the plan that serves everything, else with one.
    public let peakShare: Fraction
    public let machines: Int64
    /// What the latency limits allow; modelled.
    public let allowedMillionths: Int64
    /// Seconds of one machine for a mean request.
    public let secondsPerRequest: Fraction
  }

  /// - Parameter apiMarks: of the hosted price; weak ones make the verdict depend on it at half and twice its value.
  /// - Throws: `overflow`, `scenario`.
  public init(_ scenario: Scenario, apiMarks: [PriceMark] = []) throws(PricingError) {
    let terms = try scenario.terms()
    let load = try scenario.load
    let plans = try scenario.plans()
    let currency = scenario.own.price.hourly.currency
    best = plans.best
    other = plans.other
    verdict = plans.best.verdict
    flip = try Flip.nearest(to: scenario, from: plans.best.verdict)
    standing = try Self.standing(scenario, plans, apiMarks)
    let tokens = try scenario.workload.tokensPerMonth()
    api = Side(
      perMonth: try scenario.apiPerLoad.times(load).money(currency),
      perMillion: try Self.perMillion(scenario.apiPerLoad.times(load), tokens, currency), machines: 0,
      inputPerMillion: nil, outputPerMillion: nil)
    selfHosted = try plans.whole.map { (plan) throws(PricingError) in
      try Self.side(plan, scenario.workload, terms, tokens, currency)
    }
    breakEven = try Self.breakEven(scenario, terms)
    let machines = max(1, plans.whole?.machines ?? plans.best.machines)
    busy = Busy(
      peakShare: try load.times(scenario.workload.peakPercent).over(Fraction(100)).times(terms.serviceSeconds)
        .over(Fraction(3600 * machines)), machines: machines,
      allowedMillionths: terms.allowedMillionths, secondsPerRequest: terms.serviceSeconds)
  }

  private static func perMillion(
    _ cost: Fraction, _ tokens: Fraction, _ currency: Currency
  ) throws(PricingError) -> Money? {
    tokens.isPositive ? try cost.over(tokens).times(1_000_000).money(currency) : nil
  }

  private static func side(
    _ plan: Plan, _ workload: Workload, _ terms: MachineTerms, _ tokens: Fraction, _ currency: Currency
  ) throws(PricingError) -> Side {
    let month = try workload.requestsPerDay.times(Workload.daysPerMonth)
    var parts: (input: Money?, output: Money?) = (nil, nil)
    if terms.serviceSeconds.isPositive {
      let reading = try terms.prefillSeconds.over(terms.serviceSeconds)
      let writing = try Fraction(1).minus(reading)
      parts.input = try perMillion(
        plan.cost.times(reading), workload.uncachedPrompt().times(month), currency)
      parts.output = try perMillion(plan.cost.times(writing), workload.completion.mean.times(month), currency)
    }
    return Side(
      perMonth: try plan.cost.money(currency), perMillion: try perMillion(plan.cost, tokens, currency),
      machines: plan.machines, inputPerMillion: parts.input, outputPerMillion: parts.output)
  }

  /// Fixed cost over what the API charges beyond the machine's own variable cost; where surplus begins before that, the
  /// same beyond the bend.
  static func breakEven(
    _ scenario: Scenario, _ terms: MachineTerms
  ) throws(PricingError) -> BreakEven? {
    let fixed = try terms.fixed.plus(terms.once)
    let margin = try scenario.apiPerLoad.minus(terms.variable)
    guard margin.isPositive else { return nil }
    var volume = try fixed.over(margin)
    if let free = terms.free, free < volume {
      let beyond = try margin.minus(terms.surplus)
      guard beyond.isPositive else { return nil }
      volume = try fixed.minus(terms.surplus.times(free)).over(beyond)
    }
    let perRequest = try scenario.workload.prompt.mean.plus(scenario.workload.completion.mean)
    return BreakEven(
      requestsPerDay: volume, tokensPerMonth: try volume.times(perRequest).times(Workload.daysPerMonth),
      feasible: volume <= terms.capacity)
  }

  private static func standing(
    _ scenario: Scenario, _ plans: Plans, _ apiMarks: [PriceMark]
  ) throws(PricingError) -> Standing {
    let verdict = plans.best.verdict
    for (lever, marks) in [(Scenario.Lever.machinePrice, scenario.own.price.marks), (.apiPrice, apiMarks)] {
      let weak = marks.filter { $0.trust != .sound }
      guard !weak.isEmpty else { continue }
      for millionths: Int64 in [500_000, 2_000_000] {
        if try scenario.scaled(lever, millionths: millionths).verdict() != verdict { return .undecided(because: weak) }
      }
    }
    let error = scenario.own.speed.errorMillionths
    guard error > 0 else {
      if let other = plans.other, other.cost == plans.best.cost { return .tie(with: other.verdict) }
      return .firm
    }
    for millionths in [Scenario.unscaled - error, Scenario.unscaled + error] {
      let there = try scenario.scaled(.speed, millionths: millionths).verdict()
      if there != verdict { return .tie(with: there) }
    }
    if verdict != .infeasible, let other = plans.other {
      let near = try plans.best.cost.times(Scenario.unscaled + error).over(Fraction(Scenario.unscaled))
      if other.cost <= near { return .tie(with: other.verdict) }
    }
    return .firm
  }
}
