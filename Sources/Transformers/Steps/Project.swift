import Compute

/// residual += W x, or branch = W x where a norm follows. Some rows of W a chunk.
@safe final class ProjectStep: PoolJob {
  enum Destination { case residual, branch }

  private let state: PassState
  private let input: ActivationRows
  /// The model's, which outlives the step.
  private var linear: Unmanaged<Linear>
  private var destination = Destination.residual
  private var rowsPerChunk = PassState.rowsPerChunk

  init(_ state: PassState, input: ActivationRows, linear: Linear) {
    self.state = state
    self.input = input
    unsafe self.linear = .passUnretained(linear)
  }

  func run(_ pool: WorkerPool, _ linear: Linear, to destination: Destination) {
    unsafe self.linear = .passUnretained(linear)
    self.destination = destination
    // Small chunks for few tokens: what the last one takes, all other threads wait for.
    rowsPerChunk = state.count <= 8 ? PassState.rowsPerChunk / 2 : PassState.rowsPerChunk
    pool.run(self, chunks: (linear.rows + rowsPerChunk - 1) / rowsPerChunk)
  }

  func perform(chunk: Int, worker: Int) {
    unsafe linear._withUnsafeGuaranteedRef { perform($0, chunk: chunk, worker: worker) }
  }

  private func perform(_ linear: Linear, chunk: Int, worker: Int) {
    let stride = rowsPerChunk
    let first = chunk * stride
    let rows = first..<min(first + stride, linear.rows)
    let y = state.scratch(worker: worker)
    state.multiply(linear, rows: rows, by: input, tokens: state.count, to: y, stride: stride, worker: worker)
    for token in 0..<state.count {
      let part = y.part(token * stride, rows.count)
      switch destination {
      case .residual: state.kernels.add(part, to: state.residualRow(token).part(first, rows.count))
      case .branch: part.copy(to: state.branchRow(token).part(first, rows.count))
      }
    }
  }
}
