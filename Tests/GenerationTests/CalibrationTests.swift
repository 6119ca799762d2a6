import Compute
import HostileFiles
import Quantization
import Testing
import Transformers

@testable import Generation

/// Error compensation through whole models, and the importance of their columns.
@Suite struct CalibrationTests {
  private static func reference() throws -> MatrixProduct { .reference(try OpenBLAS.load()) }

  private static func matrices(_ engine: Engine) -> [String] {
    (0..<2).flatMap { layer in
      ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].map {
        "blk.\(layer).\($0).weight"
      }
    } + Set([engine.model.embeddingName, engine.model.headName]).sorted()
  }

  private static func divergence(_ model: Engine, _ architecture: String) throws -> Double {
    let evaluation = try ReferenceEvaluation(
      model, reference: SmallModel.engine(architecture, product: reference()),
      text: SmallModel.text(tokens: 64 * 12), chunkLength: 64)
    for _ in 0..<10 { try evaluation.scoreNextChunk() }
    return evaluation.divergence.mean
  }

  /// The whole point: predictions that are nearer to the original's than the weighted search's, at the same bits.
  ///
  /// An error that is made up for twice, by the matrices that first see it and again by those behind them, takes this to
  /// 0.4 and, where queries and keys are normed, to more than 1.
  @Test(arguments: GGUFBuilder.architectures)
  func compensationBeatsTheSearch(_ architecture: String) throws {
    let search = try SmallModel.engine(architecture, product: Self.reference())
    let encoder = try #require(RowEncoder(type: .q5_0, rounding: .search))
    for name in Self.matrices(search) {
      let shape = try #require(search.model.shape(ofMatrix: name))
      let values = try AlignedBuffer<Float>(count: shape.rows * shape.columns)
      for row in 0..<shape.rows {
        search.model.readRow(row, ofMatrix: name, to: values.part(row * shape.columns, shape.columns))
      }
      let blocks = try AlignedBuffer<UInt8>(count: shape.rows * encoder.rowBytes(columns: shape.columns))
      encoder.encode(values.view, columns: shape.columns, to: blocks.view)
      try search.model.replace(name, type: .q5_0, blocks: blocks.view)
    }
    let engine = try SmallModel.engine(architecture, product: Self.reference())
    let compensated = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(),
      types: Dictionary(uniqueKeysWithValues: Self.matrices(engine).map { ($0, TensorType.q5_0) }),
      text: SmallModel.text(tokens: 64 * 60), maxTokens: 64 * 40)
    var steps: [Int] = []
    var sizes: [String: Int] = [:]
    #expect(
      try compensated.run(
        progress: { done, all in
          steps.append(done)
          return all == 4
        }, failure: { $0 }, deliver: { (name, blocks) throws(GenerationError) in sizes[name] = blocks.count }))
    #expect(steps == [0, 1, 2, 3, 4] && compensated.calibrationTokens == 64 * 40)
    for name in Self.matrices(engine) {
      let shape = try #require(engine.model.shape(ofMatrix: name))
      #expect(sizes[name] == shape.rows * shape.columns / 32 * 22, "\(name)")
    }
    #expect(sizes.count == Self.matrices(engine).count && compensated.uncompensated.isEmpty)
    // The engine holds the rounded matrices now.
    let (after, before) = (try Self.divergence(engine, architecture), try Self.divergence(search, architecture))
    #expect(after < 0.25 * before, "\(architecture): \(after) against \(before)")
  }

  /// Each matrix is fitted to what it will really read: with the matrices before it, in its own layer too, replaced. What
  /// the original model reads stays what it was.
  @Test(arguments: GGUFBuilder.architectures, [WeightResidency.whole, .asAsked])
  func matricesAreFittedInTurn(_ architecture: String, _ residency: WeightResidency) throws {
    /// The sums of the diagonals of moments and cross moments, by the first reader; `replaced` becomes zeros.
    func traces(replacing replaced: String?) throws -> [String: (moments: Float, cross: Float)] {
      let engine = try SmallModel.engine(architecture, product: Self.reference(), residency: residency)
      let calibration = try LayerCalibration(
        engine, blas: OpenBLAS.load(), text: SmallModel.text(tokens: 64 * 4), length: 64, maxTokens: 64 * 2)
      var found: [String: (moments: Float, cross: Float)] = [:]
      var held: AlignedBuffer<UInt8>?
      let isDone = try calibration.run(
        progress: { _, _ in true }, failure: { $0 },
        quantize: { (inputs) throws(GenerationError) in
          func trace(_ sums: AlignedBuffer<Float>?) -> Float {
            guard let sums, let shape = engine.model.shape(ofMatrix: inputs.readers[0]) else { return -1 }
            return (0..<shape.columns).reduce(0) { $0 + abs(sums.view[$1 * shape.columns + $1]) }
          }
          found[inputs.readers[0]] = (trace(inputs.moments), trace(inputs.cross))
          guard let replaced, inputs.readers.contains(replaced), let shape = engine.model.shape(ofMatrix: replaced)
          else {
            return []
          }
          do throws(SystemError) { held = try AlignedBuffer(count: shape.rows * shape.columns / 32 * 18) } catch {
            throw .system(error)
          }
          return held.map { [(replaced, TensorType.q4_0, $0.view)] } ?? []
        })
      #expect(isDone)
      return found
    }
    let (plain, fitted) = (try traces(replacing: nil), try traces(replacing: "blk.0.attn_v.weight"))
    #expect(plain.keys == fitted.keys)
    let (query, output) = ("blk.0.attn_q.weight", "blk.0.attn_output.weight")
    #expect(try #require(plain[query]) == #require(fitted[query]))
    #expect(try #require(plain[output]).moments > 0)
    // Values of a matrix of zeros are their bias, where there is one.
    if architecture == "qwen2" {
      #expect(fitted[output]?.moments != plain[output]?.moments)
    } else {
      #expect(try #require(fitted[output]) == (0, 0))
    }
    // Behind it the streams differ: the original one is not zero where the other is.
    for name in ["blk.0.ffn_gate.weight", "blk.0.ffn_down.weight", "blk.1.attn_q.weight"] {
      let (before, after) = (try #require(plain[name]), try #require(fitted[name]))
      #expect(abs(before.cross / before.moments - 1) < 1e-4, "\(name): nothing was replaced")
      #expect(after.moments > 0 && after.cross > 0 && abs(after.cross / before.cross - 1) > 1e-4, "\(name)")
    }
  }

  /// Blocks of all matrices, by name.
  private static func blocks(
    _ architecture: String, _ residency: WeightResidency, text: [UInt8]?, importance: @escaping (String) -> [Float]?
  ) throws -> [String: [UInt8]] {
    let engine = try SmallModel.engine(architecture, product: reference(), residency: residency)
    let matrices = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(),
      types: Dictionary(uniqueKeysWithValues: Self.matrices(engine).map { ($0, TensorType.q4_0) }), text: text,
      maxTokens: 64 * 8, importance: importance)
    var found: [String: [UInt8]] = [:]
    let isDone = try matrices.run(
      progress: { _, _ in true }, failure: { $0 },
      deliver: { (name, blocks) throws(GenerationError) in found[name] = (0..<blocks.count).map { blocks[$0] } })
    #expect(isDone)
    return found
  }

  /// Whether the whole model is in memory or one layer at a time: the same bytes, and every matrix but an embedding that
  /// nobody multiplies with.
  @Test(arguments: GGUFBuilder.architectures, [true, false])
  func layersMayComeOneByOne(_ architecture: String, hasText: Bool) throws {
    let text = hasText ? SmallModel.text(tokens: 64 * 12) : nil
    let whole = try Self.blocks(architecture, .whole, text: text) { _ in nil }
    let asked = try Self.blocks(architecture, .asAsked, text: text) { _ in nil }
    #expect(whole == asked && whole.count >= 15)
    #expect(whole.keys.filter { $0.hasPrefix("blk.") }.count == 14)
    // What importance says of columns counts.
    let weighted = try Self.blocks(architecture, .asAsked, text: nil) { name in
      name.hasSuffix("attn_q.weight") ? (0..<32).map { $0 < 16 ? 100 : 0.01 } : nil
    }
    #expect(weighted["blk.0.attn_q.weight"] != whole["blk.0.attn_q.weight"])
  }

  /// Scaled moments have the given diagonal, up to a factor and a floor, and the correlations that they had.
  @Test func scalingKeepsCorrelations() throws {
    let moments = try AlignedBuffer<Float>(count: 9)
    withExtendedLifetime(moments) {
      for (index, value) in [Float(4), 1, 0, 1, 9, -3, 0, -3, 16].enumerated() { moments.view[index] = value }
      CompensatedMatrices.scale(moments.view, to: [1, 2, 3], columns: 3)
      let m = (0..<9).map { Double(moments.view[$0]) }
      #expect(abs(m[4] / m[0] - 2) < 0.01 && abs(m[8] / m[0] - 3) < 0.01)
      #expect(abs(m[1] / (m[0] * m[4]).squareRoot() - 1 / 6.0) < 1e-3)
      #expect(abs(m[5] / (m[4] * m[8]).squareRoot() + 0.25) < 1e-3)
    }
  }

  /// The matrix that holds it, and not one behind it whose inputs are no numbers either.
  @Test func numbersThatAreNoneAreNamed() throws {
    let engine = try SmallModel.engine("llama", product: Self.reference())
    let name = "blk.1.attn_output.weight"
    let shape = try #require(engine.model.shape(ofMatrix: name))
    let bad = try AlignedBuffer<UInt8>(count: shape.rows * shape.columns * 4)
    for byte in 0..<4 { bad.view[(3 * shape.columns + 5) * 4 + byte] = [0, 0, 0xC0, 0x7F][byte] }
    try withExtendedLifetime(bad) { try engine.model.replace(name, type: .f32, blocks: bad.view) }
    let matrices = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(),
      types: Dictionary(uniqueKeysWithValues: Self.matrices(engine).map { ($0, TensorType.q4_0) }), text: nil,
      maxTokens: 64 * 4)
    let error = #expect(throws: GenerationError.self) {
      try matrices.run(
        progress: { _, _ in true }, failure: { $0 }, deliver: { (_, _) throws(GenerationError) in })
    }
    #expect(
      error?.description.contains(name) == true && error?.description.contains("row 3, column 5") == true,
      "\(String(describing: error))")
  }

  @Test func stopsWhenToldTo() throws {
    let engine = try SmallModel.engine("llama", product: Self.reference())
    let compensated = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(), types: [:], text: nil, maxTokens: 128)
    let isDone = try compensated.run(
      progress: { done, _ in done < 2 }, failure: { $0 }, deliver: { (_, _) throws(GenerationError) in })
    #expect(!isDone)
  }

  /// Between two steps, of which one may take a while in a large model: nothing is handed over any more.
  @Test(arguments: [true, false]) func stopsInTheMiddleOfAStep(hasText: Bool) throws {
    let engine = try SmallModel.engine("llama", product: Self.reference())
    let matrices = try CompensatedMatrices(
      engine, blas: OpenBLAS.load(),
      types: Dictionary(uniqueKeysWithValues: Self.matrices(engine).map { ($0, TensorType.q4_0) }),
      text: hasText ? SmallModel.text(tokens: 64 * 12) : nil, maxTokens: 64 * 4)
    var made: [String] = []
    matrices.isStopped = { made.last == "blk.0.attn_k.weight" }
    let error = #expect(throws: GenerationError.self) {
      try matrices.run(
        progress: { _, _ in true }, failure: { $0 },
        deliver: { (name, _) throws(GenerationError) in made.append(name) })
    }
    guard case .stopped = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(made.last == "blk.0.attn_k.weight")
  }

  @Test func refusesATextThatIsTooShort() throws {
    let engine = try SmallModel.engine("llama", product: Self.reference())
    #expect(throws: GenerationError.self) {
      try CompensatedMatrices(engine, blas: OpenBLAS.load(), types: [:], text: Array("ab".utf8), maxTokens: 64)
    }
  }

  /// The first layer reads normalised embeddings, which can be computed by hand.
  @Test(arguments: [7, 64])
  func importanceIsTheSumOfSquares(_ batch: Int) throws {
    let engine = try SmallModel.engine("qwen3", batch: batch, product: Self.reference())
    let text = SmallModel.text(tokens: 200)
    let collection = try ImportanceCollection(engine, text: text, chunkLength: 64)
    #expect(collection.available == collection.tokenCount / 64 && collection.available >= 2)
    while collection.done < collection.available { try collection.addNextChunk() }
    let inputs = collection.inputs
    #expect(inputs.map(\.readers.count) == [3, 1, 2, 1, 3, 1, 2, 1, 1])
    #expect(inputs.allSatisfy { $0.tokens == 64 * collection.available && $0.sums.allSatisfy { $0 > 0 } })
    #expect(inputs[0].readers == ["q", "k", "v"].map { "blk.0.attn_\($0).weight" })
    #expect(inputs[8].readers == [engine.model.headName])

    // The mean square of each token's embedding is normed to 1, then weighted.
    let chunks = try TextChunks(text, engine, length: 64)
    var expected = [Double](repeating: 0, count: 32)
    let row = try AlignedBuffer<Float>(count: 32)
    for index in 0..<chunks.count {
      for token in chunks[index] {
        engine.model.readRow(Int(token), ofMatrix: engine.model.embeddingName, to: row.view)
        let square = (0..<32).reduce(0.0) { $0 + Double(row.view[$1]) * Double(row.view[$1]) } / 32 + 1e-5
        for column in 0..<32 { expected[column] += Double(row.view[column]) * Double(row.view[column]) / square }
      }
    }
    let norm = try #require(NormWeights.first(of: "qwen3"))
    for column in 0..<32 {
      let wanted = expected[column] * Double(norm[column]) * Double(norm[column])
      #expect(abs(inputs[0].sums[column] / wanted - 1) < 1e-4, "column \(column)")
    }
  }
}

