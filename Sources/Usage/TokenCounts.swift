/// How many tokens a request read and wrote.
///
/// `completion` counts every token that the model was run to choose, an end token that is not shown included, so that
/// it equals the number of token ids that the request returns.
public struct TokenCounts: Sendable, Hashable {
  /// Tokens of the prompt, `cached` ones included.
  public var prompt: Int
  /// Tokens of the prompt whose keys and values were found in a cache and not computed again.
  public var cached: Int
  /// Tokens that were generated.
  public var completion: Int
  /// Tokens of the completion that were guessed before the model chose the same ones: steps that were saved.
  public var draftAccepted: Int
  /// Guesses that the model did not choose: rows that were computed for nothing. Not part of any other count.
  public var draftRejected: Int

  public init(
    prompt: Int = 0, cached: Int = 0, completion: Int = 0, draftAccepted: Int = 0, draftRejected: Int = 0
  ) {
    self.prompt = prompt
    self.cached = cached
    self.completion = completion
    self.draftAccepted = draftAccepted
    self.draftRejected = draftRejected
  }

  /// Tokens of the prompt that had to be computed; never negative.
  public var uncachedPrompt: Int { max(0, prompt &- cached) }

  /// Prompt and completion together.
  public var total: Int { prompt &+ completion }
}

/// A count over a duration, held exactly so that nothing is rounded before it is printed.
public struct Speed: Sendable, Hashable {
  /// How many, above zero.
  public let count: Int
  /// In how many nanoseconds, above zero.
  public let nanos: Int64

  /// Nil where the duration or the count is not positive: a speed over no time, or of nothing, is undefined.
  public init?(count: Int, nanos: Int64) {
    guard count > 0, nanos > 0 else { return nil }
    self.count = count
    self.nanos = nanos
  }

  public var perSecond: Double { Double(count) * 1e9 / Double(nanos) }

  /// Thousandths per second, rounded to the nearest (a half up). Saturates at the largest `Int64`.
  public var milliPerSecond: Int64 {
    let exact = Int128(count) * 1_000_000_000_000
    return Int64(clamping: (exact + Int128(nanos) / 2) / Int128(nanos))
  }
}
