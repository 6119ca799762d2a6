import HostileFiles
import ModelFiles
import Testing

@testable import Tokenization

@Suite struct VocabularyTests {
  /// U+212B, U+00C5 and A with U+030A are the same for `String`, and three tokens here.
  @Test(arguments: ["gpt2", "llama"])
  func canonicallyEquivalentTokensStayApart(_ model: String) throws {
    let pieces = [
      "\u{212B}", "\u{C5}", "A\u{30A}", "\u{1E9B}\u{323}", "\u{17F}\u{323}", "\u{17F}\u{323}\u{307}", "\u{AC00}",
      "\u{1100}\u{1161}",
    ]
    let characters = Set(pieces.flatMap { $0.unicodeScalars.map(String.init) }).subtracting(pieces).sorted()
    let texts = pieces + characters
    var file = GGUFBuilder()
    file.add("tokenizer.ggml.model", .text(model))
    if model == "llama" {
      file.add("tokenizer.ggml.tokens", .strings(["<unk>", "<s>", "</s>"] + texts))
      file.add("tokenizer.ggml.token_type", .int32s([2, 3, 3] + texts.map { _ in 1 }))
      file.add("tokenizer.ggml.scores", .floats([0, 0, 0] + texts.indices.map { -Float($0) }))
      file.add("tokenizer.ggml.add_space_prefix", .bool(0))
    } else {
      // Each token is merged byte by byte.
      var tokens = (0..<256).map { Self.spelt([UInt8($0)]) }
      var merges: [String] = []
      for text in texts {
        let bytes = Array(text.utf8)
        for length in 2..<(bytes.count + 1) {
          let token = Self.spelt(bytes.prefix(length))
          if !tokens.contains(where: { $0.utf8.elementsEqual(token.utf8) }) {
            tokens.append(token)
            merges.append(Self.spelt(bytes.prefix(length - 1)) + " " + Self.spelt([bytes[length - 1]]))
          }
        }
      }
      // Words of this kind have their marks in them.
      file.add("tokenizer.ggml.pre", .text("tekken"))
      file.add("tokenizer.ggml.tokens", .strings(tokens))
      file.add("tokenizer.ggml.merges", .strings(merges))
    }
    let tokenizer = try openGGUF(file.bytes)
    var seen: Set<[TokenID]> = []
    for text in texts {
      let bytes = Array(text.utf8)
      let ids = try tokenizer.encode(bytes, addSpecial: false, parseSpecial: false)
      #expect(tokenizer.decode(ids, special: false) == bytes)
      #expect(seen.insert(ids).inserted, "\(bytes) has the ids of another text")
      if model == "llama" {
        #expect(ids.count == 1)
        #expect(ids.first.map { tokenizer.piece($0) } == bytes)
      }
    }
    for id in 0..<TokenID(tokenizer.count) where model == "gpt2" {
      // A token is found again by its bytes; ill-formed ones are written byte by byte.
      let piece = tokenizer.piece(id)
      if String(validating: piece, as: UTF8.self) == nil { continue }
      #expect(try tokenizer.encode(piece, addSpecial: false, parseSpecial: false) == [id])
    }
  }

  /// Bytes in the alphabet of byte-level vocabularies.
  static func spelt(_ bytes: some Sequence<UInt8>) -> String {
    String(String.UnicodeScalarView(bytes.compactMap { Unicode.Scalar(ByteAlphabet.scalars[Int($0)]) }))
  }

  @Test func theAlphabetMapsEachByteToACharacterAndBack() {
    for byte in UInt8.min...UInt8.max {
      var decoded: [UInt8] = []
      #expect(ByteAlphabet.decode(Array(Self.spelt([byte]).utf8), into: &decoded))
      #expect(decoded == [byte])
    }
    #expect(Self.spelt([0x20, 0x0A, 0x21, 0xAD]) == "\u{120}\u{10A}!\u{143}")
    var decoded: [UInt8] = [1]
    for foreign in ["a b", "中", "\u{144}", "a\u{A0}", "\n"] {
      #expect(!ByteAlphabet.decode(Array(foreign.utf8), into: &decoded))
      #expect(decoded == [1])
    }
    #expect(!ByteAlphabet.decode([0xC4] as [UInt8], into: &decoded))
  }

  @Test func hashesOfPartsMakeTheHashOfTheWhole() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let powers = TextHash.powers(upTo: 64)
    for _ in 0..<500 {
      let left = (0..<Int.random(in: 0...32, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator)
      }
      let right = (0..<Int.random(in: 0...32, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      let whole = TextHash(left + right)
      #expect(TextHash.joined(TextHash(left), TextHash(right), power: powers[right.count]) == whole)
      #expect(TextHash.rest(of: whole, after: TextHash(left), power: powers[right.count]) == TextHash(right))
    }
    // Leading zeros count.
    #expect(TextHash([0, 1] as [UInt8]) != TextHash([1] as [UInt8]))
  }

  @Test(arguments: [0, 1, 6, 7, 100, 5000])
  func aTableFindsWhatItHolds(_ count: Int) {
    var table = ProbeTable(limit: count)
    // Few hashes, so that chains are long.
    func hash(_ number: Int) -> UInt64 { UInt64(number % 97) &* 0x9E37_79B9_7F4A_7C15 }
    for number in 0..<count { table.insert(number, hash: hash(number)) }
    for number in 0..<count { #expect(table.find(hash(number)) { $0 == number } == number) }
    #expect(table.find(hash(count)) { $0 == count } == nil)
    #expect(table.find(12345) { _ in false } == nil)
    if count > 0 {
      table.replace(0, with: count - 1, hash: hash(0))
      #expect(table.find(hash(0)) { $0 == 0 } == nil || count == 1)
    }
  }

  @Test func aTokenIsLimitedInLength() {
    var vocabulary = Vocabulary()
    let most = [UInt8](repeating: 0x61, count: Vocabulary.maximumTokenBytes)
    #expect(throws: Never.self) { try vocabulary.append(most, kind: .normal, isPlain: true, at: "") }
    #expect {
      try vocabulary.append(most + [0x61], kind: .normal, isPlain: true, at: "here")
    } throws: {
      ($0 as? TokenizerError)?.kind == .limitExceeded && ($0 as? TokenizerError)?.location == "here"
    }
  }
}

/// Opens the bytes of a GGUF file.
func openGGUF(_ bytes: [UInt8]) throws -> Tokenizer {
  try withTemporaryFile(bytes) { try Tokenizer(gguf: ModelFile(path: $0)) }
}
