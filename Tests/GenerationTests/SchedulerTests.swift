import Compute
import Testing
import Tokenization
import Transformers
import Usage

@testable import Generation

/// Many requests at once give what each gives alone, and all of them advance.
@Suite struct SchedulerTests {
  /// Greedy and seeded requests with prompts of all lengths; some begin alike, some stop early.
  private static func requests(_ count: Int, _ engine: Engine, _ random: inout TestRandom) -> [GenerationRequest] {
    let common = engine.tokens(150, &random)
    return (0..<count).map { index in
      let shared = index.isMultiple(of: 3) ? Int.random(in: 0...150, using: &random) : 0
      let own = engine.tokens(Int.random(in: 1...60, using: &random), &random)
      var request = GenerationRequest(prompt: common.prefix(shared) + own)
      request.sampling = randomSampling(&random)
      request.tokenLimit = Int.random(in: 1...48, using: &random)
      request.ignoreEnd = index.isMultiple(of: 2)
      if index.isMultiple(of: 5) { request.stopTokens = engine.tokens(4, &random) }
      return request
    }
  }

  /// Blocks that requests share count for each by its part: together they hold what there is.
  @Test func sharedKeysAndValuesAreDividedByTheirSharers() throws {
    let engine = try TinyModel.engine(context: 256)
    let scheduler = Scheduler(engine)
    var request = GenerationRequest(prompt: (0..<140).map { TokenID($0 % 50 + 3) })
    request.ignoreEnd = true
    request.tokenLimit = 20
    let first = try scheduler.submit(request, observer: Recorder())
    // The second one finds the prompt's full blocks in the cache.
    for _ in 0..<4 { _ = scheduler.step() }
    let second = try scheduler.submit(request, observer: Recorder())
    for _ in 0..<4 { _ = scheduler.step() }
    #expect(second.result.counts.cached == 128)
    let block = engine.cache.blockBytes
    // Two blocks in common, and one of its own for each.
    #expect(first.session.kvBytes == 3 * block && second.session.kvBytes == 3 * block)
    #expect(first.session.sharedKVBytes == 2 * block && second.session.sharedKVBytes == 2 * block)
    while scheduler.step() {}
    // Byte-milliseconds of a held block for a second and a half.
    let alone = try scheduler.submit(request, observer: Recorder())
    _ = scheduler.step()
    let before = alone.result.kvByteMillis
    alone.hold(nanos: 1_500_000_000)
    #expect(alone.result.kvByteMillis - before == Int64(alone.session.sharedKVBytes) * 1500)
  }

  @Test(arguments: TinyModel.names)
  func sameTokensAsAlone(name: String) throws {
    let seed = testSeed()
    print("sameTokensAsAlone \(name): seed \(seed)")
    var random = TestRandom(seed: seed)
    let reference = try TinyModel.engine(name, threads: 1)
    let requests = Self.requests(52, reference, &random)
    let expected = try requests.map { try reference.alone($0) }
    #expect(reference.cache.freeBlocks == reference.cache.blockCount)
    // Widths, chunks, threads and guesses must not show.
    for (active, batch, beside, speculation, threads) in [
      (1, 128, 64, SpeculationMode.off, 1), (8, 128, 64, .automatic, 2), (16, 33, 7, .on, 2),
    ] {
      let engine = try TinyModel.engine(name, threads: threads, batch: batch, positions: 52 * 320)
      var limits = Scheduler.Limits()
      limits.active = active
      limits.promptRowsBesideDecode = beside
      limits.speculation = speculation
      let scheduler = Scheduler(engine, limits)
      let tickets = try requests.map { try scheduler.submit($0, session: Session(engine), observer: Recorder()) }
      while scheduler.step() {}
      for (ticket, outcome) in zip(tickets, expected) {
        #expect(ticket.isFinished)
        #expect(ticket.outcome(engine) == outcome, "seed \(seed), width \(active), request \(ticket.id)")
      }
      #expect(scheduler.isIdle && scheduler.takeFinished().count == requests.count)
    }
  }

  /// The comparison above is able to fail: a cache whose bits differ shows.
  @Test func comparisonSeesOneBit() throws {
    let engine = try TinyModel.engine()
    var random = TestRandom(seed: 5)
    let scheduler = Scheduler(engine)
    var request = GenerationRequest(prompt: engine.tokens(100, &random))
    request.tokenLimit = 2
    request.sampling = .greedy
    let ticket = try scheduler.submit(request, session: Session(engine), observer: Recorder())
    while scheduler.step() {}
    let before = ticket.outcome(engine)
    let block = engine.cache.content(of: ticket.session.blocks[0])
    block[block.count / 2] ^= 1
    #expect(ticket.outcome(engine) != before)
    #expect(ticket.outcome(engine).tokens == before.tokens)
  }

