import Compute
import Tokenization
import Transformers
import Usage

/// A request that a scheduler has taken on, from its arrival to its result.
///
/// `tokens` is prompt and answer; the session has computed the first of them. What is left is due, always at least one
/// token while the request is active: many tokens while the prompt (or, after its blocks were taken away, the whole text)
/// is being read, one token in each step of decoding. When the last due token is computed, the next one is chosen.
public final class ScheduledRequest {
  public let id: Int
  public private(set) var isFinished = false
  public private(set) var result = GenerationResult()

  let session: Session
  let observer: any GenerationObserver
  let promptCount: Int
  /// The scheduler's count of steps when it arrived.
  let arrivalStep: Int
  /// The session is the request's own: its blocks go when it ends.
  private let ownsSession: Bool
  private let sampler: Sampler
  private let tokenLimit: Int
  private(set) var tokens: [TokenID]
  private var monitor: StopMonitor
  private var detokenizer: StreamingDetokenizer

  private let arrival: Int64
  private var admitted: Int64?
  private var firstToken: Int64?
  /// Its blocks were taken away once: what is computed again is no hit of the cache.
  private var wasPreempted = false
  private var cancelled = false
  /// Prompt tokens that the observer knows of.
  private var reported = -1

  /// What this step computes of the due tokens; 0 where the request sits this step out.
  var rows = 0
  /// This step computes all that is due, and then chooses the next token.
  private var isSampled = false
  /// This step computes all that is due, and the limits leave room for no token.
  private var endsAtPrompt = false
  /// Guesses behind the last due token.
  private(set) var draft: [TokenID] = []
  private var draftLength = ScheduledRequest.firstDraft
  /// Place of its first logits among those computed together.
  var firstLogit = 0
  /// Tokens chosen in this step, at the end of `tokens`.
  private var chosen = 0
  private var failure: SamplingError?
  // Buffers for the text of one token.
  private var text: [UInt8] = []
  private var visible: [UInt8] = []

  static let firstDraft = 3
  static let longestDraft = 7

  init(
    id: Int, step: Int, _ request: GenerationRequest, sampler: Sampler, rules: StopRules, engine: Engine,
    session: Session?,
    observer: any GenerationObserver
  ) {
    self.id = id
    arrivalStep = step
    ownsSession = session == nil
    self.session = session ?? Session(engine)
    self.observer = observer
    self.sampler = sampler
    promptCount = request.prompt.count
    tokens = request.prompt
    monitor = StopMonitor(rules, promptTokens: promptCount)
    // With the end tokens ignored they are text like any other token; control tokens never are.
    detokenizer = StreamingDetokenizer(engine.tokenizer)
    arrival = Clock.nowNanos()
    tokenLimit = max(0, min(request.tokenLimit ?? .max, engine.context - promptCount))
    // Memory for any usual answer now, so that no token waits for it.
    let room = min(tokenLimit, 1 << 16) + Self.longestDraft + 1
    tokens.reserveCapacity(promptCount + room)
    result.tokens.reserveCapacity(room)
    result.text.reserveCapacity(8 * room)
    draft.reserveCapacity(Self.longestDraft)
    text.reserveCapacity(1_024)
    visible.reserveCapacity(1_024)
  }

  // MARK: What is to do

  /// Tokens that are not computed.
  var due: Int { tokens.count - session.tokens.count }
  var isDecoding: Bool { due == 1 }
  /// Rows of which this step needs logits. Known from `beginStep` on.
  var logitRows: Int { isSampled ? 1 + draft.count : 0 }

  /// Asked of the observer once a step; what it said stays said.
  var isCancelled: Bool {
    if !cancelled { cancelled = observer.isCancelled }
    return cancelled
  }

  func cancel() { cancelled = true }

  /// Blocks that the request will hold once it has answered as much as can be foreseen.
  func expectedBlocks(foresight: Int) -> Int {
    let limit = promptCount + min(tokenLimit, max(foresight, result.tokens.count + 1))
    return KVCache.blocks(of: limit)
  }

  // MARK: One step

  /// The request begins to compute: what its session and the tree of prefixes hold is taken over.
  /// - Parameter waited: other steps were made since it arrived; else it never stood in a queue.
  func admit(waited: Bool) {
    if admitted == nil { admitted = waited ? Clock.nowNanos() : arrival }
    session.rewind(to: session.sharedPrefix(with: tokens))
    if !wasPreempted { result.counts.cached = session.tokens.count }
    adopt()
    reportPrompt()
  }

  /// - Returns: whether there was anything new.
  @discardableResult
  private func reportPrompt() -> Bool {
    let done = min(session.tokens.count, promptCount)
    guard done != reported else { return false }
    reported = done
    observer.prefilled(done, of: promptCount)
    return true
  }

  /// Takes over what others have computed meanwhile.
  func adopt() {
    let found = session.adopt(tokens)
    if !wasPreempted { result.counts.cached += found }
  }

  /// Gives all blocks back; the text is computed again when there is room.
  func preempt() {
    session.truncate(to: 0)
    wasPreempted = true
    rows = 0
    draft.removeAll(keepingCapacity: true)
  }

  func guess(limit: Int) {
    let left = tokenLimit - result.tokens.count - 1
    PromptLookup.draft(tokens, limit: min(limit, draftLength, left), into: &draft)
  }

  func dropGuess() { draft.removeAll(keepingCapacity: true) }

  /// The rows of this step are settled.
  func beginStep() {
    let isLast = rows > 0 && rows == due
    endsAtPrompt = isLast && result.tokens.isEmpty && monitor.limitReached != nil
    isSampled = isLast && !endsAtPrompt
    chosen = 0
  }

