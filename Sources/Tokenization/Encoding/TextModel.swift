/// What becomes of the text between added tokens.
struct TextModel: Sendable {
  enum Kind: Sendable {
    case byteLevel(ByteLevelEncoder, PreTokenizer)
    case spaced(SpacedEncoder)
  }

  /// Where a space is put before a stretch of text that has none.
  enum SpacePrefix: Sendable, Equatable {
    case none
    /// Before every stretch, also one that begins with a space (Llama 2).
    case everyStretch
    /// Before every stretch that does not begin with a space.
    case everyStretchWithout
    /// Before the text, if it does not begin with a space.
    case textWithout
  }

  var kind: Kind
  var form: NormalForm?
  /// Put before the stretch is searched for added tokens in normalised text.
  var prefixBefore = SpacePrefix.none
  /// Put before what lies between those.
  var prefixAfter = SpacePrefix.none

  var addsSpaceBefore: Bool { prefixBefore != .none || prefixAfter != .none }

  /// The pattern of an added token that is looked for in normalised text.
  func normalizedPattern(_ content: [UInt8]) -> [UInt8] {
    var pattern = form?.normalized(content, 0..<content.count) ?? content
    if case .spaced = kind {
      var spaced: [UInt8] = prefixBefore == .everyStretch && !content.isEmpty ? [0x20] : []
      SpaceMark.append(pattern, to: &spaced)
      pattern = spaced
    }
    return pattern
  }
}

/// The matchers of added tokens: on the text as it is and on normalised text, with special tokens and without.
struct AddedTokens: Sendable {
  private let rawAll: AddedTokenMatcher
  private let rawPlain: AddedTokenMatcher
  private let normalizedAll: AddedTokenMatcher
  private let normalizedPlain: AddedTokenMatcher

  /// - Parameter bytes: what the tokens' patterns are in.
  init(raw: [AddedToken], normalized: [AddedToken], in bytes: [UInt8], isSpecial: (AddedToken) -> Bool) {
    rawAll = AddedTokenMatcher(raw, in: bytes)
    rawPlain = AddedTokenMatcher(raw.filter { !isSpecial($0) }, in: bytes)
    normalizedAll = AddedTokenMatcher(normalized, in: bytes)
    normalizedPlain = AddedTokenMatcher(normalized.filter { !isSpecial($0) }, in: bytes)
  }

  func beforeNormalizing(parseSpecial: Bool) -> AddedTokenMatcher { parseSpecial ? rawAll : rawPlain }
  func afterNormalizing(parseSpecial: Bool) -> AddedTokenMatcher { parseSpecial ? normalizedAll : normalizedPlain }
}

/// The encoding of one text: the working memory of all its stretches.
struct TextEncoding: ~Copyable {
  let vocabulary: Vocabulary
  let model: TextModel
  let normalizedAdded: AddedTokenMatcher
  private var matcher: PatternMatcher
  private var words: [Int] = []
  private var byteLevel = ByteLevelEncoder.Scratch()
  private var spaced = SpacedEncoder.Scratch()

  init(
    vocabulary: Vocabulary, model: TextModel, normalizedAdded: AddedTokenMatcher
  ) throws(TokenizerError) {
    self.vocabulary = vocabulary
    self.model = model
    self.normalizedAdded = normalizedAdded
    matcher = try PatternMatcher()
  }

  /// Appends the tokens of a stretch between two added tokens.
  mutating func encode(_ text: [UInt8], _ range: Range<Int>, into output: inout [TokenID]) throws(TokenizerError) {
    switch model.kind {
    case .byteLevel(let encoder, _):
      var start = range.lowerBound
      while start < range.upperBound {
        let bad = UTF8Scanner.nextIllFormed(text, from: start, to: range.upperBound)
        let end = bad?.lowerBound ?? range.upperBound
        if start < end { try encodeWellFormed(text, start..<end, isFirst: start == 0, into: &output) }
        if let bad { encoder.encodeIllFormed(text[bad], into: &output) }
        start = bad?.upperBound ?? end
      }
    case .spaced: try encodeSpaced(text, range, into: &output)
    }
  }

  private mutating func encodeWellFormed(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, into output: inout [TokenID]
  ) throws(TokenizerError) {
    if let normalized = model.form?.normalized(text, range) {
      try encodeNormalized(normalized, 0..<normalized.count, isFirst: isFirst, into: &output)
    } else {
      try encodeNormalized(text, range, isFirst: isFirst, into: &output)
    }
  }

  private mutating func encodeSpaced(
    _ text: [UInt8], _ range: Range<Int>, into output: inout [TokenID]
  ) throws(TokenizerError) {
    var stretch: [UInt8] = []
    stretch.reserveCapacity(range.count + 1)
    if model.prefixBefore == .everyStretch { stretch.append(0x20) }
    if let form = model.form {
      var start = range.lowerBound
      while start < range.upperBound {
        let bad = UTF8Scanner.nextIllFormed(text, from: start, to: range.upperBound)
        let end = bad?.lowerBound ?? range.upperBound
        if let normalized = form.normalized(text, start..<end) {
          SpaceMark.append(normalized, to: &stretch)
        } else {
          SpaceMark.append(text[start..<end], to: &stretch)
        }
        if let bad { stretch.append(contentsOf: text[bad]) }
        start = bad?.upperBound ?? end
      }
    } else {
      SpaceMark.append(text[range], to: &stretch)
    }
    try encodeNormalized(stretch, 0..<stretch.count, isFirst: range.lowerBound == 0, into: &output)
  }

  private mutating func encodeNormalized(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, into output: inout [TokenID]
  ) throws(TokenizerError) {
    if normalizedAdded.isEmpty {
      try encodePiece(text, range, isFirst: isFirst, into: &output)
      return
    }
    var pieces: [AddedTokenMatcher.Piece] = []
    try normalizedAdded.split(text, range) { (piece) throws(TokenizerError) in pieces.append(piece) }
    for piece in pieces {
      switch piece {
      case .token(let id): output.append(id)
      case .text(let part):
        try encodePiece(text, part, isFirst: isFirst && part.lowerBound == range.lowerBound, into: &output)
      }
    }
  }

  private mutating func encodePiece(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, into output: inout [TokenID]
  ) throws(TokenizerError) {
    if range.isEmpty { return }
    let wantsSpace =
      switch model.prefixAfter {
      case .none: false
      case .everyStretch: true
      case .everyStretchWithout: text[range.lowerBound] != 0x20
      case .textWithout: isFirst && text[range.lowerBound] != 0x20
      }
    if wantsSpace {
      let prefixed = [0x20] + text[range]
      try encodeWords(prefixed, 0..<prefixed.count, into: &output)
    } else {
      try encodeWords(text, range, into: &output)
    }
  }

  private mutating func encodeWords(
    _ text: [UInt8], _ range: Range<Int>, into output: inout [TokenID]
  ) throws(TokenizerError) {
    switch model.kind {
    case .byteLevel(let encoder, let preTokenizer):
      try preTokenizer.split(text, range, using: &matcher, into: &words)
      var start = range.lowerBound
      for end in words {
        encoder.encode(text, start..<end, in: vocabulary, &byteLevel, into: &output)
        start = end
      }
    case .spaced(let encoder):
      encoder.encode(text, range, in: vocabulary, &spaced, into: &output)
    }
  }
}
