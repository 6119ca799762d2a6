import Compute
import Tokenization
import Transformers

/// Measures the speed of a loaded model with the same calls that requests are answered with.
///
/// Cases are measured in rounds, one sample of each case a round, so that a disturbance of some seconds touches one sample
/// of each and not all samples of one; the caller may put another program's measurements in between.
public final class Benchmark {
  public let engine: Engine
  public let ceilings: Ceilings
  public private(set) var results: [BenchmarkResult]
  private let sampler: Sampler
  private let session: Session
  /// Keys and values of the batch cases, beside the engine's own.
  private let cache: KVCache?
  private var sequences: [KVSequence] = []
  private var next: [TokenID] = []

  /// - Parameter threads: as they were asked for.
  /// - Precondition: every case fits the engine's context.
  /// - Throws: `GenerationError` where there is no memory for the caches of the batch cases.
  public init(
    _ engine: Engine, _ cases: [BenchmarkCase], threads: Int, ceilings: Ceilings
  ) throws(GenerationError) {
    precondition(cases.allSatisfy { $0.positions <= engine.context })
    self.engine = engine
    self.ceilings = ceilings
    session = Session(engine)
    do { sampler = try Sampler(.greedy, vocabulary: engine.model.configuration.vocab) } catch { throw .sampling(error) }
    let block = Kernels.kvBlock
    let most = cases.filter { $0.batch > 1 }.map { $0.batch * (($0.positions + block - 1) / block) * block }.max()
    do {
      cache = try most.map { (positions) throws(ModelError) in
        try KVCache(engine.model.configuration, type: engine.cache.type, positions: positions)
      }
    } catch {
      throw .model(error)
    }
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
    let nanos: Int64
    switch test.test {
    case .prefill: nanos = try prefill(tokens, depth: test.depth)
    case .decode: nanos = try decode(tokens, depth: test.depth)
    case .batch: nanos = try batch(tokens, depth: test.depth, sequences: test.batch)
    }
    if !warmUp { results[index].samples.append(Double(tokens * test.batch) / Double(max(nanos, 1)) * 1e9) }
    return nanos
  }

  /// Ids that differ from one place to the next and from one sequence to another, the same in every run.
  private func text(_ count: Int, salt: Int = 0) -> [TokenID] {
    let vocab = UInt64(engine.model.configuration.vocab)
    return (0..<count).map { place in
      let mixed = (UInt64(place) &+ UInt64(salt) << 32 &+ 1) &* 0x9E37_79B9_7F4A_7C15
      return TokenID((mixed >> 33) % vocab)
    }
  }

  private func fill(_ depth: Int) throws(GenerationError) {
    session.reset()
    if depth > 0 { _ = try session.prefill(text(depth)) }
  }

  private func prefill(_ tokens: Int, depth: Int) throws(GenerationError) -> Int64 {
    try fill(depth)
    let prompt = text(depth + tokens)
    let start = Clock.nowNanos()
    _ = try session.prefill(prompt)
    _ = try choose()
    return Clock.nowNanos() - start
  }

  private func decode(_ tokens: Int, depth: Int) throws(GenerationError) -> Int64 {
    try fill(depth)
    var token = text(1, salt: 1)[0]
    let start = Clock.nowNanos()
    for _ in 0..<tokens {
      _ = session.append(token)
      token = try choose()
    }
    return Clock.nowNanos() - start
  }

  private func choose() throws(GenerationError) -> TokenID {
    do { return try session.sample(sampler).token } catch { throw .sampling(error) }
  }

  private func batch(_ steps: Int, depth: Int, sequences count: Int) throws(GenerationError) -> Int64 {
    guard let cache else { preconditionFailure("a batch case has its cache") }
    sequences = (0..<count).map { _ in KVSequence(cache) }
    let pass = engine.pass
    for (index, sequence) in sequences.enumerated() {
      var left = text(depth, salt: index + 2)[...]
      while !left.isEmpty {
        pass.begin()
        _ = pass.append(left.prefix(pass.maxTokens), to: sequence)
        engine.prepare(tokens: left.count)
        pass.run()
        left = left.dropFirst(pass.maxTokens)
      }
    }
    next = text(count, salt: 1)
    engine.prepare(tokens: 1)
    let start = Clock.nowNanos()
    for _ in 0..<steps { try step(pass) }
    return Clock.nowNanos() - start
  }

  /// One token of every sequence, in as many passes as the width of a pass takes.
  private func step(_ pass: ForwardPass) throws(GenerationError) {
    var failure: SamplingError?
    for first in stride(from: 0, to: sequences.count, by: pass.maxTokens) {
      let rows = min(pass.maxTokens, sequences.count - first)
      pass.begin()
      for row in 0..<rows { _ = pass.append(CollectionOfOne(next[first + row]), to: sequences[first + row]) }
      pass.run()
      for start in stride(from: 0, to: rows, by: ForwardPass.maxLogitRows) {
        pass.logits(rows: start..<min(start + ForwardPass.maxLogitRows, rows)) { row, logits in
          let history: [TokenID] = []
          do throws(SamplingError) {
            next[first + row] =
              try sampler.sample(
                logits: logits, history: history.span, position: sequences[first + row].count, scratch: engine.scratch
              ).token
          } catch {
            failure = error
          }
        }
      }
    }
    if let failure { throw .sampling(failure) }
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
