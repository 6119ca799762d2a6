import Compute
import Synchronization

/// Attention of one layer over the cache.
///
/// Positions are taken in parts of 128 at absolute multiples, each from a fresh softmax, and the parts merge in ascending
/// order. So a token's result does not depend on how its prompt was cut into passes or who computed it.
///
/// Many rows: a chunk is one KV head (whose keys and values are read once for all query heads of its group) and a tile of
/// rows, which take turns at each block of 64 positions while it is in the cache. Few rows, or rows of many sequences, which
/// have nothing to share: a chunk is one part of one row and KV head, so that one long sequence keeps all threads busy; who
/// finishes the last part of a row merges them.
@safe final class AttendStep: PoolJob {
  private let state: PassState
  private let output: ActivationRows
  private var layer = 0
  private var window: Int?

  private static let rowsPerTile = 8
  private static let positionsPerPart = 128
  /// Passes of so few rows are cut into parts in any case, and of so many at most.
  private static let fewRows = 8
  private static let mostSplitRows = 64

  private var isSplit = false
  /// For each row of a split pass, the parts of all rows before it.
  private let partStarts: AlignedBuffer<Int>
  /// The softmax of each part and KV head.
  private let partials: GrowingBuffer<Float>
  /// What `partials` holds, as it lies since `prepareParts`.
  private var partialFloats: View<Float>
  /// For each worker, what the rows of a tile see of a block.
  private let slots: AlignedBuffer<Slots>
  /// For each row and KV head, parts that are not finished.
  private let unfinished: UnsafeMutablePointer<Atomic<Int>>
  private let counters: Int

