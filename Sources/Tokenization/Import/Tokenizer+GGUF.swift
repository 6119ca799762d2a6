import ModelFiles

/// The keys of a vocabulary in GGUF.
private enum Key {
  static let model = "tokenizer.ggml.model"
  static let pre = "tokenizer.ggml.pre"
  static let tokens = "tokenizer.ggml.tokens"
  static let kinds = "tokenizer.ggml.token_type"
  static let scores = "tokenizer.ggml.scores"
  static let merges = "tokenizer.ggml.merges"
  static let chatTemplate = "tokenizer.chat_template"
}

extension Tokenizer {
  /// The tokeniser of a model file, whose vocabulary is copied: the file may be closed afterwards.
  public convenience init(gguf file: GGUFFile) throws(TokenizerError) {
    do {
      let reader = GGUFVocabularyReader(metadata: file.metadata)
      let model = try file.metadata.requiredString(Key.model)
      switch model {
      case "gpt2": try self.init(byteLevel: reader)
      default:
        throw TokenizerError(.unsupported, at: Key.model, "a vocabulary of kind '\(model)' is not known")
      }
    } catch let error as TokenizerError {
      throw error
    } catch let error as ModelFileError {
      throw TokenizerError(.malformed, at: error.key ?? error.path, error.description)
    } catch {
      throw TokenizerError(.malformed, at: "", "\(error)")
    }
  }

  private convenience init(byteLevel reader: GGUFVocabularyReader) throws {
    guard let pre = try reader.metadata.stringBytes(Key.pre) else {
      throw TokenizerError(.malformed, at: Key.pre, "missing; without it the text cannot be cut into words")
    }
    let name = unsafe Array(pre.bytes)
    guard let recipe = PreTokenizerTable.recipe(named: name) else {
      throw TokenizerError(
        .unsupported, at: Key.pre, "the pre-tokeniser '\(String(decoding: name, as: UTF8.self))' is not known")
    }
    let vocabulary = try reader.byteLevelVocabulary()
    let index = TokenIndex(vocabulary) { vocabulary.isPlain($0) }
    let encoder = ByteLevelEncoder(
      byteTokens: index.byteTokens(in: vocabulary), merges: try reader.merges(vocabulary, index),
      wholeWords: recipe.takesWholeWords ? index : nil)
    self.init(
      vocabulary: vocabulary, model: .byteLevel(encoder, try PreTokenizer(recipe.passes)),
      special: try reader.specialTokens(vocabulary, addsBOS: recipe.addsBOS),
      chatTemplate: try reader.metadata.string(Key.chatTemplate))
  }
}

extension TokenIndex {
  /// The token of each single byte, or -1.
  func byteTokens(in vocabulary: Vocabulary) -> [TokenID] {
    (UInt8(0)...255).map { byte in find([byte], in: vocabulary).map { TokenID($0) } ?? -1 }
  }
}

/// Reads the parts of a vocabulary from a GGUF file's metadata.
struct GGUFVocabularyReader {
  let metadata: GGUFMetadata

  /// The kinds that the file gives, or none; one for each token.
  private func kinds(count: Int) throws -> GGUFIntegers? {
    guard let kinds = try metadata.integers(Key.kinds) else { return nil }
    guard kinds.count == count else {
      throw TokenizerError(.malformed, at: Key.kinds, "\(kinds.count) kinds for \(count) tokens")
    }
    return kinds
  }

  private func kind(_ code: Int?) -> TokenKind {
    code.flatMap { UInt8(exactly: $0) }.flatMap(TokenKind.init(rawValue:)) ?? .normal
  }

  func byteLevelVocabulary() throws -> Vocabulary {
    let tokens = try metadata.requiredStrings(Key.tokens)
    let kinds = try kinds(count: tokens.count)
    var vocabulary = Vocabulary()
    vocabulary.reserve(count: tokens.count, bytes: tokens.count * 8)
    var decoded: [UInt8] = []
    unsafe try tokens.visit { (id, text) throws(TokenizerError) in
      let kind = kind(kinds?[id])
      decoded.removeAll(keepingCapacity: true)
      let isPlain =
        unsafe kind != .control && kind != .unknown && kind != .userDefined
        && ByteAlphabet.decode(text, into: &decoded)
      if !isPlain { unsafe decoded.append(contentsOf: text) }
      try vocabulary.append(decoded, kind: kind, isPlain: isPlain, at: "\(Key.tokens)[\(id)]")
    }
    return vocabulary
  }

  func merges(_ vocabulary: Vocabulary, _ index: TokenIndex) throws -> MergeTable {
    let list = try metadata.requiredStrings(Key.merges)
    var builder = ByteLevelMergeBuilder(vocabulary: vocabulary, index: index, limit: list.count)
    unsafe try list.visit { (rank, text) throws(TokenizerError) in
      let space = unsafe text.dropFirst().firstIndex(of: 0x20)
      guard let space else {
        throw TokenizerError(.malformed, at: "\(Key.merges)[\(rank)]", "a merge without a space between its two tokens")
      }
      unsafe try builder.append(text[..<space], text[(space + 1)...], at: "\(Key.merges)[\(rank)]")
    }
    return builder.table
  }

  func specialTokens(_ vocabulary: Vocabulary, addsBOS: Bool) throws -> SpecialTokens {
    func id(_ name: String) throws -> TokenID? {
      let key = "tokenizer.ggml.\(name)_token_id"
      guard let value = try metadata.integer(key) else { return nil }
      // Files of some converters write 2^32 - 1 for a token that the model does not have.
      if value == Int(UInt32.max) || value == -1 { return nil }
      guard value >= 0, value < vocabulary.count else {
        throw TokenizerError(.malformed, at: key, "token \(value) of a vocabulary of \(vocabulary.count)")
      }
      return TokenID(value)
    }
    var special = SpecialTokens()
    special.bos = try id("bos")
    special.eos = try id("eos")
    special.eot = try id("eot")
    special.eom = try id("eom")
    special.unknown = try id("unknown")
    special.padding = try id("padding")
    special.addBOS = try metadata.bool("tokenizer.ggml.add_bos_token") ?? addsBOS
    special.addEOS = try metadata.bool("tokenizer.ggml.add_eos_token") ?? false
    return special
  }
}
