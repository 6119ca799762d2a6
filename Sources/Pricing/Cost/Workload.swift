import Usage

/// What is asked of a model in a month, whoever serves it.
public struct Workload: Sendable, Hashable {
  /// Above zero.
  public var requestsPerDay: Fraction
  /// Tokens of the prompt, cached ones included, by our own count.
  public var prompt: SizeDistribution
  public var completion: SizeDistribution
  /// Share of prompt tokens that a cache holds, 0 to 100.
  public var cachedPercent: Fraction
  /// Share of a day's requests that come in its busiest hour, 100/24 to 100; the others are spread evenly.
  public var peakPercent: Fraction

  /// 365 / 12.
  public static let daysPerMonth = Fraction(lowestTerms: 365, 12)
  public static let hoursPerMonth: Int64 = 730

  /// - Throws: `scenario` for numbers outside their ranges.
  public init(
    requestsPerDay: ExactDecimal, prompt: SizeDistribution, completion: SizeDistribution,
    cachedPercent: ExactDecimal = ExactDecimal(0), peakPercent: ExactDecimal = ExactDecimal(10)
  ) throws(PricingError) {
    guard requestsPerDay.coefficient > 0, requestsPerDay.scale <= 6, Fraction(requestsPerDay) <= Fraction(1_000_000_000)
    else { throw .scenario("requests per day must be above 0 and at most 1,000,000,000, with at most 6 decimals") }
    let (cached, peak) = (Fraction(cachedPercent), Fraction(peakPercent))
    guard cached >= .zero, cached <= Fraction(100), cachedPercent.scale <= 3 else {
      throw .scenario("the cached share must be from 0 to 100 percent, with at most 3 decimals")
    }
    guard try peak.times(24) >= Fraction(100), peak <= Fraction(100), peakPercent.scale <= 3 else {
      throw .scenario("the busiest hour must have from 4.167 to 100 percent of the day's requests")
    }
    self.requestsPerDay = Fraction(requestsPerDay)
    self.prompt = prompt
    self.completion = completion
    self.cachedPercent = cached
    self.peakPercent = peak
  }

  /// Of a mean request.
  func uncachedPrompt() throws(PricingError) -> Fraction {
    try prompt.mean.times(Fraction(100).minus(cachedPercent)).over(Fraction(100))
  }

  /// Prompt and completion, cached tokens included.
  public func tokensPerMonth() throws(PricingError) -> Fraction {
    try prompt.mean.plus(completion.mean).times(requestsPerDay).times(Self.daysPerMonth)
  }
}

/// How fast a machine was measured to be with this model.
public struct MeasuredSpeed: Sendable, Hashable {
  /// Thousandths of a token per second, above zero.
  public var prefillMilli: Int64
  /// Of all requests of a batch together.
  public var decodeMilli: Int64
  /// Requests that are decoded together.
  public var batch: Int
  /// How far measurements lay from their median, in parts per million.
  public var errorMillionths: Int64
  /// Where the figures come from: `given`, or a file and the machine in it.
  public var source: String

  /// - Throws: `scenario` for figures outside their ranges.
  public init(
    prefillMilli: Int64, decodeMilli: Int64, batch: Int = 1, errorMillionths: Int64, source: String
  ) throws(PricingError) {
    let range: ClosedRange<Int64> = 1...1_000_000_000_000
    guard range.contains(prefillMilli), range.contains(decodeMilli) else {
      throw .scenario("speeds must be from 0.001 to 1,000,000,000 tokens per second")
    }
    guard (1...1024).contains(batch) else { throw .scenario("a batch holds from 1 to 1,024 requests") }
    guard (0...900_000).contains(errorMillionths) else {
      throw .scenario("the measurement error must be from 0 to 90 percent")
    }
    self.prefillMilli = prefillMilli
    self.decodeMilli = decodeMilli
    self.batch = batch
    self.errorMillionths = errorMillionths
    self.source = source
  }
}
