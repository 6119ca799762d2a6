/// Text to token ids and back, exactly as the model's own tokeniser has it. Immutable; usable from any thread.
public final class Tokenizer: Sendable {
  public let special: SpecialTokens
  /// The ids that end a generation: those of `special`, and every control token on the list of known end pieces.
  public let endOfGeneration: [TokenID]
  /// The chat template that the file brings along, in Jinja.
  public let chatTemplate: String?
  /// Number of tokens: ids run from 0 to `count - 1`.
  public var count: Int { vocabulary.count }

  let vocabulary: Vocabulary
  let model: Model
  /// Tokens that are matched in the text before the model sees it: all of them, and those that plain text may match.
  let added: AddedTokenMatcher
  let addedInPlainText: AddedTokenMatcher

  enum Model: Sendable {
    case byteLevel(ByteLevelEncoder, PreTokenizer)
  }

  init(
    vocabulary: Vocabulary, model: Model, special: SpecialTokens, chatTemplate: String?
  ) {
    self.vocabulary = vocabulary
    self.model = model
    self.special = special
    self.chatTemplate = chatTemplate
    var all: [TokenID] = []
    var plain: [TokenID] = []
    for id in 0..<vocabulary.count {
      switch vocabulary.kind(id) {
      case .control, .unknown: all.append(TokenID(id))
      case .userDefined:
        all.append(TokenID(id))
        plain.append(TokenID(id))
      default: break
      }
    }
    added = AddedTokenMatcher(all, in: vocabulary)
    addedInPlainText = AddedTokenMatcher(plain, in: vocabulary)
    endOfGeneration = Self.endTokens(vocabulary, special)
  }

  private static func endTokens(_ vocabulary: Vocabulary, _ special: SpecialTokens) -> [TokenID] {
    var ends = [special.eos, special.eot, special.eom].compactMap(\.self)
    let known = SpecialTokens.endPieces.map { Array($0.utf8) }
    for id in 0..<vocabulary.count where vocabulary.kind(id) == .control {
      let token = vocabulary.token(id)
      if known.contains(where: { $0.elementsEqual(token) }) { ends.append(TokenID(id)) }
    }
    return Array(Set(ends)).sorted()
  }

  /// The tokens of a text.
  /// - Parameters:
  ///   - text: UTF-8. Bytes that are not are kept: a byte-level vocabulary writes each as its own token.
  ///   - addSpecial: put BOS before and EOS after, where `special` says that this model wants them.
  ///   - parseSpecial: text that reads like a control token is that token. Otherwise it is plain text; user-defined
  ///     tokens are matched either way.
  public func encode(
    _ text: [UInt8], addSpecial: Bool = true, parseSpecial: Bool
  ) throws(TokenizerError) -> [TokenID] {
    guard text.count < Int(Int32.max) else {
      throw TokenizerError(
        .limitExceeded, at: "", "a text of \(text.count) bytes; at most \(Int32.max - 1) are accepted")
    }
    var output: [TokenID] = []
    if addSpecial, special.addBOS, let bos = special.bos { output.append(bos) }
    var encoding = try Encoding(self)
    let matcher = parseSpecial ? added : addedInPlainText
    var start = 0
    while let match = matcher.firstMatch(in: text, start..<text.count, vocabulary) {
      try encoding.encode(text, start..<match.range.lowerBound, into: &output)
      output.append(match.token)
      start = match.range.upperBound
    }
    try encoding.encode(text, start..<text.count, into: &output)
    if addSpecial, special.addEOS, let eos = special.eos { output.append(eos) }
    return output
  }

  public func encode(
    _ text: String, addSpecial: Bool = true, parseSpecial: Bool
  ) throws(TokenizerError) -> [TokenID] {
    try encode(Array(text.utf8), addSpecial: addSpecial, parseSpecial: parseSpecial)
  }

  /// The bytes that a token stands for; for a special token, its name. An id outside the vocabulary stands for none.
  public func piece(_ id: TokenID) -> [UInt8] {
    vocabulary.contains(id) ? Array(vocabulary.token(Int(id))) : []
  }

  /// The text of a run of tokens. Control and unknown tokens show their names only if `special` is set.
  public func decode(_ ids: [TokenID], special: Bool) -> [UInt8] {
    var output: [UInt8] = []
    for id in ids where vocabulary.contains(id) {
      let kind = vocabulary.kind(Int(id))
      if !special, kind == .control || kind == .unknown { continue }
      output.append(contentsOf: vocabulary.token(Int(id)))
    }
    return output
  }

  /// One run of `encode`: what it needs for itself.
  struct Encoding: ~Copyable {
    let tokenizer: Tokenizer
    var matcher: PatternMatcher
    var words: [Int] = []
    var byteLevel = ByteLevelEncoder.Scratch()

    init(_ tokenizer: Tokenizer) throws(TokenizerError) {
      self.tokenizer = tokenizer
      matcher = try PatternMatcher()
    }

    mutating func encode(_ text: [UInt8], _ range: Range<Int>, into output: inout [TokenID]) throws(TokenizerError) {
      switch tokenizer.model {
      case .byteLevel(let encoder, let preTokenizer):
        var start = range.lowerBound
        while start < range.upperBound {
          let bad = UTF8Scanner.nextIllFormed(text, from: start, to: range.upperBound)
          let end = bad?.lowerBound ?? range.upperBound
          words.removeAll(keepingCapacity: true)
          try preTokenizer.split(text, start..<end, using: &matcher, into: &words)
          for word in words {
            encoder.encode(text, start..<word, in: tokenizer.vocabulary, &byteLevel, into: &output)
            start = word
          }
          if let bad {
            encoder.encodeIllFormed(text[bad], into: &output)
            start = bad.upperBound
          }
        }
      }
    }
  }
}
