import Usage

/// What the ledger must know of a request before its first token.
public struct RequestOpening: Sendable {
  public var model: ModelIdentity
  public var promptTokens: Int
  public var user: String?
  public var tags: [(key: String, value: String)]
  /// Tokens of the answer at most; nil for as many as fit.
  public var tokenLimit: Int?
  /// What asks: `run`, `batch`, `bench`.
  public var command: String
  /// The price of CPU time; nil where nobody said what the machine costs.
  public var price: RequestPrice?
  /// The rows of the price book that it was priced with.
  public var prices: PriceRows?

  public init(
    model: ModelIdentity, promptTokens: Int, user: String? = nil, tags: [(key: String, value: String)] = [],
    tokenLimit: Int? = nil, command: String = "run", price: RequestPrice? = nil, prices: PriceRows? = nil
  ) {
    self.prices = prices
    self.command = command
    self.model = model
    self.promptTokens = promptTokens
    self.user = user
    self.tags = tags
    self.tokenLimit = tokenLimit
    self.price = price
  }
}

/// A request that is in the ledger from before its first token to its end.
///
/// ```
/// open --> computed(prompt) --> (admit --> chose)* --> settle
///   \______________________________________________________/
///     the process dies anywhere: whoever comes next closes it as lost, with the counts of the progress file
/// ```
/// - Threads: the one that computes the request.
public final class MeteredRequest {
  public let identity: RequestIdentity
  private let writer: LedgerWriter
  private let price: RequestPrice?
  private let tokenLimit: Int?
  private let slot: Int
  private let cpuAtStart: Int64
  private var progress: Progress
  /// Completion tokens that may be chosen; nil where no cap applies.
  private var allowance: Int64?
  private var isSettled = false
  /// CPU time that the request is charged; nil where it has the process to itself.
  private var sharedCPUNanos: Int64?
  /// Of that, what went into the prompt.
  private var sharedPromptNanos: Int64 = 0

  fileprivate init(
    writer: LedgerWriter, identity: RequestIdentity, opening: RequestOpening, slot: Int, progress: Progress,
    allowance: Int64?
  ) {
    self.writer = writer
    self.identity = identity
    self.price = opening.price
    self.tokenLimit = opening.tokenLimit
    self.slot = slot
    self.progress = progress
    self.allowance = allowance
    cpuAtStart = Files.processCPUNanos()
  }

  /// So many tokens of the prompt are computed or were found in a cache.
  public func computed(prompt: Int, cached: Int) {
    progress.prompt = Int64(prompt)
    progress.cached = Int64(cached)
    publish(isPrompt: true)
  }

  /// Whether one more token may be chosen after `chosen` of them; leases more where caps demand it.
  /// - Returns: false where a cap has no room: the request ends here.
  /// - Throws: where the ledger cannot be written any more.
  public func admit(after chosen: Int) throws(LedgerError) -> Bool {
    guard let allowance, Int64(chosen) >= allowance else { return true }
    let wanted = tokenLimit.map { min(TokenLease.chunk, Int64($0) - allowance) } ?? TokenLease.chunk
    guard wanted > 0 else { return true }
    let leased = try writer.lease(identity.bytes, from: allowance, tokens: wanted)
    guard leased > 0 else { return false }
    self.allowance = allowance + leased
    progress.leased = allowance + leased
    publish()
    return true
  }

  /// So many tokens are chosen. Called before any byte of the last one's text leaves the process.
  public func chose(_ count: Int) {
    progress.completion = Int64(count)
    publish()
  }

  /// The request's share of the CPU time of the steps that it was part of, where it shares them with others. Others see
  /// it with the next token.
  /// - Parameter promptNanos: what of it went into the prompt.
  public func used(cpuNanos: Int64, promptNanos: Int64) {
    sharedCPUNanos = cpuNanos
    sharedPromptNanos = promptNanos
  }

  /// What was used until now went into the prompt where some of it has just been computed.
  private func publish(isPrompt: Bool = false) {
    let process = Files.processCPUNanos()
    if let sharedCPUNanos {
      (progress.cpuNanos, progress.promptCPUNanos) = (sharedCPUNanos, sharedPromptNanos)
    } else {
      progress.cpuNanos = process - cpuAtStart
      if isPrompt { progress.promptCPUNanos = progress.cpuNanos }
    }
    writer.progress?.write(progress, slot: slot, processNanos: process)
  }

