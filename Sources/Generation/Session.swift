import Compute
import Tokenization
import Transformers

/// One timeline of tokens in an engine's cache: a prompt, the answer so far, and whatever follows.
public final class Session {
  public let engine: Engine
  private let sequence: KVSequence
  /// Tokens whose keys and values are in the cache.
  public private(set) var tokens: [TokenID] = []

  public init(_ engine: Engine) {
    self.engine = engine
    sequence = KVSequence(engine.cache)
    // Room for any context in use; what a file claims beyond that is taken when it is needed.
    tokens.reserveCapacity(min(engine.context, 1 << 18))
  }

  /// Bytes of keys and values of this session.
  public var kvBytes: Int {
    (tokens.count + Kernels.kvBlock - 1) / Kernels.kvBlock * engine.cache.blockBytes
  }

  /// Tokens at the front of `prompt` that need not be computed again. The last token of a prompt always is: its logits
  /// are wanted.
  public func sharedPrefix(with prompt: [TokenID]) -> Int {
    let limit = min(tokens.count, prompt.count - 1)
    var count = 0
    while count < limit, tokens[count] == prompt[count] { count += 1 }
    return max(count, 0)
  }

  /// Makes the session's tokens equal to `prompt`, computing what differs from what it held; afterwards `sample` chooses
  /// the token behind it.
  /// - Parameters:
  ///   - proceed: asked between batches with the number of tokens done; false ends the work early.
  /// - Returns: false if `proceed` ended it.
  /// - Throws: `emptyPrompt`, `promptTooLong`.
  public func prefill(
    _ prompt: [TokenID], proceed: (_ done: Int) -> Bool = { _ in true }
  ) throws(GenerationError) -> Bool {
    guard !prompt.isEmpty else { throw .emptyPrompt }
    guard prompt.count < engine.context else { throw .promptTooLong(tokens: prompt.count, context: engine.context) }
    let kept = sharedPrefix(with: prompt)
    sequence.truncate(to: kept)
    tokens.removeSubrange(kept...)
    while tokens.count < prompt.count {
      guard proceed(tokens.count) else { return false }
      let next = prompt[tokens.count..<min(tokens.count + engine.pass.maxTokens, prompt.count)]
      guard compute(next) else { throw .promptTooLong(tokens: prompt.count, context: engine.context) }
    }
    return proceed(tokens.count)
  }

  /// Forgets all tokens.
  public func reset() {
    sequence.truncate(to: 0)
    tokens.removeAll(keepingCapacity: true)
  }

  /// Computes one more token, so that `sample` chooses the one behind it.
  /// - Returns: false, with nothing changed, where the context is full.
  public func append(_ token: TokenID) -> Bool {
    tokens.count < engine.context && compute(CollectionOfOne(token))
  }

  private func compute(_ next: some Collection<TokenID>) -> Bool {
    engine.pass.begin()
    guard engine.pass.append(next, to: sequence) else { return false }
    engine.prepare(tokens: next.count)
    engine.pass.run()
    tokens.append(contentsOf: next)
    return true
  }

  /// Chooses the token behind the last computed one.
  /// - Precondition: the session's last pass was the engine's last.
  public func sample(_ sampler: Sampler) throws(SamplingError) -> SampledToken {
    let logits = engine.pass.logits(row: engine.pass.count - 1)
    let history = tokens
    return try sampler.sample(
      logits: logits, history: history.span, position: history.count, scratch: engine.scratch)
  }
}
