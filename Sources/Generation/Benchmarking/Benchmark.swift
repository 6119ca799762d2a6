import Compute
import Tokenization
import Transformers

/// Measures the speed of a loaded model with the scheduler that answers requests.
///
/// Cases are measured in rounds, one sample of each case a round, so that a disturbance of some seconds touches one sample
/// of each and not all samples of one; the caller may put another program's measurements in between. Requests go on after
/// end tokens, choose greedily, and guess nothing ahead.
public final class Benchmark {
  public let engine: Engine
  public let ceilings: Ceilings
  public private(set) var results: [BenchmarkResult]
  private let sessions: [Session]
  private let scheduler: Scheduler
  private let observer = Unobserved()
  /// Texts made so far.
  private var texts: UInt64 = 0

  private final class Unobserved: GenerationObserver {
    let isCancelled = false
    func prefilled(_ done: Int, of total: Int) {}
    func received(_ text: [UInt8]) {}
  }

  /// - Parameter threads: as they were asked for.
  /// - Precondition: the engine was made with the options that `BenchmarkCase.prepare` made for these cases.
  public init(_ engine: Engine, _ cases: [BenchmarkCase], threads: Int, ceilings: Ceilings) {
    precondition(cases.allSatisfy { $0.positions <= engine.context && $0.batch <= engine.pass.maxTokens })
    self.engine = engine
    self.ceilings = ceilings
    var limits = Scheduler.Limits()
    limits.active = cases.map(\.batch).max() ?? 1
    limits.speculation = .off
    scheduler = Scheduler(engine, limits)
    sessions = (0..<limits.active).map { _ in Session(engine) }
    results = cases.map {
      BenchmarkResult(test: $0, threads: threads, limit: Self.limit(of: $0, engine, ceilings))
    }
  }

  /// Tokens that a sample of case `index` computes, those that fill its depth included: of prompts and of answers.
  public func tokens(_ index: Int, warmUp: Bool) -> (prompt: Int, completion: Int) {
    let test = results[index].test
    let tokens = Self.tokens(of: test, warmUp: warmUp)
    return test.test == .prefill
      ? (test.depth + tokens, 1) : ((test.depth + 1) * test.batch, tokens * test.batch)
  }

  private static func tokens(of test: BenchmarkCase, warmUp: Bool) -> Int {
    warmUp ? min(test.tokens, test.test == .prefill ? 64 : 8) : test.tokens
  }

  /// Measures case `index` once and keeps the result.
  /// - Parameter warmUp: computes a few tokens instead, and keeps nothing.
  /// - Returns: the wall time that was measured, without what filled the depth.
  @discardableResult
  public func sample(_ index: Int, warmUp: Bool = false) throws(GenerationError) -> Int64 {
    let test = results[index].test
    let tokens = Self.tokens(of: test, warmUp: warmUp)
    let nanos =
      test.test == .prefill
      ? try prefill(tokens, depth: test.depth) : try decode(tokens, depth: test.depth, sequences: test.batch)
    if !warmUp { results[index].samples.append(Double(tokens * test.batch) / Double(max(nanos, 1)) * 1e9) }
    return nanos
  }

  /// Ids that differ from one place to the next and from one text to another, the same in every run.
  private func text(_ count: Int) -> [TokenID] {
    texts += 1
    let vocab = UInt64(engine.model.configuration.vocab)
    return (0..<count).map { place in
      let mixed = (UInt64(place) &+ texts << 32 &+ 1) &* 0x9E37_79B9_7F4A_7C15
      return TokenID((mixed >> 33) % vocab)
    }
  }

  /// Makes a session hold the keys and values of a text.
  private func fill(_ session: Session, _ text: ArraySlice<TokenID>) throws(GenerationError) {
    session.reset()
    guard !text.isEmpty else { return }
    try answer(Array(text), on: session)
  }