  /// Requests come and go at random, some are cancelled, and blocks are scarce.
  @Test(arguments: TinyModel.names)
  func randomTraffic(name: String) throws {
    let seed = testSeed()
    print("randomTraffic \(name): seed \(seed)")
    var random = TestRandom(seed: seed)
    let reference = try TinyModel.engine(name, threads: 1)
    let requests = Self.requests(70, reference, &random)
    let expected = try requests.map { try reference.alone($0) }
    // Room for two or three of them.
    let engine = try TinyModel.engine(name, positions: 9 * 64)
    var limits = Scheduler.Limits()
    limits.active = 9
    limits.foresight = 1
    let scheduler = Scheduler(engine, limits)
    var waiting = Array(requests.indices.reversed())
    var tickets: [Int: (ticket: ScheduledRequest, observer: Recorder)] = [:]
    repeat {
      while !waiting.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
        let index = waiting.removeLast()
        let observer = Recorder()
        if Int.random(in: 0..<6, using: &random) == 0 { observer.patience = Int.random(in: 0...9, using: &random) }
        tickets[index] = (try scheduler.submit(requests[index], observer: observer), observer)
      }
      if Int.random(in: 0..<12, using: &random) == 0, let victim = scheduler.active.randomElement(using: &random) {
        scheduler.cancel(victim)
        _ = scheduler.step()
        #expect(victim.isFinished, "cancelled, and there after a step")
      }
      for request in scheduler.active + scheduler.waiting { #expect(!request.isFinished) }
    } while scheduler.step() || !waiting.isEmpty
    for (index, entry) in tickets {
      let (ticket, outcome) = (entry.ticket, expected[index])
      #expect(entry.observer.text == ticket.result.text)
      if ticket.result.finish == .interrupted {
        #expect(outcome.tokens.starts(with: ticket.result.tokens), "seed \(seed), request \(index)")
      } else {
        #expect(ticket.outcomeOfAnswer == outcome.answer, "seed \(seed), request \(index)")
      }
    }
    #expect(tickets.count == requests.count)
    print("randomTraffic \(name): \(scheduler.preemptions) preemptions")
    tickets.removeAll()
    _ = scheduler.takeFinished()
    #expect(engine.hasAllBlocks, "seed \(seed)")
  }

