import Tokenization

@testable import Generation

/// A session driven without a scheduler, alone on its engine: what scheduled requests are compared with.
extension Session {
  /// Makes the session's tokens equal to `prompt`, computing what differs from what it held; afterwards `sample` chooses
  /// the token behind it.
  func prefill(_ prompt: [TokenID]) throws(GenerationError) {
    rewind(to: sharedPrefix(with: prompt))
    while tokens.count < prompt.count {
      let next = prompt[tokens.count..<min(tokens.count + engine.pass.maxTokens, prompt.count)]
      guard compute(next) else { throw .promptTooLong(tokens: prompt.count, context: engine.context) }
    }
  }

  /// Computes one more token, so that `sample` chooses the one behind it.
  /// - Returns: false, with nothing changed, where the context is full.
  func append(_ token: TokenID) -> Bool { tokens.count < engine.context && compute([token]) }

  private func compute(_ next: ArraySlice<TokenID>) -> Bool {
    while engine.cache.freeBlocks < blocksNeeded(for: next.count) {
      guard engine.prefixes.evict() else { return false }
    }
    engine.pass.begin()
    for token in next {
      let staged = stage(token)
      precondition(staged, "there is room")
    }
    engine.prepare(tokens: next.count)
    engine.pass.run()
    return true
  }

  /// Chooses the token behind the last computed one.
  /// - Precondition: the session's last pass was the engine's last.
  func sample(_ sampler: Sampler) throws(SamplingError) -> SampledToken {
    let logits = engine.pass.logits(row: engine.pass.count - 1)
    let history = tokens
    return try sampler.sample(
      logits: logits, history: history.span, position: history.count, scratch: engine.scratch)
  }
}