  /// Reads a prompt until the token behind it is chosen.
  private func answer(_ prompt: [TokenID], on session: Session) throws(GenerationError) {
    let request = try submit(prompt, tokens: 1, on: session)
    while !request.isFinished, scheduler.step() {}
    try check(request)
    _ = scheduler.takeFinished()
  }

  private func submit(
    _ prompt: [TokenID], tokens: Int, on session: Session
  ) throws(GenerationError) -> ScheduledRequest {
    var request = GenerationRequest(prompt: prompt)
    request.sampling = .greedy
    request.ignoreEnd = true
    request.tokenLimit = tokens
    return try scheduler.submit(request, session: session, observer: observer)
  }

  private func check(_ request: ScheduledRequest) throws(GenerationError) {
    if case .failed = request.result.finish { throw .sampling(.noCandidate(position: request.tokens.count)) }
  }

  private func prefill(_ tokens: Int, depth: Int) throws(GenerationError) -> Int64 {
    let prompt = text(depth + tokens)
    let session = sessions[0]
    try fill(session, prompt[..<depth])
    let start = Clock.nowNanos()
    try answer(prompt, on: session)
    let nanos = Clock.nowNanos() - start
    session.reset()
    return nanos
  }

  /// So many steps that choose a token of every sequence. All begin at `depth` in the same step: what is in front of it is
  /// computed before, and one token is due.
  private func decode(_ steps: Int, depth: Int, sequences: Int) throws(GenerationError) -> Int64 {
    var requests: [ScheduledRequest] = []
    for session in sessions[..<sequences] {
      let prompt = text(depth + 1)
      try fill(session, prompt[..<depth])
      requests.append(try submit(prompt, tokens: steps + 1, on: session))
    }
    let start = Clock.nowNanos()
    for _ in 0..<steps { _ = scheduler.step() }
    let nanos = Clock.nowNanos() - start
    for request in requests {
      try check(request)
      precondition(request.isFinished || request.result.tokens.count == steps, "each step chose a token of everybody")
      scheduler.cancel(request)
    }
    while !scheduler.isIdle { _ = scheduler.step() }
    _ = scheduler.takeFinished()
    for session in sessions { session.reset() }
    return nanos
  }

  /// What the ceilings admit. A prompt reads the weights once a pass and does one head; a step reads them once and does
  /// one head a sequence.
  private static func limit(of test: BenchmarkCase, _ engine: Engine, _ ceilings: Ceilings) -> BenchmarkLimit {
    let model = engine.model
    let weights = model.streamedBytes
    let kvBytes = engine.cache.blockBytes / Kernels.kvBlock
    let isFloat = model.isFloat
    let peak = isFloat ? ceilings.floatProducts : ceilings.integerProducts
    switch test.test {
    case .prefill:
      let passes = (test.tokens + engine.pass.maxTokens - 1) / engine.pass.maxTokens
      let bytes = passes * weights + test.positions * kvBytes
      let products = Double(test.tokens * model.products.layers + model.products.head)
      return limit(tokens: test.tokens, bytes: bytes, products: products / peak, ceilings)
    case .decode, .batch:
      let depth = test.depth + test.tokens / 2
      let bytes = weights + test.batch * depth * kvBytes
      let products = Double(test.batch * (model.products.layers + model.products.head))
      return limit(tokens: test.batch, bytes: bytes, products: products / peak, ceilings)
    }
  }

  private static func limit(
    tokens: Int, bytes: Int, products seconds: Double, _ ceilings: Ceilings
  ) -> BenchmarkLimit {
    let reading = Double(bytes) / ceilings.readBytes
    return BenchmarkLimit(
      kind: reading > seconds ? .memory : .products, tokensPerSecond: Double(tokens) / max(reading, seconds),
      streamedBytes: bytes)
  }
}

extension Engine {
  /// What this machine can do at best with the threads and the kernels of this engine.
  public func ceilings() throws(SystemError) -> Ceilings {
    prepare(tokens: 1)
    return try Ceilings(pool, kernels)
  }
}
