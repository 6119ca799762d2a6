import Compute

/// Root-mean-square norm of the residual stream, in the form that the next matrices read. One token a chunk.
final class NormalizeStep: PoolJob {
  private let state: PassState
  private var weight: View<Float>
  private let output: ActivationRows

  init(_ state: PassState, output: ActivationRows, weight: AlignedBuffer<Float>) {
    self.state = state
    self.output = output
    self.weight = weight.view
  }

  func run(_ pool: WorkerPool, weight: AlignedBuffer<Float>) {
    self.weight = weight.view
    pool.run(self, chunks: state.count)
  }

  func perform(chunk token: Int, worker: Int) {
    let (epsilon, hidden) = (state.configuration.normEpsilon, state.configuration.hidden)
    state.kernels.rmsNorm(state.residualRow(token), weight: weight, epsilon: epsilon, to: output.floatRow(token))
    output.finish(token: token, start: 0, count: hidden, state.kernels)
  }
}

/// residual += norm(branch): the norm that Gemma puts behind a layer's output, before it joins the residual stream.
final class NormalizeBranchStep: PoolJob {
  private let state: PassState
  private var weight: View<Float>

  init(_ state: PassState, weight: AlignedBuffer<Float>) {
    self.state = state
    self.weight = weight.view
  }

  func run(_ pool: WorkerPool, weight: AlignedBuffer<Float>) {
    self.weight = weight.view
    pool.run(self, chunks: state.count)
  }

  func perform(chunk token: Int, worker: Int) {
    let branch = state.branchRow(token)
    state.kernels.rmsNorm(branch, weight: weight, epsilon: state.configuration.normEpsilon, to: branch)
    state.kernels.add(branch, to: state.residualRow(token))
  }
}
