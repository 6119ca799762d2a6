import Usage

/// What a ledger has seen of a workload and of the speed that it was served with.
public struct LedgerWorkload: Sendable {
  public var requests = 0
  /// Days of UTC, from the first request's to the last one's, both included, or those that were asked for.
  public var days: Int64 = 0
  /// Names of the models that served it.
  public var models: [String] = []
  /// Tokens of each request, ascending.
  public var prompts: [Int64] = []
  public var completions: [Int64] = []
  /// Prompt tokens, and those of them that a cache held.
  public var promptTokens: Int64 = 0
  public var cachedTokens: Int64 = 0
  /// The most requests that came in one hour of the day, all days together.
  public var busiestHour = 0
  /// UTF-8 bytes of prompts and answers, and the tokens of the requests that say so.
  public var textBytes: Int64 = 0
  public var textTokens: Int64 = 0
  public var prefill = MeasuredWork()
  public var decode = MeasuredWork()

  /// Tokens and the wall time that they took, over requests that were computed to their end.
  public struct MeasuredWork: Sendable {
    public var tokens: Int64 = 0
    public var nanos: Int64 = 0
    /// Thousandths of a token a second of each request, ascending.
    public var speeds: [Int64] = []

    mutating func add(_ tokens: Int64, _ nanos: Int64) throws(LedgerError) {
      guard tokens > 0, nanos > 0, let speed = Int64(exactly: Int128(tokens) * 1_000_000_000_000 / Int128(nanos)) else {
        return
      }
      self.tokens = try Amount.sum(self.tokens, tokens, "a sum of tokens")
      self.nanos = try Amount.sum(self.nanos, nanos, "a sum of times")
      speeds.append(speed)
    }

    /// Thousandths of a token a second, over all; nil where nothing was measured.
    public var milliPerSecond: Int64? {
      nanos > 0 ? Int64(exactly: Int128(tokens) * 1_000_000_000_000 / Int128(nanos)) : nil
    }

    /// How far the quartiles of the requests lie from their median, in parts per million.
    public var spreadMillionths: Int64 {
      guard !speeds.isEmpty else { return 0 }
      let (low, middle, high) = (speeds[speeds.count / 4], speeds[speeds.count / 2], speeds[speeds.count * 3 / 4])
      return Int64(clamping: Int128(max(high - middle, middle - low)) * 1_000_000 / Int128(max(1, middle)))
    }
  }

  public init() {}
}

extension Ledger {
  /// What requests of a span were like; those under way and those that failed are in nothing.
  /// - Parameters:
  ///   - from: and `to`: nanoseconds since 1970; nil for the days of the first and the last request.
  ///   - model: only requests of this one; nil for all.
  public func workload(from: Int64?, to: Int64?, model: String? = nil) throws(LedgerError) -> LedgerWorkload {
    try locked { () throws(LedgerError) in
      var workload = LedgerWorkload()
      var names: [Int64: String] = [:]
      try connection.each(.models) { names[$0.integer(0)] = $0.text(1) }
      var used: Set<String> = []
      var hours = [Int](repeating: 0, count: 24)
      var (first, last): (Int64?, Int64?) = (nil, nil)
      try connection.each(.workloadRows, .integer(from ?? .min), .integer(to ?? .max)) { (row) throws(LedgerError) in
        let name = names[row.integer(1)] ?? ""
        guard model.map({ Array($0.utf8) == Array(name.utf8) }) ?? true else { return }
        let at = row.integer(0)
        used.insert(name)
        hours[Int((at - UTCDay.number(of: at) * UTCDay.nanos) / Self.hourNanos)] += 1
        (first, last) = (min(first ?? at, at), max(last ?? at, at))
        try workload.add(row)
      }
      workload.models = used.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      workload.busiestHour = hours.max() ?? 0
      if let first, let last {
        workload.days = UTCDay.number(of: (to ?? last &+ 1) - 1) - UTCDay.number(of: from ?? first) + 1
      }
      workload.sort()
      return workload
    }
  }
}

extension LedgerWorkload {
  fileprivate mutating func add(_ row: Row) throws(LedgerError) {
    let (prompt, cached, completion) = (row.integer(2), row.integer(3), row.integer(4))
    requests += 1
    prompts.append(prompt)
    completions.append(completion)
    promptTokens = try Amount.sum(promptTokens, prompt, "a sum of tokens")
    cachedTokens = try Amount.sum(cachedTokens, cached, "a sum of tokens")
    // Speeds only of what was computed to its end: a step more or less than the count says would tell in short ones.
    if let nanos = row.optionalInteger(5) { try prefill.add(prompt - cached, nanos) }
    // The first token comes out of the prompt's last step.
    if let nanos = row.optionalInteger(6), completion > 1 { try decode.add(completion - 1, nanos) }
    if let promptBytes = row.optionalInteger(7), let answerBytes = row.optionalInteger(8), promptBytes > 0 {
      textBytes = try Amount.sum(textBytes, try Amount.sum(promptBytes, answerBytes, "a size"), "a sum of sizes")
      textTokens = try Amount.sum(textTokens, try Amount.sum(prompt, completion, "a count"), "a sum of tokens")
    }
  }

  fileprivate mutating func sort() {
    prompts.sort()
    completions.sort()
    prefill.speeds.sort()
    decode.speeds.sort()
  }
}