  /// What this step computes for this request.
  var share: StepReport.Share {
    StepReport.Share(
      request: id, promptRows: isSampled ? rows - 1 : rows, decodeRows: isSampled ? 1 : 0, draftRows: draft.count,
      context: session.tokens.count)
  }

  /// Adds the rows to the pass that need no logits.
  func stageUnsampled() {
    let count = isSampled ? rows - 1 : rows
    for _ in 0..<count { stage(tokens[session.tokens.count]) }
  }

  /// Adds the rows to the pass that need logits.
  func stageSampled() {
    guard isSampled else { return }
    stage(tokens[session.tokens.count])
    for token in draft { stage(token) }
  }

  private func stage(_ token: TokenID) {
    let staged = session.stage(token)
    precondition(staged, "the scheduler makes room before it stages")
  }

  /// Chooses the next token and, as long as the guesses were the tokens chosen, those behind it. Runs on any thread.
  func sample(_ scratch: SamplerScratch) {
    failure = nil
    while true {
      do throws(SamplingError) {
        let token = try choose(firstLogit + chosen, scratch)
        tokens.append(token)
        chosen += 1
        guard chosen <= draft.count, draft[chosen - 1] == token else { return }
      } catch {
        failure = error
        return
      }
    }
  }

  /// Apart, so that the borrowed history is given back before `tokens` grows.
  private func choose(_ logit: Int, _ scratch: SamplerScratch) throws(SamplingError) -> TokenID {
    let history = tokens
    return try sampler.sample(
      logits: session.engine.pass.logits(at: logit), history: history.span, position: history.count, scratch: scratch
    ).token
  }

  /// Takes in what the step computed. Afterwards the session holds all tokens but the due ones.
  /// - Returns: tokens chosen.
  func commit() -> Int {
    defer { rows = 0 }
    guard rows > 0 else { return 0 }
    let isNews = reportPrompt()
    guard isSampled else {
      session.publish()
      if endsAtPrompt, let reason = monitor.limitReached { finish(reason) }
      return 0
    }
    // Who gives up when the prompt is done gets no token.
    if isNews, isCancelled { chosen = discard(from: 0) }
    let count = takeChosen()
    if !draft.isEmpty { settleDraft(accepted: max(0, count - 1)) }
    // Rejected guesses go; nothing of them is read or published.
    session.truncate(to: min(session.tokens.count, tokens.count - 1))
    session.publish()
    return count
  }

  /// Hands the chosen tokens out, up to the one that ends the answer.
  private func takeChosen() -> Int {
    let first = tokens.count - chosen
    if firstToken == nil, chosen > 0 { firstToken = Clock.nowNanos() }
    for index in first..<tokens.count {
      if let reason = observer.limit(after: result.tokens.count) {
        finish(reason)
        return discard(from: index - first)
      }
      let token = tokens[index]
      result.tokens.append(token)
      observer.chose(result.tokens.count)
      let count = index - first + 1
      if let reason = monitor.accept(token) ?? show(token) {
        finish(reason)
        return discard(from: count)
      }
      if count < chosen, isCancelled { return discard(from: count) }
    }
    if let failure { finish(.failed(failure.description)) }
    return chosen
  }

  /// Takes back what was chosen in this step beyond the first `count` tokens; interrupted, unless it ended already.
  private func discard(from count: Int) -> Int {
    tokens.removeLast(chosen - count)
    finish(.interrupted)
    return count
  }

  private func settleDraft(accepted: Int) {
    let rejected = draft.count - accepted
    result.counts.draftAccepted += accepted
    result.counts.draftRejected += rejected
    draftLength = rejected == 0 ? min(draftLength + 2, Self.longestDraft) : Self.firstDraft
    draft.removeAll(keepingCapacity: true)
  }

  private func show(_ token: TokenID) -> FinishReason? {
    text.removeAll(keepingCapacity: true)
    visible.removeAll(keepingCapacity: true)
    detokenizer.append(token, to: &text)
    let reason = monitor.show(text, to: &visible)
    emitVisible()
    return reason
  }

  private func emitVisible() {
    guard !visible.isEmpty else { return }
    if result.text.isEmpty { result.timings.firstTokenNanos = Clock.nowNanos() - arrival }
    result.text += visible
    observer.received(visible)
  }

  // MARK: The end

  /// Keys and values were held for a step.
  func hold(nanos: Int64) {
    let (product, overflow) = (nanos / 1_000).multipliedReportingOverflow(by: Int64(session.sharedKVBytes))
    result.kvByteMillis &+= overflow ? 0 : product / 1_000
  }

  /// Gives back what only this request used.
  func leave() {
    if ownsSession { session.truncate(to: 0) }
  }

  /// Text that was held back comes out, and the clocks stop.
  func finish(_ reason: FinishReason) {
    guard !isFinished else { return }
    isFinished = true
    result.finish = reason
    if case .stopString = reason {
    } else {
      visible.removeAll(keepingCapacity: true)
      if let late = monitor.finish(detokenizer.finish(), to: &visible) { result.finish = late }
      emitVisible()
    }
    let now = Clock.nowNanos()
    result.counts.completion = result.tokens.count
    // What was not computed is not accounted for.
    result.counts.prompt = firstToken != nil ? promptCount : admitted != nil ? session.tokens.count : 0
    result.counts.cached = min(result.counts.cached, result.counts.prompt)
    result.kvBytes = session.kvBytes
    result.timings.totalNanos = now - arrival
    result.timings.queueNanos = (admitted ?? now) - arrival
    if let firstToken {
      result.timings.prefillNanos = firstToken - (admitted ?? arrival)
      result.timings.decodeNanos = now - firstToken
    } else if let admitted {
      result.timings.prefillNanos = now - admitted
    }
  }
}
