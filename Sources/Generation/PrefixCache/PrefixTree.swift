import Compute
import Tokenization
import Transformers

/// Which blocks of the cache hold which tokens: a tree whose nodes are full blocks of 64, so that a path from the root is
/// the beginning of a text, and every prefix of it can be found.
///
/// Nothing is copied: sequences that begin alike use the same blocks. A node is its block's number, and all that is known
/// of nodes lies in tables as long as the cache has blocks, so that the tree never allocates.
///
/// Invariants, and the test that fails when one breaks:
/// 1. A node is found by its 64 tokens and those of all nodes above it, compared one by one; the hash only saves
///    comparisons (`PrefixTreeTests.equalHashesAreNotEqualTokens`).
/// 2. A block in the tree is not written any more (`KVCache.isWritable`, a precondition of every write).
/// 3. Who uses a node uses all nodes above it. So a node without a user has no descendant with one.
/// 4. A node was used at least as lately as those below it: the least recent one is a leaf.
/// 5. Every block is free, used or in the tree; after all sequences and the tree are gone, all are free
///    (`PrefixTreeTests.randomTree`).
///
/// A block holds the keys and values of all layers, and a hit is an unbroken run of blocks from position 0, so a layer with
/// a sliding window always finds the whole of its window.
final class PrefixTree {
  /// Stands above all first blocks, and for "no node".
  static let root: Int32 = -1

  private let cache: KVCache
  private let blockTokens = Kernels.kvBlock
  /// Nodes without a user at most: see `trim`.
  var idleLimit: Int
  private(set) var count = 0
  /// Whether nodes came or went since somebody set this to false.
  var isChanged = false

  /// [blocks] Neighbours in the tree, and in the order of last use.
  private let parent: View<Int32>
  private let firstChild: View<Int32>
  private let nextSibling: View<Int32>
  private let newer: View<Int32>
  private let older: View<Int32>
  private let hash: View<UInt32>
  /// [blocks, 64]
  private let tokens: View<TokenID>
  /// What the views look into. Pages are committed when blocks are first used.
  private let links: AlignedBuffer<Int32>
  private let hashes: AlignedBuffer<UInt32>
  private let texts: AlignedBuffer<TokenID>
  private var firstOfAll = PrefixTree.root
  private var newest = PrefixTree.root
  private var oldest = PrefixTree.root

  init(_ cache: KVCache) throws(SystemError) {
    self.cache = cache
    let blocks = cache.blockCount
    idleLimit = blocks
    links = try AlignedBuffer(count: 5 * blocks)
    hashes = try AlignedBuffer(count: blocks)
    texts = try AlignedBuffer(count: blocks * Kernels.kvBlock)
    parent = links.part(0, blocks)
    firstChild = links.part(blocks, blocks)
    nextSibling = links.part(2 * blocks, blocks)
    newer = links.part(3 * blocks, blocks)
    older = links.part(4 * blocks, blocks)
    hash = hashes.view
    tokens = texts.view
  }

  /// Nodes that no sequence uses: what `evict` can free.
  var evictable: Int { cache.blockCount - cache.freeBlocks - cache.usedBlocks }

  /// The node below `node` that holds the 64 tokens from `start` on; nil where there is none.
  func child(of node: Int32, _ text: [TokenID], at start: Int) -> Int32? {
    let wanted = Self.hash(text, start)
    var child = node == Self.root ? firstOfAll : firstChild[Int(node)]
    while child != Self.root {
      if hash[Int(child)] == wanted, holds(child, text, at: start) { return child }
      child = nextSibling[Int(child)]
    }
    return nil
  }

  private func holds(_ node: Int32, _ text: [TokenID], at start: Int) -> Bool {
    let base = Int(node) * blockTokens
    for offset in 0..<blockTokens where tokens[base + offset] != text[start + offset] { return false }
    return true
  }

  /// Puts a block of a sequence below `node`, whose path the sequence uses.
  /// - Returns: the node that holds these tokens now: `block`, or another that was there before.
  func insert(_ text: [TokenID], at start: Int, below node: Int32, block: Int32) -> Int32 {
    if let known = child(of: node, text, at: start) {
      touch(known)
      return known
    }
    cache.keep(block)
    link(block, below: node, text, start)
    return block
  }

