import Foundation
import HostileFiles
import HostileModels
import Testing

@testable import Tokenization

@Suite struct TokenizerJSONTests {
  static let byteLevel = TokenizerFiles.byteLevel
  static let spaced = TokenizerFiles.spaced
  static let config = TokenizerFiles.config

  private func tokenizer(_ text: String, config: String? = nil) throws(TokenizerError) -> Tokenizer {
    try Tokenizer(tokenizerJSON: Array(text.utf8), config: config.map { Array($0.utf8) })
  }

  @Test func theFilesThatAreMutatedAreValid() throws {
    for text in [Self.byteLevel, Self.spaced] { try HostileTests.exercise(tokenizer(text, config: Self.config)) }
  }

  @Test func aSmallFileIsReadInFull() throws {
    let subject = try tokenizer(Self.byteLevel, config: Self.config)
    #expect(subject.count == 10)
    #expect(subject.special.bos == 0)
    #expect(subject.special.eos == 2)
    #expect(subject.special.padding == nil)
    #expect(subject.special.addBOS)
    #expect(!subject.special.addEOS)
    #expect(subject.chatTemplate == "y")
    #expect(subject.preTokenizerName == nil)
    #expect(try subject.encode("ab abc", parseSpecial: false) == [0, 4, 5, 7])
    #expect(try subject.encode("ab ab", parseSpecial: false) == [0, 4, 8])
    #expect(try subject.encode("a <tool> b", addSpecial: false, parseSpecial: false) == [1, 9, 2])
    // Not a word by itself, so text; what has no token is one unknown token in each word.
    #expect(try subject.encode("a<tool>b", addSpecial: false, parseSpecial: false) == [1, 0, 0, 0, 2])
  }

  /// Each value in turn becomes each of many others, and each member goes.
  @Test(arguments: ["byteLevel", "spaced", "config"])
  func mutatedFilesNeverCrash(_ which: String) throws {
    let text = ["byteLevel": Self.byteLevel, "spaced": Self.spaced, "config": Self.config][which] ?? ""
    let top = try JSONSerialization.jsonObject(with: Data(text.utf8))
    var (count, refused) = (0, 0)
    for mutant in JSONMutations(top).all {
      count += 1
      let bytes = [UInt8](try JSONSerialization.data(withJSONObject: mutant.value, options: .fragmentsAllowed))
      let clock = ContinuousClock()
      let spent = clock.measure {
        do throws(TokenizerError) {
          let tokenizer =
            which == "config"
            ? try Tokenizer(tokenizerJSON: Array(Self.byteLevel.utf8), config: bytes)
            : try Tokenizer(tokenizerJSON: bytes)
          try HostileTests.exercise(tokenizer)
        } catch {
          refused += 1
          #expect(!error.message.isEmpty, "\(mutant.what)")
          // A fault of a value is told by its path.
          let isNamed = error.location.hasPrefix("$") || error.location == "tokenizer.json"
          #expect(isNamed || which == "config", "\(mutant.what): \(error)")
        }
      }
      #expect(spent < .seconds(5), "\(mutant.what) took \(spent)")
    }
    print("\(which): \(count) mutants, \(refused) refused")
    #expect(count > 100)
    #expect(refused > 10)
  }

  @Test func textsCutAnywhereNeverCrash() {
    let text = Array(Self.spaced.utf8)
    for length in 0..<text.count - 1 {
      #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: Array(text[..<length])) }
    }
  }

