import NumericsSupport
import Testing
import Tokenization
import Usage

@testable import Generation

/// One request after another on real engines: ends, records, caches.
@Suite struct GeneratorTests {
  private let fixture: FamilyFixture
  private let prompt: [TokenID]

  init() throws {
    fixture = try FamilyFixture.named("llama", "Q4_0")
    prompt = fixture.prompt
  }

  @Test func limitOfTokens() throws {
    let session = Session(try engine(fixture))
    for limit in [0, 1, 9] {
      let watcher = Watcher()
      let result = try session.answer(request(prompt, limit), watcher)
      #expect(result.tokens.count == limit && result.finish == .tokenLimit)
      #expect(result.counts.completion == limit && result.counts.prompt == prompt.count)
      #expect(result.text == watcher.text)
      #expect(watcher.progress.first == result.counts.cached)
      #expect(watcher.progress.last == prompt.count)
      #expect(result.kvBytes == session.kvBytes && result.kvBytes >= session.engine.cache.blockBytes)
    }
  }

  @Test func promptIsComputedInBatchesAndProgressIsToldBetweenThem() throws {
    let watcher = Watcher()
    _ = try Session(try engine(fixture, batch: 20)).answer(request(prompt, 1), watcher)
    #expect(watcher.progress == [0, 20, 40, 60, 72])
  }

  @Test func contextIsFilledToItsLastPosition() throws {
    for context in [prompt.count + 1, 80, 128, 130] {
      let session = Session(try engine(fixture, context: context))
      let result = try session.answer(request(prompt))
      #expect(result.finish == .contextFull)
      #expect(result.tokens.count == context - prompt.count, "context \(context)")
      #expect(session.tokens == Array((prompt + result.tokens).prefix(context - 1)))
    }
  }

  @Test func promptsThatCannotBeServedAreRefusedWithTheNumbers() throws {
    let session = Session(try engine(fixture, context: 72))
    let tooLong = #expect(throws: GenerationError.self) { try session.answer(request(prompt, 1)) }
    #expect("\(try #require(tooLong))".contains("72 tokens"))
    #expect("\(try #require(tooLong))".contains("a context of 72"))
    #expect("\(try #require(tooLong))".contains("-c"))
    let empty = #expect(throws: GenerationError.self) { try session.answer(request([], 1)) }
    #expect("\(try #require(empty))".contains("empty"))
    // Nothing was done for them, and others can still be served.
    #expect(session.tokens == [])
    #expect(try session.answer(request(Array(prompt.dropLast()), 1)).tokens.count == 1)
  }

  @Test func cancelledWithinThePrompt() throws {
    let session = Session(try engine(fixture, batch: 16))
    let watcher = Watcher()
    watcher.cancelAtPrompt = 32
    let result = try session.answer(request(prompt, 8), watcher)
    #expect(result.finish == .interrupted && result.tokens == [] && result.text == [])
    #expect(result.counts == TokenCounts(prompt: 32, cached: 0, completion: 0))
    #expect(session.tokens == Array(prompt[..<32]))
    #expect(result.timings.prefillNanos > 0 && result.timings.totalNanos >= result.timings.prefillNanos)
    #expect(result.timings.decodeNanos == 0 && result.timings.firstTokenNanos == nil)
    // The next request goes on from there and gets what a fresh session gives.
    let next = try session.answer(request(prompt, 8))
    #expect(next.counts.cached == 32)
    #expect(try next.tokens == Session(try engine(fixture)).answer(request(prompt, 8)).tokens)
  }

  @Test func cancelledBeforeAnything() throws {
    let session = Session(try engine(fixture))
    let watcher = Watcher()
    watcher.cancelAtPrompt = 0
    let result = try session.answer(request(prompt, 8), watcher)
    #expect(result.finish == .interrupted)
    #expect(result.counts == TokenCounts() && result.kvBytes == 0)
  }

  @Test func cancelledWithinTheAnswer() throws {
    let session = Session(try engine(fixture))
    let watcher = Watcher()
    watcher.cancelAfterTokens = 5
    let result = try session.answer(request(prompt, 20), watcher)
    #expect(result.finish == .interrupted)
    #expect(result.tokens.count == 5 && result.counts.completion == 5 && result.counts.prompt == prompt.count)
    #expect(result.text == watcher.text)
    // The token that was chosen last has not been computed.
    #expect(session.tokens == prompt + result.tokens.dropLast())
    #expect(result.timings.prefillNanos + result.timings.decodeNanos == result.timings.totalNanos)
    let whole = try Session(try engine(fixture)).answer(request(prompt, 20))
    #expect(Array(whole.tokens.prefix(5)) == result.tokens)
    #expect(try session.answer(request(prompt, 20)).tokens == whole.tokens)
  }

