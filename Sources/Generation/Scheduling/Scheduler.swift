import Compute
import Tokenization
import Transformers
import Usage

/// Answers many requests at once on one engine. Each step is one pass over the model with rows of every active request:
/// the weights are read once for all of them.
///
/// ```
/// submit --> waiting --admit--> reading --last due token computed--> decoding --stop, limit, failure--> finished
///               |  ^               | |                                | |
///               |  '---- preempt --' '------------ preempt -----------' |      (preempt: to waiting)
///               '---------- cancel, from any state ---------------------'----> finished (interrupted)
/// ```
///
/// A step: requests that were cancelled leave; waiting ones are admitted while there are places and blocks; rows are
/// granted; the pass runs; tokens are chosen; finished requests leave. So a request joins, leaves or is cancelled within one
/// step.
///
/// Invariants, and the test that fails when one breaks:
/// 1. A request gets the same tokens as alone, bit for bit (`SchedulerTests.sameTokensAsAlone`, `randomTraffic`).
/// 2. Every active request advances in every step, but for one that waits for another active one to compute a block that
///    both need; the one waited for advances (`SchedulerTests.nobodyStarves`).
/// 3. A step with requests that decode has at most `Limits.promptRowsBesideDecode` other rows (`SchedulerTests.nobodyStalls`).
/// 4. Requests are admitted in the order of arrival; one that lost its blocks keeps its place.
/// 5. Blocks run out for the youngest request first, and never for the oldest (`SchedulerTests.scarceBlocks`).
/// 6. A decoded token allocates nothing (`AllocationTests`).
///
/// Choices that were rejected: reserving the blocks of the longest possible answer (few requests would fit, and most answers
/// are short); swapping blocks out to memory (a machine that has room for the copy has room for the block; computing again
/// is exact). They were wrong if `preemptions` grew with every step under usual load.
///
/// One thread drives a scheduler, and one scheduler at a time drives an engine.
public final class Scheduler {
  public struct Limits: Sendable {
    /// Requests that compute at once; no more than the engine's pass has rows.
    public var active = 8
    /// Requests that may wait; one more is refused.
    public var waiting = 1 << 20
    /// Rows of prompts in a step in which other requests decode: what those wait for beside their own row.
    public var promptRowsBesideDecode = 64
    /// Tokens of an answer that room must be left for when a request is admitted. Longer answers take what is free, or
    /// the youngest request's blocks.
    public var foresight = 256
    public var speculation = SpeculationMode.automatic

    public init() {}
  }

  /// Rows that every request which reads gets before the oldest takes the rest.
  static let fairRows = 8

  public let engine: Engine
  public let limits: Limits
  /// Requests under way, in the order of arrival.
  public private(set) var active: [ScheduledRequest] = []
  public private(set) var waiting: [ScheduledRequest] = []
  /// What the last step computed.
  public private(set) var lastStep = StepReport()
  /// How often a request lost its blocks to an older one.
  public private(set) var preemptions = 0

  private var finished: [ScheduledRequest] = []
  private var nextID = 0
  private var sampled: [ScheduledRequest] = []
  private let samplingJob: SamplingJob
  private var governor: SpeculationGovernor

  public init(_ engine: Engine, _ limits: Limits = Limits()) {
    self.engine = engine
    var limits = limits
    limits.active = max(1, min(limits.active, engine.pass.maxTokens))
    limits.promptRowsBesideDecode = max(1, limits.promptRowsBesideDecode)
    self.limits = limits
    samplingJob = SamplingJob(engine)
    governor = SpeculationGovernor(limits.speculation)
    active.reserveCapacity(limits.active)
    sampled.reserveCapacity(limits.active)
    lastStep.shares.reserveCapacity(limits.active)
  }

  public var isIdle: Bool { active.isEmpty && waiting.isEmpty }