/// What `SmallModel` gave the first norm.
private enum NormWeights {
  static func first(of architecture: String) -> [Float]? {
    guard
      let tensor = SmallModel.tensors(architecture).first(where: {
        $0.name.elementsEqual("blk.0.attn_norm.weight".utf8)
      })
    else { return nil }
    return tensor.data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}

/// `eval --reference` on small models.
@Suite struct ReferenceEvaluationTests {
  @Test func aModelDoesNotDivergeFromItself() throws {
    let product = MatrixProduct.reference(try OpenBLAS.load())
    let text = SmallModel.text(tokens: 64 * 6)
    let evaluation = try ReferenceEvaluation(
      SmallModel.engine("llama", product: product), reference: SmallModel.engine("llama", batch: 48, product: product),
      text: text, chunkLength: 64)
    let alone = try PerplexityEvaluation(SmallModel.engine("llama", product: product), text: text, chunkLength: 64)
    #expect(evaluation.available == alone.available && evaluation.available > 2)
    for _ in 0..<3 {
      try evaluation.scoreNextChunk()
      try alone.scoreNextChunk()
    }
    #expect(evaluation.divergence.tokens == 3 * 31 && evaluation.divergence.mean < 1e-9)
    #expect(evaluation.divergence.agreement == 1)
    #expect(abs(evaluation.result.value / alone.result.value - 1) < 1e-5)
    #expect(abs(evaluation.result.value / evaluation.referenceResult.value - 1) < 1e-5)
  }

  /// 8-bit activations against F32, and the means of chunks against the whole.
  @Test func seesWhatTheIntegerPathCosts() throws {
    let reference = MatrixProduct.reference(try OpenBLAS.load())
    let evaluation = try ReferenceEvaluation(
      SmallModel.engine("qwen2", product: .integer), reference: SmallModel.engine("qwen2", product: reference),
      text: SmallModel.text(tokens: 64 * 6), chunkLength: 64)
    for _ in 0..<4 { try evaluation.scoreNextChunk() }
    let means = evaluation.chunkMeans
    #expect(means.count == 4 && means.allSatisfy { $0 >= 0 })
    #expect(abs(means.reduce(0, +) / 4 - evaluation.divergence.mean) < 1e-12)
    #expect(evaluation.divergence.mean < 1e-3)
  }

  @Test func refusesOtherTokens() throws {
    #expect(throws: GenerationError.self) {
      try ReferenceEvaluation(
        SmallModel.engine("llama", product: .integer), reference: SmallModel.engine("gemma3", product: .integer),
        text: SmallModel.text(tokens: 300), chunkLength: 64)
    }
  }
}
