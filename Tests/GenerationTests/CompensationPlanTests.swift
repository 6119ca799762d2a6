import Compute
import HostileFiles
import ModelFiles
import Quantization
import Testing
import Transformers

@testable import Generation

/// What error compensation leaves to the search so that it keeps to a bound of memory.
@Suite struct CompensationPlanTests {
  private static let names = (0..<2).flatMap { layer in
    ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map { "blk.\(layer).\($0).weight" }
  }

  private static func plan(tokens: Int? = nil, hasText: Bool = false, bound: Int) throws -> CompensationPlan? {
    var builder = GGUFBuilder.model("llama")
    builder.tensors = SmallModel.tensors("llama")
    let bytes = builder.bytes
    let file = try ModelFile(first: MappedFile(copying: bytes, path: "small.gguf")) { path in
      MappedFile(copying: bytes, path: path)
    }
    let types = Dictionary(
      uniqueKeysWithValues: file.tensors.filter { $0.rows > 1 }.map { ($0.name, TensorType.q4_0) })
    return CompensationPlan(
      file, configuration: try ModelConfiguration(file), types: types, tokens: tokens, hasText: hasText, threads: 2,
      bound: bound)
  }

  @Test(arguments: [true, false]) func nothingIsLeftOutWhereAllFits(hasText: Bool) throws {
    let plan = try #require(try Self.plan(hasText: hasText, bound: 300_000_000))
    #expect(plan.tooWide.isEmpty && plan.searched.isEmpty && plan.otherBytes < 300_000_000)
    #expect(Set(plan.types.keys).isSuperset(of: Self.names))
    #expect(plan.tokens == (hasText ? 16_384 : 4_096))
  }

  /// The down matrices of these models are wide, and so first to go, together with attention's output, as wide, where
  /// moments of one set are held at a time.
  @Test(arguments: [true, false]) func theWidestAreLeftOutFirst(hasText: Bool) throws {
    let all = try #require(try Self.plan(tokens: 512, hasText: hasText, bound: 300_000_000))
    let plan = try #require(try Self.plan(tokens: 512, hasText: hasText, bound: all.otherBytes - 1))
    #expect(plan.otherBytes < all.otherBytes && plan.tokens == 512)
    let wide = Self.names.filter { $0.contains("ffn_down") || hasText && $0.contains("attn_output") }
    #expect(Set(plan.tooWide) == Set(wide))
    // With a text they are rounded where later matrices can make up for them.
    #expect(plan.searched == (hasText ? Set(plan.tooWide) : []))
    #expect(plan.types.keys.contains("blk.0.ffn_down.weight") == hasText)
    #expect(plan.types.keys.contains("blk.0.ffn_gate.weight"))
  }

  @Test func tokensAreSavedBeforeMatrices() throws {
    let full = try #require(try Self.plan(hasText: true, bound: 300_000_000))
    let plan = try #require(try Self.plan(hasText: true, bound: full.otherBytes - 1))
    #expect(plan.tooWide.isEmpty && plan.tokens == 8_192)
    // Unless somebody asked for as many.
    let asked = try #require(try Self.plan(tokens: 16_384, hasText: true, bound: full.otherBytes - 1))
    #expect(!asked.tooWide.isEmpty && asked.tokens == 16_384)
  }

  @Test func aBoundMayBeTooTightForAnything() throws {
    #expect(try Self.plan(bound: 30_000_000) == nil)
  }

  /// Matrices that are left out keep their numbers without a text, and are rounded by the search with one.
  @Test(arguments: [true, false]) func theRestIsCompensated(hasText: Bool) throws {
    let engine = try SmallModel.engine("llama", product: .reference(OpenBLAS.load()), residency: .asAsked)
    let wide = Set(Self.names.filter { $0.contains("ffn_down") })
    let types = Dictionary(uniqueKeysWithValues: Self.names.map { ($0, TensorType.q4_0) })
    let matrices = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(), types: hasText ? types : types.filter { !wide.contains($0.key) },
      searched: hasText ? wide : [], text: hasText ? SmallModel.text(tokens: 64 * 12) : nil, maxTokens: 64 * 8)
    var made: [String: [UInt8]] = [:]
    let isDone = try matrices.run(
      progress: { _, _ in true }, failure: { $0 },
      deliver: { (name, blocks) throws(GenerationError) in made[name] = (0..<blocks.count).map { blocks[$0] } })
    #expect(isDone && matrices.uncompensated.isEmpty)
    #expect(Set(made.keys) == Set(hasText ? Self.names : Self.names.filter { !wide.contains($0) }))
    guard hasText else { return }
    let search = try #require(RowEncoder(type: .q4_0, rounding: .search))
    try engine.model.load(.layer(0), on: engine.pool)
    for (name, isSearched) in [("blk.0.ffn_down.weight", true), ("blk.0.ffn_gate.weight", false)] {
      let shape = try #require(engine.model.shape(ofMatrix: name))
      let values = try AlignedBuffer<Float>(count: shape.rows * shape.columns)
      for row in 0..<shape.rows {
        engine.model.readRow(row, ofMatrix: name, to: values.part(row * shape.columns, shape.columns))
      }
      let blocks = try AlignedBuffer<UInt8>(count: shape.rows * search.rowBytes(columns: shape.columns))
      search.encode(values.view, columns: shape.columns, to: blocks.view)
      #expect((made[name] == Array(blocks.elements)) == isSearched, "\(name)")
    }
  }
}
