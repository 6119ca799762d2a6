/// A token that is matched in the text itself, before any model sees it, and how.
struct AddedToken: Sendable {
  var id: TokenID
  /// Where in the matcher's bytes stands what is looked for: the token's text, or its normalised text.
  var pattern: Range<UInt32> = 0..<0
  /// Matched only where no letter, digit or the like is next to it.
  var isSingleWord = false
  /// Takes the white space before it along.
  var stripsLeft = false
  /// Takes the white space after it along.
  var stripsRight = false

  fileprivate var place: Range<Int> { Int(pattern.lowerBound)..<Int(pattern.upperBound) }
}

/// Finds added tokens in a text: the leftmost, and of those that begin at the same place the longest.
///
/// The patterns are kept sorted; a search narrows the range of those that agree with the text so far. That takes 16 bytes
/// a token (Gemma has 6,000 such tokens, and a file may mark all of its tokens so) and time proportional to the text
/// times the longest pattern.
struct AddedTokenMatcher: Sendable {
  private var tokens: [AddedToken] = []
  /// Of all patterns; where these are the texts of the tokens, the vocabulary's own bytes, which are not copied.
  private let bytes: [UInt8]
  private var begins = [Bool](repeating: false, count: 256)

  /// Tokens without a text are left out: they would match everywhere.
  init(_ added: [AddedToken], in bytes: [UInt8]) {
    self.bytes = bytes
    tokens = added.filter { !$0.pattern.isEmpty }
    tokens.sort { left, right in
      let (one, other) = (bytes[left.place], bytes[right.place])
      return one == other ? left.id < right.id : one.lexicographicallyPrecedes(other)
    }
    for token in tokens { begins[Int(bytes[token.place.lowerBound])] = true }
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// What a text is cut into.
  enum Piece: Equatable {
    case text(Range<Int>)
    case token(TokenID)
  }

  /// Cuts `text[range]`; the pieces of text are not empty.
  func split(
    _ text: [UInt8], _ range: Range<Int>, _ body: (Piece) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    var place = range.lowerBound
    var taken = range.lowerBound
    while let match = firstMatch(in: text, place..<range.upperBound) {
      place = match.range.upperBound
      var (start, end) = (match.range.lowerBound, match.range.upperBound)
      if match.token.isSingleWord {
        if TextEdges.endsInWord(text, range.lowerBound..<start) || TextEdges.beginsInWord(text, end..<range.upperBound)
        {
          continue
        }
      }
      if match.token.stripsLeft {
        start = max(taken, TextEdges.spaceStart(text, range.lowerBound..<start))
      }
      if match.token.stripsRight { end = TextEdges.spaceEnd(text, end..<range.upperBound) }
      if start > taken { try body(.text(taken..<start)) }
      try body(.token(match.token.id))
      taken = end
    }
    if taken < range.upperBound { try body(.text(taken..<range.upperBound)) }
  }

  private func firstMatch(in text: [UInt8], _ range: Range<Int>) -> (token: AddedToken, range: Range<Int>)? {
    if tokens.isEmpty { return nil }
    for start in range where begins[Int(text[start])] {
      if let index = longest(in: text, start..<range.upperBound) {
        return (tokens[index], start..<start + tokens[index].pattern.count)
      }
    }
    return nil
  }

  /// The longest token that `text[range]` begins with.
  private func longest(in text: [UInt8], _ range: Range<Int>) -> Int? {
    var low = 0
    var high = tokens.count
    var found: Int?
    for place in range {
      let depth = place - range.lowerBound
      let byte = text[place]
      low = boundary(low, high, depth) { $0 < byte }
      high = boundary(low, high, depth) { $0 <= byte }
      // Those that agree are sorted, so one that ends here comes first; of equal ones, the one with the lowest id.
      if low < high, tokens[low].pattern.count == depth + 1 {
        found = low
        while low < high, tokens[low].pattern.count == depth + 1 { low += 1 }
      }
      if low == high { break }
    }
    return found
  }

  /// The first of `tokens[low..<high]` whose byte at `depth` does not satisfy `isBefore`.
  private func boundary(_ low: Int, _ high: Int, _ depth: Int, _ isBefore: (UInt8) -> Bool) -> Int {
    var (low, high) = (low, high)
    while low < high {
      let middle = (low + high) / 2
      if isBefore(bytes[tokens[middle].place.lowerBound + depth]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// What is at the ends of a text: white space, and characters of words, as the reference's regular expressions see them.
enum TextEdges {
  /// Where the white space at the end of `text[range]` begins.
  static func spaceStart(_ text: [UInt8], _ range: Range<Int>) -> Int {
    var end = range.upperBound
    while let (scalar, start) = last(text, range.lowerBound..<end), scalar.properties.isWhitespace { end = start }
    return end
  }

  /// Where the white space at the beginning of `text[range]` ends.
  static func spaceEnd(_ text: [UInt8], _ range: Range<Int>) -> Int {
    var start = range.lowerBound
    while let (scalar, end) = first(text, start..<range.upperBound), scalar.properties.isWhitespace { start = end }
    return start
  }

  static func endsInWord(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    last(text, range).map { isWord($0.0) } ?? false
  }

  static func beginsInWord(_ text: [UInt8], _ range: Range<Int>) -> Bool {
    first(text, range).map { isWord($0.0) } ?? false
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    let properties = scalar.properties
    if properties.isAlphabetic || properties.isJoinControl { return true }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return false
    }
  }

  /// The first character and where it ends; nil if there is none that is well-formed.
  private static func first(_ text: [UInt8], _ range: Range<Int>) -> (Unicode.Scalar, Int)? {
    guard !range.isEmpty,
      case .character(let length) = UTF8Scanner.step(text, at: range.lowerBound, end: range.upperBound)
    else { return nil }
    let end = range.lowerBound + length
    return String(decoding: text[range.lowerBound..<end], as: UTF8.self).unicodeScalars.first.map { ($0, end) }
  }

  /// The last character and where it begins; nil if there is none that is well-formed.
  private static func last(_ text: [UInt8], _ range: Range<Int>) -> (Unicode.Scalar, Int)? {
    var start = range.upperBound
    repeat {
      start -= 1
      if start < range.lowerBound { return nil }
    } while text[start] & 0xC0 == 0x80 && range.upperBound - start < 4
    guard let (scalar, end) = first(text, start..<range.upperBound), end == range.upperBound else { return nil }
    return (scalar, start)
  }
}
