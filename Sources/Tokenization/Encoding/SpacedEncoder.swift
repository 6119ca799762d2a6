/// Byte-pair encoding over characters, the way of SentencePiece: a word begins as its characters, neighbours merge by
/// score or by rank, and what the vocabulary lacks is written in byte tokens or as the unknown token.
///
/// The text comes with U+2581 written as a space, as the vocabulary is stored.
struct SpacedEncoder: Sendable {
  enum Order: Sendable {
    /// Two neighbours merge if together they are a token; the highest score first.
    case scores
    /// Two neighbours merge if the list says so; the first of the list first.
    case ranks(MergeTable)
  }

  let order: Order
  /// Of the plain tokens.
  let index: TokenIndex
  /// The token of each byte, or -1 where there is none.
  let byteTokens: [TokenID]
  let unknown: TokenID?
  /// Several characters without a token, one after the other, are one unknown token.
  let fusesUnknown: Bool
  /// A word that is itself a token becomes that token, whatever the merges say.
  let takesWholeWords: Bool
  /// Each space begins a word. Otherwise the text is one word.
  let cutsAtSpaces: Bool
  /// For each byte: whether some token has a space after it. Where none has, no merge reaches over that space, and the
  /// text can be cut there without changing a token.
  private let reachesOverSpace: [Bool]
  private let powers: [UInt64]

  init(
    _ vocabulary: Vocabulary, order: Order, index: TokenIndex, byteTokens: [TokenID], unknown: TokenID?,
    fusesUnknown: Bool, takesWholeWords: Bool = false, cutsAtSpaces: Bool = false
  ) {
    self.order = order
    self.index = index
    self.byteTokens = byteTokens
    self.unknown = unknown
    self.fusesUnknown = fusesUnknown
    self.takesWholeWords = takesWholeWords
    self.cutsAtSpaces = cutsAtSpaces
    var reaches = [Bool](repeating: false, count: 256)
    for id in 0..<vocabulary.count where vocabulary.isPlain(id) {
      let range = vocabulary.range(id)
      for place in range.dropFirst() where vocabulary.bytes[place] == 0x20 {
        reaches[Int(vocabulary.bytes[place - 1])] = true
      }
    }
    reachesOverSpace = reaches
    powers = TextHash.powers(upTo: vocabulary.longestToken)
  }

  /// A symbol: a stretch of the text.
  struct Stretch: Sendable {
    var start: UInt32
    var length: UInt32
  }

  /// Neighbours merge if the vocabulary has what they are together.
  struct ScoreRules: MergeRules {
    let vocabulary: Vocabulary
    let index: TokenIndex
    let text: [UInt8]
    /// The hashes of the beginnings of the word that starts at `base`.
    let hashes: [TextHash]
    let base: Int
    let powers: [UInt64]

    func token(_ stretch: Stretch) -> Int? {
      let length = Int(stretch.length)
      guard length < powers.count else { return nil }
      let start = Int(stretch.start)
      let hash = TextHash.rest(
        of: hashes[start + length - base], after: hashes[start - base], power: powers[length])
      return index.find(hash, text, start..<start + length, in: vocabulary)
    }

    @inline(__always)
    func merge(_ left: Stretch, _ right: Stretch) -> (priority: UInt32, merged: Stretch)? {
      let merged = Stretch(start: left.start, length: left.length + right.length)
      guard let token = token(merged) else { return nil }
      return (SpacedEncoder.priority(vocabulary.score(token)), merged)
    }
  }

  /// A number that is lower for a higher score. Zeros of both signs are equal, and what is not a number comes last.
  static func priority(_ score: Float) -> UInt32 {
    if score.isNaN { return .max - 1 }
    let bits = (score + 0).bitPattern
    let ascending = bits >> 31 == 0 ? bits | 1 << 31 : ~bits
    return min(~ascending, .max - 1)
  }

  struct Scratch {
    var scoreMerger = PairMerger<ScoreRules>()
    var rankMerger = PairMerger<ByteLevelEncoder.Rules>()
    var stretches: [Stretch] = []
    var tokens: [TokenID] = []
    var hashes: [TextHash] = []
    /// The token before is an unknown one that the next can join.
    var endsUnknown = false
  }

  /// Appends the tokens of `text[range]`.
  func encode(
    _ text: [UInt8], _ range: Range<Int>, in vocabulary: Vocabulary, _ scratch: inout Scratch,
    into output: inout [TokenID]
  ) {
    scratch.endsUnknown = false
    var start = range.lowerBound
    while start < range.upperBound {
      var end = start + 1
      while end < range.upperBound, !isCut(text, end) { end += 1 }
      encodeWord(text, start..<end, vocabulary, &scratch, &output)
      start = end
    }
  }

