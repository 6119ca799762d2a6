import Testing

@testable import Tokenization

/// Templates with tokens taken out, doubled, moved and replaced: each is text or an error, and soon.
@Suite struct TemplateMutationTests {
  /// SplitMix64: a small generator whose seed says everything.
  struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  static let seed: UInt64 = {
    if let text = TemplateFixtures.variable("FARTHING_SEED"), let seed = UInt64(text) { return seed }
    return UInt64(truncatingIfNeeded: TemplateFixtures.nanoseconds)
  }()

  static let isSlow = TemplateFixtures.variable("FARTHING_SLOW_TESTS") == "1"

  /// What stands in for a token: extremes of numbers and text, and pieces of grammar.
  static let replacements = [
    "0", "1", "-1", "64", "65", "100000", "100001", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808",
    "1e308", "1e-320", "''", "'\u{1F600}\u{301}'", "none", "true", "[]", "{}", "()", "n", "long", "messages",
    "messages * 99",
    "long * 99", "long * 99999", "range(99999)", "range(100000)|list", "namespace()", "namespace", "loop", "caller",
    "varargs", "kwargs",
    "self", "(", ")", "[", "]", "{", "}", "{{", "}}", "{%", "%}", "{#", "#}", "-%}", "|", ".", ",", ":", "=", "==", "+",
    "~", "*", "**", "//", "%",
    "is", "not", "in", "if", "else", "and", "or", "|tojson(indent=64)", "|map('map', 'upper')", "|list", "|sort",
    "|join(long)", "[::-1]", "[-1:0:-1]",
    "for", "endfor", "set", "macro", "call", "raw", "break", "continue", ".append(long)", ".pop()", ".format(long)",
    "% (n, long)", "\0", "\u{85}",
    "{% for x in range(9999) %}", "{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set messages = messages * 999 %}",
  ].map { Array($0.utf8) }

  /// The source with uniform line ends, and the tokens in it.
  static let sources: [(name: String, bytes: [UInt8], tokens: [Jinja.Token])] = {
    var out: [(String, [UInt8], [Jinja.Token])] = []
    for name in TemplateFamilyTests.families {
      guard let bytes = try? TemplateFixtures.bytes(named: "families/\(name).jinja") else { continue }
      var lexer = Jinja.Lexer(bytes)
      guard let tokens = try? lexer.tokenize() else { continue }
      out.append((name, lexer.source, tokens))
    }
    return out
  }()

  static func mutant(_ generator: inout Generator) -> (name: String, bytes: [UInt8]) {
    let (name, source, tokens) = sources[Int.random(in: 0..<sources.count, using: &generator)]
    var bytes = source
    var edits: [(range: Range<Int>, text: [UInt8])] = []
    for _ in 0..<(Int.random(in: 0..<4, using: &generator) == 0 ? 3 : 1) {
      let token = tokens[Int.random(in: 0..<tokens.count, using: &generator)]
      let range = token.range.clamped(to: 0..<source.count)
      let alike = tokens.filter { $0.kind == token.kind }.randomElement(using: &generator) ?? token
      let other = alike.range.clamped(to: 0..<source.count)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: edits.append((range, []))
      case 1: edits.append((range.upperBound..<range.upperBound, Array(source[range])))
      case 2...4: edits.append((range, Array(source[other])))
      case 5: edits.append((range.lowerBound..<range.lowerBound, replacements.randomElement(using: &generator) ?? []))
      case 6: edits.append((range, (0..<70).flatMap { _ in Array(source[range]) }))
      default: edits.append((range, replacements.randomElement(using: &generator) ?? []))
      }
    }
    for edit in edits.sorted(by: { $0.range.lowerBound > $1.range.lowerBound }) {
      guard edit.range.upperBound <= bytes.count else { continue }
      bytes.replaceSubrange(edit.range, with: edit.text)
    }
    return (name, bytes)
  }

  @Test func mutantsEndSoonWithTextOrAnError() {
    #expect(Self.sources.count == TemplateFamilyTests.families.count)
    let count = Self.isSlow ? 100_000 : 2500
    var generator = Generator(state: Self.seed)
    var (texts, slowest) = (0, 0)
    var kinds: [String: Int] = [:]
    for number in 0..<count {
      let before = generator.state
      let (name, bytes) = Self.mutant(&generator)
      let start = TemplateFixtures.nanoseconds
      switch ChatTemplate.exercise(bytes) {
      case .success: texts += 1
      case .failure(let error):
        kinds["\(error.kind)", default: 0] += 1
        // `raise_exception("")` gives no reason.
        #expect(error.line >= 1 && error.column >= 1 && (!error.message.isEmpty || error.kind == .raised))
      }
      let milliseconds = (TemplateFixtures.nanoseconds - start) / 1_000_000
      slowest = max(slowest, milliseconds)
      #expect(
        milliseconds < 4000, "seed \(Self.seed), mutant \(number) of \(name), state \(before): \(milliseconds) ms")
    }
    print(
      "templates: seed \(Self.seed), \(count) mutants, \(texts) rendered, errors \(kinds.sorted { $0.key < $1.key }), slowest \(slowest) ms"
    )
    // Mutants that all fail, or all work, would show nothing.
    #expect(texts > count / 20 && texts < count * 19 / 20)
  }

  @Test func bytesOfAnyKindEndSoon() {
    var generator = Generator(state: Self.seed)
    let pieces =
      Self.replacements + ["{{ ", " }}", "{% ", " %}", "\n", " ", "x", "messages", "\u{FF}"].map { Array($0.utf8) }
    for _ in 0..<(Self.isSlow ? 20_000 : 1000) {
      var bytes: [UInt8] = []
      for _ in 0..<Int.random(in: 0..<24, using: &generator) {
        bytes.append(contentsOf: pieces.randomElement(using: &generator) ?? [])
        if Int.random(in: 0..<40, using: &generator) == 0 { bytes.append(UInt8.random(in: 0...255, using: &generator)) }
      }
      ChatTemplate.exercise(bytes)
    }
  }

  /// Every template cut off at every token.
  @Test func truncatedTemplatesAreErrorsOrText() {
    for (_, source, tokens) in Self.sources {
      let stride = Self.isSlow ? 1 : max(1, tokens.count / 60)
      for index in Swift.stride(from: 0, to: tokens.count, by: stride) {
        ChatTemplate.exercise(Array(source[..<min(Int(tokens[index].start), source.count)]))
      }
    }
  }
}
