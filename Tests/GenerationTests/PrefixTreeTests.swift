import Compute
import Testing
import Tokenization
import Transformers
import Usage

@testable import Generation

/// Blocks that begin alike are computed once, used by many, and never wrong.
@Suite struct PrefixTreeTests {
  private static func request(_ prompt: [TokenID], _ limit: Int) -> GenerationRequest {
    var request = GenerationRequest(prompt: prompt)
    request.sampling = .greedy
    request.tokenLimit = limit
    request.ignoreEnd = true
    return request
  }

  /// 200 prompts that branch off one another at random places, under a quarter of the memory that they need together.
  @Test(arguments: ["llama.Q4_1", "gemma3.Q4_0"])
  func randomTree(name: String) throws {
    let seed = testSeed()
    print("randomTree \(name): seed \(seed)")
    var random = TestRandom(seed: seed)
    let reference = try TinyModel.engine(name, threads: 1)
    var prompts: [[TokenID]] = []
    for _ in 0..<200 {
      let parent = prompts.randomElement(using: &random) ?? []
      let kept = parent.prefix(Int.random(in: 0...parent.count, using: &random))
      let own = reference.tokens(Int.random(in: 1...90, using: &random), &random)
      prompts.append(Array((kept + own).prefix(230)))
    }
    let distinct = Set(
      prompts.flatMap { prompt in (1...max(1, prompt.count / 64)).map { Array(prompt.prefix($0 * 64)) } })
    let blocks = max(8, distinct.count / 4)
    let engine = try TinyModel.engine(name, positions: blocks * 64)
    var limits = Scheduler.Limits()
    limits.active = 3
    limits.foresight = 8
    let scheduler = Scheduler(engine, limits)
    var tickets: [ScheduledRequest] = []
    for prompt in prompts {
      tickets.append(
        try scheduler.submit(Self.request(prompt, Int.random(in: 1...12, using: &random)), observer: Recorder()))
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        _ = scheduler.step()
      }
      #expect(engine.prefixes.count + engine.cache.freeBlocks <= engine.cache.blockCount)
    }
    while scheduler.step() {}
    var cached = 0
    for (ticket, prompt) in zip(tickets, prompts) {
      let alone = try reference.alone(Self.request(prompt, ticket.result.tokens.count))
      #expect(ticket.result.tokens == alone.tokens, "seed \(seed), request \(ticket.id)")
      let counts = ticket.result.counts
      #expect(counts.prompt == prompt.count && counts.cached < counts.prompt && counts.cached.isMultiple(of: 64))
      cached += counts.cached
    }
    #expect(cached > 0)
    print("randomTree \(name): \(blocks) blocks for \(distinct.count), \(cached) tokens from the cache")
    // What the tree still holds is what computing gives.
    for node in engine.prefixes.nodes {
      var text: [TokenID] = []
      var place = node
      while place != PrefixTree.root {
        text = engine.prefixes.tokens(of: place) + text
        place = engine.prefixes.parent(of: place)
      }
      let computed = try reference.alone(Self.request(text, 1)).blocks.last
      #expect(engine.bytes(of: node) == computed, "seed \(seed)")
    }
    tickets.removeAll()
    _ = scheduler.takeFinished()
    #expect(engine.cache.usedBlocks == 0)
    #expect(engine.hasAllBlocks)
  }

  @Test func partialPrefixesHitAndTheLastTokenIsComputed() throws {
    let engine = try TinyModel.engine(positions: 2_048)
    var random = TestRandom(seed: 1)
    let text = engine.tokens(200, &random)
    func cached(_ prompt: [TokenID]) throws -> Int {
      let scheduler = Scheduler(engine)
      let ticket = try scheduler.submit(Self.request(prompt, 1), observer: Recorder())
      while scheduler.step() {}
      return ticket.result.counts.cached
    }
    #expect(try cached(text) == 0)
    #expect(try cached(text) == 192)
    #expect(try cached(Array(text.prefix(129))) == 128)
    // The second block would hold the last token: it is computed again.
    #expect(try cached(Array(text.prefix(128))) == 64)
    #expect(try cached(Array(text.prefix(64))) == 0)
    #expect(try cached(text.prefix(100) + [text[100] == 5 ? 6 : 5] + text.suffix(60)) == 64)
    #expect(try cached([text[0] == 5 ? 6 : 5] + text.dropFirst()) == 0)
  }

  /// Requests that arrive together and begin alike: one computes, the others wait for it and then use its blocks.
  @Test func togetherOneComputesForAll() throws {
    let engine = try TinyModel.engine(positions: 2_048)
    var random = TestRandom(seed: 2)
    let common = engine.tokens(190, &random)
    var limits = Scheduler.Limits()
    limits.speculation = .off
    let scheduler = Scheduler(engine, limits)
    let tickets = try (0..<6).map { _ in
      try scheduler.submit(Self.request(common + engine.tokens(10, &random), 4), observer: Recorder())
    }
    var rows = 0
    while scheduler.step() { rows += scheduler.lastStep.shares.reduce(0) { $0 + $1.promptRows + $1.decodeRows } }
    #expect(tickets.map(\.result.counts.cached) == [0, 128, 128, 128, 128, 128])
    #expect(rows == 200 + 5 * 72 + 6 * 3)
    let alone = try TinyModel.engine()
    for ticket in tickets {
      let request = Self.request(Array(ticket.tokens.prefix(200)), 4)
      #expect(ticket.result.tokens == (try alone.alone(request)).tokens)
    }
  }

  /// The hash sorts out, the tokens decide: two blocks with one hash stay two.
  @Test func equalHashesAreNotEqualTokens() throws {
    let engine = try TinyModel.engine(positions: 1_024)
    // FNV-1a: (h ^ a) * p ^ b meets again where b' = b ^ (h ^ a) * p ^ (h ^ a') * p; such b' are no tokens of a model,
    // but the tree does not know.
    var first = [TokenID](repeating: 7, count: 65)
    var second = first
    second[0] = 8
    let start: UInt32 = 2_166_136_261
    let difference = ((start ^ 7) &* 16_777_619) ^ ((start ^ 8) &* 16_777_619)
    second[1] = TokenID(bitPattern: UInt32(bitPattern: first[1]) ^ difference)
    #expect(PrefixTree.hash(first, 0) == PrefixTree.hash(second, 0))
    let tree = engine.prefixes
    let one = try #require(tree.insertEmpty(first, at: 0, below: PrefixTree.root))
    #expect(tree.child(of: PrefixTree.root, second, at: 0) == nil)
    let two = try #require(tree.insertEmpty(second, at: 0, below: PrefixTree.root))
    #expect(one != two)
    #expect(tree.child(of: PrefixTree.root, first, at: 0) == one)
    #expect(tree.child(of: PrefixTree.root, second, at: 0) == two)
    first[64] = 9
    #expect(tree.child(of: PrefixTree.root, first, at: 0) == one)
  }

  @Test func leastRecentLeafGoesFirst() throws {
    let engine = try TinyModel.engine(positions: 1_024)
    let tree = engine.prefixes
    func block(_ token: TokenID) -> [TokenID] { [TokenID](repeating: token, count: 64) }
    let a = try #require(tree.insertEmpty(block(1), at: 0, below: PrefixTree.root))
    let b = try #require(tree.insertEmpty(block(2), at: 0, below: a))
    let c = try #require(tree.insertEmpty(block(3), at: 0, below: a))
    let d = try #require(tree.insertEmpty(block(4), at: 0, below: PrefixTree.root))
    tree.touch(b)
    #expect(tree.evict())
    #expect(tree.child(of: a, block(3), at: 0) == nil && tree.child(of: a, block(2), at: 0) == b)
    #expect(tree.evict())
    #expect(tree.child(of: PrefixTree.root, block(4), at: 0) == nil)
    #expect(tree.child(of: PrefixTree.root, block(1), at: 0) == a)
    #expect(tree.evict() && tree.evict() && !tree.evict())
    #expect(engine.hasAllBlocks && c != d)
  }

  /// A session goes on from turn to turn, also where the next turn leaves its text within a block that others share.
  @Test func sessionsKeepWhatTheyHave() throws {
    let engine = try TinyModel.engine(positions: 2_048)
    let alone = try TinyModel.engine()
    var random = TestRandom(seed: 3)
    let session = Session(engine)
    let generator = Generator(session)
    var prompt = engine.tokens(70, &random)
    for turn in 0..<3 {
      let request = Self.request(prompt, 20)
      let result = try generator.run(request, observer: Recorder())
      #expect(result.tokens == (try alone.alone(request)).tokens)
      // All but the last token of the answer is there, to the token.
      if turn > 0 { #expect(result.counts.cached == prompt.count - 4) }
      prompt += result.tokens + engine.tokens(3, &random)
    }
    let before = engine.content(of: session)
    let text = session.tokens
    let branch = Self.request(Array(prompt.prefix(30)) + engine.tokens(40, &random), 20)
    let result = try generator.run(branch, observer: Recorder())
    #expect(result.tokens == (try alone.alone(branch)).tokens)
    #expect(result.counts.cached == 30)
    // The block that it left is as it was: the old text finds it.
    let old = Session(engine)
    #expect(old.adopt(text) >= 64 && engine.content(of: old) == Array(before.prefix(old.blockCount)))
  }

  /// Going on in the middle of a block that the tree keeps is a bug, and ends the process before it can write there.
  @Test func sharedBlocksAreNeverWritten() async {
    await #expect(processExitsWith: .failure) {
      let engine = try TinyModel.engine()
      var random = TestRandom(seed: 4)
      let session = Session(engine)
      try session.prefill(engine.tokens(70, &random))
      session.publish()
      session.truncate(to: 30)
    }
    await #expect(processExitsWith: .success) {
      let engine = try TinyModel.engine()
      var random = TestRandom(seed: 4)
      let session = Session(engine)
      try session.prefill(engine.tokens(70, &random))
      session.truncate(to: 30)
      session.publish()
    }
  }
}