  @Test func whatIsInTheCacheIsCountedAndNotComputedAgain() throws {
    let session = Session(try engine(fixture))
    let first = try session.answer(request(prompt, 10))
    #expect(first.counts.cached == 0)
    // The last token of a prompt is always computed: its logits are wanted.
    #expect(try session.answer(request(prompt, 10)).counts.cached == prompt.count - 1)
    let next = prompt + first.tokens + [5, 6, 7]
    let watcher = Watcher()
    let second = try session.answer(request(next, 4), watcher)
    #expect(second.counts == TokenCounts(prompt: next.count, cached: prompt.count + 9, completion: 4))
    #expect(watcher.progress.first == prompt.count + 9)
    var other = next
    other[20] = other[20] == 9 ? 10 : 9
    #expect(try session.answer(request(other, 1)).counts.cached == 20)
    #expect(try session.answer(request(Array(other[..<4]), 1)).counts.cached == 3)
  }

  @Test func timesAddUp() throws {
    let timings = try Session(try engine(fixture)).answer(request(prompt, 20)).timings
    #expect(timings.queueNanos == 0 && timings.loadNanos == 0)
    #expect(timings.prefillNanos > 0 && timings.decodeNanos > 0)
    #expect(timings.prefillNanos + timings.decodeNanos == timings.totalNanos)
    let first = try #require(timings.firstTokenNanos)
    #expect(first >= timings.prefillNanos && first <= timings.totalNanos)
  }
}

/// What ends an answer, from the request to its text.
@Suite struct GeneratorStopTests {
  private let session: Session
  private let prompt: [TokenID]
  /// What the model says when nothing stops it.
  private let free: GenerationResult

  init() throws {
    let fixture = try FamilyFixture.named("llama3", "Q4_0")
    session = Session(try engine(fixture))
    prompt = fixture.prompt
    free = try session.answer(request(prompt, 40))
    try #require(free.tokens.count == 40 && free.text.count > 20)
  }

  @Test func stopStringsEndTheAnswerAndAreNotShown() throws {
    let text = free.text
    for (start, length) in [(10, 1), (10, 5), (15, 3)] {
      let stop = Array(text[start..<start + length])
      let place = try #require((0...text.count - length).first { Array(text[$0..<$0 + length]) == stop })
      var asked = request(prompt, 40)
      asked.stopStrings = [Array("never there".utf8), stop]
      let watcher = Watcher()
      let result = try session.answer(asked, watcher)
      #expect(result.finish == .stopString(stop))
      #expect(result.text == Array(text[..<place]) && watcher.text == result.text)
      #expect(result.tokens == Array(free.tokens.prefix(result.tokens.count)))
    }
  }

  @Test func whatMightHaveBecomeAStopStringIsShownInTheEnd() throws {
    var asked = request(prompt, 40)
    // The end of the text and one byte that does not come.
    asked.stopStrings = [Array(free.text.suffix(6)) + [0]]
    let result = try session.answer(asked)
    #expect(result.finish == .tokenLimit && result.text == free.text)
  }

  @Test func stopTokensEndTheAnswer() throws {
    let token = free.tokens[12]
    let place = try #require(free.tokens.firstIndex(of: token))
    var asked = request(prompt, 40)
    asked.stopTokens = [token]
    let result = try session.answer(asked)
    #expect(result.finish == .stopToken(token))
    #expect(result.tokens == Array(free.tokens[...place]) && result.counts.completion == place + 1)
    #expect(free.text.starts(with: result.text) && result.text.count < free.text.count)
  }

  /// The model's own end is brought about by a bias; it is counted, has no text, and can be ignored.
  @Test func theModelsOwnEndTokens() throws {
    for end in session.engine.tokenizer.endOfGeneration {
      var asked = request(prompt, 5)
      asked.sampling.logitBias = [LogitBias(token: end, bias: 1_000)]
      asked.ignoreEnd = false
      let ended = try session.answer(asked)
      #expect(ended.finish == .endToken(end) && ended.tokens == [end] && ended.text == [])
      asked.ignoreEnd = true
      let ignored = try session.answer(asked)
      #expect(ignored.finish == .tokenLimit && ignored.tokens == Array(repeating: end, count: 5))
    }
    #expect(!session.engine.tokenizer.endOfGeneration.isEmpty)
  }

  @Test func biasesBan() throws {
    var asked = request(prompt, 40)
    asked.sampling.logitBias = Set(free.tokens).map { LogitBias(token: $0, bias: -.infinity) }
    let result = try session.answer(asked)
    #expect(Set(result.tokens).isDisjoint(with: free.tokens) && result.tokens.count == 40)
  }

  @Test func requestsThatMakeNoSenseAreRefused() throws {
    var asked = request(prompt, 1)
    asked.stopStrings = [[]]
    #expect(throws: GenerationError.self) { try session.answer(asked) }
    asked = request(prompt, -1)
    #expect(throws: GenerationError.self) { try session.answer(asked) }
    asked = request(prompt, 1)
    asked.sampling.topP = 2
    #expect(throws: GenerationError.self) { try session.answer(asked) }
  }
}
