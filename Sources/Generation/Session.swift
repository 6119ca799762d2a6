import Compute
import Tokenization
import Transformers

/// One timeline of tokens in an engine's cache: a prompt, the answer so far, and whatever follows.
///
/// The scheduler drives it for requests.
public final class Session {
  public let engine: Engine
  private let sequence: KVSequence
  /// Tokens whose keys and values are in the cache.
  public private(set) var tokens: [TokenID] = []
  /// Blocks at the front that stand in the engine's tree of prefixes, or came from it.
  private var publishedBlocks = 0

  public init(_ engine: Engine) {
    self.engine = engine
    sequence = KVSequence(engine.cache)
    // Room for any context in use; what a file claims beyond that is taken when it is needed.
    tokens.reserveCapacity(min(engine.context, 1 << 18))
  }

  /// Bytes of keys and values of this session.
  public var kvBytes: Int { sequence.blocks.count * engine.cache.blockBytes }

  /// The same with each block divided by the sequences that share it, floored.
  var sharedKVBytes: Int {
    // Asked at each step, and so without a closure.
    let (cache, bytes) = (engine.cache, engine.cache.blockBytes)
    var sum = 0
    for index in 0..<sequence.blocks.count { sum += bytes / max(1, cache.users(of: sequence.blocks[index])) }
    return sum
  }

  /// The blocks of the cache that hold this session's tokens.
  var blocks: [Int32] { sequence.blocks }

  var blockCount: Int { sequence.blocks.count }

  /// Tokens at the front of `prompt` that need not be computed again. The last token of a prompt always is: its logits
  /// are wanted.
  public func sharedPrefix(with prompt: [TokenID]) -> Int {
    let limit = min(tokens.count, prompt.count - 1)
    var count = 0
    while count < limit, tokens[count] == prompt[count] { count += 1 }
    return max(count, 0)
  }

  /// Forgets all tokens.
  public func reset() { truncate(to: 0) }

  /// Forgets the tokens from `position` on, also where it lies within a block that others use: that one is copied, or,
  /// where the cache has no room for a copy, given up as a whole.
  func rewind(to position: Int) {
    var position = position
    while !sequence.isWritable(at: position), !sequence.copyBlock(at: position) {
      if !engine.prefixes.evict() { position -= position % Kernels.kvBlock }
    }
    truncate(to: position)
  }

  /// Forgets the tokens from `position` on.
  /// - Precondition: it does not lie within a block that others use.
  func truncate(to position: Int) {
    sequence.truncate(to: position)
    tokens.removeSubrange(position...)
    publishedBlocks = min(publishedBlocks, position / Kernels.kvBlock)
  }

  /// Blocks that so many more tokens would take from the cache.
  func blocksNeeded(for tokens: Int) -> Int { sequence.blocksNeeded(for: tokens) }

  /// Takes over from the tree of prefixes what it holds of `text` behind this session's tokens, the last token of `text`
  /// excepted.
  /// - Returns: the number of tokens that need not be computed.
  func adopt(_ text: [TokenID]) -> Int {
    let before = tokens.count
    while isAtPublishedEdge, tokens.count + Kernels.kvBlock < text.count,
      let block = engine.prefixes.child(of: lastPublished, text, at: tokens.count)
    {
      sequence.adopt(block)
      tokens.append(contentsOf: text[tokens.count..<tokens.count + Kernels.kvBlock])
      publishedBlocks += 1
    }
    if tokens.count > before { engine.prefixes.touch(lastPublished) }
    return tokens.count - before
  }

  /// How many of `blocks` at the front of `text`, other than those of this session, the tree holds and some sequence uses
  /// already: they take no more memory.
  func blocksInUse(for text: [TokenID]) -> Int {
    var (node, found) = (lastPublished, 0)
    var start = publishedBlocks * Kernels.kvBlock
    while start + Kernels.kvBlock < text.count, let next = engine.prefixes.child(of: node, text, at: start) {
      if engine.cache.users(of: next) > 0 { found += 1 }
      node = next
      start += Kernels.kvBlock
    }
    return found
  }

  /// Whether the tokens end with a block that stands in the tree, or there are none.
  private var isAtPublishedEdge: Bool { tokens.count == publishedBlocks * Kernels.kvBlock }

  private var lastPublished: Int32 {
    publishedBlocks == 0 ? PrefixTree.root : sequence.blocks[publishedBlocks - 1]
  }

  /// Whether this session is about to compute the block that `other` computes, both after the same tokens: waiting for it
  /// saves the work.
  func follows(_ other: Session, _ text: [TokenID], _ otherText: [TokenID]) -> Bool {
    guard isAtPublishedEdge, other.publishedBlocks == publishedBlocks, other.lastPublished == lastPublished,
      other.tokens.count < tokens.count + Kernels.kvBlock,
      tokens.count + Kernels.kvBlock < text.count, tokens.count + Kernels.kvBlock <= otherText.count
    else { return false }
    for index in tokens.count..<tokens.count + Kernels.kvBlock where text[index] != otherText[index] { return false }
    return true
  }

  /// Puts the full blocks that are new into the tree of prefixes; a block that is there already takes the place of ours.
  func publish() {
    while (publishedBlocks + 1) * Kernels.kvBlock <= tokens.count {
      let block = sequence.blocks[publishedBlocks]
      let node = engine.prefixes.insert(
        tokens, at: publishedBlocks * Kernels.kvBlock, below: lastPublished, block: block)
      sequence.replaceBlock(at: publishedBlocks, with: node)
      publishedBlocks += 1
    }
  }

  /// Adds one token to the engine's pass; nothing is allocated while the context lasts.
  /// - Returns: false, with nothing changed, where the cache is full.
  func stage(_ token: TokenID) -> Bool {
    guard engine.pass.append(token, to: sequence) else { return false }
    tokens.append(token)
    return true
  }
}