  /// Puts a block that no sequence computed, but a file held, below `node`. Its content is the caller's to fill in.
  /// - Returns: nil where there is no free block.
  func insertEmpty(_ text: [TokenID], at start: Int, below node: Int32) -> Int32? {
    guard let block = cache.takeKeptBlock() else { return nil }
    link(block, below: node, text, start)
    return block
  }

  private func link(_ block: Int32, below node: Int32, _ text: [TokenID], _ start: Int) {
    let index = Int(block)
    for offset in 0..<blockTokens { tokens[index * blockTokens + offset] = text[start + offset] }
    hash[index] = Self.hash(text, start)
    parent[index] = node
    firstChild[index] = Self.root
    if node == Self.root {
      nextSibling[index] = firstOfAll
      firstOfAll = block
    } else {
      nextSibling[index] = firstChild[Int(node)]
      firstChild[Int(node)] = block
    }
    count += 1
    isChanged = true
    append(block)
    touch(block)
  }

  /// Marks a node and those above it as just used.
  func touch(_ node: Int32) {
    var node = node
    while node != Self.root {
      if newest != node {
        unlinkFromOrder(node)
        append(node)
      }
      node = parent[Int(node)]
    }
  }

  /// Gives the least recently used node without a user back to the cache.
  /// - Returns: false where all nodes are in use.
  func evict() -> Bool {
    var node = oldest
    while node != Self.root, cache.users(of: node) > 0 { node = newer[Int(node)] }
    guard node != Self.root else { return false }
    remove(node)
    return true
  }

  /// Lets go of what is beyond `idleLimit`.
  func trim() { while evictable > idleLimit, evict() {} }

  func removeAll() { while evict() {} }

  private func remove(_ node: Int32) {
    let index = Int(node)
    precondition(firstChild[index] == Self.root, "a node outlives those below it")
    let above = parent[index]
    if (above == Self.root ? firstOfAll : firstChild[Int(above)]) == node {
      if above == Self.root { firstOfAll = nextSibling[index] } else { firstChild[Int(above)] = nextSibling[index] }
    } else {
      var sibling = above == Self.root ? firstOfAll : firstChild[Int(above)]
      while nextSibling[Int(sibling)] != node { sibling = nextSibling[Int(sibling)] }
      nextSibling[Int(sibling)] = nextSibling[index]
    }
    unlinkFromOrder(node)
    count -= 1
    isChanged = true
    cache.release(node)
  }

  // MARK: Order of use

  private func append(_ node: Int32) {
    older[Int(node)] = newest
    newer[Int(node)] = Self.root
    if newest == Self.root { oldest = node } else { newer[Int(newest)] = node }
    newest = node
  }

  private func unlinkFromOrder(_ node: Int32) {
    let (before, after) = (older[Int(node)], newer[Int(node)])
    if before == Self.root { oldest = after } else { newer[Int(before)] = after }
    if after == Self.root { newest = before } else { older[Int(after)] = before }
  }

  // MARK: For files

  /// All nodes, each after the one above it.
  var nodes: [Int32] {
    var found: [Int32] = []
    var level = [Self.root]
    while let node = level.popLast() {
      if node != Self.root { found.append(node) }
      var child = node == Self.root ? firstOfAll : firstChild[Int(node)]
      while child != Self.root {
        level.append(child)
        child = nextSibling[Int(child)]
      }
    }
    return found
  }

  func parent(of node: Int32) -> Int32 { parent[Int(node)] }

  func tokens(of node: Int32) -> [TokenID] { (0..<blockTokens).map { tokens[Int(node) * blockTokens + $0] } }

  /// FNV-1a over the tokens: fast enough for one block in 64 steps, and no more than a filter.
  static func hash(_ text: [TokenID], _ start: Int) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    for index in start..<start + Kernels.kvBlock {
      hash = (hash ^ UInt32(bitPattern: text[index])) &* 16_777_619
    }
    return hash
  }
}
