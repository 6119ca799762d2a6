import ModelFiles

/// The keys of a vocabulary in GGUF.
private enum Key {
  static let model = "tokenizer.ggml.model"
  static let pre = "tokenizer.ggml.pre"
  static let tokens = "tokenizer.ggml.tokens"
  static let kinds = "tokenizer.ggml.token_type"
  static let scores = "tokenizer.ggml.scores"
  static let merges = "tokenizer.ggml.merges"
  static let addSpacePrefix = "tokenizer.ggml.add_space_prefix"
  static let chatTemplate = "tokenizer.chat_template"
}

extension Tokenizer {
  /// The tokeniser of a model file, whose vocabulary is copied: the file may be closed afterwards.
  public convenience init(gguf file: ModelFile) throws(TokenizerError) {
    try self.init(gguf: file, preTokenizer: nil)
  }

  /// The same; `preTokenizer` takes the place of the name that the file has.
  package convenience init(gguf file: ModelFile, preTokenizer: String?) throws(TokenizerError) {
    do {
      let reader = GGUFVocabularyReader(metadata: file.metadata)
      let model = try file.metadata.requiredString(Key.model)
      switch model {
      case "gpt2": self.init(try reader.byteLevelParts(named: preTokenizer.map { Array($0.utf8) }))
      case "llama": self.init(try reader.spacedParts(ranked: false))
      case "gemma4": self.init(try reader.spacedParts(ranked: true))
      default:
        throw TokenizerError(.unsupported, at: Key.model, "a vocabulary of kind \(model.debugDescription) is not known")
      }
    } catch let error as TokenizerError {
      throw error
    } catch let error as ModelFileError {
      throw TokenizerError(.malformed, at: error.key ?? error.path, error.description)
    } catch {
      throw TokenizerError(.malformed, at: file.path, "\(error)")
    }
  }
}

/// Reads the parts of a tokeniser from a GGUF file's metadata.
struct GGUFVocabularyReader {
  let metadata: GGUFMetadata

  /// A byte-level vocabulary with merges by rank.
  func byteLevelParts(named name: [UInt8]?) throws -> Tokenizer.Parts {
    guard let name = try name ?? metadata.stringBytes(Key.pre).map({ unsafe Array($0.bytes) }) else {
      throw TokenizerError(.malformed, at: Key.pre, "missing; without it the text cannot be cut into words")
    }
    let text = String(decoding: name.prefix(100), as: UTF8.self)
    guard let recipe = PreTokenizerTable.recipe(named: name) else {
      throw TokenizerError(.unsupported, at: Key.pre, "the pre-tokeniser \(text.debugDescription) is not known")
    }
    let vocabulary = try vocabulary(.byteAlphabet)
    let index = TokenIndex(vocabulary) { vocabulary.isPlain($0) }
    let encoder = ByteLevelEncoder(
      byteTokens: index.byteTokens(in: vocabulary), merges: try merges(vocabulary, .byteAlphabet, index),
      wholeWords: recipe.takesWholeWords ? index : nil)
    return Tokenizer.Parts(
      vocabulary: vocabulary,
      model: TextModel(kind: .byteLevel(encoder, try PreTokenizer(recipe.passes)), form: recipe.form),
      added: added(vocabulary), special: try specialTokens(vocabulary, addsBOS: recipe.addsBOS),
      chatTemplate: try metadata.string(Key.chatTemplate), preTokenizerName: text)
  }

  /// A vocabulary of characters: SentencePiece's with scores, or one with merges by rank.
  func spacedParts(ranked: Bool) throws -> Tokenizer.Parts {
    var vocabulary = try vocabulary(.spaceMarks)
    if !ranked { vocabulary.setScores(try scores(count: vocabulary.count)) }
    let index = TokenIndex(vocabulary) { vocabulary.isPlain($0) }
    var special = try specialTokens(vocabulary, addsBOS: true)
    if !ranked {
      // What SentencePiece itself numbers so; files may leave it out.
      special.bos = special.bos ?? vocabulary.id(1, ifKind: .control)
      special.eos = special.eos ?? vocabulary.id(2, ifKind: .control)
      special.unknown = special.unknown ?? vocabulary.id(0, ifKind: .unknown)
    }
    let order: SpacedEncoder.Order = ranked ? .ranks(try merges(vocabulary, .spaceMarks, index)) : .scores
    let encoder = SpacedEncoder(
      vocabulary, order: order, index: index, byteTokens: vocabulary.tokensOfKindByte(), unknown: special.unknown,
      fusesUnknown: true)
    let addsSpace = try metadata.bool(Key.addSpacePrefix) ?? !ranked
    return Tokenizer.Parts(
      vocabulary: vocabulary,
      model: TextModel(kind: .spaced(encoder), prefixBefore: addsSpace ? .everyStretch : .none),
      added: added(vocabulary), special: special, chatTemplate: try metadata.string(Key.chatTemplate))
  }

