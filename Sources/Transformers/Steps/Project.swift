import Compute

/// residual += W x, or branch = W x where a norm follows. Some rows of W a chunk.
final class ProjectStep: PoolJob {
  enum Destination { case residual, branch }

  private let state: PassState
  private let input: ActivationRows
  private var linear: Linear
  private var destination = Destination.residual
  private var rowsPerChunk = PassState.rowsPerChunk

  init(_ state: PassState, input: ActivationRows, linear: Linear) {
    self.state = state
    self.input = input
    self.linear = linear
  }

  func run(_ pool: WorkerPool, _ linear: Linear, to destination: Destination) {
    self.linear = linear
    self.destination = destination
    // Small chunks for few tokens: what the last one takes, all other threads wait for.
    rowsPerChunk = state.count <= 8 ? PassState.rowsPerChunk / 2 : PassState.rowsPerChunk
    pool.run(self, chunks: (linear.rows + rowsPerChunk - 1) / rowsPerChunk)
  }

  func perform(chunk: Int, worker: Int) {
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