  @Test func bytesTurnedOverNeverCrash() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for original in [Self.byteLevel, Self.spaced] {
      for _ in 0..<1500 {
        var text = Array(original.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          text[Int.random(in: 0..<text.count, using: &generator)] = .random(in: 0...255, using: &generator)
        }
        if let tokenizer = try? Tokenizer(tokenizerJSON: text) { try? HostileTests.exercise(tokenizer) }
      }
    }
  }

  @Test(arguments: [
    (#""NFC""#, #""NFD""#, "$.normalizer.normalizers[0]"),
    (#""Digits""#, #""Whitespace""#, "$.pre_tokenizer.pretokenizers[1]"),
    (#"\\p{N}{1,3}"#, #"\\p{N}{1,4}"#, "$.pre_tokenizer.pretokenizers[0]"),
    (#""behavior": "Isolated""#, #""behavior": "Removed""#, "$.pre_tokenizer.pretokenizers[0]"),
    (#""decoder": {"type": "ByteLevel"}"#, #""decoder": {"type": "WordPiece"}"#, "$.decoder"),
    (#""BPE""#, #""Unigram""#, "$.model.type"),
    (#""dropout": null"#, #""dropout": 0.1"#, "$.model.dropout"),
    (#""end_of_word_suffix": """#, #""end_of_word_suffix": "</w>""#, "$.model.end_of_word_suffix"),
    (#""unk_token": "<s>""#, #""unk_token": "<q>""#, "$.model.unk_token"),
    (#""abc": 7"#, #""abc": 4"#, "$.model.vocab"), (#""abc": 7"#, #""abc": 4000000"#, "$.model.vocab"),
    (#""abc": 7"#, #""abc": -1"#, "$.model.vocab"), (#""id": 9,"#, #""id": 8,"#, "$.added_tokens"),
    (#""ab c""#, #""ab d""#, "$.model.merges[2]"), (#""ab c""#, #""abc""#, "$.model.merges[2]"),
    (#""ab c""#, #"["ab"]"#, "$.model.merges[2]"), (#""ids": [0]"#, #""ids": [99]"#, "$.post_processor"),
    (#""Sequence": {"id": "A""#, #""Sequence": {"id": "B""#, "$.post_processor.processors[1].single[1]"),
  ])
  func whatIsNotKnownIsNamedByItsPath(_ old: String, _ new: String, _ path: String) {
    #expect(Self.byteLevel.contains(old))
    #expect { try tokenizer(Self.byteLevel.replacing(old, with: new)) } throws: {
      ($0 as? TokenizerError)?.location == path
    }
  }

  @Test func jsonItselfIsStrict() {
    for text in [
      "", " ", "{", "[]", "1", "nul", "{\"model\": 1}", "{\"a\":1,\"a\":2}", "{\"model\":{\"type\":\"\\ud800\"}}",
    ] {
      #expect(throws: TokenizerError.self) { try tokenizer(text) }
    }
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    #expect(throws: TokenizerError.self) { try tokenizer("{\"model\": \(deep)}") }
    let nested =
      String(repeating: #"{"type": "Sequence", "normalizers": ["#, count: 500) + #"{"type": "NFC"}"#
      + String(repeating: "]}", count: 500)
    #expect { try tokenizer(Self.byteLevel.replacing(#"{"type": "NFC"}"#, with: nested)) } throws: {
      ($0 as? TokenizerError)?.kind == .limitExceeded
    }
  }

  @Test func filesThatCannotBeReadSaySo() throws {
    for path in ["/nonexistent/tokenizer.json", "/dev/null", "/"] {
      #expect { try Tokenizer(tokenizerJSON: path) } throws: { ($0 as? TokenizerError)?.location == path }
    }
    try withTemporaryFile([]) { path in
      _ = #expect(throws: TokenizerError.self) { try Tokenizer(tokenizerJSON: path) }
    }
  }
}

/// Structure-aware mutations of a JSON value.
struct JSONMutations {
  struct Mutant {
    let what: String
    let value: Any
  }

  private(set) var all: [Mutant] = []

  private static var replacements: [Any] {
    [
      NSNull(), true, false, 0, 1, -1, 255, 256, 65_535, 65_536, Int(Int32.max), Int(Int32.max) + 1, Int.max, Int.min,
      0.5,
      1e300, "", " ", "a", "▁", "\u{0}", "e\u{301}", "Sequence", "ByteLevel", String(repeating: "a", count: 70_000),
      [Any](),
      [String: Any](), ["a": 1], [[[[1]]]], ["a", "b"], [0, 0],
    ]
  }

  init(_ top: Any) {
    visit(top, "$") { $0 }
  }

  private mutating func visit(_ value: Any, _ path: String, _ rebuild: @escaping (Any) -> Any) {
    for replacement in Self.replacements {
      all.append(
        Mutant(what: "\(path) becomes \(String(describing: replacement).prefix(40))", value: rebuild(replacement)))
    }
    if let object = value as? [String: Any] {
      for (key, member) in object.sorted(by: { $0.key < $1.key }) {
        var without = object
        without[key] = nil
        all.append(Mutant(what: "\(path) without \(key)", value: rebuild(without)))
        var renamed = without
        renamed["\(key)x"] = member
        all.append(Mutant(what: "\(path).\(key) renamed", value: rebuild(renamed)))
        visit(member, path + "." + key) { new in
          var changed = object
          changed[key] = new
          return rebuild(changed)
        }
      }
    } else if let array = value as? [Any] {
      for (index, element) in array.enumerated() {
        var without = array
        without.remove(at: index)
        all.append(Mutant(what: "\(path) without [\(index)]", value: rebuild(without)))
        all.append(Mutant(what: "\(path)[\(index)] twice", value: rebuild(array + [element])))
        visit(element, "\(path)[\(index)]") { new in
          var changed = array
          changed[index] = new
          return rebuild(changed)
        }
      }
    }
  }
}
