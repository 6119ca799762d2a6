import Compute

/// The matrices and norms in front of a layer's attention.
final class AttentionWeights: Sendable {
  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  /// Norms of single heads, before rope, where the family has them: [headDim].
  let queryNorm: AlignedBuffer<Float>?
  let keyNorm: AlignedBuffer<Float>?

  init(
    query: Linear, key: Linear, value: Linear, output: Linear, queryNorm: AlignedBuffer<Float>?,
    keyNorm: AlignedBuffer<Float>?
  ) {
    (self.query, self.key, self.value, self.output) = (query, key, value, output)
    (self.queryNorm, self.keyNorm) = (queryNorm, keyNorm)
  }
}

/// Queries, keys and values: matrix products, head norms and rope, keys and values straight into the cache.
///
/// A chunk is one head, so that whatever a head needs is in one place: first the KV heads (key and value together), then
/// the query heads.
@safe final class AttentionInputStep: PoolJob {
  private let state: PassState
  private let input: ActivationRows
  /// The model's and the pass's, which outlive the step.
  private var weights: Unmanaged<AttentionWeights>
  private var rope: Unmanaged<RopeTable>
  private var layer = 0
  private var queryScale: Float = 1

  init(_ state: PassState, input: ActivationRows, weights: AttentionWeights, rope: RopeTable) {
    self.state = state
    self.input = input
    unsafe self.weights = .passUnretained(weights)
    unsafe self.rope = .passUnretained(rope)
  }

  func run(_ pool: WorkerPool, _ weights: AttentionWeights, layer: Int, rope: RopeTable, queryScale: Float) {
    unsafe self.weights = .passUnretained(weights)
    self.layer = layer
    unsafe self.rope = .passUnretained(rope)
    self.queryScale = queryScale
    pool.run(self, chunks: state.configuration.kvHeads + state.configuration.heads)
  }

  func perform(chunk: Int, worker: Int) {
    unsafe weights._withUnsafeGuaranteedRef { weights in
      unsafe rope._withUnsafeGuaranteedRef { perform(weights, $0, chunk: chunk, worker: worker) }
    }
  }

  private func perform(_ weights: AttentionWeights, _ rope: RopeTable, chunk: Int, worker: Int) {
    let kvHeads = state.configuration.kvHeads
    if chunk < kvHeads {
      keyAndValue(weights, rope, kvHead: chunk, worker: worker)
    } else {
      query(weights, rope, head: chunk - kvHeads, worker: worker)
    }
  }

  private func query(_ weights: AttentionWeights, _ rope: RopeTable, head: Int, worker: Int) {
    let dimensions = state.configuration.headDim
    let stride = state.configuration.heads * dimensions
    let start = head * dimensions
    // Heads lie side by side, so the product can go straight to its place.
    let y = state.queries.part(start, (state.count - 1) * stride + dimensions)
    multiply(weights.query, head: head, to: y, stride: stride, worker: worker)
    for token in 0..<state.count {
      let query = y.part(token * stride, dimensions)
      finish(query, norm: weights.queryNorm, rope, token: token)
      state.kernels.scale(query, by: queryScale)
      if state.places.type == .q8 { state.kernels.quantize(query, to: state.queryBlocks(token, head: head)) }
    }
  }

  private func keyAndValue(_ weights: AttentionWeights, _ rope: RopeTable, kvHead: Int, worker: Int) {
    let dimensions = state.configuration.headDim
    let scratch = state.scratch(worker: worker)
    let keys = scratch.part(0, state.count * dimensions)
    let values = scratch.part(state.count * dimensions, state.count * dimensions)
    multiply(weights.key, head: kvHead, to: keys, stride: dimensions, worker: worker)
    multiply(weights.value, head: kvHead, to: values, stride: dimensions, worker: worker)
    for token in 0..<state.count {
      let key = keys.part(token * dimensions, dimensions)
      finish(key, norm: weights.keyNorm, rope, token: token)
      let position = Int(state.positions.view[token])
      let block = unsafe state.places.keys(row: token, position: position, layer: layer, kvHead: kvHead)
      unsafe state.kernels.store(
        key: key, value: values.part(token * dimensions, dimensions), type: state.places.type,
        slot: position % Kernels.kvBlock, keys: block, values: block + state.places.valueOffset)
    }
  }

  private func multiply(_ linear: Linear, head: Int, to y: View<Float>, stride: Int, worker: Int) {
    let dimensions = state.configuration.headDim
    let start = head * dimensions
    state.multiply(
      linear, rows: start..<start + dimensions, by: input, tokens: state.count, to: y, stride: stride, worker: worker)
  }

  private func finish(_ head: View<Float>, norm: AlignedBuffer<Float>?, _ rope: RopeTable, token: Int) {
    if let norm {
      state.kernels.rmsNorm(head, weight: norm.view, epsilon: state.configuration.normEpsilon, to: head)
    }
    rope.rotate(head, token: token, state.kernels)
  }
}
