/// Cuts a text into the words that a byte-level model encodes one by one.
///
/// A pass finds the matches of one pattern in each piece that the pass before left; the matches and what lies between
/// them are the pieces that it leaves. A pattern sees its piece alone, so that `(?!\S)` holds at a piece's end.
struct PreTokenizer: Sendable {
  /// One pass, as it is written down.
  enum Rule: Sendable, Equatable {
    /// Cuts before and after each match of a pattern of `PreTokenizerPatterns`.
    case pattern(String)
    /// Cuts around runs of bytes whose characters in the byte alphabet are numbers: ASCII digits, and the bytes of ²,
    /// ³, ¹, ¼, ½ and ¾ in Latin-1, which are parts of other characters in UTF-8. (Falcon looks for digits after it has
    /// mapped bytes to the alphabet.)
    case alphabetDigits

    /// Patterns are compared as bytes: canonically equivalent ones can have different ranges.
    static func == (left: Rule, right: Rule) -> Bool {
      switch (left, right) {
      case (.pattern(let left), .pattern(let right)): left.utf8.elementsEqual(right.utf8)
      case (.alphabetDigits, .alphabetDigits): true
      default: false
      }
    }
  }

  private enum Pass: Sendable {
    case pattern(Pattern)
    case alphabetDigits
  }

  private let passes: [Pass]

  init(_ rules: [Rule]) throws(TokenizerError) {
    var passes: [Pass] = []
    for rule in rules {
      switch rule {
      case .pattern(let text):
        passes.append(.pattern(try Pattern(Self.translated(PreTokenizerPatterns.compilable(text)))))
      case .alphabetDigits: passes.append(.alphabetDigits)
      }
    }
    self.passes = passes
  }

  /// Puts into `ends` where the words of `text[range]` end, the last at the end of `range`.
  func split(
    _ text: [UInt8], _ range: Range<Int>, using matcher: inout PatternMatcher, into ends: inout [Int]
  ) throws(TokenizerError) {
    ends.removeAll(keepingCapacity: true)
    if range.isEmpty { return }
    ends.append(range.upperBound)
    var next: [Int] = []
    for pass in passes {
      next.removeAll(keepingCapacity: true)
      var start = range.lowerBound
      for end in ends {
        switch pass {
        case .pattern(let pattern):
          try Self.cut(text, start..<end, at: pattern, using: &matcher, into: &next)
        case .alphabetDigits:
          Self.cutAtAlphabetDigits(text, start..<end, into: &next)
        }
        start = end
      }
      swap(&ends, &next)
    }
  }

  private static func cut(
    _ text: [UInt8], _ piece: Range<Int>, at pattern: Pattern, using matcher: inout PatternMatcher,
    into ends: inout [Int]
  ) throws(TokenizerError) {
    var place = piece.lowerBound
    while place < piece.upperBound {
      guard let match = try matcher.firstMatch(of: pattern, in: text, piece, from: place) else { break }
      if match.lowerBound > place { ends.append(match.lowerBound) }
      ends.append(match.upperBound)
      place = match.upperBound
    }
    if place < piece.upperBound { ends.append(piece.upperBound) }
  }

  private static func cutAtAlphabetDigits(_ text: [UInt8], _ piece: Range<Int>, into ends: inout [Int]) {
    func isDigit(_ byte: UInt8) -> Bool {
      switch byte {
      case 0x30...0x39, 0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE: true
      default: false
      }
    }
    for place in piece.dropFirst() where isDigit(text[place]) != isDigit(text[place - 1]) { ends.append(place) }
    ends.append(piece.upperBound)
  }

  /// White space as the models' patterns mean it. PCRE2's own `\s` has U+180E besides, which Unicode took out in 6.3.
  private static let space =
    #"\t-\r \x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"#

  /// The pattern with `\s` and `\S` spelt out, inside and outside of brackets.
  static func translated(_ pattern: String) -> String {
    var result = ""
    var inBrackets = false
    var iterator = pattern.unicodeScalars.makeIterator()
    while let scalar = iterator.next() {
      guard scalar == "\\", let escaped = iterator.next() else {
        if scalar == "[" { inBrackets = true } else if scalar == "]" { inBrackets = false }
        result.unicodeScalars.append(scalar)
        continue
      }
      switch (escaped, inBrackets) {
      case ("s", true): result += space
      case ("s", false): result += "[" + space + "]"
      case ("S", false): result += "[^" + space + "]"
      default:
        result.unicodeScalars.append(scalar)
        result.unicodeScalars.append(escaped)
      }
    }
    return result
  }
}
