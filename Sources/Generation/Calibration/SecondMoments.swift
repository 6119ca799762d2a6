import Compute
import Transformers

/// The sums of x x^T, or of z x^T, over inputs x of some matrices that read the same ones, and z what they were in the
/// original model: what error compensation works from.
final class SecondMoments {
  let columns: Int
  /// [columns, columns]: sums of blocks of tokens, each block summed in F32.
  let sums: AlignedBuffer<Float>
  private let blas: OpenBLAS
  private let pool: WorkerPool
  private let transposed: (AlignedBuffer<Float>, AlignedBuffer<Float>)
  private let product: AlignedBuffer<Float>

  private static let blockTokens = 256
  private static let rowsPerChunk = 64

  init(columns: Int, blas: OpenBLAS, pool: WorkerPool) throws(SystemError) {
    (self.columns, self.blas, self.pool) = (columns, blas, pool)
    sums = try AlignedBuffer(count: columns * columns)
    product = try AlignedBuffer(count: columns * columns)
    transposed = (
      try AlignedBuffer(count: columns * Self.blockTokens), try AlignedBuffer(count: columns * Self.blockTokens)
    )
  }

  /// Adds the products of rows of `left` and of `right`, both [tokens, columns].
  func add(_ left: View<Float>, _ right: View<Float>) {
    precondition(left.count == right.count)
    let count = left.count / columns
    for first in stride(from: 0, to: count, by: Self.blockTokens) {
      let tokens = min(Self.blockTokens, count - first)
      let (a, b) = (transposed.0.part(0, columns * tokens), transposed.1.part(0, columns * tokens))
      unsafe Self.transpose(left.part(first * columns, tokens * columns).pointer, to: a.pointer, tokens, columns)
      unsafe Self.transpose(right.part(first * columns, tokens * columns).pointer, to: b.pointer, tokens, columns)
      let job = ProductJob(
        left: a, right: b, tokens: tokens, columns: columns, rowsPerChunk: Self.rowsPerChunk, blas: blas,
        product: product.view, sums: sums.view)
      pool.run(job, chunks: (columns + Self.rowsPerChunk - 1) / Self.rowsPerChunk)
    }
  }

  private static func transpose(
    _ source: UnsafeMutablePointer<Float>, to destination: UnsafeMutablePointer<Float>, _ rows: Int, _ columns: Int
  ) {
    for row in 0..<rows {
      for column in 0..<columns {
        unsafe destination[column * rows + row] = source[row * columns + column]
      }
    }
  }

  /// Some rows of the sums a chunk.
  private final class ProductJob: PoolJob {
    let left: View<Float>
    let right: View<Float>
    let tokens: Int
    let columns: Int
    let rowsPerChunk: Int
    let blas: OpenBLAS
    let product: View<Float>
    let sums: View<Float>

    init(
      left: View<Float>, right: View<Float>, tokens: Int, columns: Int, rowsPerChunk: Int, blas: OpenBLAS,
      product: View<Float>,
      sums: View<Float>
    ) {
      (self.left, self.right, self.tokens, self.columns) = (left, right, tokens, columns)
      self.rowsPerChunk = rowsPerChunk
      (self.blas, self.product, self.sums) = (blas, product, sums)
    }

    func perform(chunk: Int, worker: Int) {
      let first = chunk * rowsPerChunk
      let count = min(rowsPerChunk, columns - first)
      let slab = product.part(first * columns, count * columns)
      let into = sums.part(first * columns, count * columns)
      unsafe blas.multiplyTransposed(
        x: left.part(first * tokens, count * tokens).pointer, tokens: count, xStride: tokens,
        weights: right.pointer, rows: columns, columns: tokens, y: slab.pointer, yStride: columns)
      for index in 0..<slab.count { unsafe into.pointer[index] += slab.pointer[index] }
    }
  }
}

/// Keeps the inputs of one pass's matrices.
final class InputRecorder: ActivationObserver {
  /// In the order of the pass; buffers are used again for the next.
  private(set) var records: [(readers: [String], columns: Int, rows: AlignedBuffer<Float>, count: Int)] = []
  private(set) var failure: SystemError?
  private let maxTokens: Int

  init(maxTokens: Int) { self.maxTokens = maxTokens }

  /// Starts a new pass.
  func clear() {
    for index in records.indices { records[index].count = 0 }
  }

  /// Gives the memory back.
  func forget() { records.removeAll() }

  func observe(_ rows: View<Float>, columns: Int, readers: [String]) {
    do throws(SystemError) {
      if !records.contains(where: { $0.readers == readers }) {
        records.append((readers, columns, try AlignedBuffer(count: maxTokens * columns), 0))
      }
    } catch {
      failure = error
      return
    }
    guard let index = records.firstIndex(where: { $0.readers == readers }) else { return }
    rows.copy(to: records[index].rows.part(records[index].count, rows.count))
    records[index].count += rows.count
  }
}
