import Compute

/// The matrices of a gated feed-forward layer: down(activation(gate x) * (up x)).
final class FeedForwardWeights: Sendable {
  let gate: Linear
  let up: Linear
  let down: Linear

  init(gate: Linear, up: Linear, down: Linear) {
    (self.gate, self.up, self.down) = (gate, up, down)
  }
}

/// activation(gate x) * (up x), in the form that `down` reads. The same rows of both matrices a chunk.
///
/// Its weights are the model's, which outlives the step: counting references to them in every chunk would pass the counter's
/// cache line from core to core.
@safe final class FeedForwardStep: PoolJob {
  private let state: PassState
  private let input: ActivationRows
  private let output: ActivationRows
  private var weights: Unmanaged<FeedForwardWeights>
  private var activation = Activation.silu

  init(_ state: PassState, input: ActivationRows, output: ActivationRows, weights: FeedForwardWeights) {
    self.state = state
    self.input = input
    self.output = output
    unsafe self.weights = .passUnretained(weights)
  }

  func run(_ pool: WorkerPool, _ weights: FeedForwardWeights, activation: Activation) {
    unsafe self.weights = .passUnretained(weights)
    self.activation = activation
    pool.run(self, chunks: (weights.gate.rows + PassState.rowsPerChunk - 1) / PassState.rowsPerChunk)
  }

  func perform(chunk: Int, worker: Int) {
    unsafe weights._withUnsafeGuaranteedRef { perform($0, chunk: chunk, worker: worker) }
  }

  private func perform(_ weights: FeedForwardWeights, chunk: Int, worker: Int) {
    let stride = PassState.rowsPerChunk
    let first = chunk * stride
    let rows = first..<min(first + stride, weights.gate.rows)
    let scratch = state.scratch(worker: worker)
    let gate = scratch.part(0, state.count * stride)
    let up = scratch.part(state.count * stride, state.count * stride)
    state.multiply(weights.gate, rows: rows, by: input, tokens: state.count, to: gate, stride: stride, worker: worker)
    state.multiply(weights.up, rows: rows, by: input, tokens: state.count, to: up, stride: stride, worker: worker)
    for token in 0..<state.count {
      let part = gate.part(token * stride, rows.count)
      state.kernels.activate(activation, gate: part, up: up.part(token * stride, rows.count))
      output.put(part, token: token, start: first, state.kernels)
    }
  }
}
