import Usage

/// A model that somebody else hosts, with its prices over time. Facts only; `HostedQuote` is what follows from them.
public struct HostedModel: Sendable, Hashable {
  public enum Mode: String, Sendable, Hashable, CaseIterable {
    case chat
    /// Reads only: it has no completion to price.
    case embedding
  }

  public var provider: String
  public var name: String
  public var mode: Mode
  public var currency: Currency
  /// In tokens, where a source states it.
  public var contextWindow: Int?
  /// The first day on which the vendor no longer serves it.
  public var retires: CivilDate?
  /// What a source says about deprecation; nil where none says anything.
  public var deprecated: Bool?
  /// Only one catalogue lists it, so that nothing confirms the price.
  public var singleSource: Bool
  /// The day on which the row was read; nil: undated. It does not prove that the vendor's page said so on that day.
  public var readOn: CivilDate?
  /// Known to be out of date.
  public var stale: Bool = false
  /// A free allowance that cannot be bought at scale.
  public var allowance: Bool = false
  /// Where every number of this row comes from.
  public var source: String
  /// In order of `from`, an unknown start first.
  public var prices: [HostedPrice]
  /// What each catalogue says where they disagree.
  public var statements: [CatalogueStatement]

  /// `openai:gpt-4o`: selects this row alone.
  public var id: String { provider + ":" + name }

  /// The vendor no longer serves it at that moment.
  public func isRetired(at unixNanos: Int64) -> Bool {
    guard let retires else { return false }
    return retires <= CivilDate(unixNanos: unixNanos)
  }
}

/// What a model costs from one day on.
public struct HostedPrice: Sendable, Hashable {
  public enum Status: String, Sendable, Hashable, CaseIterable {
    /// In force when it was read, or earlier.
    case stated = ""
    /// Lies in the future of the day on which it was read.
    case announced
    /// Announced, and found in force later.
    case confirmed
    /// Announced, and taken back: never in force.
    case cancelled
  }

  /// The first day; nil where no source says since when.
  public var from: CivilDate?
  /// The first day on which it no longer holds; nil: until the next price begins, or nobody knows.
  public var until: CivilDate?
  public var status: Status
  public var base: TokenPrices
  /// Ascending by threshold.
  public var tiers: [PriceTier]
  public var hours: [PriceHours]
}

/// Prices per token. Nil: no source states it; never to be replaced by another price.
public struct TokenPrices: Sendable, Hashable {
  public var input: Rate?
  public var cachedInput: Rate?
  public var output: Rate?
  public var batchInput: Rate?
  public var batchOutput: Rate?

  public init(
    input: Rate? = nil, cachedInput: Rate? = nil, output: Rate? = nil, batchInput: Rate? = nil,
    batchOutput: Rate? = nil
  ) {
    self.input = input
    self.cachedInput = cachedInput
    self.output = output
    self.batchInput = batchInput
    self.batchOutput = batchOutput
  }
}

/// A cliff: with more prompt tokens than `above`, these prices hold for every token of the request.
public struct PriceTier: Sendable, Hashable {
  public var above: Int
  public var prices: TokenPrices
}

/// Prices between two times of day in UTC, the end excluded. The start may lie after the end: then over midnight.
public struct PriceHours: Sendable, Hashable {
  /// Minutes since midnight, 0 to 1,439.
  public var startMinute: Int
  /// Minutes since midnight, 0 to 1,440.
  public var endMinute: Int
  public var prices: TokenPrices

  public func contains(secondOfDay: Int) -> Bool {
    let (start, end) = (startMinute * 60, endMinute * 60)
    return start <= end
      ? start <= secondOfDay && secondOfDay < end : secondOfDay >= start || secondOfDay < end
  }
}

/// What one catalogue says about a model on which catalogues disagree.
public struct CatalogueStatement: Sendable, Hashable {
  public var catalogue: String
  public var prices: TokenPrices
  public var contextWindow: Int?
}