  /// Takes a request on. It ends with a result, whatever its end.
  /// - Parameter session: goes on with what this session holds; nil for a new one. No other request uses it meanwhile.
  /// - Throws: `GenerationError` for a request that cannot be begun: nothing has changed then.
  @discardableResult
  public func submit(
    _ request: GenerationRequest, session: Session? = nil, observer: some GenerationObserver
  ) throws(GenerationError) -> ScheduledRequest {
    guard !request.prompt.isEmpty else { throw .emptyPrompt }
    guard request.prompt.count < min(engine.context, engine.cache.capacity) else {
      throw .promptTooLong(tokens: request.prompt.count, context: engine.context)
    }
    let vocabulary = engine.model.configuration.vocab
    if let stranger = request.prompt.first(where: { $0 < 0 || $0 >= vocabulary }) {
      throw .unknownToken(stranger, vocabulary: vocabulary)
    }
    guard waiting.count < limits.waiting else { throw .tooManyRequests(limit: limits.waiting) }
    let sampler: Sampler
    do { sampler = try Sampler(request.sampling, vocabulary: vocabulary) } catch { throw .sampling(error) }
    let scheduled = ScheduledRequest(
      id: nextID, step: lastStep.index, request, sampler: sampler, rules: try rules(request), engine: engine,
      session: session,
      observer: observer)
    nextID += 1
    waiting.append(scheduled)
    return scheduled
  }

  private func rules(_ request: GenerationRequest) throws(GenerationError) -> StopRules {
    do throws(StopError) {
      return try StopRules(
        endTokens: request.ignoreEnd ? [] : engine.tokenizer.endOfGeneration, stopTokens: request.stopTokens,
        stopStrings: try StopStrings(request.stopStrings), tokenLimit: request.tokenLimit,
        contextLength: engine.context)
    } catch {
      throw .stop(error)
    }
  }

  /// Ends a request at the beginning of the next step.
  public func cancel(_ request: ScheduledRequest) { request.cancel() }

  /// The requests that finished since this was last asked, in the order in which they did.
  public func takeFinished() -> [ScheduledRequest] {
    defer { finished.removeAll(keepingCapacity: true) }
    return finished
  }

  /// Runs one pass for everybody.
  /// - Returns: false where there is nothing left to do.
  public func step() -> Bool {
    let start = Clock.nowNanos()
    dropCancelled()
    admit()
    guard !active.isEmpty else { return !waiting.isEmpty }
    grantRows()
    makeRoom()
    guard !active.isEmpty else { return !waiting.isEmpty }
    compute()
    settle(start)
    return true
  }

  // MARK: Who takes part

  private func dropCancelled() {
    for request in active where request.isCancelled { request.finish(.interrupted) }
    for request in waiting where request.isCancelled { request.finish(.interrupted) }
    collectFinished()
  }

  /// Moves finished requests out of both lists; touches nothing where there are none.
  private func collectFinished() {
    if active.contains(where: { $0.isFinished }) { collectFinished(from: &active) }
    if waiting.contains(where: { $0.isFinished }) { collectFinished(from: &waiting) }
  }

  private func collectFinished(from list: inout [ScheduledRequest]) {
    for request in list where request.isFinished {
      request.leave()
      finished.append(request)
    }
    list.removeAll { $0.isFinished }
  }

  private func admit() {
    while active.count < limits.active, let next = waiting.first {
      guard active.isEmpty || fits(next) else { return }
      waiting.removeFirst()
      next.admit(waited: next.arrivalStep != lastStep.index)
      active.append(next)
    }
  }

  /// Whether there are blocks for a request, beside those that the active ones are expected to need yet.
  private func fits(_ request: ScheduledRequest) -> Bool {
    var left = engine.cache.freeBlocks + engine.prefixes.evictable
    for other in active {
      left -= max(0, other.expectedBlocks(foresight: limits.foresight) - other.session.blockCount)
    }
    let own = request.session.blockCount + request.session.blocksInUse(for: request.tokens)
    return request.expectedBlocks(foresight: limits.foresight) - own <= left
  }

  // MARK: Who gets how many rows

