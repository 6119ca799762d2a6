/// Cuts a text into the words that a byte-level model encodes one by one.
///
/// A pass finds the matches of one pattern in each piece that the pass before left; the matches and what lies between
/// them are the pieces that it leaves. A pattern sees its piece alone, so that `(?!\S)` holds at a piece's end.
struct PreTokenizer: Sendable {
  let passes: [Pattern]

  init(_ patterns: [String]) throws(TokenizerError) {
    var passes: [Pattern] = []
    for pattern in patterns { passes.append(try Pattern(Self.translated(pattern))) }
    self.passes = passes
  }

  /// Appends to `ends` where the words of `text[range]` end. `text[range]` must be well-formed UTF-8.
  func split(
    _ text: [UInt8], _ range: Range<Int>, using matcher: inout PatternMatcher, into ends: inout [Int]
  ) throws(TokenizerError) {
    var pieces: [Int] = range.isEmpty ? [] : [range.upperBound]
    var next: [Int] = []
    for pass in passes {
      next.removeAll(keepingCapacity: true)
      var start = range.lowerBound
      for end in pieces {
        var place = start
        while place < end, let match = try matcher.firstMatch(of: pass, in: text, start..<end, from: place) {
          if match.lowerBound > place { next.append(match.lowerBound) }
          next.append(match.upperBound)
          place = match.upperBound
        }
        if place < end { next.append(end) }
        start = end
      }
      swap(&pieces, &next)
    }
    ends.append(contentsOf: pieces)
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
