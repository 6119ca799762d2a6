import Compute
import Tokenization
import Transformers

/// The mean squared activation of every input column of every matrix, gathered over a text from the real forward pass:
/// what a weighted search weighs the errors of a column by.
public final class ImportanceCollection {
  /// What was gathered for the matrices that read the same inputs.
  public struct Inputs: Sendable {
    /// As the file names them.
    public let readers: [String]
    /// [columns], the sums of squares.
    public fileprivate(set) var sums: [Double]
    public fileprivate(set) var tokens = 0
  }

  private let engine: Engine
  private let chunks: TextChunks
  private let observer = Observer()
  /// Chunks computed so far.
  public private(set) var done = 0

  /// - Parameter chunkLength: tokens computed from an empty context, at least 4 and at most the engine's context.
  public init(_ engine: Engine, text: [UInt8], chunkLength: Int) throws(GenerationError) {
    self.engine = engine
    chunks = try TextChunks(text, engine, length: chunkLength)
  }

  /// Chunks in the text.
  public var available: Int { chunks.count }
  public var tokenCount: Int { chunks.tokens.count }

  /// In the order of the forward pass.
  public var inputs: [Inputs] { observer.sets }

  /// Computes the next chunk, the head included.
  /// - Precondition: fewer than `available` have been.
  public func addNextChunk() throws(GenerationError) {
    let chunk = chunks[done]
    let sequence = KVSequence(engine.cache)
    let pass = engine.pass
    pass.observer = observer
    defer { pass.observer = nil }
    for start in stride(from: 0, to: chunk.count, by: pass.maxTokens) {
      let end = min(start + pass.maxTokens, chunk.count)
      pass.begin()
      guard pass.append(chunk[start..<end], to: sequence) else {
        throw .promptTooLong(tokens: chunk.count, context: engine.context)
      }
      pass.run()
      for first in stride(from: 0, to: end - start, by: ForwardPass.maxLogitRows) {
        pass.observeHead(rows: first..<min(first + ForwardPass.maxLogitRows, end - start))
      }
    }
    done += 1
  }

  private final class Observer: ActivationObserver {
    var sets: [Inputs] = []

    func observe(_ rows: View<Float>, columns: Int, readers: [String]) {
      let index =
        sets.firstIndex { $0.readers == readers }
        ?? {
          sets.append(Inputs(readers: readers, sums: [Double](repeating: 0, count: columns)))
          return sets.count - 1
        }()
      let tokens = rows.count / columns
      sets[index].tokens += tokens
      for token in 0..<tokens {
        let row = rows.part(token * columns, columns)
        for column in 0..<columns {
          let value = Double(row[column])
          sets[index].sums[column] += value * value
        }
      }
    }
  }
}
