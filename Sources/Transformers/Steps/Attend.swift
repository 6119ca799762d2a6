import Compute

/// Attention of one layer over the cache.
///
/// Positions are taken in chunks of 256 at absolute multiples, each from a fresh softmax, and the chunks merge in
/// ascending order. So a token's result does not depend on how its prompt was cut into passes or who computed it.
/// A chunk of the job is one KV head (whose keys and values are read once for all query heads of its group) and a few
/// tokens.
final class AttendStep: PoolJob {
  private let state: PassState
  private let output: ActivationRows
  private var layer = 0
  private var window: Int?
  private static let tokensPerChunk = 8
  private static let positionsPerPart = 256

  init(_ state: PassState, output: ActivationRows) {
    self.state = state
    self.output = output
  }

  /// - Parameter window: a token sees this many positions, itself included; nil for all.
  func run(_ pool: WorkerPool, layer: Int, window: Int?) {
    self.layer = layer
    self.window = window
    let tiles = (state.count + Self.tokensPerChunk - 1) / Self.tokensPerChunk
    pool.run(self, chunks: tiles * state.configuration.kvHeads)
    if !Self.quantizesInChunks(state.configuration) { finishRows() }
  }

  func perform(chunk: Int, worker: Int) {
    let configuration = state.configuration
    let kvHead = chunk % configuration.kvHeads
    let first = chunk / configuration.kvHeads * Self.tokensPerChunk
    let memory = state.scratch(worker: worker)
    let floats = Softmax.floats(heads: configuration.group, dimensions: configuration.headDim)
    let part = Softmax(in: memory.part(0, floats), heads: configuration.group, dimensions: configuration.headDim)
    let whole = Softmax(in: memory.part(floats, floats), heads: configuration.group, dimensions: configuration.headDim)
    for token in first..<min(first + Self.tokensPerChunk, state.count) {
      attend(token: token, kvHead: kvHead, part: part, whole: whole)
      write(whole, token: token, kvHead: kvHead)
    }
  }

  private func attend(token: Int, kvHead: Int, part: Softmax, whole: Softmax) {
    let group = state.configuration.group
    let position = Int(state.positions.view[token])
    let first = window.map { max(0, position - $0 + 1) } ?? 0
    let sequence = state.sequences[token]
    let queries = state.queryHead(token, head: kvHead * group, count: group)
    whole.reset()
    var start = first
    while start <= position {
      let end = min((start / Self.positionsPerPart + 1) * Self.positionsPerPart, position + 1)
      part.reset()
      while start < end {
        let slot = start % Kernels.kvBlock
        let block = sequence.blocks[start / Kernels.kvBlock]
        let slots = slot..<min(Kernels.kvBlock, slot + end - start)
        unsafe state.kernels.attend(
          queries: queries, heads: group, type: sequence.cache.type,
          keys: sequence.cache.keys(block: block, layer: layer, kvHead: kvHead),
          values: sequence.cache.values(block: block, layer: layer, kvHead: kvHead), slots: slots, into: part)
        start += slots.count
      }
      for head in 0..<group { state.kernels.merge(part, into: whole, head: head) }
    }
  }

  private func write(_ softmax: Softmax, token: Int, kvHead: Int) {
    let configuration = state.configuration
    let width = configuration.group * configuration.headDim
    let row = output.floatRow(token).part(kvHead * width, width)
    for head in 0..<configuration.group {
      let values = softmax.output.part(head * configuration.headDim, configuration.headDim)
      state.kernels.scale(values, by: 1 / softmax.sum[head])
      values.copy(to: row.part(head * configuration.headDim, configuration.headDim))
    }
    if Self.quantizesInChunks(configuration) {
      output.finish(token: token, start: kvHead * width, count: width, state.kernels)
    }
  }

  /// Whether the heads of one KV head fill whole blocks of activations.
  private static func quantizesInChunks(_ configuration: ModelConfiguration) -> Bool {
    (configuration.group * configuration.headDim).isMultiple(of: Kernels.block)
  }

  private func finishRows() {
    for token in 0..<state.count {
      output.finish(token: token, start: 0, count: output.columns, state.kernels)
    }
  }
}
