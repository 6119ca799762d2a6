import Usage

/// What a vendor would charge for a mean request of a workload.
public struct HostedExpectation: Sendable, Hashable {
  public let model: HostedModel
  /// Pico-units for a request, exactly; nil where a price that is needed is not known.
  public let perRequest: Fraction?
  public let unknown: UnknownPrice?
  /// Of all conditions that some of the requests meet.
  public let marks: [PriceMark]
  public let basis: TokenBasis
  /// Tokens of a mean request as the vendor counts them.
  public let tokensPerRequest: Fraction

  public var trust: PriceTrust { Swift.max(marks.trust, perRequest?.isZero == true ? .weak : .sound) }
}

extension HostedExpectation {
  /// What a month of the workload would have cost, floored; nil where a price that is needed is not known.
  public func perMonth(of workload: Workload) throws(PricingError) -> Money? {
    guard let perRequest else { return nil }
    return try perRequest.times(workload.requestsPerDay).times(Workload.daysPerMonth).money(model.currency)
  }
}

/// How a vendor counts the tokens of a workload.
public enum HostedTokens: Sendable, Hashable {
  /// As we do: an assumption.
  case sameCount
  /// So many of the vendor's tokens for each of ours, from the bytes of a sample.
  case ratio(ExactDecimal)
  /// Counted with the vendor's tokeniser.
  case counted(prompt: SizeDistribution, completion: SizeDistribution)

  public var basis: TokenBasis {
    switch self {
    case .sameCount: .sameCount
    case .ratio: .ratio
    case .counted: .counted
    }
  }
}

extension HostedModel {
  /// The cost of a mean request, summed over the sizes of requests and the hours of the day, since beyond a tier the
  /// mean request's price is not the mean of the prices.
  ///
  /// Which hour is the busiest nobody says, so for prices of certain hours every minute of the day counts alike.
  /// - Parameter batch: all requests go through the vendor's batch interface.
  /// - Throws: `scenario`, `overflow`.
  public func expectation(
    for workload: Workload, tokens: HostedTokens = .sameCount, batch: Bool = false, on day: CivilDate
  ) throws(PricingError) -> HostedExpectation {
    let (prompts, completion, ratio) = try sizes(of: workload, tokens)
    let mean = try prompts.mean.times(ratio).plus(completion)
    var marks = rowMarks(on: day)
    func unknown(_ reason: UnknownPrice) -> HostedExpectation {
      HostedExpectation(
        model: self, perRequest: nil, unknown: reason, marks: marks, basis: tokens.basis, tokensPerRequest: mean)
    }
    guard let price = price(on: day) else { return unknown(.date) }
    if price.status == .announced, let from = price.from { marks.append(.announced(from)) }
    if price.from == nil, let readOn, day < readOn { marks.append(.unproven(readOn)) }
    if mode == .embedding, completion.isPositive { return unknown(.noCompletions) }
    var sum = Fraction.zero
    for part in price.dayParts {
      for group in try price.sizeGroups(prompts.sizes, ratio: ratio) {
        let (applied, conditions) = price.applied(
          promptTokens: group.example, secondOfDay: part.minute * 60, batch: batch)
        for mark in conditions where !marks.contains(mark) { marks.append(mark) }
        let promptTokens = try Fraction(group.tokens, over: Int128(prompts.sizes.count)).times(ratio)
        let share = try Fraction(Int128(group.count), over: Int128(prompts.sizes.count))
        let cached = try promptTokens.times(workload.cachedPercent).over(Fraction(100))
        var cost = Fraction.zero
        for (count, rate, reason) in [
          (try promptTokens.minus(cached), applied.input, UnknownPrice.input),
          (cached, applied.cachedInput, .cachedInput),
          (try completion.times(share), applied.output, .output),
        ] where count.isPositive {
          guard let rate else { return unknown(reason) }
          cost = try cost.plus(count.times(Fraction(rate)))
        }
        sum = try sum.plus(cost.times(Fraction(Int64(part.minutes))).over(Fraction(1440)))
      }
    }
    return HostedExpectation(
      model: self, perRequest: sum, unknown: nil, marks: marks, basis: tokens.basis, tokensPerRequest: mean)
  }

  private func sizes(
    of workload: Workload, _ tokens: HostedTokens
  ) throws(PricingError) -> (prompts: SizeDistribution, completion: Fraction, ratio: Fraction) {
    switch tokens {
    case .sameCount: return (workload.prompt, try workload.completion.mean, Fraction(1))
    case .ratio(let ratio):
      guard ratio.coefficient > 0, ratio.scale <= 6, Fraction(ratio) <= Fraction(100) else {
        throw .scenario("a token ratio must be above 0 and at most 100, with at most 6 decimals")
      }
      let ratio = Fraction(ratio)
      return (workload.prompt, try workload.completion.mean.times(ratio), ratio)
    case .counted(let prompt, let completion): return (prompt, try completion.mean, Fraction(1))
    }
  }
}

extension HostedPrice {
  /// Parts of the day in which one set of prices holds, each with a minute in it and its length.
  fileprivate var dayParts: [(minute: Int, minutes: Int)] {
    var parts: [(minute: Int, minutes: Int)] = []
    var plain = 1440
    for special in hours {
      let length = (special.endMinute - special.startMinute + 1440) % 1440
      let minutes = length == 0 ? 1440 : length
      parts.append((special.startMinute, minutes))
      plain -= minutes
    }
    if plain > 0,
      let minute = (0..<1440).first(where: { minute in !hours.contains { $0.contains(secondOfDay: minute * 60) } })
    {
      parts.append((minute, plain))
    }
    return parts
  }

  /// Prompt sizes of one tier: how many, their sum, and one of them as the vendor counts it.
  fileprivate func sizeGroups(
    _ sizes: [Int], ratio: Fraction
  ) throws(PricingError) -> [(count: Int, tokens: Int128, example: Int)] {
    var groups: [(tier: Int, count: Int, tokens: Int128, example: Int)] = []
    for size in sizes {
      // A vendor counts whole tokens; a fraction of one counts as one.
      let scaled = try ratio.times(Int64(size))
      let counted = Int(clamping: scaled.numerator.divided(by: scaled.denominator, rounding: .up))
      let tier = tiers.lastIndex { counted > $0.above } ?? -1
      if let index = groups.firstIndex(where: { $0.tier == tier }) {
        groups[index].count += 1
        groups[index].tokens += Int128(size)
      } else {
        groups.append((tier, 1, Int128(size), counted))
      }
    }
    return groups.map { ($0.count, $0.tokens, $0.example) }
  }
}
