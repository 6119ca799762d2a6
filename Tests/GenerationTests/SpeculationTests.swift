import Testing
import Tokenization
import Usage

@testable import Generation

@Suite struct SpeculationTests {
  private func draft(_ text: [TokenID], limit: Int = 7) -> [TokenID] {
    var draft: [TokenID] = [99]
    PromptLookup.draft(text, limit: limit, into: &draft)
    return draft
  }

  @Test func looksUpTheLatestPlace() {
    #expect(draft([1, 2, 3, 4, 5, 6, 1, 2, 3]) == [4, 5, 6, 1, 2, 3])
    #expect(draft([1, 2, 3, 4, 5, 6, 1, 2, 3], limit: 2) == [4, 5])
    #expect(draft([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]) == [5, 1, 2, 3])
    // Only two tokens match: a short guess.
    #expect(draft([9, 2, 3, 4, 5, 6, 1, 2, 3]) == [4, 5])
    #expect(draft([7, 7, 7, 7]) == [7])
    for text: [TokenID] in [[], [1], [1, 2], [1, 2, 3, 4]] { #expect(draft(text) == []) }
    #expect(draft([1, 2, 3, 1, 2, 3], limit: 0) == [])
  }

  /// Answers that repeat themselves: guesses are accepted, and nothing else changes.
  @Test(arguments: TinyModel.names)
  func guessesChangeNothing(name: String) throws {
    let seed = testSeed()
    print("guessesChangeNothing \(name): seed \(seed)")
    var random = TestRandom(seed: seed)
    let reference = try TinyModel.engine(name, threads: 1)
    let engine = try TinyModel.engine(name, positions: 16_384)
    var limits = Scheduler.Limits()
    limits.speculation = .on
    let scheduler = Scheduler(engine, limits)
    var requests: [GenerationRequest] = []
    for index in 0..<50 {
      let phrase = reference.tokens(6, &random)
      var request = GenerationRequest(prompt: Array([phrase, phrase, phrase].joined()))
      request.sampling = randomSampling(&random)
      // Few candidates: chance repeats itself too.
      request.sampling.topK = 2
      request.tokenLimit = 60
      request.ignoreEnd = index.isMultiple(of: 3)
      requests.append(request)
    }
    let tickets = try requests.map { try scheduler.submit($0, session: Session(engine), observer: Recorder()) }
    while scheduler.step() {}
    var (accepted, rejected) = (0, 0)
    for (ticket, request) in zip(tickets, requests) {
      #expect(ticket.outcome(engine) == (try reference.alone(request)), "seed \(seed), request \(ticket.id)")
      let counts = ticket.result.counts
      #expect(counts.draftAccepted < max(1, counts.completion))
      accepted += counts.draftAccepted
      rejected += counts.draftRejected
    }
    print("guessesChangeNothing \(name): \(accepted) accepted, \(rejected) rejected")
    #expect(accepted > 0 && rejected > 0)
  }

  /// Feeds a governor steps that cost and yield as said, and counts those with guesses.
  private func drafted(
    _ governor: inout SpeculationGovernor, steps: Int, requests: Int = 1, cost: Double, tokens: Int
  ) -> Int {
    var count = 0
    for _ in 0..<steps {
      let drafts = governor.wantsDrafts(requests: requests)
      if drafts { count += 1 }
      governor.record(
        nanos: Int64(1_000_000 * (drafts ? cost : 1)), tokens: drafts ? tokens : requests, requests: requests,
        drafted: drafts)
    }
    return count
  }

  @Test func governorGoesOnWhereItWins() {
    var governor = SpeculationGovernor(.automatic)
    #expect(drafted(&governor, steps: 200, cost: 1.5, tokens: 2) == 200 - SpeculationGovernor.plainSteps)
  }

  @Test func governorTurnsItselfOff() {
    var governor = SpeculationGovernor(.automatic)
    let count = drafted(&governor, steps: 4_000, cost: 1.5, tokens: 1)
    // Trials of 8 steps, between rests of 32, 64, ... 2,048 steps.
    #expect(count <= 8 * 8, "\(count)")
    #expect(drafted(&governor, steps: 5_000, cost: 1.2, tokens: 3) > 2_000, "a text that repeats itself turns it on")
  }

  @Test func governorWeighsAllRequests() {
    var governor = SpeculationGovernor(.automatic)
    // Five tokens instead of four for 1.5 times the cost.
    #expect((1..<60).contains(drafted(&governor, steps: 1_000, requests: 4, cost: 1.5, tokens: 5)))
    #expect(drafted(&governor, steps: 1_000, requests: 8, cost: 1.1, tokens: 16) == 0)
    var fixed = SpeculationGovernor(.off)
    #expect(drafted(&fixed, steps: 10, cost: 1, tokens: 5) == 0)
    fixed = SpeculationGovernor(.on)
    #expect(drafted(&fixed, steps: 10, cost: 9, tokens: 1) == 10)
  }
}
