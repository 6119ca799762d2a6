import Foundation
import HostileFiles
import HostileModels
import ModelFiles
import Testing

@testable import Tokenization

/// Files that are broken on purpose: each gives a typed error or a tokeniser that works, quickly.
@Suite struct HostileTests {
  /// Uses a tokeniser in every way.
  static func exercise(_ tokenizer: Tokenizer) throws(TokenizerError) { try TokenizerExercise.run(tokenizer) }

  /// Runs `body`, which may fail with a typed error and nothing else, and in time.
  private func survives(_ what: @autoclosure () -> String, _ body: () throws -> Void) {
    let clock = ContinuousClock()
    let spent = clock.measure {
      do {
        try body()
      } catch is TokenizerError {
      } catch is ModelFileError {
      } catch { Issue.record("\(what()): \(error)") }
    }
    #expect(spent < .seconds(5), "\(what()) took \(spent)")
  }

  static let vocabularies = ["gpt2", "llama", "gemma4"]

  static func vocabulary(_ model: String) -> GGUFBuilder {
    if model == "gpt2" { return .vocabularyOnly }
    var file = GGUFBuilder()
    file.add("tokenizer.ggml.model", .text(model))
    let tokens = [
      "<unk>", "<s>", "</s>", "<0x61>", "<0xE2>", "\u{2581}", "a", "b", "\u{2581}a", "ab", "\u{2581}ab", "abc", "c",
      "<tool>", "", "e\u{301}",
    ]
    file.add("tokenizer.ggml.tokens", .strings(tokens))
    file.add("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    file.add("tokenizer.ggml.token_type", .int32s([2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 1, 1, 4, 5, 1]))
    if model == "gemma4" { file.add("tokenizer.ggml.merges", .strings(["a b", "\u{2581} a", "\u{2581} ab", "ab c"])) }
    file.add("tokenizer.ggml.bos_token_id", .uint32(1))
    file.add("tokenizer.ggml.eos_token_id", .uint32(2))
    file.add("tokenizer.ggml.unknown_token_id", .uint32(0))
    file.add("tokenizer.ggml.add_space_prefix", .bool(1))
    file.add("tokenizer.chat_template", .text("{{ bos_token }}"))
    return file
  }

  @Test(arguments: vocabularies)
  func theVocabulariesThatAreMutatedAreValid(_ model: String) throws {
    try Self.exercise(openGGUF(Self.vocabulary(model).bytes))
  }

  @Test(arguments: vocabularies)
  func mutatedGGUFVocabulariesNeverCrash(_ model: String) throws {
    var count = 0
    GGUFMutations(of: Self.vocabulary(model).bytes).visitAll { mutant in
      count += 1
      survives(mutant.what) { try Self.exercise(openGGUF(mutant.bytes)) }
    }
    print("\(model): \(count) mutants")
    #expect(count > 200)
  }

  @Test func mergesThatNameUnknownTokensAreRefused() throws {
    for merge in ["a z", "z a", "b a", "ab", "a", "", " ", "a  b", "a b c", "中 a", "\u{120} \u{120}"] {
      var file = GGUFBuilder.vocabularyOnly
      file.keys.removeAll { $0.key.elementsEqual("tokenizer.ggml.merges".utf8) }
      file.add("tokenizer.ggml.merges", .strings(["a b", merge]))
      #expect { try openGGUF(file.bytes) } throws: {
        let error = $0 as? TokenizerError
        return error?.kind == .malformed && error?.location == "tokenizer.ggml.merges[1]"
      }
    }
  }

  @Test func listsOfOtherLengthsAreRefused() throws {
    for (key, value) in [
      ("tokenizer.ggml.token_type", GGUFBuilder.Value.int32s([1, 1])), ("tokenizer.ggml.scores", .floats([0])),
    ] {
      var file = Self.vocabulary("llama")
      file.keys.removeAll { $0.key.elementsEqual(key.utf8) }
      file.add(key, value)
      #expect { try openGGUF(file.bytes) } throws: { ($0 as? TokenizerError)?.location == key }
    }
  }

  @Test func tokensThatAreNotUTF8AndScoresThatAreNotNumbersHaveAMeaning() throws {
    var file = GGUFBuilder()
    file.add("tokenizer.ggml.model", .text("llama"))
    let tokens: [[UInt8]] = [
      Array("<unk>".utf8), [0x61], [0x62], [0x61, 0x62], [0x62, 0x61], [0xFF], [0xFF, 0xFE], [0x61],
    ]
    file.add("tokenizer.ggml.tokens", .array(elementType: 8, tokens.map { .string($0) }))
    file.add("tokenizer.ggml.token_type", .int32s([2, 1, 1, 1, 1, 1, 1, 99]))
    file.add("tokenizer.ggml.scores", .floats([0, 0, 0, .nan, -.infinity, 0, 0, 0]))
    file.add("tokenizer.ggml.add_space_prefix", .bool(0))
    let tokenizer = try openGGUF(file.bytes)
    // A score of minus infinity still comes before none; both come after all others.
    #expect(try tokenizer.encode("aba", addSpecial: false, parseSpecial: false) == [1, 4])
    #expect(try tokenizer.encode([0x61, 0xFF, 0xFE], addSpecial: false, parseSpecial: false) == [1, 6])
    #expect(tokenizer.piece(6) == [0xFF, 0xFE])
    try Self.exercise(tokenizer)
  }
}
