import Foundation
import Testing

@testable import Tokenization

/// Texts without an end in sight: a megabyte of one letter, of spaces, of text without spaces. The time for one is that
/// of any other text of its length, and no pattern runs out of its stack.
@Suite(.serialized) struct LongTextTests {
  static let names = Fixture.byteLevel + Fixture.sentencePiece + ["gemma-replace", "metaspace-split"]

  /// Repeats a text to a number of bytes.
  private static func filled(_ part: String, _ count: Int, _ end: String = "") -> [UInt8] {
    let bytes = Array(part.utf8)
    return Array((0..<count / bytes.count).map { _ in bytes }.joined()) + Array(end.utf8)
  }

  static func texts(_ count: Int) -> [(String, [UInt8])] {
    [
      ("one letter", filled("a", count)), ("capital letters", filled("A", count)), ("spaces", filled(" ", count)),
      ("spaces and a letter", filled(" ", count, "x")), ("newlines", filled("\n", count)),
      ("spaces and newlines", filled("  \n", count, "x")),
      ("letters without spaces", filled("thequickbrownfox", count)),
      ("Chinese", filled("我想在河边的茶馆里", count)), ("digits", filled("1234567", count)),
      ("punctuation", filled("!?.,;", count)), ("marks", filled("e\u{301}\u{323}", count)),
      ("emoji", filled("👩\u{200D}👩\u{200D}👧🏽", count)), ("mixed case", filled("aB", count)),
      ("letters and spaces", filled("a b", count)), ("ill-formed bytes", [UInt8](repeating: 0xFF, count: count)),
      ("control characters", filled("\u{1}\u{2}", count)), ("almost special", filled("<|im_star", count)),
    ]
  }

  @Test(arguments: names)
  func longTextsTakeTheirTimeAndNoMore(_ name: String) throws {
    // Unoptimised code is tried on less, unless the slow tests are asked for.
    let count = runsSlowTests ? 1 << 20 : 1 << 15
    let json = Fixture.spaced.contains(name)
    let tokenizer = json ? try Fixture.json(name) : try Fixture.gguf(name)
    var worst = (Duration.zero, "")
    for (what, text) in Self.texts(count) {
      var ids: [TokenID] = []
      let spent = try ContinuousClock().measure {
        ids = try tokenizer.encode(text, addSpecial: false, parseSpecial: true)
      }
      if spent > worst.0 { worst = (spent, what) }
      #expect(!ids.isEmpty || ["control characters", "ill-formed bytes"].contains(what))
      #expect(spent < .seconds(runsSlowTests ? 60 : 10), "\(name), \(what): \(spent)")
      if ["gpt-2", "llama-bpe", "gpt-4o", "tekken"].contains(name) {
        #expect(tokenizer.decode(ids, special: true) == text)
      }
    }
    print("\(name): \(count) bytes, worst \(worst.0) (\(worst.1))")
  }

  /// A pattern that needs the stack for each character overflows the small one, then goes on with a larger one.
  @Test func theStackOfThePatternEngineGrows() throws {
    let pattern = try Pattern("(?:a|b(?=[ab]|$))+")
    var matcher = try PatternMatcher()
    let text = [UInt8](repeating: 0x61, count: 20_000)
    #expect(try matcher.firstMatch(of: pattern, in: text, 0..<text.count, from: 0) == 0..<text.count)
  }

  /// Where no stack is large enough, and the interpreter's heap is not either, the text is refused.
  @Test func aTextBeyondAllStacksIsRefused() throws {
    let pattern = try Pattern("(?:(a)|(b)(?=[ab]|$))+\\z")
    var matcher = try PatternMatcher()
    let text = [UInt8](repeating: 0x61, count: 6_000_000) + [0x63]
    #expect {
      _ = try matcher.firstMatch(of: pattern, in: text, 0..<text.count, from: 0)
    } throws: { ($0 as? TokenizerError)?.kind == .matchFailed }
  }

  @Test func patternsSeeTheirPieceAlone() throws {
    var matcher = try PatternMatcher()
    let text = Array("xx yy".utf8)
    let end = try Pattern(#"y\z"#)
    #expect(try matcher.firstMatch(of: end, in: text, 0..<5, from: 0) == 4..<5)
    #expect(try matcher.firstMatch(of: end, in: text, 0..<4, from: 0) == 3..<4)
    #expect(try matcher.firstMatch(of: try Pattern(#"(?<=x)x"#), in: text, 1..<5, from: 1) == nil)
    #expect(try matcher.firstMatch(of: try Pattern(#"(?<=x)x"#), in: text, 0..<5, from: 1) == 1..<2)
  }

  @Test func patternsSkipBytesThatAreNotUTF8() throws {
    var matcher = try PatternMatcher()
    let text: [UInt8] = [0xFF, 0x61, 0xE2, 0x82, 0x62]
    let letters = try Pattern(#"\p{L}+"#)
    #expect(try matcher.firstMatch(of: letters, in: text, 0..<5, from: 0) == 1..<2)
    #expect(try matcher.firstMatch(of: letters, in: text, 0..<5, from: 2) == 4..<5)
    #expect(try matcher.firstMatch(of: try Pattern("[^x]"), in: text, 0..<1, from: 0) == nil)
  }
}
