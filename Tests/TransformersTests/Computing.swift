import Compute
import ModelFiles
import NumericsSupport

@testable import Transformers

/// A model, loaded once, to be computed in many ways.
final class Subject: Sendable {
  let model: Model
  let vocab: Int

  init(path: String, threads: Int = 2) throws {
    model = try Model(try ModelFile(path: path), pool: try WorkerPool(threads: threads))
    vocab = model.configuration.vocab
  }

  /// Logits of all tokens of a sequence, computed in passes of the given sizes, the last size for all that follow.
  func logits(
    of tokens: [Int32], threads: Int = 2, passes: [Int]? = nil, product: MatrixProduct = .integer,
    kernels: Kernels = .best, kv: KVType? = nil
  ) throws -> LogitRows {
    let sizes = passes ?? [tokens.count]
    let computer = try Computer(
      self, threads: threads, maxTokens: sizes.max() ?? 1, positions: tokens.count, product: product, kernels: kernels,
      kv: kv)
    let sequence = KVSequence(computer.cache)
    var rows = LogitRows(vocab: vocab)
    var start = 0
    for turn in 0... where start < tokens.count {
      let end = min(start + sizes[min(turn, sizes.count - 1)], tokens.count)
      computer.pass([(tokens[start..<end], sequence)]) { _, row in rows.append(row) }
      start = end
      if start == tokens.count { break }
    }
    return rows
  }
}

/// A forward pass with threads and a cache of its own.
final class Computer {
  let pool: WorkerPool
  let cache: KVCache
  private let forward: ForwardPass

  init(
    _ subject: Subject, threads: Int = 2, maxTokens: Int, positions: Int, product: MatrixProduct = .integer,
    kernels: Kernels = .best, kv: KVType? = nil
  ) throws {
    pool = try WorkerPool(threads: threads)
    cache = try KVCache(
      subject.model.configuration, type: kv ?? (product.isReference ? .f32 : .f16), positions: positions)
    forward = try ForwardPass(subject.model, pool: pool, maxTokens: maxTokens, kernels: kernels, product: product)
  }

  /// Computes one pass over pieces of sequences and hands out the logits of each of its rows, as far as they are wanted.
  func pass(
    _ pieces: [(tokens: ArraySlice<Int32>, sequence: KVSequence)], rows wanted: Range<Int>? = nil,
    _ body: (_ row: Int, _ logits: UnsafePointer<Float>) -> Void
  ) {
    CallingThread.mark {
      forward.begin()
      for piece in pieces { precondition(forward.append(piece.tokens, to: piece.sequence)) }
      forward.run()
      let wanted = (wanted ?? 0..<forward.count).clamped(to: 0..<forward.count)
      for first in stride(from: wanted.lowerBound, to: wanted.upperBound, by: ForwardPass.maxLogitRows) {
        forward.logits(rows: first..<min(first + ForwardPass.maxLogitRows, wanted.upperBound)) { row, logits in
          body(row, logits.pointer)
        }
      }
    }
  }
}
