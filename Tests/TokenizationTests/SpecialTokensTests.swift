import HostileFiles
import ModelFiles
import Testing

@testable import Tokenization

@Suite struct SpecialTokensTests {
  /// A file with a toy vocabulary, where `change` may do as it likes.
  private func tokenizer(
    model: String = "gpt2", pre: String? = "gpt-2", tokens: [(String, Int32)]? = nil,
    _ change: (inout GGUFBuilder) -> Void = { _ in }
  ) throws -> Tokenizer {
    var file = GGUFBuilder()
    file.add("tokenizer.ggml.model", .text(model))
    if let pre { file.add("tokenizer.ggml.pre", .text(pre)) }
    let tokens = tokens ?? [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("a", 1), ("b", 1), ("<", 1), ("s", 1), (">", 1)]
    file.add("tokenizer.ggml.tokens", .strings(tokens.map(\.0)))
    file.add("tokenizer.ggml.token_type", .int32s(tokens.map(\.1)))
    if model == "llama" {
      file.add("tokenizer.ggml.scores", .floats(tokens.map { _ in 0 }))
    } else {
      file.add("tokenizer.ggml.merges", .strings([]))
    }
    change(&file)
    return try openGGUF(file.bytes)
  }

  @Test(arguments: [
    ("gpt2", "llama-bpe", true), ("gpt2", "llama3", true), ("gpt2", "tekken", true), ("gpt2", "gpt-2", false),
    ("gpt2", "smollm", false), ("gpt2", "qwen2", false), ("gpt2", "deepseek-llm", false), ("gpt2", "falcon", false),
    ("gpt2", "glm4", false), ("llama", "default", true),
  ])
  func bosIsAddedByDefault(_ model: String, _ pre: String, _ adds: Bool) throws {
    let subject = try tokenizer(model: model, pre: pre) {
      $0.add("tokenizer.ggml.bos_token_id", .uint32(1))
      $0.add("tokenizer.ggml.eos_token_id", .uint32(2))
    }
    #expect(subject.special.addBOS == adds)
    #expect(!subject.special.addEOS)
    #expect(try subject.encode("a", parseSpecial: false).starts(with: [1]) == adds)
    let forced = try tokenizer(model: model, pre: pre) {
      $0.add("tokenizer.ggml.bos_token_id", .uint32(1))
      $0.add("tokenizer.ggml.eos_token_id", .uint32(2))
      $0.add("tokenizer.ggml.add_bos_token", .bool(adds ? 0 : 1))
      $0.add("tokenizer.ggml.add_eos_token", .bool(1))
    }
    let ids = try forced.encode("a", parseSpecial: false)
    #expect(ids.starts(with: [1]) == !adds)
    #expect(ids.last == 2)
    let plain = try forced.encode("a", addSpecial: false, parseSpecial: false)
    #expect(plain == Array(ids.dropFirst(adds ? 0 : 1).dropLast()))
  }

  @Test func aChatThatBeginsWithBOSGetsNoOther() throws {
    let subject = try tokenizer(pre: "llama-bpe") { $0.add("tokenizer.ggml.bos_token_id", .uint32(1)) }
    #expect(try subject.encodeChat(Array("<s>a</s>".utf8)) == [1, 3, 2])
    #expect(try subject.encodeChat(Array("a</s>".utf8)) == [1, 3, 2])
    let plain = try tokenizer(pre: "gpt-2") { $0.add("tokenizer.ggml.bos_token_id", .uint32(1)) }
    #expect(try plain.encodeChat(Array("a</s>".utf8)) == [3, 2])
  }

  @Test func controlTokensAreTextUnlessTheyAreParsed() throws {
    let tokens: [(String, Int32)] = [
      ("<unk>", 2), ("<s>", 3), ("<u>", 4), ("a", 1), ("<", 1), ("s", 1), ("u", 1), ("n", 1), ("k", 1), (">", 1),
    ]
    let subject = try tokenizer(tokens: tokens)
    func ids(_ text: String, _ parse: Bool) throws -> [TokenID] {
      try subject.encode(text, addSpecial: false, parseSpecial: parse)
    }
    #expect(try ids("a<s>a", true) == [3, 1, 3])
    #expect(try ids("a<s>a", false) == [3, 4, 5, 9, 3])
    #expect(try ids("<unk>", true) == [0])
    #expect(try ids("<unk>", false) == [4, 6, 7, 8, 9])
    #expect(try ids("a<u>a", true) == [3, 2, 3])
    #expect(try ids("a<u>a", false) == [3, 2, 3])
    #expect(subject.decode([1, 3, 0, 2], special: false) == Array("a<u>".utf8))
    #expect(subject.decode([1, 3, 0, 2], special: true) == Array("<s>a<unk><u>".utf8))
  }

