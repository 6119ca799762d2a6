import Compute
import Transformers

/// The sums of x x^T, or of z x^T, over inputs x of some matrices that read the same ones, and z what they were in the
/// original model: what error compensation works from.
final class SecondMoments {
  let columns: Int
  /// [columns, columns]
  let sums: AlignedBuffer<Float>
  private let blas: OpenBLAS
  private let pool: WorkerPool

  private static let rowsPerChunk = 64

  init(columns: Int, blas: OpenBLAS, pool: WorkerPool) throws(SystemError) {
    (self.columns, self.blas, self.pool) = (columns, blas, pool)
    sums = try AlignedBuffer(count: columns * columns)
  }

  /// Adds the products of rows of `left` and of `right`, both [tokens, columns].
  func add(_ left: View<Float>, _ right: View<Float>) {
    precondition(left.count == right.count && left.count.isMultiple(of: columns))
    let job = ProductJob(left: left, right: right, columns: columns, blas: blas, sums: sums.view)
    pool.run(job, chunks: (columns + Self.rowsPerChunk - 1) / Self.rowsPerChunk)
  }

  /// Some rows of the sums a chunk.
  private final class ProductJob: PoolJob {
    let left: View<Float>
    let right: View<Float>
    let columns: Int
    let blas: OpenBLAS
    let sums: View<Float>

    init(left: View<Float>, right: View<Float>, columns: Int, blas: OpenBLAS, sums: View<Float>) {
      (self.left, self.right, self.columns, self.blas, self.sums) = (left, right, columns, blas, sums)
    }

    func perform(chunk: Int, worker: Int) {
      let first = chunk * rowsPerChunk
      unsafe blas.addProducts(
        left: left.pointer, right: right.pointer, tokens: left.count / columns, columns: columns,
        rows: first..<min(first + rowsPerChunk, columns), to: sums.pointer)
    }
  }
}

/// Keeps the inputs of one pass's matrices.
final class InputRecorder: ActivationObserver {
  /// In the order of the pass; buffers are used again for the next.
  private(set) var records: [(readers: [String], columns: Int, rows: AlignedBuffer<Float>, count: Int)] = []
  private(set) var failure: SystemError?
  private let maxTokens: Int
  private let pass: ForwardPass
  /// The matrices whose inputs alone are wanted: with them a layer ends. Nil for all.
  var wanted: [String]?

  init(_ pass: ForwardPass, maxTokens: Int) { (self.pass, self.maxTokens) = (pass, maxTokens) }

  /// Starts a new pass.
  func clear() {
    for index in records.indices { records[index].count = 0 }
  }

  /// Gives the memory back.
  func forget() { records.removeAll() }

  func observe(_ rows: View<Float>, columns: Int, readers: [String]) {
    if let wanted {
      guard wanted == readers else { return }
      pass.cutLayer()
    }
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