  @inline(__always)
  private func isCut(_ text: [UInt8], _ place: Int) -> Bool {
    if text[place] != 0x20 { return false }
    if cutsAtSpaces { return true }
    return !reachesOverSpace[Int(text[place - 1])] && !takesWholeWords
  }

  private func encodeWord(
    _ text: [UInt8], _ range: Range<Int>, _ vocabulary: Vocabulary, _ scratch: inout Scratch,
    _ output: inout [TokenID]
  ) {
    switch order {
    case .scores: encodeByScore(text, range, vocabulary, &scratch, &output)
    case .ranks(let merges): encodeByRank(text, range, merges, vocabulary, &scratch, &output)
    }
  }

  private func encodeByScore(
    _ text: [UInt8], _ range: Range<Int>, _ vocabulary: Vocabulary, _ scratch: inout Scratch,
    _ output: inout [TokenID]
  ) {
    scratch.hashes.removeAll(keepingCapacity: true)
    var hash = TextHash()
    scratch.hashes.append(hash)
    for place in range {
      hash.append(text[place])
      scratch.hashes.append(hash)
    }
    scratch.stretches.removeAll(keepingCapacity: true)
    forEachCharacter(text, range) {
      scratch.stretches.append(Stretch(start: UInt32($0.lowerBound), length: UInt32($0.count)))
    }
    let rules = ScoreRules(
      vocabulary: vocabulary, index: index, text: text, hashes: scratch.hashes, base: range.lowerBound, powers: powers)
    scratch.scoreMerger.merge(&scratch.stretches, by: rules)
    for stretch in scratch.stretches {
      if let token = rules.token(stretch) {
        output.append(TokenID(truncatingIfNeeded: token))
        scratch.endsUnknown = false
      } else {
        let start = Int(stretch.start)
        writeUnknown(text, start..<start + Int(stretch.length), &scratch.endsUnknown, &output)
      }
    }
    if range.count > 1 << 16 { (scratch.hashes, scratch.stretches) = ([], []) }
  }

  private func encodeByRank(
    _ text: [UInt8], _ range: Range<Int>, _ merges: MergeTable, _ vocabulary: Vocabulary, _ scratch: inout Scratch,
    _ output: inout [TokenID]
  ) {
    if takesWholeWords, range.count <= vocabulary.longestToken, let token = token(text, range, vocabulary) {
      output.append(token)
      scratch.endsUnknown = false
      return
    }
    scratch.tokens.removeAll(keepingCapacity: true)
    forEachCharacter(text, range) { character in
      if let token = token(text, character, vocabulary) {
        scratch.tokens.append(token)
        scratch.endsUnknown = false
      } else {
        writeUnknown(text, character, &scratch.endsUnknown, &scratch.tokens)
      }
    }
    scratch.rankMerger.merge(&scratch.tokens, by: ByteLevelEncoder.Rules(merges: merges))
    output.append(contentsOf: scratch.tokens)
    if scratch.tokens.capacity > 1 << 16 { scratch.tokens = [] }
  }

  private func token(_ text: [UInt8], _ range: Range<Int>, _ vocabulary: Vocabulary) -> TokenID? {
    var hash = TextHash()
    for place in range { hash.append(text[place]) }
    return index.find(hash, text, range, in: vocabulary).map { TokenID(truncatingIfNeeded: $0) }
  }

  /// Calls `body` with the bytes of each character; a byte that is part of none is one by itself.
  private func forEachCharacter(_ text: [UInt8], _ range: Range<Int>, _ body: (Range<Int>) -> Void) {
    var place = range.lowerBound
    while place < range.upperBound {
      var length = 1
      if text[place] >= 0x80, case .character(let count) = UTF8Scanner.step(text, at: place, end: range.upperBound) {
        length = count
      }
      body(place..<place + length)
      place += length
    }
  }

  /// Writes a character that has no token: in byte tokens if there is one for each of its bytes.
  private func writeUnknown(
    _ text: [UInt8], _ range: Range<Int>, _ endsUnknown: inout Bool, _ output: inout [TokenID]
  ) {
    if range.allSatisfy({ byteTokens[Int(text[$0])] >= 0 }) {
      for place in range { output.append(byteTokens[Int(text[place])]) }
      endsUnknown = false
    } else if let unknown, !(fusesUnknown && endsUnknown) {
      output.append(unknown)
      endsUnknown = true
    }
  }
}
