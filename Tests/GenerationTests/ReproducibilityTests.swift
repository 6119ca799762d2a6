import HostileFiles
import ModelFiles
import NumericsSupport
import Testing
import Tokenization

@testable import Compute
@testable import Generation

/// Same request, same tokens: whole requests under other threads, batches and caches, greedy and under a seed.
@Suite struct ReproducibilityTests {
  private static let families = [
    ("llama", "Q4_1"), ("llama3", "Q4_0"), ("mistral", "F16"), ("qwen2", "Q5_1"), ("qwen3", "Q5_0"),
    ("gemma3", "IQ4_NL"), ("gemma3-local", "Q8_0"), ("llama-256", "Q4_K"), ("llama-256", "Q6_K"),
  ]

  @Test(arguments: families)
  func tokensAreTheSameHoweverTheyAreMade(name: String, type: String) throws {
    let path = try FamilyFixture.named(name, type).path
    let violations = try Self.violations(path: path, prompt: FamilyFixture.named(name, type).prompt, count: 60)
    #expect(violations == [])
  }

  @Test func tokensOfARealModel() throws {
    let prompt = Array(try SmolLM2Reference.text()[..<100])
    let violations = try Self.violations(path: try SmolLM2.path(), prompt: prompt, count: 24, context: 256)
    #expect(violations == [])
  }

  @Test(arguments: [PlantedFault.leakingState, .dependsOnThread])
  func aFaultShows(_ fault: PlantedFault) throws {
    let fixture = try FamilyFixture.named("llama", "Q4_0")
    let kernels = Kernels(table: fault.table)
    let violations = try Self.violations(path: fixture.path, prompt: fixture.prompt, count: 30, kernels: kernels)
    #expect(violations.count > 4, "\(violations)")
  }

  /// Ways to compute whose tokens are not those of one thread and one batch.
  private static func violations(
    path: String, prompt: [TokenID], count: Int, context: Int? = nil, kernels: Kernels = .best
  ) throws -> [String] {
    let file = try ModelFile(path: path)
    func session(_ threads: Int, _ batchThreads: Int, batch: Int) throws -> Session {
      var options = Engine.Options(threads: threads)
      options.batchThreads = batchThreads
      options.batch = batch
      options.context = context
      options.kernels = kernels
      return Session(try Engine(file, options))
    }
    let requests = [request(prompt, count), request(prompt, count, seed: 7)]
    let plain = try requests.map { try session(1, 1, batch: 512).answer($0).tokens }
    guard plain.allSatisfy({ $0.count == count }), plain[0] != plain[1] else { return ["nothing to compare"] }
    var violations: [String] = []
    for (threads, batchThreads, batch) in [(2, 2, 64), (2, 1, 7), (1, 3, 1), (5, 2, 33)] {
      let session = try session(threads, batchThreads, batch: batch)
      // The first request finds an empty cache; the next ones all or a part of what came before.
      for turn in [0, 1, 0] where try session.answer(requests[turn]).tokens != plain[turn] {
        violations.append("\(threads) threads, \(batchThreads) for prompts, batches of \(batch), request \(turn)")
      }
      _ = try session.answer(request(Array(prompt[..<(prompt.count / 2)]) + prompt.reversed(), 2))
      if try session.answer(requests[1]).tokens != plain[1] { violations.append("after another prompt") }
    }
    return violations
  }

  @Test func seedsMakeADifference() throws {
    let fixture = try FamilyFixture.named("llama", "Q4_0")
    let session = Session(try engine(fixture))
    let answers = try (0..<4).map { try session.answer(request(fixture.prompt, 30, seed: $0)).tokens }
    #expect(Set(answers).count == 4)
  }
}
