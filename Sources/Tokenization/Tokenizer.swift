/// Text to token ids and back, exactly as the model's own tokeniser has it. Immutable; usable from any thread.
public final class Tokenizer: Sendable {
  /// The tokens with a part of their own, and what `encode` adds by itself.
  public let special: SpecialTokens
  /// The ids that end a generation, ascending: those of `special`, and every control token on the list of known end
  /// pieces (`SpecialTokens.endPieces`).
  public let endOfGeneration: [TokenID]
  /// The chat template that the file brings along, in Jinja.
  public let chatTemplate: String?
  /// The name that GGUF has for the way words are cut (`tokenizer.ggml.pre`); nil for SentencePiece vocabularies, and
  /// for an imported file whose way has no name.
  public let preTokenizerName: String?
  /// Number of tokens: ids run from 0 to `count - 1`.
  public var count: Int { vocabulary.count }

  let vocabulary: Vocabulary
  let model: TextModel
  private let added: AddedTokens
  /// What `encode` puts before and after a text.
  private let before: [TokenID]
  private let after: [TokenID]

  /// All that a tokeniser is made of; the importers fill it.
  struct Parts {
    var vocabulary: Vocabulary
    var model: TextModel
    var added: AddedTokens
    var special: SpecialTokens
    /// What is put before and after a text; nil is BOS and EOS, as `special` has it.
    var before: [TokenID]?
    var after: [TokenID]?
    var chatTemplate: String?
    var preTokenizerName: String?
    /// Further ids that end a generation.
    var ends: [TokenID] = []
  }

  init(_ parts: Parts) {
    vocabulary = parts.vocabulary
    model = parts.model
    added = parts.added
    special = parts.special
    before = parts.before ?? (parts.special.addBOS ? [parts.special.bos].compactMap(\.self) : [])
    after = parts.after ?? (parts.special.addEOS ? [parts.special.eos].compactMap(\.self) : [])
    chatTemplate = parts.chatTemplate
    preTokenizerName = parts.preTokenizerName
    let ends = Set(SpecialTokens.ends(parts.vocabulary, parts.special))
    endOfGeneration = ends.union(parts.ends.filter(parts.vocabulary.contains)).sorted()
  }

  /// The tokens of a text.
  /// - Parameters:
  ///   - text: UTF-8. Bytes that are not are kept: each is written in its own byte token.
  ///   - addSpecial: put BOS before and EOS after, where `special` says that this model wants them.
  ///   - parseSpecial: text that reads like a control token is that token. Otherwise it is plain text; user-defined
  ///     tokens are matched either way.
  /// - Throws: for a text of 2 GiB or more, and where the pattern engine gives up.
  public func encode(
    _ text: [UInt8], addSpecial: Bool = true, parseSpecial: Bool
  ) throws(TokenizerError) -> [TokenID] {
    guard text.count < Int(Int32.max) else {
      throw TokenizerError(
        .limitExceeded, at: "", "a text of \(text.count) bytes; at most \(Int32.max - 1) are accepted")
    }
    var output: [TokenID] = addSpecial ? before : []
    var encoding = try TextEncoding(
      vocabulary: vocabulary, model: model, normalizedAdded: added.afterNormalizing(parseSpecial: parseSpecial))
    try added.beforeNormalizing(parseSpecial: parseSpecial).split(text, 0..<text.count) {
      (piece) throws(TokenizerError) in
      switch piece {
      case .token(let id): output.append(id)
      case .text(let range): try encoding.encode(text, range, into: &output)
      }
    }
    if addSpecial { output.append(contentsOf: after) }
    return output
  }

  /// The tokens of a text; see the form for bytes.
  public func encode(
    _ text: String, addSpecial: Bool = true, parseSpecial: Bool
  ) throws(TokenizerError) -> [TokenID] {
    try encode(Array(text.utf8), addSpecial: addSpecial, parseSpecial: parseSpecial)
  }

  /// The tokens of a rendered chat template: special tokens are parsed, and BOS is added only where the model wants it
  /// and the text does not begin with it.
  public func encodeChat(_ text: [UInt8]) throws(TokenizerError) -> [TokenID] {
    let ids = try encode(text, addSpecial: false, parseSpecial: true)
    return ids.starts(with: before) ? ids : before + ids
  }

  /// The bytes that a token stands for; for a special token, its name. An id outside the vocabulary stands for none.
  public func piece(_ id: TokenID) -> [UInt8] {
    vocabulary.contains(id) ? Array(vocabulary.token(Int(id))) : []
  }

  /// Whether the token shows in a text only when special tokens are to show: control and unknown tokens.
  public func isSpecial(_ id: TokenID) -> Bool {
    guard vocabulary.contains(id) else { return false }
    let kind = vocabulary.kind(Int(id))
    return kind == .control || kind == .unknown
  }

  /// The text of a run of tokens: what `encode` takes apart, put together again. The space that `encode` puts before a
  /// text for some vocabularies is taken off. Ids outside the vocabulary stand for nothing.
  /// - Parameter special: whether control and unknown tokens show their names.
  public func decode(_ ids: [TokenID], special: Bool) -> [UInt8] {
    var output: [UInt8] = []
    var atStart = model.addsSpaceBefore
    for id in ids { append(id, special: special, atStart: &atStart, to: &output) }
    return output
  }

  /// Appends a token's bytes. While `atStart`, a space at the beginning of a plain token is left out.
  func append(_ id: TokenID, special: Bool, atStart: inout Bool, to output: inout [UInt8]) {
    guard vocabulary.contains(id) else { return }
    if isSpecial(id) {
      if special { output.append(contentsOf: vocabulary.token(Int(id))) }
      return
    }
    var token = vocabulary.token(Int(id))
    if atStart, token.first == 0x20 { token = token.dropFirst() }
    atStart = false
    output.append(contentsOf: token)
  }
}

extension SpecialTokens {
  static func ends(_ vocabulary: Vocabulary, _ special: SpecialTokens) -> [TokenID] {
    var ends = Set([special.eos, special.eot, special.eom].compactMap(\.self))
    let known = endPieces.map { Array($0.utf8) }
    for id in 0..<vocabulary.count where vocabulary.kind(id) == .control {
      let token = vocabulary.token(id)
      if known.contains(where: { $0.elementsEqual(token) }) { ends.insert(TokenID(id)) }
    }
    return ends.sorted()
  }
}