  /// A file may mark all of its 262,144 tokens as control tokens: their texts are the vocabulary's, not copies.
  @Test func anAddedTokenTakesSixteenBytes() {
    #expect(MemoryLayout<AddedToken>.stride == 16)
  }

  @Test func theLeftmostAndThenTheLongestTokenMatches() throws {
    let tokens: [(String, Int32)] = [("ab", 4), ("abc", 4), ("bcd", 4), ("bcde", 4), ("d", 1), ("e", 1), ("c", 1)]
    let subject = try tokenizer(tokens: tokens)
    #expect(try subject.encode("abcde", addSpecial: false, parseSpecial: false) == [1, 4, 5])
    #expect(try subject.encode("abdbcde", addSpecial: false, parseSpecial: false) == [0, 4, 3])
    #expect(try subject.encode("bcd", addSpecial: false, parseSpecial: false) == [2])
  }

  @Test func endsAreTheFilesAndTheKnownOnes() throws {
    let tokens: [(String, Int32)] = [
      ("<|endoftext|>", 3), ("<|im_end|>", 3), ("</s>", 1), ("<|eot_id|>", 3), ("x", 3), ("y", 3), ("<end_of_turn>", 4),
    ]
    let subject = try tokenizer(tokens: tokens) {
      $0.add("tokenizer.ggml.eos_token_id", .uint32(4))
      $0.add("tokenizer.ggml.eom_token_id", .uint32(5))
    }
    #expect(subject.endOfGeneration == [0, 1, 3, 4, 5])
    #expect(subject.special.eos == 4)
    #expect(subject.special.eot == 3)
    #expect(subject.special.eom == 5)
  }

  @Test func idsOutOfRangeAreRefusedByTheirKey() throws {
    for name in ["bos", "eos", "eot", "eom", "unknown", "padding"] {
      let key = "tokenizer.ggml.\(name)_token_id"
      for bad in [8, 1 << 20, Int(Int32.max)] {
        #expect { try tokenizer { $0.add(key, .uint32(UInt32(bad))) } } throws: {
          ($0 as? TokenizerError)?.location == key && ($0 as? TokenizerError)?.kind == .malformed
        }
      }
      #expect(throws: Never.self) { try tokenizer { $0.add(key, .uint32(.max)) } }
    }
  }

  @Test func unknownPreTokenisersAreNamed() throws {
    for name in ["default", "gpt-3", "GPT-2", "smollm ", "", "kimi-k2"] {
      #expect { try tokenizer(pre: name) } throws: {
        let error = $0 as? TokenizerError
        return error?.kind == .unsupported && error?.location == "tokenizer.ggml.pre"
          && error?.message.contains(name.debugDescription) == true
      }
    }
    #expect { try tokenizer(pre: nil) } throws: { ($0 as? TokenizerError)?.location == "tokenizer.ggml.pre" }
    #expect { try tokenizer(model: "bert") } throws: { ($0 as? TokenizerError)?.message.contains("bert") == true }
  }

  @Test func everyNameHasPatternsThatCompile() throws {
    var names: Set<String> = []
    for entry in PreTokenizerTable.entries {
      for name in entry.names { #expect(names.insert(name).inserted, "\(name) twice") }
      #expect(throws: Never.self) { try PreTokenizer(entry.recipe.passes) }
      for case .pattern(let pattern) in entry.recipe.passes {
        let compiled = try Pattern(PreTokenizer.translated(PreTokenizerPatterns.compilable(pattern)))
        #expect(compiled.isJustInTime)
      }
    }
    #expect(names.count > 60)
  }
}