  /// One row to each that decodes, a few to each that reads, the rest to the oldest that reads, guesses where nobody reads.
  private func grantRows() {
    var left = engine.pass.maxTokens
    var decoding = 0
    var reading = 0
    for index in active.indices {
      let request = active[index]
      request.rows = 0
      if !request.isDecoding { request.adopt() }
      if request.isDecoding {
        request.rows = 1
        decoding += 1
      } else if !follows(index) {
        request.rows = 1
        reading += 1
      }
    }
    left -= decoding + reading
    if reading > 0 {
      grantPromptRows(decoding > 0 ? min(left, max(0, limits.promptRowsBesideDecode - reading)) : left)
    } else if governor.wantsDrafts(requests: decoding) {
      for request in active {
        // As many as others leave, so that one pass holds them all.
        request.guess(limit: left)
        left -= request.draft.count
      }
    }
  }

  private func grantPromptRows(_ rows: Int) {
    var left = rows
    for most in [Self.fairRows, Int.max] {
      for request in active where request.rows > 0 && !request.isDecoding {
        let more = min(left, min(most, request.due) - request.rows)
        guard more > 0 else { continue }
        request.rows += more
        left -= more
      }
    }
  }

  /// Whether an older request that reads is computing the block that this one needs next.
  private func follows(_ index: Int) -> Bool {
    let request = active[index]
    for older in active[..<index] where older.rows > 0 && !older.isDecoding {
      if request.session.follows(older.session, request.tokens, older.tokens) { return true }
    }
    return false
  }

  // MARK: Blocks

  /// Frees blocks for all granted rows: first guesses go, then prefixes that nobody uses, then the youngest request.
  private func makeRoom() {
    while true {
      var needed = 0
      for request in active { needed += request.session.blocksNeeded(for: request.rows + request.draft.count) }
      while engine.cache.freeBlocks < needed, engine.prefixes.evict() {}
      if engine.cache.freeBlocks >= needed { return }
      if dropGuesses() { continue }
      takeBlocksOfYoungest()
    }
  }

  private func dropGuesses() -> Bool {
    var dropped = false
    for request in active where !request.draft.isEmpty {
      request.dropGuess()
      dropped = true
    }
    return dropped
  }

  private func takeBlocksOfYoungest() {
    guard active.count > 1 else {
      // Alone, and even so there is no room: other sessions hold the blocks, or the cache is smaller than the context.
      for request in active { request.finish(.contextFull) }
      collectFinished()
      return
    }
    let youngest = active.removeLast()
    youngest.preempt()
    preemptions += 1
    waiting.insert(youngest, at: 0)
    // Whoever waited for it to compute a common block goes on alone in the next step.
  }

  // MARK: The pass

  private func compute() {
    let pass = engine.pass
    pass.begin()
    sampled.removeAll(keepingCapacity: true)
    for request in active {
      request.beginStep()
      if request.logitRows > 0 { sampled.append(request) }
      request.stageUnsampled()
    }
    // Rows that need logits stand together, so that the head is computed for all of them at once. A row's neighbours do
    // not matter: it knows its sequence and position.
    let firstRow = pass.count
    for request in sampled { request.stageSampled() }
    let isDecode = firstRow == 0 && sampled.count == active.count
    engine.prepare(tokens: isDecode ? 1 : pass.count)
    pass.run()
    samplingJob.run(engine, sampled, firstRow: firstRow)
  }

  private func settle(_ start: Int64) {
    lastStep.index += 1
    lastStep.shares.removeAll(keepingCapacity: true)
    lastStep.tokens = 0
    var drafted = false
    var reading = false
    for request in active {
      let share = request.share
      drafted = drafted || share.draftRows > 0
      reading = reading || share.promptRows > 0
      lastStep.shares.append(share)
      request.hold(nanos: Clock.nowNanos() - start)
      lastStep.tokens += request.commit()
    }
    lastStep.nanos = Clock.nowNanos() - start
    if !reading {
      governor.record(nanos: lastStep.nanos, tokens: lastStep.tokens, requests: active.count, drafted: drafted)
    }
    collectFinished()
    engine.prefixes.trim()
  }
}
