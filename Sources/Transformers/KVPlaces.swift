import Compute

/// Where the keys and values of a pass's rows are: made once a pass from their sequences, so that steps neither reach
/// through objects nor count references.
final class KVPlaces {
  @safe private struct Place {
    /// The memory of the row's cache.
    let memory: UnsafeMutableRawPointer
    /// The row's first block in `blocks`.
    let first: Int
  }

  private let places: AlignedBuffer<Place>
  private let blocks: GrowingBuffer<Int32>
  private var shape: KVShape?

  init(maxTokens: Int) throws(SystemError) {
    places = try AlignedBuffer(count: maxTokens)
    blocks = GrowingBuffer(count: 1024)
  }

  /// How all rows of this pass keep their keys and values.
  var type: KVType { shape?.type ?? .f16 }

  /// - Precondition: all caches have the same shape.
  func prepare(_ sequences: [KVSequence]) {
    shape = sequences.first?.cache.shape
    var needed = 0
    for (row, sequence) in sequences.enumerated() where row == 0 || sequence !== sequences[row - 1] {
      precondition(sequence.cache.shape == shape)
      needed += sequence.blocks.count
    }
    blocks.reserve(needed)
    var (first, end) = (0, 0)
    for (row, sequence) in sequences.enumerated() {
      if row == 0 || sequence !== sequences[row - 1] {
        first = end
        for block in sequence.blocks {
          blocks.view[end] = block
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
    let block = Int(blocks.view[place.first + position / Kernels.kvBlock])
    return unsafe place.memory + shape.offset(block: block, layer: layer, kvHead: kvHead)
  }

  /// From the keys of a block to the values beside them.
  var valueOffset: Int { shape?.headBytes ?? 0 }
}
