import Compute

/// The layout of a cache. Within a block of 64 positions: layer, then KV head, then keys and values, each as
/// `CKernels.h` draws them.
struct KVShape: Equatable {
  let type: KVType
  /// Bytes of the keys, or of the values, of one head in a block.
  let headBytes: Int
  let layerBytes: Int
  let blockBytes: Int

  init(_ configuration: ModelConfiguration, type: KVType) {
    self.type = type
    headBytes = type.bytes(dimensions: configuration.headDim)
    layerBytes = configuration.kvHeads * 2 * headBytes
    blockBytes = configuration.layers * layerBytes
  }

  /// Where the keys of a block's layer and KV head begin.
  func offset(block: Int, layer: Int, kvHead: Int) -> Int {
    block * blockBytes + layer * layerBytes + kvHead * 2 * headBytes
  }
}

/// Keys and values of past positions, in blocks of 64 positions that hold all layers and heads.
///
/// The whole capacity is reserved when the cache is made and committed by the kernel as blocks are first written, so a long
/// context costs memory only once it is used.
@safe public final class KVCache: @unchecked Sendable {
  /// Positions that fit: a multiple of 64.
  public let capacity: Int
  let shape: KVShape
  private let memory: AlignedBuffer<UInt8>
  private var free: [Int32]
  private var usedPeak = 0

  /// - Precondition: heads are multiples of 32 dimensions for a Q8_0 cache.
  public init(_ configuration: ModelConfiguration, type: KVType, positions: Int) throws(ModelError) {
    precondition(type.admits(dimensions: configuration.headDim))
    let blocks = (positions + Kernels.kvBlock - 1) / Kernels.kvBlock
    capacity = blocks * Kernels.kvBlock
    shape = KVShape(configuration, type: type)
    let (bytes, overflow) = blocks.multipliedReportingOverflow(by: shape.blockBytes)
    guard !overflow else { throw .system(SystemError(call: "mmap", code: 12, path: "")) }
    // Attention reads 8 to 16 KB here and there: on small pages each is a walk through the page tables. A huge page is
    // committed whole, so blocks must be large enough to fill one soon.
    let hugePages = shape.blockBytes >= 512 << 10
    do { memory = try AlignedBuffer(count: bytes, hugePages: hugePages) } catch { throw .system(error) }
    free = (0..<Int32(blocks)).reversed()
  }

  public var type: KVType { shape.type }

  /// Bytes of 64 positions.
  public var blockBytes: Int { shape.blockBytes }

  /// Bytes of 64 positions.
  public static func blockBytes(_ configuration: ModelConfiguration, type: KVType) -> Int {
    KVShape(configuration, type: type).blockBytes
  }

  /// All blocks.
  var base: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(memory.pointer) }

  /// Bytes of the most blocks that were in use at once.
  public var peakBytes: Int { usedPeak * blockBytes }

  func takeBlock() -> Int32? {
    let block = free.popLast()
    usedPeak = max(usedPeak, capacity / Kernels.kvBlock - free.count)
    return block
  }

  func giveBack(_ block: Int32) { free.append(block) }
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