  private func vocabulary(_ spelling: TokenSpelling) throws -> Vocabulary {
    let tokens = try metadata.requiredStrings(Key.tokens)
    guard tokens.count <= Vocabulary.maximumCount else {
      throw TokenizerError(
        .limitExceeded, at: Key.tokens, "\(tokens.count) tokens; at most \(Vocabulary.maximumCount) are accepted")
    }
    let kinds = try kinds(count: tokens.count)
    var vocabulary = Vocabulary()
    vocabulary.reserve(count: tokens.count, bytes: tokens.count * 8)
    var decoded: [UInt8] = []
    unsafe try tokens.visit { (id, text) throws(TokenizerError) in
      var kind = kinds.flatMap { UInt8(exactly: $0[id]) }.flatMap(TokenKind.init(rawValue:)) ?? .normal
      decoded.removeAll(keepingCapacity: true)
      var isPlain = false
      switch (kind, spelling) {
      case (.control, _), (.unknown, _), (.userDefined, .byteAlphabet): break
      case (.userDefined, .spaceMarks): unsafe _ = spelling.decode(text, into: &decoded)
      case (.byte, .spaceMarks):
        if let byte = unsafe ByteToken.byte(text) { decoded.append(byte) } else { kind = .unused }
      default: isPlain = unsafe spelling.decode(text, into: &decoded)
      }
      if decoded.isEmpty { unsafe decoded.append(contentsOf: text) }
      try vocabulary.append(decoded, kind: kind, isPlain: isPlain, at: "\(Key.tokens)[\(id)]")
    }
    return vocabulary
  }

  /// The kinds that the file gives, one for each token, or none.
  private func kinds(count: Int) throws -> GGUFIntegers? {
    guard let kinds = try metadata.integers(Key.kinds) else { return nil }
    guard kinds.count == count else {
      throw TokenizerError(.malformed, at: Key.kinds, "\(kinds.count) kinds for \(count) tokens")
    }
    return kinds
  }

  private func scores(count: Int) throws -> [Float] {
    guard metadata.contains(Key.scores) else { return [Float](repeating: 0, count: count) }
    let whole = metadata.typeName(Key.scores) == "array of i32" ? try metadata.integers(Key.scores) : nil
    let scores = whole == nil ? try metadata.requiredFloats(Key.scores) : nil
    guard (whole?.count ?? scores?.count) == count else {
      throw TokenizerError(
        .malformed, at: Key.scores, "\(whole?.count ?? scores?.count ?? 0) scores for \(count) tokens")
    }
    return (0..<count).map { id in whole.map { Float($0[id]) } ?? scores.map { Float($0[id]) } ?? 0 }
  }

  private func merges(_ vocabulary: Vocabulary, _ spelling: TokenSpelling, _ index: TokenIndex) throws -> MergeTable {
    let list = try metadata.requiredStrings(Key.merges)
    var builder = MergeBuilder(vocabulary, spelling, index: index, limit: list.count)
    unsafe try list.visit { (rank, text) throws(TokenizerError) in
      guard let space = unsafe text.dropFirst().firstIndex(of: 0x20) else {
        throw TokenizerError(.malformed, at: "\(Key.merges)[\(rank)]", "not two tokens with a space between them")
      }
      unsafe try builder.append(text[..<space], text[(space + 1)...], at: "\(Key.merges)[\(rank)]")
    }
    return builder.table
  }

  /// All control, unknown and user-defined tokens. GGUF does not say which of them take white space along.
  private func added(_ vocabulary: Vocabulary) -> AddedTokens {
    var added: [AddedToken] = []
    for id in 0..<vocabulary.count {
      switch vocabulary.kind(id) {
      case .control, .unknown, .userDefined:
        let range = vocabulary.range(id)
        added.append(AddedToken(id: TokenID(id), pattern: UInt32(range.lowerBound)..<UInt32(range.upperBound)))
      default: break
      }
    }
    return AddedTokens(raw: added, normalized: [], in: vocabulary.bytes) {
      vocabulary.kind(Int($0.id)) != .userDefined
    }
  }

  private func specialTokens(_ vocabulary: Vocabulary, addsBOS: Bool) throws -> SpecialTokens {
    var special = SpecialTokens()
    special.bos = try id("bos", vocabulary)
    special.eos = try id("eos", vocabulary)
    special.eot = try id("eot", vocabulary) ?? vocabulary.firstControl(among: SpecialTokens.turnEnds)
    special.eom = try id("eom", vocabulary) ?? vocabulary.firstControl(among: SpecialTokens.messageEnds)
    special.unknown = try id("unknown", vocabulary)
    special.padding = try id("padding", vocabulary)
    special.addBOS = try metadata.bool("tokenizer.ggml.add_bos_token") ?? addsBOS
    special.addEOS = try metadata.bool("tokenizer.ggml.add_eos_token") ?? false
    return special
  }

  private func id(_ name: String, _ vocabulary: Vocabulary) throws -> TokenID? {
    let key = "tokenizer.ggml.\(name)_token_id"
    guard let value = try metadata.integer(key) else { return nil }
    // Some converters write -1, as 32 bits without a sign, for a token that the model does not have.
    if value == Int(UInt32.max) || value == -1 { return nil }
    guard value >= 0, value < vocabulary.count else {
      throw TokenizerError(.malformed, at: key, "token \(value) of a vocabulary of \(vocabulary.count)")
    }
    return TokenID(value)
  }
}

extension Vocabulary {
  /// `id` if the vocabulary has it and it is of this kind.
  fileprivate func id(_ id: Int, ifKind kind: TokenKind) -> TokenID? {
    id < count && self.kind(id) == kind ? TokenID(id) : nil
  }
}