  /// Closes the request. A second call, or one for a request that somebody has closed as lost, does nothing.
  /// - Parameter text: stored with it, where the writer has a key.
  public func settle(_ usage: UsageRecord, text: RequestText? = nil) throws(LedgerError) {
    guard !isSettled else { return }
    var closing = try Closing(
      request: identity.bytes, tokens: usage.tokens, finish: usage.finish.name, stoppedBy: usage.finish.stoppedBy,
      cpuNanos: max(0, usage.cpu.requestNanos),
      promptCPUNanos: sharedCPUNanos == nil ? progress.promptCPUNanos : sharedPromptNanos, price: price,
      detail: Closing.Detail(usage))
    try writer.close(&closing, text: text)
    finish()
  }

  /// Closes a request that ended before it had a usage record, with what its progress says.
  public func fail(_ reason: FinishReason = .failed("")) throws(LedgerError) {
    guard !isSettled else { return }
    publish()
    var closing = try Closing(
      request: identity.bytes,
      tokens: TokenCounts(
        prompt: Int(progress.prompt), cached: Int(progress.cached), completion: Int(progress.completion)),
      finish: reason.name, stoppedBy: reason.stoppedBy, cpuNanos: progress.cpuNanos,
      promptCPUNanos: progress.promptCPUNanos, price: price, detail: nil)
    try writer.close(&closing)
    finish()
  }

  private func finish() {
    isSettled = true
    writer.progress?.end(slot: slot)
  }
}

extension LedgerWriter {
  /// Opens a request: from here on it is in the ledger whatever happens.
  /// - Throws: `unwritable` where the ledger cannot take it; `overBudget` and `noTariff` where caps apply.
  public func open(_ opening: RequestOpening) throws(LedgerError) -> MeteredRequest {
    let progress = try progressFile()
    let identity = RequestIdentity(at: now())
    guard let slot = progress.begin(Progress(request: identity.bytes)) else {
      throw .invalid("\(slots) requests are under way in this process already")
    }
    do {
      let leased = try admitted(opening, identity.bytes)
      let state = Progress(request: identity.bytes, leased: leased ?? 0)
      progress.write(state, slot: slot, processNanos: Files.processCPUNanos())
      return MeteredRequest(
        writer: self, identity: identity, opening: opening, slot: slot, progress: state, allowance: leased)
    } catch {
      progress.end(slot: slot)
      throw error
    }
  }

  private func progressFile() throws(LedgerError) -> ProgressFile {
    try ledger.locked { () throws(LedgerError) in
      if let progress { return progress }
      let made = try ProgressFile(directory: ledger.writersDirectory, writer: name, slots: slots)
      progress = made
      return made
    }
  }

  /// Appends the end of a request, unless it has one.
  func close(_ closing: inout Closing, text: RequestText? = nil) throws(LedgerError) {
    var closing = closing
    var wasOpen = false
    var sealed: (bytes: [UInt8], key: TextKey)?
    if let text, let textKey { sealed = (try textKey.seal(text, request: closing.request), textKey) }
    let fired = try transaction { (appender) throws(LedgerError) -> [FiredAlert] in
      guard let row = try Projector(appender.connection).request(closing.request), row.state == 0 else { return [] }
      try charge(&closing, appender.connection)
      let caps = try Projector(appender.connection).holds(ofRequest: row.id).map { ($0.cap, $0.period) }
      try appender.append(RequestSettled(closing))
      if let sealed { try appender.store(sealed.bytes, key: sealed.key, request: closing.request) }
      wasOpen = true
      return try self.alerts(caps, &appender)
    }
    if wasOpen { requestNanos &+= closing.cpuNanos }
    run(fired)
  }

  /// The work is done: what the process used is written down, everything committed goes to the disk, and the progress
  /// file goes away; the latter two where no request of this writer is open any more.
  public func close() throws(LedgerError) {
    if try ledger.locked({ () throws(LedgerError) in progress?.isIdle ?? false }) { try endProcess() }
    try finish()
    try ledger.locked { () throws(LedgerError) in
      guard let progress, progress.isIdle else { return }
      progress.remove()
      self.progress = nil
    }
  }

  /// What the ledger holds of a day of UTC, by currency.
  public func totals(ofDayAt unixNanos: Int64) throws(LedgerError) -> [String: Totals] {
    try ledger.totals(ofDayAt: unixNanos)
  }
}

extension Ledger {
  /// What the requests that arrived on the day (of UTC) of a moment add up to, by the currency of their prices; `""` for
  /// those without one.
  public func totals(ofDayAt unixNanos: Int64) throws(LedgerError) -> [String: Totals] {
    try locked { () throws(LedgerError) in
      var sums: [String: Totals] = [:]
      try connection.each(.totalsOfDay, .integer(UTCDay.number(of: unixNanos))) { (row) throws(LedgerError) in
        try sums[row.text(0), default: Totals()].add(Totals(row, from: 1))
      }
      return sums
    }
  }
}
