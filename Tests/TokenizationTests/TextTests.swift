import HostileFiles
import Testing

@testable import Tokenization

/// What is done to texts that no reference covers, and what `encode` and the streaming detokeniser promise.
@Suite struct TextTests {
  static let completeNames = ["gpt-2", "llama-bpe", "deepseek-llm", "gpt-4o", "tekken", "llama", "gemma"]

  /// Bytes of all kinds, with pieces of characters among them.
  static func randomBytes(_ generator: inout SeededGenerator) -> [UInt8] {
    let parts: [[UInt8]] = [
      [0xFF], [0x80], [0xC0, 0x80], [0xE2, 0x82], [0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
      Array("é".utf8), Array("€".utf8), Array("😀".utf8), Array("the".utf8), [0x20], [0x20, 0x20], [0x0A],
    ]
    return (0..<Int.random(in: 0...20, using: &generator)).flatMap { _ in
      Bool.random(using: &generator)
        ? parts.randomElement(using: &generator) ?? [] : [UInt8.random(in: 0...255, using: &generator)]
    }
  }

  @Test(arguments: completeNames)
  func anyBytesComeBack(_ name: String) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let tokenizer = try Fixture.gguf(name)
    for _ in 0..<400 {
      let bytes = Self.randomBytes(&generator)
      let ids = try tokenizer.encode(bytes, addSpecial: false, parseSpecial: false)
      #expect(tokenizer.decode(ids, special: true) == bytes, "seed \(seed)")
      var stream = StreamingDetokenizer(tokenizer, special: true, startsText: true)
      let streamed = ids.flatMap { stream.append($0) } + stream.finish()
      #expect(streamed == bytes, "seed \(seed)")
    }
  }

  @Test(arguments: ["gpt-2", "llama"])
  func anIllFormedByteIsOneToken(_ name: String) throws {
    let tokenizer = try Fixture.gguf(name)
    // The first two bytes of € have a merge in most vocabularies.
    for bad: [UInt8] in [[0xFF], [0xE2, 0x82], [0xC3], [0xF0, 0x9F, 0x98], [0xED, 0xA0, 0x80], [0x80, 0x80]] {
      let alone = try bad.map { try tokenizer.encode([0x78, $0], addSpecial: false, parseSpecial: false).last }
      let ids = try tokenizer.encode([0x78] + bad + [0x79], addSpecial: false, parseSpecial: false)
      #expect(Array(ids.suffix(bad.count + 1).dropLast()) == alone.compactMap(\.self))
      #expect(ids.suffix(bad.count + 1).dropLast().map { tokenizer.piece($0) } == bad.map { [$0] })
    }
  }

  /// At each moment, what has been handed out reads as the beginning of what the whole reads as: no replacement character
  /// appears that later bytes would have averted.
  @Test(arguments: completeNames)
  func streamedTextIsAlwaysABeginning(_ name: String) throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let tokenizer = try Fixture.gguf(name)
    for _ in 0..<200 {
      let ids = (0..<30).map { _ in TokenID.random(in: 0..<TokenID(tokenizer.count), using: &generator) }
      let whole = String(decoding: tokenizer.decode(ids, special: true), as: UTF8.self).unicodeScalars
      var stream = StreamingDetokenizer(tokenizer, special: true, startsText: true)
      var soFar: [UInt8] = []
      for id in ids {
        stream.append(id, to: &soFar)
        #expect(whole.starts(with: String(decoding: soFar, as: UTF8.self).unicodeScalars), "seed \(seed)")
      }
    }
  }

  @Test func theStreamHoldsAtMostThreeBytesAndGivesUpOnHopelessOnes() throws {
    let tokenizer = try Fixture.gguf("gpt-2")
    func id(_ byte: UInt8) throws -> TokenID {
      try #require(try tokenizer.encode([byte], addSpecial: false, parseSpecial: false).first)
    }
    var stream = StreamingDetokenizer(tokenizer)
    #expect(stream.append(try id(0xF0)) == [])
    #expect(stream.append(try id(0x9F)) == [])
    #expect(stream.append(try id(0x98)) == [])
    #expect(stream.append(try id(0x80)) == Array("😀".utf8))
    #expect(stream.append(try id(0xE2)) == [])
    #expect(stream.append(try id(0x41)) == [0xE2, 0x41])
    #expect(stream.append(try id(0x80)) == [0x80])
    #expect(stream.append(try id(0xC0)) == [0xC0])
    #expect(stream.append(try id(0xE2)) == [])
    #expect(stream.append(try id(0x82)) == [])
    #expect(stream.finish() == [0xE2, 0x82])
    #expect(stream.finish() == [])
    #expect(stream.append(-1) == [])
    #expect(stream.append(1 << 30) == [])
  }

  @Test func idsOutsideTheVocabularyStandForNothing() throws {
    let tokenizer = try Fixture.gguf("smollm")
    for id in [-1, TokenID(tokenizer.count), .max, .min] as [TokenID] {
      #expect(tokenizer.piece(id) == [])
      #expect(!tokenizer.isSpecial(id))
    }
    #expect(tokenizer.decode([-5, .max], special: true) == [])
  }

  @Test func theScannerKnowsWellFormedCharacters() {
    // Every sequence of up to three bytes around the limits of the table, and the standard library's opinion.
    let bytes: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
      0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    for first in bytes {
      for second in bytes {
        for third in bytes {
          let text = [first, second, third, 0x80]
          var expected = UTF8Scanner.Step.illFormed
          for length in 1...4 where String(validating: text.prefix(length), as: UTF8.self)?.unicodeScalars.count == 1 {
            expected = .character(length)
          }
          #expect(UTF8Scanner.step(text, at: 0, end: 4) == expected, "\(text)")
        }
      }
    }
    #expect(UTF8Scanner.step([0xE2, 0x82], at: 0, end: 2) == .incomplete)
    #expect(UTF8Scanner.step([0xE2, 0x82, 0xAC], at: 0, end: 2) == .incomplete)
    #expect(UTF8Scanner.nextIllFormed([0x41, 0xFF, 0x80, 0x42, 0xC3], from: 0, to: 5) == 1..<3)
    #expect(UTF8Scanner.nextIllFormed([0x41, 0xFF, 0x80, 0x42, 0xC3], from: 3, to: 5) == 4..<5)
  }
}
