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
  /// Whenever a prompt was read, by however many requests at once.
  public var prefill = MeasuredWork()
  /// By how many requests of a process were decoded together, the tokens of all of them.
  public var decode: [Int: MeasuredWork] = [:]

  /// The batch that most tokens came from; nil where nothing was measured.
  public var usualBatch: Int? {
    decode.max { ($0.value.microTokens, $0.key) < ($1.value.microTokens, $1.key) }?.key
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
      var processes: [Int64: LedgerWorkload.ProcessWork] = [:]
      try connection.each(.workloadRows, .integer(from ?? .min), .integer(to ?? .max)) { (row) throws(LedgerError) in
        let name = names[row.integer(1)] ?? ""
        guard model.map({ Array($0.utf8) == Array(name.utf8) }) ?? true else { return }
        let at = row.integer(0)
        used.insert(name)
        hours[Int((at - UTCDay.number(of: at) * UTCDay.nanos) / Self.hourNanos)] += 1
        (first, last) = (min(first ?? at, at), max(last ?? at, at))
        try workload.add(row, to: &processes)
      }
      try workload.measure(processes)
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
  /// When requests of a process were read and answered.
  fileprivate struct ProcessWork {
    var prefill: [WorkStretch] = []
    var decode: [WorkStretch] = []
  }

  fileprivate mutating func add(_ row: Row, to processes: inout [Int64: ProcessWork]) throws(LedgerError) {
    let (prompt, cached, completion) = (row.integer(2), row.integer(3), row.integer(4))
    requests += 1
    prompts.append(prompt)
    completions.append(completion)
    promptTokens = try Amount.sum(promptTokens, prompt, "a sum of tokens")
    cachedTokens = try Amount.sum(cachedTokens, cached, "a sum of tokens")
    // The end is when it was closed; the first token comes out of the prompt's last step.
    if let prefill = row.optionalInteger(5), let decode = row.optionalInteger(6), let end = row.optionalInteger(9) {
      let (first, process) = (end &- decode, row.integer(10))
      processes[process, default: ProcessWork()].prefill.append(
        WorkStretch(start: first &- prefill, end: first, tokens: prompt - cached))
      processes[process, default: ProcessWork()].decode.append(
        WorkStretch(start: first, end: end, tokens: completion - 1))
    }
    if let promptBytes = row.optionalInteger(7), let answerBytes = row.optionalInteger(8), promptBytes > 0 {
      textBytes = try Amount.sum(textBytes, try Amount.sum(promptBytes, answerBytes, "a size"), "a sum of sizes")
      textTokens = try Amount.sum(textTokens, try Amount.sum(prompt, completion, "a count"), "a sum of tokens")
    }
  }

  fileprivate mutating func measure(_ processes: [Int64: ProcessWork]) throws(LedgerError) {
    var (read, answered) = (BatchSpeed(), BatchSpeed())
    for work in processes.values {
      try read.add(work.prefill)
      try answered.add(work.decode)
    }
    read.sort()
    answered.sort()
    (prefill, decode) = (read.any, answered.levels)
  }

  fileprivate mutating func sort() {
    prompts.sort()
    completions.sort()
  }
}
