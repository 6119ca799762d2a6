import Compute

/// Keys and values of past positions, in blocks of 64 positions that hold all layers and heads.
///
/// The whole capacity is reserved when the cache is made and committed by the kernel as blocks are first written, so a long
/// context costs memory only once it is used. Within a block: layer, then KV head, then keys [headDim, 64] and values
/// [64, headDim].
@safe public final class KVCache: @unchecked Sendable {
  public let type: KVType
  /// Positions that fit: a multiple of 64.
  public let capacity: Int
  public let blockBytes: Int
  let headBytes: Int
  private let layerBytes: Int
  private let memory: AlignedBuffer<UInt8>
  private var free: [Int32]
  private var usedPeak = 0

  public init(_ configuration: ModelConfiguration, type: KVType, positions: Int) throws(ModelError) {
    self.type = type
    let blocks = (positions + Kernels.kvBlock - 1) / Kernels.kvBlock
    capacity = blocks * Kernels.kvBlock
    headBytes = Kernels.kvBlock * configuration.headDim * type.bytes
    layerBytes = configuration.kvHeads * 2 * headBytes
    blockBytes = Self.blockBytes(configuration, type: type)
    let (bytes, overflow) = blocks.multipliedReportingOverflow(by: blockBytes)
    guard !overflow else { throw .system(SystemError(call: "mmap", code: 12, path: "")) }
    do { memory = try AlignedBuffer(count: bytes) } catch { throw .system(error) }
    free = (0..<Int32(blocks)).reversed()
  }

  /// Bytes of 64 positions.
  public static func blockBytes(_ configuration: ModelConfiguration, type: KVType) -> Int {
    configuration.layers * configuration.kvHeads * 2 * Kernels.kvBlock * configuration.headDim * type.bytes
  }

  /// Bytes of the most blocks that were in use at once.
  public var peakBytes: Int { usedPeak * blockBytes }

  func takeBlock() -> Int32? {
    let block = free.popLast()
    usedPeak = max(usedPeak, capacity / Kernels.kvBlock - free.count)
    return block
  }

  func giveBack(_ block: Int32) { free.append(block) }

  /// Keys of one layer and KV head in one block.
  func keys(block: Int32, layer: Int, kvHead: Int) -> UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(
      memory.pointer + Int(block) * blockBytes + layer * layerBytes + kvHead * 2 * headBytes)
  }

  /// The values beside those keys.
  func values(block: Int32, layer: Int, kvHead: Int) -> UnsafeMutableRawPointer {
    unsafe keys(block: block, layer: layer, kvHead: kvHead) + headBytes
  }
}

/// One timeline of positions in a cache.
public final class KVSequence {
  public let cache: KVCache
  /// Positions written so far.
  public private(set) var count = 0
  private(set) var blocks: [Int32] = []

  public init(_ cache: KVCache) {
    self.cache = cache
    blocks.reserveCapacity(cache.capacity / Kernels.kvBlock)
  }

  deinit { for block in blocks { cache.giveBack(block) } }

  /// Makes room for `tokens` more positions and counts them.
  /// - Returns: false, with nothing changed, where the cache is full.
  func extend(by tokens: Int) -> Bool {
    let needed = (count + tokens + Kernels.kvBlock - 1) / Kernels.kvBlock
    let before = blocks.count
    while blocks.count < needed {
      guard let block = cache.takeBlock() else {
        while blocks.count > before { cache.giveBack(blocks.removeLast()) }
        return false
      }
      blocks.append(block)
    }
    count += tokens
    return true
  }

  /// Forgets all positions from `position` on.
  public func truncate(to position: Int) {
    precondition(position >= 0 && position <= count)
    count = position
    while blocks.count > (position + Kernels.kvBlock - 1) / Kernels.kvBlock { cache.giveBack(blocks.removeLast()) }
  }
}
