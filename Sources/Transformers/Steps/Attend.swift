import Compute
import Synchronization

/// Attention of one layer over the cache.
///
/// Positions are taken in parts of 128 at absolute multiples, each from a fresh softmax, and the parts merge in ascending
/// order. So a token's result does not depend on how its prompt was cut into passes or who computed it.
///
/// Many rows: a chunk is one KV head (whose keys and values are read once for all query heads of its group) and a tile of
/// rows, which take turns at each block of 64 positions while it is in the cache. Few rows: a chunk is one part of one row
/// and KV head, so that one long sequence keeps all threads busy; who finishes the last part of a row merges them.
@safe final class AttendStep: PoolJob {
  private let state: PassState
  private let output: ActivationRows
  private var layer = 0
  private var window: Int?

  private static let rowsPerTile = 8
  private static let positionsPerPart = 128
  /// Passes of at most so many rows are cut into parts.
  private static let mostSplitRows = 8

  private var isSplit = false
  /// For each row of a split pass, the parts of all rows before it.
  private let partStarts: AlignedBuffer<Int>
  /// The softmax of each part and KV head.
  private let partials: GrowingBuffer<Float>
  /// For each row and KV head, parts that are not finished.
  private let unfinished: UnsafeMutablePointer<Atomic<Int>>
  private let counters: Int

