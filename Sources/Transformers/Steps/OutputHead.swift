import Compute

/// Final norm and vocabulary projection for a few tokens of a pass.
///
/// Logits are made in slices of at most 16 tokens: a large vocabulary for a whole batch never exists.
final class OutputHeadStep: PoolJob {
  static let maxTokens = 16
  /// Rows of the vocabulary a chunk computes.
  static let rowsPerChunk = 128

  private let state: PassState
  private let norm: AlignedBuffer<Float>
  private let linear: Linear
  private let input: ActivationRows
  /// [maxTokens, stride]
  private let logits: AlignedBuffer<Float>
  private let stride: Int
  private var count = 0

  init(_ state: PassState, norm: AlignedBuffer<Float>, linear: Linear) throws(SystemError) {
    self.state = state
    self.norm = norm
    self.linear = linear
    stride = (linear.rows + Linear.groupRows - 1) / Linear.groupRows * Linear.groupRows
    input = try ActivationRows(
      tokens: Self.maxTokens, columns: linear.columns, readers: [linear], product: state.product)
    logits = try AlignedBuffer(count: Self.maxTokens * stride)
  }

  /// Logits [rows.count, vocab] of the given rows of the pass; they stay until the next call.
  func run(_ pool: WorkerPool, rows: Range<Int>, observer: (any ActivationObserver)? = nil) {
    prepare(rows)
    observer?.observe(input.floatRows(count), columns: linear.columns, readers: [linear.name])
    pool.run(self, chunks: (linear.rows + Self.rowsPerChunk - 1) / Self.rowsPerChunk)
  }

  /// Shows the inputs of the head without computing it.
  func show(rows: Range<Int>, to observer: any ActivationObserver) {
    prepare(rows)
    observer.observe(input.floatRows(count), columns: linear.columns, readers: [linear.name])
  }

  private func prepare(_ rows: Range<Int>) {
    precondition(rows.count <= Self.maxTokens && rows.upperBound <= state.count)
    count = rows.count
    for (index, token) in rows.enumerated() {
      state.kernels.rmsNorm(
        state.residualRow(token), weight: norm.view, epsilon: state.configuration.normEpsilon,
        to: input.floatRow(index))
      input.finish(token: index, start: 0, count: linear.columns, state.kernels)
    }
  }

  func row(_ index: Int) -> View<Float> { logits.part(index * stride, linear.rows) }

  func perform(chunk: Int, worker: Int) {
    let first = chunk * Self.rowsPerChunk
    let rows = first..<min(first + Self.rowsPerChunk, linear.rows)
    let y = logits.part(first, logits.count - first)
    state.multiply(linear, rows: rows, by: input, tokens: count, to: y, stride: stride, worker: worker)
  }
}
