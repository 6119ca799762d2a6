import Compute

/// Where the keys and values of a pass's rows are: made once a pass from their sequences, so that steps neither reach
/// through objects nor count references.
@safe final class KVPlaces {
  @safe private struct Place {
    /// The memory of the row's cache.
    let memory: UnsafeMutableRawPointer
    /// The row's first block in `blocks`.
    let first: Int
  }

  private let places: AlignedBuffer<Place>
  private let blocks: GrowingBuffer<Int32>
  /// What `blocks` holds, as it lies since `prepare`.
  private var table: View<Int32>
  private var shape: KVShape?
  /// Runs of rows that follow each other in one sequence.
  private(set) var runs = 0

  init(maxTokens: Int) throws(SystemError) {
    places = try AlignedBuffer(count: maxTokens)
    blocks = GrowingBuffer(count: 1024)
    table = blocks.view
  }

  /// How all rows of this pass keep their keys and values.
  var type: KVType { shape?.type ?? .f16 }

  /// - Precondition: all caches have the same shape.
  func prepare(_ sequences: [KVSequence]) {
    shape = sequences.first?.cache.shape
    runs = 0
    var needed = 0
    for (row, sequence) in sequences.enumerated() where row == 0 || sequence !== sequences[row - 1] {
      precondition(sequence.cache.shape == shape)
      needed += sequence.blocks.count
      runs += 1
    }
    blocks.reserve(needed)
    table = blocks.view
    var (first, end) = (0, 0)
    for (row, sequence) in sequences.enumerated() {
      if row == 0 || sequence !== sequences[row - 1] {
        first = end
        for block in sequence.blocks {
          table[end] = block
          end += 1
        }
      }
      places.view[row] = unsafe Place(memory: sequence.cache.base, first: first)
    }
  }

  /// Keys of the block of 64 positions that holds `position`, of one layer and KV head.
  func keys(row: Int, position: Int, layer: Int, kvHead: Int) -> UnsafeMutableRawPointer {
    guard let shape else { preconditionFailure("a pass without rows") }
    let place = places.view[row]
    let block = Int(table[place.first + position / Kernels.kvBlock])
    return unsafe place.memory + shape.offset(block: block, layer: layer, kvHead: kvHead)
  }

  /// The blocks of one layer and KV head of a row's sequence.
  func blocks(row: Int, layer: Int, kvHead: Int) -> KVBlocks {
    guard let shape else { preconditionFailure("a pass without rows") }
    let place = places.view[row]
    return unsafe KVBlocks(
      memory: UnsafePointer(
        (place.memory + shape.offset(block: 0, layer: layer, kvHead: kvHead))
          .assumingMemoryBound(to: CChar.self)),
      blocks: UnsafePointer(table.pointer + place.first), block_bytes: shape.blockBytes, value_offset: shape.headBytes)
  }

  /// From the keys of a block to the values beside them.
  var valueOffset: Int { shape?.headBytes ?? 0 }
}
