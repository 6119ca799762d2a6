import Compute
import Tokenization
import Transformers

/// Perplexity of a model and its divergence from a reference, both computed side by side, chunk by chunk: no logits are
/// kept beyond a slice of the head.
public final class ReferenceEvaluation {
  private let model: Engine
  private let reference: Engine
  private let chunks: TextChunks
  private let comparison: ComparisonJob
  public private(set) var result = Perplexity()
  public private(set) var referenceResult = Perplexity()
  public private(set) var divergence = Divergence()
  /// Mean divergence of each chunk, for paired comparisons of two models on one text.
  public private(set) var chunkMeans: [Double] = []

  /// - Parameters:
  ///   - chunkLength: at least 4 and at most the context of both.
  /// - Throws: where the two do not read the text alike.
  public init(
    _ model: Engine, reference: Engine, text: [UInt8], chunkLength: Int
  ) throws(GenerationError) {
    self.model = model
    self.reference = reference
    chunks = try TextChunks(text, model, length: chunkLength)
    let other = try TextChunks(text, reference, length: chunkLength)
    guard model.model.configuration.vocab == reference.model.configuration.vocab, chunks.tokens == other.tokens,
      chunks.bos == other.bos
    else { throw .differentTokenizers }
    comparison = ComparisonJob()
  }

  /// Chunks in the text.
  public var available: Int { chunks.count }
  /// Tokens of the text.
  public var tokenCount: Int { chunks.tokens.count }

  /// Scores the next chunk.
  /// - Precondition: fewer than `available` have been.
  public func scoreNextChunk() throws(GenerationError) {
    let chunk = chunks[result.chunks]
    let (mine, other) = (KVSequence(model.cache), KVSequence(reference.cache))
    let step = min(model.pass.maxTokens, reference.pass.maxTokens)
    let tokensBefore = divergence.tokens
    let sumBefore = divergence.mean.isNaN ? 0 : divergence.mean * Double(tokensBefore)
    var done = 0
    while done < chunk.count {
      let end = min(done + step, chunk.count)
      for (engine, sequence) in [(model, mine), (reference, other)] {
        engine.pass.begin()
        guard engine.pass.append(chunk[done..<end], to: sequence) else {
          throw .promptTooLong(tokens: chunk.count, context: engine.context)
        }
        engine.pass.run()
      }
      score((chunk.count / 2..<chunk.count - 1).clamped(to: done..<end), of: chunk, passStart: done)
      done = end
    }
    result.endChunk()
    referenceResult.endChunk()
    let scored = divergence.tokens - tokensBefore
    chunkMeans.append((divergence.mean * Double(divergence.tokens) - sumBefore) / Double(scored))
  }

  private func score(_ positions: Range<Int>, of chunk: [TokenID], passStart: Int) {
    var first = positions.lowerBound
    while first < positions.upperBound {
      let last = min(first + ForwardPass.maxLogitRows, positions.upperBound)
      let rows = first - passStart..<last - passStart
      comparison.begin()
      reference.pass.logits(rows: rows) { _, logits in comparison.reference.append(logits) }
      model.pass.logits(rows: rows) { row, logits in
        comparison.model.append(logits)
        comparison.targets.append(Int(chunk[row + passStart + 1]))
      }
      model.pool.run(comparison, chunks: rows.count)
      for pair in comparison.takeResults() {
        divergence.add(pair)
        result.add(nll: pair.nll)
        referenceResult.add(nll: pair.referenceNLL)
      }
      first = last
    }
  }
}

/// Compares two heads' logits, one row a chunk of work.
@safe private final class ComparisonJob: PoolJob {
  var reference: [View<Float>] = []
  var model: [View<Float>] = []
  var targets: [Int] = []
  private let results = UnsafeMutableBufferPointer<ScoredPair>.allocate(capacity: ForwardPass.maxLogitRows)

  init() { unsafe results.initialize(repeating: ScoredPair()) }
  deinit { unsafe results.deallocate() }

  func begin() {
    reference.removeAll(keepingCapacity: true)
    model.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
  }

  func perform(chunk: Int, worker: Int) {
    unsafe results[chunk] = ScoredPair(
      reference: UnsafeBufferPointer(start: reference[chunk].pointer, count: reference[chunk].count),
      model: UnsafeBufferPointer(start: model[chunk].pointer, count: model[chunk].count), target: targets[chunk])
  }

  func takeResults() -> [ScoredPair] { (0..<targets.count).map { unsafe results[$0] } }
}
