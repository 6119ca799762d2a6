import Compute
import ModelFiles
import Testing
import Tokenization

@testable import Generation

/// The real model: the same tokens alone and together, with every way of sharing on.
@Suite(.enabled(if: slowTests)) struct SmolLM2SchedulerTests {
  private static func engine(threads: Int, positions: Int? = nil, batch: Int = 128) throws -> Engine {
    let store = try ModelStore()
    let model = try #require(ModelCatalogue.find("smollm2-135m"))
    #expect(store.contains(model), "fetch it with `farthing models get smollm2-135m`")
    return try TinyModel.engine(
      path: store.path(of: model), threads: threads, batch: batch, positions: positions, context: 1_024)
  }

  /// 50 conversations under four system messages; every third is greedy, and a fifth asks to repeat something.
  private static func requests(_ tokenizer: Tokenizer) throws -> [GenerationRequest] {
    var random = TestRandom(seed: 50)
    let systems = ["", "You are terse.", "You are a helpful assistant who answers in one sentence, and politely."]
    let long = String(repeating: "Paper clips hold sheets together without a hole. ", count: 24)
    return try (0..<50).map { index in
      let system = index % 4 == 3 ? long : systems[index % 4]
      let question = index % 5 == 0 ? "Repeat this word for word: \(long.prefix(160))" : "Say something about \(index)."
      let text =
        "<|im_start|>system\n\(system)<|im_end|>\n<|im_start|>user\n\(question)<|im_end|>\n<|im_start|>assistant\n"
      var request = GenerationRequest(prompt: try tokenizer.encode(text, parseSpecial: true))
      request.sampling = randomSampling(&random)
      request.tokenLimit = 40
      return request
    }
  }

  @Test func sameTokensAsAlone() throws {
    let reference = try Self.engine(threads: 1)
    let requests = try Self.requests(reference.tokenizer)
    let expected = try requests.map { try reference.alone($0) }
    let ways = [(2, 1, 128, SpeculationMode.on), (2, 8, 128, .automatic), (2, 16, 96, .on), (3, 4, 7, .off)]
    for (threads, active, batch, speculation) in ways {
      let engine = try Self.engine(threads: threads, positions: 50 * 1_024, batch: batch)
      var limits = Scheduler.Limits()
      limits.active = active
      limits.promptRowsBesideDecode = 40
      limits.speculation = speculation
      let scheduler = Scheduler(engine, limits)
      let tickets = try requests.map { try scheduler.submit($0, session: Session(engine), observer: Recorder()) }
      while scheduler.step() {}
      for (ticket, outcome) in zip(tickets, expected) {
        #expect(ticket.outcome(engine) == outcome, "width \(active), request \(ticket.id)")
      }
      let cached = tickets.reduce(0) { $0 + $1.result.counts.cached }
      let accepted = tickets.reduce(0) { $0 + $1.result.counts.draftAccepted }
      print("width \(active): \(cached) tokens from the cache, \(accepted) guesses accepted")
      #expect(cached > 0)
    }
  }
}
