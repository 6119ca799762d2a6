import CountingSupport
import Testing
import Tokenization

@testable import Generation

/// A decoded token allocates nothing: not in the pass, the sampler, the detokeniser, the stop rules or the scheduler.
@Suite(.serialized) struct AllocationTests {
  /// For one step of so many tokens. Without optimisation the standard library's generic collections allocate in passing, a
  /// fixed number of times a step and a token; with it nothing does.
  private static func allowed(tokens: Int) -> Int {
    #if DEBUG
      32 + 18 * tokens
    #else
      0
    #endif
  }

  @Test func counterCounts() {
    cs_start_counting_allocations()
    let array = [Int](repeating: 7, count: 1_000)
    let count = cs_stop_counting_allocations()
    #expect(count >= 1 && array[999] == 7)
  }

  @Test(arguments: [(1, SpeculationMode.off, 120), (8, .off, 120), (4, .on, 24)])
  func decodingAllocatesNothing(width: Int, speculation: SpeculationMode, steps: Int) throws {
    // One thread: it does all the work, and it is the one that counts.
    let engine = try TinyModel.engine(threads: 1, positions: 4_096)
    var random = TestRandom(seed: 9)
    var limits = Scheduler.Limits()
    limits.speculation = speculation
    let scheduler = Scheduler(engine, limits)
    for index in 0..<width {
      var request = GenerationRequest(prompt: engine.tokens(20, &random))
      request.ignoreEnd = true
      request.stopStrings = [Array("never to be found in the text".utf8)]
      request.sampling.repeatPenalty = 1.1
      request.sampling.frequencyPenalty = 0.1
      if index.isMultiple(of: 2) { request.sampling = .greedy }
      try scheduler.submit(request, observer: SilentObserver())
    }
    // The first steps read prompts and fill buffers that are kept; then come more steps than a block has positions.
    for _ in 0..<4 { _ = scheduler.step() }
    var perStep: [UInt64] = []
    for _ in 0..<steps {
      cs_start_counting_allocations()
      _ = scheduler.step()
      perStep.append(cs_stop_counting_allocations())
    }
    #expect(scheduler.active.count == width)
    let allowed = Self.allowed(tokens: width * (speculation == .on ? 8 : 1))
    #expect(perStep.allSatisfy { $0 <= allowed }, "\(perStep)")
  }
}

private final class SilentObserver: GenerationObserver {
  var isCancelled: Bool { false }
  private(set) var bytes = 0
  func prefilled(_ done: Int, of total: Int) {}
  func received(_ text: [UInt8]) { bytes += text.count }
}
