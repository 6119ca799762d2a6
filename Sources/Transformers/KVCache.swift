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
///
/// A block is free, used by one or more sequences, kept for later ones, or both used and kept. It is written only by a
/// sequence that has it to itself: see `isWritable`.
@safe public final class KVCache: @unchecked Sendable {
  /// Positions that fit: a multiple of 64.
  public let capacity: Int
  let shape: KVShape
  private let memory: AlignedBuffer<UInt8>
  private var free: [Int32]
  /// How many sequences use each block.
  private var users: [Int32]
  /// Whether a block stays when no sequence uses it any more.
  private var isKept: [Bool]
  /// Blocks that at least one sequence uses.
  public private(set) var usedBlocks = 0
  private var occupiedPeak = 0

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
    users = [Int32](repeating: 0, count: blocks)
    isKept = [Bool](repeating: false, count: blocks)
  }

  public var type: KVType { shape.type }

  /// Bytes of 64 positions.
  public var blockBytes: Int { shape.blockBytes }

  /// Bytes of 64 positions.
  public static func blockBytes(_ configuration: ModelConfiguration, type: KVType) -> Int {
    KVShape(configuration, type: type).blockBytes
  }

  /// Blocks that `positions` need.
  public static func blocks(of positions: Int) -> Int { (positions + Kernels.kvBlock - 1) / Kernels.kvBlock }

  /// Bytes of the most blocks that were in use or kept at once.
  public var peakBytes: Int { occupiedPeak * blockBytes }

  public var blockCount: Int { users.count }
  public var freeBlocks: Int { free.count }

  /// How many sequences use a block.
  public func users(of block: Int32) -> Int { Int(users[Int(block)]) }

  /// Whether a sequence that uses this block may write into it: nobody else reads it, now or later.
  public func isWritable(_ block: Int32) -> Bool { users[Int(block)] == 1 && !isKept[Int(block)] }

  /// All blocks.
  var base: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(memory.pointer) }

  func takeBlock() -> Int32? {
    guard let block = free.popLast() else { return nil }
    users[Int(block)] = 1
    usedBlocks += 1
    occupiedPeak = max(occupiedPeak, blockCount - free.count)
    return block
  }

  /// One more sequence uses a block that is in use or kept.
  func share(_ block: Int32) {
    precondition(users[Int(block)] > 0 || isKept[Int(block)])
    if users[Int(block)] == 0 { usedBlocks += 1 }
    users[Int(block)] += 1
  }

  func giveBack(_ block: Int32) {
    precondition(users[Int(block)] > 0)
    users[Int(block)] -= 1
    guard users[Int(block)] == 0 else { return }
    usedBlocks -= 1
    if !isKept[Int(block)] { free.append(block) }
  }

  /// From now on a block stays, unwritten, also when no sequence uses it.
  /// - Precondition: it is in use and not kept.
  public func keep(_ block: Int32) {
    precondition(users[Int(block)] > 0 && !isKept[Int(block)])
    isKept[Int(block)] = true
  }

  /// Ends `keep`: the block is free once no sequence uses it.
  public func release(_ block: Int32) {
    precondition(isKept[Int(block)])
    isKept[Int(block)] = false
    if users[Int(block)] == 0 { free.append(block) }
  }

  /// A kept block without a user, to be filled through `content`; nil where none is free.
  public func takeKeptBlock() -> Int32? {
    guard let block = takeBlock() else { return nil }
    keep(block)
    giveBack(block)
    return block
  }

  /// The bytes of a block.
  public func content(of block: Int32) -> View<UInt8> { memory.part(Int(block) * blockBytes, blockBytes) }
}

/// One timeline of positions in a cache.
public final class KVSequence {
  public let cache: KVCache
  /// Positions written so far.
  public private(set) var count = 0
  public private(set) var blocks: [Int32] = []

  public init(_ cache: KVCache) {
    self.cache = cache
    blocks.reserveCapacity(cache.capacity / Kernels.kvBlock)
  }

  deinit { for block in blocks { cache.giveBack(block) } }

  /// Blocks that `tokens` more positions would take from the cache.
  public func blocksNeeded(for tokens: Int) -> Int { max(0, KVCache.blocks(of: count + tokens) - blocks.count) }

  /// Makes room for `tokens` more positions and counts them.
  /// - Returns: false, with nothing changed, where the cache is full.
  func extend(by tokens: Int) -> Bool {
    let needed = KVCache.blocks(of: count + tokens)
    let before = blocks.count
    // A block that others read is never written: `truncate` leaves no sequence in the middle of one.
    precondition(count.isMultiple(of: Kernels.kvBlock) || cache.isWritable(blocks[count / Kernels.kvBlock]))
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

  /// Whether this sequence may go on at `position`: at the edge of a block, or in one that nobody else reads.
  public func isWritable(at position: Int) -> Bool {
    position.isMultiple(of: Kernels.kvBlock) || cache.isWritable(blocks[position / Kernels.kvBlock])
  }

  /// Gives this sequence a copy of its own of the block that holds `position`.
  /// - Returns: false, with nothing changed, where the cache is full.
  public func copyBlock(at position: Int) -> Bool {
    let index = position / Kernels.kvBlock
    guard let block = cache.takeBlock() else { return false }
    cache.content(of: blocks[index]).copy(to: cache.content(of: block))
    cache.giveBack(blocks[index])
    blocks[index] = block
    return true
  }

  /// Forgets all positions from `position` on.
  /// - Precondition: `isWritable(at: position)`.
  public func truncate(to position: Int) {
    precondition(position >= 0 && position <= count && isWritable(at: position))
    count = position
    while blocks.count > KVCache.blocks(of: position) { cache.giveBack(blocks.removeLast()) }
  }

  /// Goes on with the 64 positions of a block that others computed.
  /// - Precondition: this sequence ends at the edge of a block, and the positions before it are the same for both.
  public func adopt(_ block: Int32) {
    precondition(count == blocks.count * Kernels.kvBlock)
    cache.share(block)
    blocks.append(block)
    count += Kernels.kvBlock
  }

  /// Takes another block with the same bits in place of the one at `index`, which is given back.
  /// - Precondition: all of its positions are written.
  public func replaceBlock(at index: Int, with block: Int32) {
    precondition((index + 1) * Kernels.kvBlock <= count)
    guard blocks[index] != block else { return }
    cache.share(block)
    cache.giveBack(blocks[index])
    blocks[index] = block
  }
}
