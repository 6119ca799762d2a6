import Compute
import Foundation
import ModelFiles
import NumericsSupport
import Testing
import Tokenization

@testable import Generation
@testable import Transformers

/// Perplexity as the field prints it, against a plain computation in this file.
@Suite struct PerplexityTests {
  /// Losses of the scored tokens, from the rules as they are written: logits c/2 to c-2 of each chunk against the tokens
  /// that follow them.
  private func losses(_ engine: Engine, _ tokens: [TokenID], chunk: Int, bos: TokenID?) throws -> [[Double]] {
    let vocab = engine.model.configuration.vocab
    return try (0..<tokens.count / chunk).map { number in
      var part = Array(tokens[number * chunk..<(number + 1) * chunk])
      if let bos { part[0] = bos }
      let sequence = KVSequence(try KVCache(engine.model.configuration, type: engine.cache.type, positions: chunk))
      let pass = try ForwardPass(
        engine.model, pool: engine.pool, maxTokens: 1, kernels: engine.kernels, product: engine.pass.state.product)
      var losses: [Double] = []
      for position in 0..<chunk - 1 {
        pass.begin()
        #expect(pass.append(part[position...position], to: sequence))
        pass.run()
        guard position >= chunk / 2 else { continue }
        let logits = pass.logits(row: 0)
        losses.append(logSumExp(logits.pointer, vocab: vocab) - Double(logits[Int(part[position + 1])]))
      }
      #expect(losses.count == chunk - 1 - chunk / 2)
      return losses
    }
  }

  private func text(_ tokenizer: Tokenizer, _ fixture: FamilyFixture, _ count: Int) -> [UInt8] {
    // Words that the small vocabularies have, and whatever else their tokens spell.
    let words = Array("It is a truth universally acknowledged, that a single man must be in want. ".utf8)
    return tokenizer.decode(fixture.tokens(count), special: false) + words + words
  }

  @Test(arguments: [("llama", "Q4_0", 32), ("llama", "Q4_0", 5), ("gemma3", "Q4_0", 40), ("qwen2", "Q5_1", 16)])
  func chunksAreCutAndScoredAsTheFieldDoes(name: String, type: String, chunk: Int) throws {
    let fixture = try FamilyFixture.named(name, type)
    let engine = try engine(fixture, batch: 8, context: 64)
    let tokenizer = engine.tokenizer
    let text = text(tokenizer, fixture, 120)
    let tokens = try tokenizer.encode(text, addSpecial: true, parseSpecial: false)
    // The trailing newline is one, and dropped.
    let evaluation = try PerplexityEvaluation(engine, text: text + [10], chunkLength: chunk)
    #expect(evaluation.tokenCount == tokens.count && evaluation.available == tokens.count / chunk)
    try #require(evaluation.available >= 2)
    while evaluation.result.chunks < evaluation.available { try evaluation.scoreNextChunk() }
    let bos = tokenizer.special.addBOS ? tokenizer.special.bos : nil
    #expect((bos != nil) == ["llama", "gemma3"].contains(name), "both kinds are to be tested")
    let expected = try losses(engine, tokens, chunk: chunk, bos: bos)
    let all = expected.flatMap(\.self)
    let result = evaluation.result
    #expect(result.tokens == all.count && result.chunks == expected.count)
    let mean = all.reduce(0, +) / Double(all.count)
    #expect(abs(result.meanNLL - mean) < 1e-5)
    #expect(abs(result.value / exp(mean) - 1) < 1e-5)
    let variance = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
    let error = exp(mean) * (variance / Double(all.count - 1)).squareRoot()
    #expect(abs(try #require(result.standardError) / error - 1) < 1e-4)
    // Without the replacement by BOS the figure is another.
    guard bos != nil else { return }
    let kept = try losses(engine, tokens, chunk: chunk, bos: nil).flatMap(\.self).reduce(0, +) / Double(all.count)
    #expect(abs(kept - mean) > 1e-4)
  }

  @Test func onlyOneTrailingNewlineIsDropped() throws {
    let fixture = try FamilyFixture.named("llama3", "Q4_0")
    let engine = try engine(fixture, context: 64)
    let text = Array("one two\n\n".utf8)
    let expected = try engine.tokenizer.encode(Array(text.dropLast()), addSpecial: true, parseSpecial: false)
    #expect(try PerplexityEvaluation(engine, text: text, chunkLength: 4).tokenCount == expected.count)
    #expect(try PerplexityEvaluation(engine, text: [], chunkLength: 4).available == 0)
    #expect(try PerplexityEvaluation(engine, text: [10], chunkLength: 4).available == 0)
  }

  /// The first chunks of a real text on a real model, on the reference path, from its bytes; all 40 chunks where there
  /// is time.
  @Test func realTextAgreesWithTransformers() throws {
    var options = Engine.Options(threads: 2)
    options.context = SmolLM2Reference.chunkLength
    options.product = .reference(try OpenBLAS.load())
    let engine = try Engine(try ModelFile(path: try SmolLM2.path()), options)
    let chunks = runsSlowTests ? 40 : 3
    let ids = try SmolLM2Reference.text()
    // A few tokens more than are scored, so that the end of the text cuts no word of the last chunk.
    let part = Array(ids.prefix(chunks * SmolLM2Reference.chunkLength + 20))
    let text = engine.tokenizer.decode(part, special: true)
    let scored = chunks * SmolLM2Reference.chunkLength
    #expect(
      try engine.tokenizer.encode(text, addSpecial: true, parseSpecial: false).prefix(scored) == part.prefix(scored))
    let evaluation = try PerplexityEvaluation(engine, text: text, chunkLength: SmolLM2Reference.chunkLength)
    let golden = try SmolLM2Reference.chunkLosses()
    for chunk in 0..<chunks {
      let before = evaluation.result.chunks == 0 ? 0 : evaluation.result.meanNLL * Double(evaluation.result.tokens)
      try evaluation.scoreNextChunk()
      let loss = evaluation.result.meanNLL * Double(evaluation.result.tokens) - before
      // Asked for were 0.1 %, which is a loss of 0.255 a chunk.
      #expect(abs(loss - golden[chunk]) < 0.01, "chunk \(chunk)")
    }
    let expected = exp(golden[..<chunks].reduce(0, +) / Double(255 * chunks))
    print("SmolLM2: perplexity of \(chunks) chunks \(evaluation.result.value), transformers \(expected)")
    #expect(evaluation.result.tokens == 255 * chunks)
    #expect(abs(evaluation.result.value / expected - 1) < 1e-4)
    if chunks == 40 { #expect(abs(expected / SmolLM2Reference.perplexity - 1) < 1e-9) }
  }
}
