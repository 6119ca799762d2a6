import Compute
import Glibc
import Tokenization
import Transformers

/// Perplexity of a text, as the field measures it.
///
/// The text is tokenised once and cut into chunks, the remainder dropped. Each chunk is computed from an empty cache, its
/// first token replaced by BOS where the model adds one. The logits at positions c / 2 to c - 2 are scored against the
/// tokens after them: the first half is context only.
public struct Perplexity: Sendable, Equatable {
  /// Scored tokens.
  public private(set) var tokens = 0
  public private(set) var chunks = 0
  private var sum = 0.0
  private var sumOfSquares = 0.0

  public init() {}

  /// Mean negative log-likelihood of a token, in nats.
  public var meanNLL: Double { sum / Double(tokens) }

  public var value: Double { exp(meanNLL) }

  /// perplexity * sqrt(variance / (n - 1)): one standard error; nil for fewer than two tokens.
  public var standardError: Double? {
    guard tokens > 1 else { return nil }
    let variance = max(0, sumOfSquares / Double(tokens) - meanNLL * meanNLL)
    return value * (variance / Double(tokens - 1)).squareRoot()
  }

  mutating func add(nll: Double) {
    tokens += 1
    sum += nll
    sumOfSquares += nll * nll
  }

  mutating func endChunk() { chunks += 1 }
}

/// Computes perplexity chunk by chunk.
public final class PerplexityEvaluation {
  private let engine: Engine
  private let chunks: TextChunks
  public private(set) var result = Perplexity()

  /// - Parameters:
  ///   - text: without its one trailing newline, if it has one.
  ///   - chunkLength: tokens of a chunk, at least 4 and at most the engine's context.
  public init(_ engine: Engine, text: [UInt8], chunkLength: Int) throws(GenerationError) {
    self.engine = engine
    chunks = try TextChunks(text, engine, length: chunkLength)
  }

  /// Chunks in the text.
  public var available: Int { chunks.count }

  /// Tokens of the text.
  public var tokenCount: Int { chunks.tokens.count }

  /// Scores the next chunk.
  /// - Precondition: fewer than `available` have been.
  public func scoreNextChunk() throws(GenerationError) {
    let chunk = chunks[result.chunks]
    let chunkLength = chunk.count
    let sequence = KVSequence(engine.cache)
    let pass = engine.pass
    var done = 0
    while done < chunkLength {
      let end = min(done + pass.maxTokens, chunkLength)
      pass.begin()
      guard pass.append(chunk[done..<end], to: sequence) else {
        throw .promptTooLong(tokens: chunkLength, context: engine.context)
      }
      pass.run()
      let scored = (chunkLength / 2..<chunkLength - 1).clamped(to: done..<end)
      score(scored, of: chunk, passStart: done)
      done = end
    }
    result.endChunk()
  }

  /// Scores the logits at some positions of the chunk, a slice of the head at a time.
  private func score(_ positions: Range<Int>, of chunk: [TokenID], passStart: Int) {
    var first = positions.lowerBound
    while first < positions.upperBound {
      let last = min(first + ForwardPass.maxLogitRows, positions.upperBound)
      engine.pass.logits(rows: first - passStart..<last - passStart) { row, logits in
        let target = Int(chunk[row + passStart + 1])
        result.add(nll: Double(engine.kernels.logSumExp(logits).value) - Double(logits[target]))
      }
      first = last
    }
  }
}