  init(_ state: PassState, output: ActivationRows) throws(SystemError) {
    self.state = state
    self.output = output
    partStarts = try AlignedBuffer(count: Self.mostSplitRows + 1)
    slots = try AlignedBuffer(count: state.workers * Self.rowsPerTile)
    let configuration = state.configuration
    let floats = Softmax.floats(heads: configuration.heads, dimensions: configuration.headDim)
    partials = GrowingBuffer(count: floats * 32)
    partialFloats = partials.view
    counters = Self.mostSplitRows * configuration.kvHeads
    unsafe unfinished = .allocate(capacity: counters)
    for index in 0..<counters { unsafe (unfinished + index).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe unfinished.deinitialize(count: counters)
    unsafe unfinished.deallocate()
  }

  /// Scratch of one worker: queries of a tile, and two softmaxes of its rows.
  static func scratchFloats(_ configuration: ModelConfiguration) -> Int {
    let heads = rowsPerTile * configuration.group
    return queryFloats(heads, configuration) + 2 * Softmax.floats(heads: heads, dimensions: configuration.headDim)
  }

  /// Floats that the queries of some heads take, as floats or in 8 bits.
  private static func queryFloats(_ heads: Int, _ configuration: ModelConfiguration) -> Int {
    heads * (configuration.headDim + Kernels.block - 1) / Kernels.block * Kernels.block
  }

  /// - Parameter window: a token sees this many positions, itself included; nil for all.
  func run(_ pool: WorkerPool, layer: Int, window: Int?) {
    self.layer = layer
    self.window = window
    let kvHeads = state.configuration.kvHeads
    let isFit = state.count <= Self.fewRows || state.count < 4 * state.places.runs
    isSplit = isFit && state.count <= Self.mostSplitRows && prepareParts() * kvHeads <= WorkerPool.maxChunks
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

  /// What a row sees of block `block` of 64 positions; nil for nothing.
  private func slots(_ row: Int, block: Int) -> Slots? {
    let start = block * Kernels.kvBlock
    let positions = positions(row)
    guard start < positions.upperBound, start + Kernels.kvBlock > positions.lowerBound else { return nil }
    return Slots(max(positions.lowerBound - start, 0)..<min(positions.upperBound - start, Kernels.kvBlock))
  }

  /// Folds a block into the softmaxes of the first of some rows and of those behind it that share the block with it.
  /// - Parameters:
  ///   - queries: of this KV head, from row `tile` on, in the form that the cache's type asks for.
  ///   - next: keys that this thread will read next.
  ///   - softmax: likewise from row `tile` on.
  /// - Returns: the row behind those.
  private func fold(
    _ rows: Range<Int>, block: Int, kvHead: Int, worker: Int, queries: UnsafeMutableRawPointer,
    next: UnsafeRawPointer?, into softmax: Softmax, tile: Int
  ) -> Int {
    let seen = self.slots.part(worker * Self.rowsPerTile, Self.rowsPerTile)
    let start = block * Kernels.kvBlock
    let row = rows.lowerBound
    guard let own = slots(row, block: block) else { return row + 1 }
    let keys = unsafe state.places.keys(row: row, position: start, layer: layer, kvHead: kvHead)
    seen[0] = own
    var count = 1
    while row + count < rows.upperBound, let others = slots(row + count, block: block),
      unsafe state.places.keys(row: row + count, position: start, layer: layer, kvHead: kvHead) == keys
    {
      seen[count] = others
      count += 1
    }
    let (group, dimensions) = (state.configuration.group, state.configuration.headDim)
    let (first, heads) = ((row - tile) * group, count * group)
    let part = softmax.part(first, heads)
    if state.places.type == .q8 {
      let blocks = dimensions / Kernels.block
      let all = unsafe queries.assumingMemoryBound(to: Activations.self)
      unsafe state.kernels.attend(
        queries: View(all + first * blocks, count: heads * blocks), keys: keys, values: keys + state.places.valueOffset,
        slots: seen.part(0, count), next: next, into: part)
    } else {
      let all = unsafe queries.assumingMemoryBound(to: Float.self)
      unsafe state.kernels.attend(
        queries: View(all + first * dimensions, count: heads * dimensions), type: state.places.type, keys: keys,
        values: keys + state.places.valueOffset, slots: seen.part(0, count), next: next, into: part)
    }
    return row + count
  }

  /// Keys of a block of a row, if the row sees so far.
  private func keys(_ row: Int, block: Int, kvHead: Int) -> UnsafeRawPointer? {
    let start = block * Kernels.kvBlock
    guard start < positions(row).upperBound else { return nil }
    return unsafe UnsafeRawPointer(state.places.keys(row: row, position: start, layer: layer, kvHead: kvHead))
  }

  // MARK: Many rows

  private func attendTile(_ rows: Range<Int>, kvHead: Int, worker: Int) {
    let configuration = state.configuration
    let (group, heads) = (configuration.group, rows.count * configuration.group)
    let memory = state.scratch(worker: worker)
    let queryFloats = Self.queryFloats(heads, configuration)
    let floats = Softmax.floats(heads: heads, dimensions: configuration.headDim)
    let whole = Softmax(in: memory.part(queryFloats, floats), heads: heads, dimensions: configuration.headDim)
    let part = Softmax(in: memory.part(queryFloats + floats, floats), heads: heads, dimensions: configuration.headDim)
    let queries = unsafe UnsafeMutableRawPointer(memory.pointer)
    unsafe gatherQueries(rows, kvHead: kvHead, into: queries)
    whole.reset()
    var (first, end) = (Int.max, 0)
    for row in rows {
      let parts = Self.parts(positions(row))
      (first, end) = (min(first, parts.lowerBound), max(end, parts.upperBound))
    }
    let blocks = Self.positionsPerPart / Kernels.kvBlock
    for index in first..<end {
      part.reset()
      for block in index * blocks..<(index + 1) * blocks {
        var row = rows.lowerBound
        while row < rows.upperBound {
          let next = unsafe keys(row, block: block + 1, kvHead: kvHead)
          row = unsafe fold(
            row..<rows.upperBound, block: block, kvHead: kvHead, worker: worker, queries: queries, next: next,
            into: part, tile: rows.lowerBound)
        }
      }
      for row in rows where Self.parts(positions(row)).contains(index) {
        let head = (row - rows.lowerBound) * group
        state.kernels.merge(part.part(head, group), into: whole.part(head, group))
      }
    }
    for row in rows { write(whole.part((row - rows.lowerBound) * group, group), row: row, kvHead: kvHead) }
  }

  /// The queries of some rows for one KV head, one after another.
  private func gatherQueries(_ rows: Range<Int>, kvHead: Int, into memory: UnsafeMutableRawPointer) {
    let group = state.configuration.group
    var place = unsafe memory
    for row in rows {
      let source: UnsafeRawPointer
      let bytes: Int
      if state.places.type == .q8 {
        let blocks = state.queryBlocks(row, head: kvHead * group, count: group)
        unsafe source = UnsafeRawPointer(blocks.pointer)
        bytes = blocks.count * MemoryLayout<Activations>.stride
      } else {
        let floats = state.queryHead(row, head: kvHead * group, count: group)
        unsafe source = UnsafeRawPointer(floats.pointer)
        bytes = floats.count * MemoryLayout<Float>.stride
      }
      unsafe place.copyMemory(from: source, byteCount: bytes)
      unsafe place += bytes
    }
  }

  // MARK: Few rows

  private func softmax(in memory: View<Float>, _ index: Int) -> Softmax {
    let configuration = state.configuration
    let floats = Softmax.floats(heads: configuration.group, dimensions: configuration.headDim)
    return Softmax(
      in: memory.part(index * floats, floats), heads: configuration.group, dimensions: configuration.headDim)
  }

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
    partialFloats = partials.view
    return count
  }

  private func attendPart(_ index: Int, kvHead: Int, worker: Int) {
    let kvHeads = state.configuration.kvHeads
    var row = 0
    while partStarts.view[row + 1] <= index { row += 1 }
    let group = state.configuration.group
    let seen = positions(row)
    let start = (Self.parts(seen).lowerBound + index - partStarts.view[row]) * Self.positionsPerPart
    let end = start + Self.positionsPerPart
    let queries =
      state.places.type == .q8
      ? unsafe UnsafeRawPointer(state.queryBlocks(row, head: kvHead * group, count: group).pointer)
      : unsafe UnsafeRawPointer(state.queryHead(row, head: kvHead * group, count: group).pointer)
    // Chunks of one part follow each other, so the keys behind these are those of the next KV head.
    let isLast = kvHead + 1 == kvHeads
    let next = unsafe keys(row, block: (isLast ? end : start) / Kernels.kvBlock, kvHead: isLast ? 0 : kvHead + 1)
    unsafe state.kernels.attend(
      queries: queries, type: state.places.type, places: state.places.blocks(row: row, layer: layer, kvHead: kvHead),
      positions: max(seen.lowerBound, start)..<min(seen.upperBound, end), next: next,
      into: softmax(in: partialFloats, index * kvHeads + kvHead))
    let left = unsafe unfinished[row * kvHeads + kvHead].subtract(1, ordering: .acquiringAndReleasing).newValue
    guard left == 0 else { return }
    let whole = softmax(in: state.scratch(worker: worker), 0)
    whole.reset()
    for other in partStarts.view[row]..<partStarts.view[row + 1] {
      state.kernels.merge(softmax(in: partialFloats, other * kvHeads + kvHead), into: whole)
    }
    write(whole, row: row, kvHead: kvHead)
  }

  // MARK: Output

  private func write(_ softmax: Softmax, row: Int, kvHead: Int) {
    // Not the whole configuration: its references would be counted for every row, by all threads at once.
    let (group, dimensions) = (state.configuration.group, state.configuration.headDim)
    let width = group * dimensions
    for head in 0..<group {
      state.kernels.scale(softmax.output.part(head * dimensions, dimensions), by: 1 / softmax.sum[head])
    }
    let values = softmax.output.part(0, width)
    if Self.quantizesInChunks(state.configuration) {
      output.put(values, token: row, start: kvHead * width, state.kernels)
    } else {
      values.copy(to: output.floatRow(row).part(kvHead * width, width))
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
