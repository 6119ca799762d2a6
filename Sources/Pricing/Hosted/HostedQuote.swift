import Usage

/// Where the token counts of a hosted figure come from, since vendors count the same text differently.
public enum TokenBasis: String, Sendable, Hashable, CaseIterable {
  /// The vendor's tokeniser was at hand and counted.
  case counted
  /// Estimated from bytes per token over a stated sample.
  case ratio
  /// Our own counts, taken over: an assumption.
  case sameCount = "same count"
}

/// Why a total is not known.
public enum UnknownPrice: Sendable, Hashable {
  /// No price is known for that day.
  case date
  case input
  case cachedInput
  case output
  /// An embedding model writes nothing.
  case noCompletions
}

/// What one request would have cost at a vendor.
public struct HostedQuote: Sendable, Hashable {
  public enum Total: Sendable, Hashable {
    case known(Money)
    case unknown(UnknownPrice)
  }

  public let model: HostedModel
  /// The prices that were applied, per token.
  public let prices: TokenPrices
  public let total: Total
  /// The first day of the price that was applied, where it is known.
  public let validFrom: CivilDate?
  public internal(set) var marks: [PriceMark]
  public let basis: TokenBasis

  /// The total, where it is known.
  public var money: Money? {
    if case .known(let money) = total { money } else { nil }
  }

  /// The vendor had stopped serving it at the moment of the question.
  public var isHistoric: Bool {
    marks.contains { if case .retired = $0 { true } else { false } }
  }
}

/// A request as a vendor would bill it.
public struct HostedRequest: Sendable, Hashable {
  public var tokens: TokenCounts
  /// Sent through the vendor's batch interface.
  public var batch: Bool
  public var basis: TokenBasis

  public init(tokens: TokenCounts, batch: Bool = false, basis: TokenBasis = .sameCount) {
    self.tokens = tokens
    self.batch = batch
    self.basis = basis
  }
}

extension HostedModel {
  /// Rows that were read longer ago than this are marked stale.
  public static let staleAfterDays = 180

  /// What the request would have cost here at that moment.
  ///
  /// A tier is a cliff: beyond its threshold every token takes its price. A price that the row does not state for the
  /// tier, the hours, the batch interface or cached tokens is unknown, and so is the total if such tokens were used.
  /// Where a tier and special hours meet, no source states the price.
  /// - Parameter unixNanos: the moment; the module has no clock of its own.
  /// - Throws: `overflow`.
  public func quote(_ request: HostedRequest, at unixNanos: Int64) throws(PricingError) -> HostedQuote {
    let date = CivilDate(unixNanos: unixNanos)
    var marks = rowMarks(on: date)
    guard let price = price(on: date) else {
      return HostedQuote(
        model: self, prices: TokenPrices(), total: .unknown(.date), validFrom: nil, marks: marks,
        basis: request.basis)
    }
    if price.status == .announced, let from = price.from { marks.append(.announced(from)) }
    if price.from == nil, let readOn, date < readOn { marks.append(.unproven(readOn)) }
    let (applied, conditions) = price.applied(
      promptTokens: request.tokens.prompt, secondOfDay: UTCTime.secondOfDay(unixNanos: unixNanos),
      batch: request.batch)
    marks += conditions
    return HostedQuote(
      model: self, prices: applied, total: try total(request.tokens, applied), validFrom: price.from, marks: marks,
      basis: request.basis)
  }

  /// What `quote` says that the request would have cost, without what must be known beside it; nil where it is unknown.
  public func money(_ request: HostedRequest, at unixNanos: Int64) -> Money? {
    guard let price = price(on: CivilDate(unixNanos: unixNanos)) else { return nil }
    let applied = price.applied(
      promptTokens: request.tokens.prompt, secondOfDay: UTCTime.secondOfDay(unixNanos: unixNanos), batch: request.batch)
    guard case .known(let money) = try? total(request.tokens, applied.prices) else { return nil }
    return money
  }

  /// The price in force on that day: the last that had begun, had not ended and was not cancelled.
  public func price(on date: CivilDate) -> HostedPrice? {
    prices.last { price in
      guard price.status != .cancelled else { return false }
      if let until = price.until, until <= date { return false }
      guard let from = price.from else { return true }
      return from <= date
    }
  }

  private func total(_ tokens: TokenCounts, _ prices: TokenPrices) throws(PricingError) -> HostedQuote.Total {
    if mode == .embedding, tokens.completion > 0 { return .unknown(.noCompletions) }
    var lines: [(units: Int64, rate: Rate)] = []
    let parts: [(Int, Rate?, UnknownPrice)] = [
      (tokens.uncachedPrompt, prices.input, .input), (tokens.cached, prices.cachedInput, .cachedInput),
      (tokens.completion, prices.output, .output),
    ]
    for (count, rate, unknown) in parts where count > 0 {
      guard let rate else { return .unknown(unknown) }
      lines.append((Int64(count), rate))
    }
    return .known(try Rate.total(lines, currency: currency))
  }

  /// What must be known about the row as a whole.
  func rowMarks(on date: CivilDate) -> [PriceMark] {
    var marks: [PriceMark] = []
    if let retires { marks.append(retires <= date ? .retired(retires) : .retires(retires)) }
    if deprecated == true { marks.append(.deprecated) }
    if let readOn {
      let age = date.dayNumber - readOn.dayNumber
      if age > Self.staleAfterDays { marks.append(.stale(days: age)) }
    } else {
      marks.append(.undated)
    }
    if stale { marks.append(.outdated) }
    if allowance { marks.append(.allowance) }
    if statements.contains(where: { $0.prices != TokenPrices() }) { marks.append(.disputed) }
    return marks
  }
}

extension HostedPrice {
  /// The prices of a request of that size at that time of day, and the conditions that made them so.
  func applied(
    promptTokens: Int, secondOfDay: Int, batch: Bool
  ) -> (prices: TokenPrices, marks: [PriceMark]) {
    let tier = tiers.last { promptTokens > $0.above }
    let special = hours.first { $0.contains(secondOfDay: secondOfDay) }
    var applied = base
    var marks: [PriceMark] = []
    if let tier {
      applied = tier.prices
      marks.append(.tier(above: tier.above))
    }
    if let special {
      applied = tier == nil ? special.prices : TokenPrices()
      marks.append(.hours(start: special.startMinute, end: special.endMinute))
    }
    if batch { applied = TokenPrices(input: applied.batchInput, output: applied.batchOutput) }
    return (applied, marks)
  }
}
