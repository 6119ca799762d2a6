/// Finds the tokens that are matched in the text itself, before any model sees it: the leftmost, and of those that begin
/// at the same place the longest.
///
/// The tokens are kept sorted by their bytes; a search narrows the range of those that agree with the text so far. That
/// takes four bytes a token (Gemma has 6,000) and time proportional to the text times the longest token.
struct AddedTokenMatcher: Sendable {
  private var sorted: [TokenID] = []
  private var begins = [Bool](repeating: false, count: 256)

  /// Empty tokens are left out: they would match everywhere.
  init(_ tokens: [TokenID], in vocabulary: Vocabulary) {
    sorted = tokens.filter { !vocabulary.range(Int($0)).isEmpty }
    sorted.sort { left, right in
      let (first, second) = (vocabulary.token(Int(left)), vocabulary.token(Int(right)))
      if first.elementsEqual(second) { return left < right }
      return first.lexicographicallyPrecedes(second)
    }
    for token in sorted { begins[Int(vocabulary.token(Int(token)).first ?? 0)] = true }
  }

  var isEmpty: Bool { sorted.isEmpty }

  /// The first match in `text[range]`.
  func firstMatch(
    in text: [UInt8], _ range: Range<Int>, _ vocabulary: Vocabulary
  ) -> (token: TokenID, range: Range<Int>)? {
    if sorted.isEmpty { return nil }
    for start in range where begins[Int(text[start])] {
      if let token = longest(in: text, start..<range.upperBound, vocabulary) {
        return (token, start..<start + vocabulary.range(Int(token)).count)
      }
    }
    return nil
  }

  /// The longest token that `text[range]` begins with.
  private func longest(in text: [UInt8], _ range: Range<Int>, _ vocabulary: Vocabulary) -> TokenID? {
    var low = 0
    var high = sorted.count
    var found: TokenID?
    for place in range {
      let depth = place - range.lowerBound
      let byte = text[place]
      low = boundary(low, high, depth, vocabulary) { $0 < byte }
      high = boundary(low, high, depth, vocabulary) { $0 <= byte }
      if low == high { break }
      // Those that agree are sorted, so one that ends here comes first. Of equal tokens the one with the lowest id wins.
      if vocabulary.range(Int(sorted[low])).count == depth + 1 {
        found = sorted[low]
        while low < high, vocabulary.range(Int(sorted[low])).count == depth + 1 { low += 1 }
        if low == high { break }
      }
    }
    return found
  }

  /// The first of `sorted[low..<high]` whose byte at `depth` does not satisfy `isBefore`.
  private func boundary(
    _ low: Int, _ high: Int, _ depth: Int, _ vocabulary: Vocabulary, _ isBefore: (UInt8) -> Bool
  ) -> Int {
    var (low, high) = (low, high)
    while low < high {
      let middle = (low + high) / 2
      let start = vocabulary.range(Int(sorted[middle])).lowerBound
      if isBefore(vocabulary.bytes[start + depth]) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
