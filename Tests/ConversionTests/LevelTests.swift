import Foundation
import ModelFiles
import Quantization
import Testing

@testable import Conversion

@Suite struct LevelTests {
  /// A file of 32 layers with four query heads to a value head.
  private let large = ModelShape(layers: 32, group: 4, isTied: false, hasImportance: false)

  private func types(_ level: String, _ part: String, _ shape: ModelShape) throws -> [TensorType] {
    let level = try #require(QuantizationLevel.named(level))
    return (0..<shape.layers).map { level.type(of: "blk.\($0).\(part).weight", columns: 4096, in: shape) }
  }

  @Test func mediumMixesGiveMoreBitsToSomeLayers() throws {
    let layers = try types("Q4_K_M", "ffn_down", large).enumerated().filter { $0.element == .q6_K }.map(\.offset)
    #expect(layers == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31])
    #expect(try types("Q5_K_M", "attn_v", large).count { $0 == .q6_K } == 16)
    #expect(try types("Q4_K_M", "attn_q", large).allSatisfy { $0 == .q4_K })
    #expect(try types("Q5_K_S", "ffn_down", large).allSatisfy { $0 == .q5_K })
  }

  @Test func smallMixes() throws {
    #expect(try types("Q4_K_S", "attn_v", large).count { $0 == .q5_K } == 4)
    #expect(try types("Q4_K_S", "ffn_down", large).prefix(4).allSatisfy { $0 == .q5_K })
    #expect(try types("IQ4_NL", "attn_v", large).allSatisfy { $0 == .q5_K })
  }

  @Test func importanceChangesTheFirstDownProjections() throws {
    let shape = ModelShape(layers: 32, group: 4, isTied: false, hasImportance: true)
    #expect(try types("Q4_0", "ffn_down", shape).count { $0 == .q4_1 } == 4)
    #expect(try types("Q5_0", "ffn_down", shape).count { $0 == .q5_1 } == 4)
    #expect(try types("Q4_0", "ffn_down", large).allSatisfy { $0 == .q4_0 })
    #expect(try types("IQ4_NL", "ffn_down", large).count { $0 == .q5_K } == 4)
    #expect(try types("IQ4_NL", "ffn_down", shape).allSatisfy { $0 == .iq4_nl })
  }

  @Test func theOutputMatrixHasSixBits() throws {
    let level = try #require(QuantizationLevel.named("q4_0"))
    let tied = ModelShape(layers: 4, group: 2, isTied: true, hasImportance: false)
    #expect(level.type(of: "output.weight", columns: 256, in: large) == .q6_K)
    #expect(level.type(of: "token_embd.weight", columns: 256, in: large) == .q4_0)
    #expect(level.type(of: "token_embd.weight", columns: 256, in: tied) == .q6_K)
    let eight = try #require(QuantizationLevel.named("Q8_0"))
    #expect(eight.type(of: "output.weight", columns: 256, in: large) == .q8_0)
    // A row that the level's own type does not fit takes Q8_0 at once.
    let mix = try #require(QuantizationLevel.named("Q4_K"))
    #expect(mix.name == "Q4_K_M" && mix.type(of: "output.weight", columns: 576, in: large) == .q8_0)
  }

  @Test func rowsThatAreNotWholeBlocksTakeTheNeighbour() {
    #expect(TensorType.q4_K.fitting(columns: 256) == .q4_K)
    #expect(TensorType.q4_K.fitting(columns: 576) == .q5_0)
    #expect(TensorType.q5_K.fitting(columns: 576) == .q5_1)
    #expect(TensorType.q6_K.fitting(columns: 576) == .q8_0)
    #expect(TensorType.iq4_nl.fitting(columns: 40) == .f16)
    #expect(TensorType.q6_K.fitting(columns: 40) == .f16)
    #expect(TensorType.f32.fitting(columns: 40) == .f32)
  }
}

/// Levels against what llama.cpp's quantiser did, tensor by tensor: `Tests/Fixtures/quantization/make_levels.py`.
@Suite struct GoldenLevelTests {
  private struct Level: Decodable {
    let bytes: Int
    let types: [String: String]
  }

  @Test func everyTensorHasThePeersType() throws {
    let path = FolderFixture.repository.appending(path: "Tests/Fixtures/quantization/levels.json")
    let models = try JSONDecoder().decode([String: [String: Level]].self, from: Data(contentsOf: path))
    #expect(models.count == 3)
    for (model, levels) in models {
      let file = try ModelFile(path: FolderFixture.repository.appending(path: model).path)
      #expect(levels.count == 11)
      for (name, golden) in levels {
        let plan = try ConversionPlan(file, level: try #require(QuantizationLevel.named(name)))
        #expect(plan.items.count == golden.types.count)
        for item in plan.items {
          #expect(item.type.name == golden.types[item.tensor.name], "\(model) \(name) \(item.tensor.name)")
        }
        #expect(plan.tensorBytes == golden.bytes, "\(model) \(name)")
      }
    }
  }
}
