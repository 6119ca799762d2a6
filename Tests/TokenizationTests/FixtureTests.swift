import Testing
import Tokenization

/// Every family's small vocabulary, held to the ids of the reference, id by id.
@Suite struct FixtureTests {
  static let jsonNames = Fixture.byteLevel + Fixture.spaced
  static let ggufNames = Fixture.byteLevel + Fixture.sentencePiece

  private func check(_ tokenizer: Tokenizer, _ name: String, parseSpecial: Bool) throws {
    let texts = try Fixture.texts()
    let reference = try Fixture.ids(name)
    try #require(texts.count == reference.count)
    var wrong = 0
    for (text, expected) in zip(texts, reference) {
      let ids = try tokenizer.encode(text, addSpecial: false, parseSpecial: parseSpecial)
      if ids == expected { continue }
      wrong += 1
      if wrong <= 3 { Issue.record("\(name): \(tokenizer.difference(ids, expected, of: text))") }
    }
    #expect(wrong == 0, "\(name): \(wrong) of \(texts.count) texts")
  }

  @Test(arguments: jsonNames)
  func tokenizerJSONGivesTheReferencesIDs(_ name: String) throws {
    try check(Fixture.json(name), name, parseSpecial: true)
  }

  @Test(arguments: ggufNames)
  func ggufGivesTheReferencesIDs(_ name: String) throws {
    // The reference of SentencePiece vocabularies does not look for control tokens in a text.
    try check(Fixture.gguf(name), name, parseSpecial: Fixture.byteLevel.contains(name))
  }

  @Test(arguments: Fixture.byteLevel)
  func tokenizerJSONGetsTheNameThatGGUFHasForIt(_ name: String) throws {
    // What cuts alike has one name.
    let names = ["starcoder": "smollm", "refact": "smollm"]
    #expect(try Fixture.json(name).preTokenizerName == names[name] ?? name)
  }

  /// Vocabularies that have a token for each byte and change nothing else give back what they were given.
  @Test(arguments: [
    "gpt-2", "refact", "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "gpt-4o", "tekken",
  ])
  func decodingRestoresTheText(_ name: String) throws {
    let tokenizer = try Fixture.gguf(name)
    for text in try Fixture.texts() {
      for parse in [false, true] {
        let ids = try tokenizer.encode(text, addSpecial: true, parseSpecial: parse)
        #expect(
          tokenizer.decode(ids, special: true).elementsEqual(
            (tokenizer.special.addBOS ? tokenizer.piece(0) : []) + text))
      }
    }
  }

  @Test(arguments: Fixture.sentencePiece)
  func decodingRestoresTheTextOfSentencePiece(_ name: String) throws {
    let tokenizer = try Fixture.gguf(name)
    for text in try Fixture.texts() {
      // U+2581 is SentencePiece's own space, and comes back as one.
      let expected = String(decoding: text, as: UTF8.self).replacing("\u{2581}", with: " ")
      let ids = try tokenizer.encode(text, addSpecial: false, parseSpecial: false)
      #expect(tokenizer.decode(ids, special: false).elementsEqual(expected.utf8))
    }
  }

  @Test(arguments: ggufNames)
  func streamingNeverHandsOutHalfACharacter(_ name: String) throws {
    let tokenizer = try Fixture.gguf(name)
    for text in try Fixture.texts() {
      let ids = try tokenizer.encode(text, addSpecial: false, parseSpecial: true)
      var stream = StreamingDetokenizer(tokenizer, special: true, startsText: true)
      var all: [UInt8] = []
      for id in ids {
        let part = stream.append(id)
        // Dropped bytes leave pieces of characters behind, which are no fault of the stream.
        if tokenizer.decode(ids, special: true) == text { #expect(String(validating: part, as: UTF8.self) != nil) }
        all += part
      }
      all += stream.finish()
      #expect(all == tokenizer.decode(ids, special: true))
    }
  }
}
