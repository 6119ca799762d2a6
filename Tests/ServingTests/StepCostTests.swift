import Compute
import Generation
import ModelFiles
import Testing
import Transformers

@testable import Serving

@Suite struct StepCostTests {
  private func cost() throws -> StepCost {
    let path =
      #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 }
      + "/Fixtures/families/llama3.Q4_0.gguf"
    return StepCost(try ModelConfiguration(try ModelFile(path: path)))
  }

  private func share(
    _ request: Int, prompt: Int = 0, decode: Int = 0, draft: Int = 0, context: Int
  ) -> StepReport.Share {
    StepReport.Share(request: request, promptRows: prompt, decodeRows: decode, draftRows: draft, context: context)
  }

  @Test func partsAddUpToTheStep() throws {
    let cost = try cost()
    let shares = [
      share(0, prompt: 17, context: 17), share(1, decode: 1, context: 90), share(2, decode: 1, draft: 3, context: 4),
    ]
    for nanos in [0, 1, 2, 3, 999_999_999, 1_000_000_007] as [Int64] {
      let parts = cost.divide(nanos, among: shares)
      #expect(parts.reduce(0, +) == nanos && parts.allSatisfy { $0 >= 0 })
    }
    #expect(cost.divide(5, among: []) == [])
  }

  @Test func moreRowsAndDeeperRowsWeighMore() throws {
    let cost = try cost()
    let one = cost.weight(share(0, decode: 1, context: 10))
    #expect(cost.weight(share(0, decode: 1, context: 500)) > one)
    #expect(cost.weight(share(0, decode: 1, draft: 2, context: 12)) > 2 * one)
    #expect(cost.weight(share(0, prompt: 1, context: 10)) < one)
    // Equal rows share equally; what is left over goes to the first.
    #expect(cost.divide(7, among: [share(0, decode: 1, context: 9), share(1, decode: 1, context: 9)]) == [4, 3])
  }

  @Test func aPromptWeighsTheSameInOnePieceAndInMany() throws {
    let cost = try cost()
    let whole = cost.weight(share(0, prompt: 30, context: 30))
    let pieces = [10, 20, 30].map { cost.weight(share(0, prompt: 10, context: $0)) }
    #expect(pieces.reduce(0, +) == whole)
  }
}