  init(_ state: PassState, output: ActivationRows) throws(SystemError) {
    self.state = state
    self.output = output
    partStarts = try AlignedBuffer(count: Self.mostSplitRows + 1)
    let configuration = state.configuration
    let floats = Softmax.floats(heads: configuration.heads, dimensions: configuration.headDim)
    partials = GrowingBuffer(count: floats * 32)
    counters = Self.mostSplitRows * configuration.kvHeads
    unsafe unfinished = .allocate(capacity: counters)
    for index in 0..<counters { unsafe (unfinished + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe unfinished.deinitialize(count: counters)
    unsafe unfinished.deallocate()
  }

  /// Scratch of one worker: two softmaxes for each row of a tile.
  static func scratchFloats(_ configuration: ModelConfiguration) -> Int {
    2 * rowsPerTile * Softmax.floats(heads: configuration.group, dimensions: configuration.headDim)
  }

  /// - Parameter window: a token sees this many positions, itself included; nil for all.
  func run(_ pool: WorkerPool, layer: Int, window: Int?) {
    self.layer = layer
    self.window = window
    let kvHeads = state.configuration.kvHeads
    isSplit = state.count <= Self.mostSplitRows && prepareParts() * kvHeads <= WorkerPool.maxChunks
    if isSplit {
      pool.run(self, chunks: partStarts.view[state.count] * kvHeads)
    } else {
      pool.run(self, chunks: (state.count + Self.rowsPerTile - 1) / Self.rowsPerTile * kvHeads)
    }
    if !Self.quantizesInChunks(state.configuration) { finishRows() }
  }

  func perform(chunk: Int, worker: Int) {
    let kvHeads = state.configuration.kvHeads
    if isSplit {
      attendPart(chunk / kvHeads, kvHead: chunk % kvHeads, worker: worker)
    } else {
      let first = chunk / kvHeads * Self.rowsPerTile
      attendTile(first..<min(first + Self.rowsPerTile, state.count), kvHead: chunk % kvHeads, worker: worker)
    }
  }

  // MARK: What a row sees

  /// The positions that a row sees.
  private func positions(_ row: Int) -> Range<Int> {
    let position = Int(state.positions.view[row])
    return (window.map { max(0, position - $0 + 1) } ?? 0)..<position + 1
  }

  private static func parts(_ positions: Range<Int>) -> Range<Int> {
    positions.lowerBound / positionsPerPart..<(positions.upperBound - 1) / positionsPerPart + 1
  }

  /// Folds those of a row's positions that are in block `block` of 64 into a softmax.
  private func fold(_ row: Int, _ positions: Range<Int>, block: Int, kvHead: Int, into softmax: Softmax) {
    let start = block * Kernels.kvBlock
    guard start < positions.upperBound, start + Kernels.kvBlock > positions.lowerBound else { return }
    let slots = max(positions.lowerBound - start, 0)..<min(positions.upperBound - start, Kernels.kvBlock)
    let group = state.configuration.group
    let keys = unsafe state.places.keys(row: row, position: start, layer: layer, kvHead: kvHead)
    let following = start + Kernels.kvBlock
    let next =
      following < positions.upperBound
      ? unsafe UnsafeRawPointer(state.places.keys(row: row, position: following, layer: layer, kvHead: kvHead)) : nil
    if state.places.type == .q8 {
      unsafe state.kernels.attend(
        queries: state.queryBlocks(row, head: kvHead * group, count: group), heads: group, keys: keys,
        values: keys + state.places.valueOffset, slots: slots, next: next, into: softmax)
    } else {
      unsafe state.kernels.attend(
        queries: state.queryHead(row, head: kvHead * group, count: group), heads: group, type: state.places.type,
        keys: keys, values: keys + state.places.valueOffset, slots: slots, next: next, into: softmax)
    }
  }

  private func softmax(in memory: View<Float>, _ index: Int) -> Softmax {
    let configuration = state.configuration
    let floats = Softmax.floats(heads: configuration.group, dimensions: configuration.headDim)
    return Softmax(
      in: memory.part(index * floats, floats), heads: configuration.group, dimensions: configuration.headDim)
  }

  private func merge(_ part: Softmax, into whole: Softmax) {
    for head in 0..<state.configuration.group { state.kernels.merge(part, into: whole, head: head) }
  }

  // MARK: Many rows

  private func attendTile(_ rows: Range<Int>, kvHead: Int, worker: Int) {
    let memory = state.scratch(worker: worker)
    var (first, end) = (Int.max, 0)
    for row in rows {
      softmax(in: memory, 2 * (row - rows.lowerBound)).reset()
      let parts = Self.parts(positions(row))
      (first, end) = (min(first, parts.lowerBound), max(end, parts.upperBound))
    }
    let blocks = Self.positionsPerPart / Kernels.kvBlock
    for part in first..<end {
      for row in rows { softmax(in: memory, 2 * (row - rows.lowerBound) + 1).reset() }
      for block in part * blocks..<(part + 1) * blocks {
        for row in rows {
          fold(
            row, positions(row), block: block, kvHead: kvHead,
            into: softmax(in: memory, 2 * (row - rows.lowerBound) + 1))
        }
      }
      for row in rows where Self.parts(positions(row)).contains(part) {
        let index = 2 * (row - rows.lowerBound)
        merge(softmax(in: memory, index + 1), into: softmax(in: memory, index))
      }
    }
    for row in rows { write(softmax(in: memory, 2 * (row - rows.lowerBound)), row: row, kvHead: kvHead) }
  }

  // MARK: Few rows

  /// Lays out the parts of a pass of few rows.
  /// - Returns: how many there are.
  private func prepareParts() -> Int {
    let kvHeads = state.configuration.kvHeads
    var count = 0
    for row in 0..<state.count {
      partStarts.view[row] = count
      let parts = Self.parts(positions(row)).count
      for kvHead in 0..<kvHeads {
        unsafe unfinished[row * kvHeads + kvHead].store(parts, ordering: .relaxed)
      }
      count += parts
    }
    partStarts.view[state.count] = count
    partials.reserve(
      count * kvHeads
        * Softmax.floats(heads: state.configuration.group, dimensions: state.configuration.headDim))
    return count
  }

  private func attendPart(_ index: Int, kvHead: Int, worker: Int) {
    let kvHeads = state.configuration.kvHeads
    var row = 0
    while partStarts.view[row + 1] <= index { row += 1 }
    let positions = positions(row)
    let parts = Self.parts(positions)
    let number = index - partStarts.view[row]
    let blocks = Self.positionsPerPart / Kernels.kvBlock
    let part = softmax(in: partials.view, index * kvHeads + kvHead)
    part.reset()
    for block in (parts.lowerBound + number) * blocks..<(parts.lowerBound + number + 1) * blocks {
      fold(row, positions, block: block, kvHead: kvHead, into: part)
    }
    let left = unsafe unfinished[row * kvHeads + kvHead].subtract(1, ordering: .acquiringAndReleasing).newValue
    guard left == 0 else { return }
    let whole = softmax(in: state.scratch(worker: worker), 0)
    whole.reset()
    for other in partStarts.view[row]..<partStarts.view[row + 1] {
      merge(softmax(in: partials.view, other * kvHeads + kvHead), into: whole)
    }
    write(whole, row: row, kvHead: kvHead)
  }

  // MARK: Output

  private func write(_ softmax: Softmax, row: Int, kvHead: Int) {
    let configuration = state.configuration
    let width = configuration.group * configuration.headDim
    let floats = output.floatRow(row).part(kvHead * width, width)
    for head in 0..<configuration.group {
      let values = softmax.output.part(head * configuration.headDim, configuration.headDim)
      state.kernels.scale(values, by: 1 / softmax.sum[head])
      values.copy(to: floats.part(head * configuration.headDim, configuration.headDim))
    }
    if Self.quantizesInChunks(configuration) {
      output.finish(token: row, start: kvHead * width, count: width, state.kernels)
    }
  }

  /// Whether the heads of one KV head fill whole blocks of activations.
  private static func quantizesInChunks(_ configuration: ModelConfiguration) -> Bool {
    (configuration.group * configuration.headDim).isMultiple(of: Kernels.block)
  }

  private func finishRows() {
    for row in 0..<state.count {
      output.finish(token: row, start: 0, count: output.columns, state.kernels)
    }
  }
}