  /// The oldest request is never the one that gives its blocks up.
  @Test func scarceBlocks() throws {
    let engine = try TinyModel.engine(positions: 256)
    var random = TestRandom(seed: 3)
    var limits = Scheduler.Limits()
    limits.active = 4
    limits.foresight = 1
    let scheduler = Scheduler(engine, limits)
    var tickets: [ScheduledRequest] = []
    for _ in 0..<4 {
      var request = GenerationRequest(prompt: engine.tokens(20, &random))
      request.sampling = .greedy
      request.ignoreEnd = true
      request.tokenLimit = 200
      tickets.append(try scheduler.submit(request, observer: Recorder()))
    }
    let prompts = tickets.map(\.tokens)
    while scheduler.step() {
      if !tickets[0].isFinished { #expect(scheduler.active.first?.id == 0) }
    }
    #expect(scheduler.preemptions > 0)
    let alone = try TinyModel.engine()
    for (ticket, prompt) in zip(tickets, prompts) {
      var request = GenerationRequest(prompt: prompt)
      request.sampling = .greedy
      request.ignoreEnd = true
      request.tokenLimit = 200
      #expect(ticket.result.tokens == (try alone.alone(request)).tokens)
      #expect(ticket.result.finish == .tokenLimit)
    }
    let order = scheduler.takeFinished().map(\.id)
    #expect(order.first == 0, "\(order)")
  }

  @Test func nobodyStarves() throws {
    let engine = try TinyModel.engine(batch: 48, positions: 6_400)
    var random = TestRandom(seed: 4)
    var limits = Scheduler.Limits()
    limits.active = 12
    limits.promptRowsBesideDecode = 4
    let scheduler = Scheduler(engine, limits)
    for index in 0..<30 {
      var request = GenerationRequest(prompt: engine.tokens(index.isMultiple(of: 2) ? 200 : 12, &random))
      request.sampling = .greedy
      request.tokenLimit = 20
      request.ignoreEnd = true
      try scheduler.submit(request, observer: Recorder())
    }
    var advanced: [Int: Int] = [:]
    repeat {
      let before = scheduler.active.map(\.id)
      for share in scheduler.lastStep.shares { advanced[share.request, default: 0] += 1 }
      // Whoever was active takes part in every step until it is finished.
      guard scheduler.step() else { break }
      let shares = Set(scheduler.lastStep.shares.filter { $0.promptRows + $0.decodeRows > 0 }.map(\.request))
      for id in before { #expect(shares.contains(id)) }
      #expect(scheduler.lastStep.rows <= 48)
    } while true
    #expect(advanced.count == 30)
  }

  /// While somebody decodes, a long prompt gets no more rows than the limit, and the decoding one its row in each step.
  @Test func nobodyStalls() throws {
    let engine = try TinyModel.engine(positions: 6_400)
    var random = TestRandom(seed: 6)
    var limits = Scheduler.Limits()
    limits.promptRowsBesideDecode = 16
    limits.speculation = .off
    let scheduler = Scheduler(engine, limits)
    var first = GenerationRequest(prompt: engine.tokens(5, &random))
    first.ignoreEnd = true
    first.tokenLimit = 100
    let decoding = try scheduler.submit(first, observer: Recorder())
    _ = scheduler.step()
    let long = try scheduler.submit(GenerationRequest(prompt: engine.tokens(240, &random)), observer: Recorder())
    var steps = 0
    while long.result.tokens.isEmpty {
      let before = decoding.result.tokens.count
      _ = scheduler.step()
      steps += 1
      #expect(decoding.result.tokens.count == before + 1)
      #expect(scheduler.lastStep.shares.reduce(0) { $0 + $1.promptRows } <= 16)
    }
    #expect(steps == 15)
  }

  /// The observer sees the prompt grow from what was cached to all of it, and then the text.
  @Test func observerSeesThePrompt() throws {
    let engine = try TinyModel.engine(batch: 50)
    var random = TestRandom(seed: 11)
    let observer = Recorder()
    var request = GenerationRequest(prompt: engine.tokens(130, &random))
    request.tokenLimit = 3
    request.ignoreEnd = true
    let result = try Generator(Session(engine)).run(request, observer: observer)
    #expect(observer.progress == [0, 50, 100, 130])
    #expect(observer.text == result.text)
    observer.isCancelled = true
    let cancelled = try Generator(Session(engine)).run(request, observer: observer)
    #expect(cancelled.finish == .interrupted && cancelled.counts == TokenCounts() && cancelled.tokens.isEmpty)
  }

  @Test func refusalsNameTheReason() throws {
    let engine = try TinyModel.engine()
    var limits = Scheduler.Limits()
    limits.waiting = 1
    let scheduler = Scheduler(engine, limits)
    let errors: [([TokenID], String)] = [
      ([], "the prompt is empty"), ([TokenID](repeating: 5, count: 256), "no room for an answer"),
      ([5, 363], "token 363"), ([-1], "token -1"),
    ]
    for (prompt, reason) in errors {
      let error = #expect(throws: GenerationError.self) {
        try scheduler.submit(GenerationRequest(prompt: prompt), observer: Recorder())
      }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
    try scheduler.submit(GenerationRequest(prompt: [5]), observer: Recorder())
    #expect(throws: GenerationError.self) {
      try scheduler.submit(GenerationRequest(prompt: [5]), observer: Recorder())
    }
  }

  /// Queue, prefill and decode times fit into each other; a request without an answer has its prompt computed.
  @Test func timingsAddUp() throws {
    let engine = try TinyModel.engine(positions: 1_024)
    var random = TestRandom(seed: 7)
    var limits = Scheduler.Limits()
    limits.active = 2
    let scheduler = Scheduler(engine, limits)
    var tickets: [ScheduledRequest] = []
    for limit in [12, 0, 5, 1] {
      var request = GenerationRequest(prompt: engine.tokens(70, &random))
      request.tokenLimit = limit
      request.ignoreEnd = true
      tickets.append(try scheduler.submit(request, observer: Recorder()))
    }
    while scheduler.step() {}
    for (ticket, limit) in zip(tickets, [12, 0, 5, 1]) {
      let (counts, timings) = (ticket.result.counts, ticket.result.timings)
      #expect(counts.prompt == 70 && counts.cached == 0 && counts.completion == limit)
      #expect(ticket.result.finish == .tokenLimit)
      #expect(timings.queueNanos + timings.prefillNanos + timings.decodeNanos == timings.totalNanos)
      #expect(timings.prefillNanos > 0)
    }
    #expect(tickets[3].result.timings.queueNanos > 0)
  }

  /// A pass with eight sequences reads every weight exactly as often as a pass with one: once.
  @Test func stepStreamsWeightsOnce() throws {
    let engine = try TinyModel.engine(positions: 2_048, kernels: CountingKernels.kernels)
    var random = TestRandom(seed: 8)
    var limits = Scheduler.Limits()
    limits.speculation = .off
    let scheduler = Scheduler(engine, limits)
    func submit() throws {
      var request = GenerationRequest(prompt: engine.tokens(9, &random))
      request.ignoreEnd = true
      try scheduler.submit(request, observer: Recorder())
    }
    func bytesOfStep() -> UInt64 {
      let before = CountingKernels.weightBytesRead
      _ = scheduler.step()
      return CountingKernels.weightBytesRead - before
    }
    try submit()
    _ = bytesOfStep()
    let one = bytesOfStep()
    for _ in 0..<7 { try submit() }
    let joining = bytesOfStep()
    #expect(scheduler.lastStep.rows == 1 + 7 * 9 && scheduler.lastStep.tokens == 8)
    let eight = bytesOfStep()
    #expect(scheduler.lastStep.rows == 8)
    #expect(one > 0 && eight == one && joining == one)
    #expect(one <= UInt64(engine.model.weightBytes))
  }
}

extension Outcome {
  /// Without what the cache holds, where it may have been given back.
  var answer: [[Int]] { [tokens.map(Int.init), text.map(Int.init)] }
}

extension ScheduledRequest {
  var outcomeOfAnswer: [[Int]] { [result.tokens.map(Int.init), result.text.map(Int.init)] }
}
