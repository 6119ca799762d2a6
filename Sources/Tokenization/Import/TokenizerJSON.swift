/// Reads the vocabulary of a `tokenizer.json` and puts a tokeniser together.
struct TokenizerJSONReader {
  private let root: JSONValue
  private let model: JSONValue
  let pipeline: TokenizerJSONPipeline
  let byteFallback: Bool

  private static let maximumAddedTokens = 1 << 17

  /// A token that the file lists beside the model's vocabulary.
  struct Added {
    var content: [UInt8]
    var id: Int
    var isSpecial: Bool
    var isNormalized: Bool
    var token: AddedToken
  }

  init(_ document: JSONDocument) throws(TokenizerError) {
    root = JSONValue(document)
    try root.requireObject()
    model = try root.required("model")
    let type = try model["type"]?.text() ?? "BPE"
    guard type == "BPE" else {
      throw TokenizerError(.unsupported, at: "$.model.type", "a model of type '\(type)' is not known")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = model[key], try !affix.bytes().isEmpty { throw affix.unsupported("marks on the parts of words") }
    }
    if let dropout = model["dropout"], dropout.node.real != 0 { throw dropout.unsupported("merges left out at random") }
    pipeline = try TokenizerJSONPipeline(root)
    byteFallback = try model.bool("byte_fallback", default: false)
  }

  func parts() throws(TokenizerError) -> Tokenizer.Parts {
    let added = try addedTokens()
    let vocabulary = try vocabulary(added)
    let index = TokenIndex(vocabulary) { vocabulary.isPlain($0) }
    let unknown = try unknownToken(vocabulary, index)
    let merges = try merges(vocabulary, index)
    let textModel = try textModel(vocabulary, index, merges, unknown)
    var raw: [AddedToken] = []
    var normalized: [AddedToken] = []
    var patterns: [UInt8] = []
    for entry in added {
      var token = entry.token
      let start = UInt32(patterns.count)
      patterns += entry.isNormalized ? textModel.normalizedPattern(entry.content) : entry.content
      guard let end = UInt32(exactly: patterns.count) else {
        throw TokenizerError(.limitExceeded, at: "$.added_tokens", "more than \(UInt32.max) bytes of tokens")
      }
      token.pattern = start..<end
      if entry.isNormalized { normalized.append(token) } else { raw.append(token) }
    }
    var special = SpecialTokens()
    special.unknown = unknown
    special.addBOS = pipeline.before?.isEmpty == false
    special.addEOS = pipeline.after?.isEmpty == false
    if pipeline.before?.count == 1 { special.bos = pipeline.before?.first }
    if pipeline.after?.count == 1 { special.eos = pipeline.after?.first }
    for id in (pipeline.before ?? []) + (pipeline.after ?? []) where !vocabulary.contains(id) {
      throw TokenizerError(.malformed, at: "$.post_processor", "token \(id) of a vocabulary of \(vocabulary.count)")
    }
    return Tokenizer.Parts(
      vocabulary: vocabulary, model: textModel,
      added: AddedTokens(raw: raw, normalized: normalized, in: patterns) { token in
        vocabulary.kind(Int(token.id)) != .userDefined
      },
      special: special, before: pipeline.before, after: pipeline.after,
      preTokenizerName: preTokenizerName)
  }

  /// What GGUF calls this way to cut a text; nil where it has no name for it, or needs none.
  var preTokenizerName: String? {
    pipeline.isByteLevel && !pipeline.addsPrefixSpace
      ? PreTokenizerTable.name(passes: pipeline.rules, form: pipeline.form) : nil
  }

  /// The name of the token for what the vocabulary cannot write.
  func unknownName() throws(TokenizerError) -> [UInt8]? { try model["unk_token"]?.bytes() }

  private func textModel(
    _ vocabulary: Vocabulary, _ index: TokenIndex, _ merges: MergeTable, _ unknown: TokenID?
  ) throws(TokenizerError) -> TextModel {
    let takesWholeWords = try model.bool("ignore_merges", default: false)
    let fusesUnknown = try model.bool("fuse_unk", default: false)
    if pipeline.isByteLevel {
      let encoder = ByteLevelEncoder(
        byteTokens: index.byteTokens(in: vocabulary), unknown: unknown, fusesUnknown: fusesUnknown, merges: merges,
        wholeWords: takesWholeWords ? index : nil)
      guard !byteFallback || !encoder.byteTokens.contains(-1) else {
        throw TokenizerError(.unsupported, at: "$.model.byte_fallback", "byte tokens for a byte-level vocabulary")
      }
      return TextModel(
        kind: .byteLevel(encoder, try PreTokenizer(pipeline.rules)), form: pipeline.form,
        prefixAfter: pipeline.addsPrefixSpace ? .everyStretchWithout : .none)
    }
    let encoder = SpacedEncoder(
      vocabulary, order: .ranks(merges), index: index,
      byteTokens: byteFallback ? vocabulary.tokensOfKindByte() : [TokenID](repeating: -1, count: 256), unknown: unknown,
      fusesUnknown: fusesUnknown, takesWholeWords: takesWholeWords,
      cutsAtSpaces: pipeline.metaspace?.splits ?? false)
    return TextModel(
      kind: .spaced(encoder), form: pipeline.form, prefixBefore: pipeline.prependsSpace ? .everyStretch : .none,
      prefixAfter: pipeline.metaspace?.prefix ?? .none)
  }

  func addedTokens() throws(TokenizerError) -> [Added] {
    guard let list = root["added_tokens"] else { return [] }
    let entries = try list.elements()
    guard entries.count <= Self.maximumAddedTokens else {
      throw TokenizerError(
        .limitExceeded, at: list.path, "\(entries.count) tokens; at most \(Self.maximumAddedTokens) are accepted")
    }
    var added: [Added] = []
    for entry in entries {
      let content = try entry.required("content").bytes()
      let id = try entry.required("id").integer()
      guard id >= 0, id < Vocabulary.maximumCount else { throw try entry.required("id").wrongType("a token id") }
      let token = AddedToken(
        id: TokenID(id), isSingleWord: try entry.bool("single_word", default: false),
        stripsLeft: try entry.bool("lstrip", default: false), stripsRight: try entry.bool("rstrip", default: false))
      let isSpecial = try entry.bool("special", default: false)
      added.append(
        Added(
          content: content, id: id, isSpecial: isSpecial,
          isNormalized: try entry.bool("normalized", default: !isSpecial), token: token))
    }
    return added
  }

  /// The tokens of the model's vocabulary by id, as the file spells them; nil for ids that only added tokens have, or
  /// nothing.
  func tokenKeys(_ added: [Added]) throws(TokenizerError) -> [[UInt8]?] {
    let entries = try model.required("vocab")
    try entries.requireObject()
    let count = try Self.count(entries, added)
    var keys: [[UInt8]?] = Array(repeating: nil, count: count)
    unsafe try entries.node.forEachMember { (key, value) throws(TokenizerError) in
      let id = value.integer ?? -1
      guard keys[id] == nil else {
        throw unsafe TokenizerError(
          .malformed, at: entries.path, "id \(id) twice, at \(String(decoding: key, as: UTF8.self).debugDescription)")
      }
      unsafe keys[id] = Array(key)
    }
    return keys
  }

  private func vocabulary(_ added: [Added]) throws(TokenizerError) -> Vocabulary {
    let keys = try tokenKeys(added)
    var extra: [Int: Added] = [:]
    for entry in added {
      guard extra.updateValue(entry, forKey: entry.id) == nil, keys[entry.id].map({ $0 == entry.content }) ?? true
      else {
        throw TokenizerError(.malformed, at: "$.added_tokens", "two tokens with the id \(entry.id)")
      }
    }
    var vocabulary = Vocabulary()
    vocabulary.reserve(count: keys.count, bytes: keys.count * 8)
    let unknown = try unknownName()
    for id in keys.indices {
      try append(keys[id], extra[id], unknown: unknown, to: &vocabulary)
    }
    return vocabulary
  }

  /// One more than the highest id. Ids with few gaps are all that is accepted: memory goes by the highest.
  private static func count(_ entries: JSONValue, _ added: [Added]) throws(TokenizerError) -> Int {
    let most = min(Vocabulary.maximumCount, 4 * (entries.node.count + added.count) + 65_536)
    var highest = added.map(\.id).max() ?? -1
    unsafe try entries.node.forEachMember { (key, value) throws(TokenizerError) in
      guard let id = value.integer, id >= 0 else {
        throw unsafe TokenizerError(
          .malformed, at: entries.path, "no id for \(String(decoding: key, as: UTF8.self).debugDescription)")
      }
      highest = max(highest, id)
    }
    guard highest < most else {
      throw TokenizerError(
        .limitExceeded, at: entries.path, "id \(highest), in a vocabulary of \(entries.node.count + added.count)")
    }
    return highest + 1
  }

  private func append(
    _ key: [UInt8]?, _ added: Added?, unknown: [UInt8]?, to vocabulary: inout Vocabulary
  ) throws(TokenizerError) {
    let location = "$.model.vocab, id \(vocabulary.count)"
    if let added {
      let kind: TokenKind = !added.isSpecial ? .userDefined : added.content == unknown ? .unknown : .control
      var text: [UInt8] = []
      if kind == .userDefined, !pipeline.isByteLevel {
        SpaceMark.append(added.content, to: &text)
      } else {
        text = added.content
      }
      try vocabulary.append(text, kind: kind, isPlain: key != nil && !pipeline.isByteLevel, at: location)
      return
    }
    guard let key else {
      try vocabulary.append([], kind: .unused, isPlain: false, at: location)
      return
    }
    if byteFallback, !pipeline.isByteLevel, let byte = ByteToken.byte(key) {
      try vocabulary.append([byte], kind: .byte, isPlain: false, at: location)
      return
    }
    var decoded: [UInt8] = []
    let spelling: TokenSpelling = pipeline.isByteLevel ? .byteAlphabet : .spaceMarks
    let isPlain = spelling.decode(key, into: &decoded)
    let kind: TokenKind = key == unknown ? .unknown : .normal
    try vocabulary.append(isPlain ? decoded : key, kind: kind, isPlain: isPlain, at: location)
  }

  private func unknownToken(_ vocabulary: Vocabulary, _ index: TokenIndex) throws(TokenizerError) -> TokenID? {
    guard let name = model["unk_token"] else { return nil }
    let bytes = try name.bytes()
    let token = (0..<vocabulary.count).first {
      vocabulary.kind($0) == .unknown && vocabulary.token($0).elementsEqual(bytes)
    }
    guard let id = token ?? vocabulary.firstToken(spelt: bytes) else {
      throw TokenizerError(.malformed, at: name.path, "a token that the vocabulary does not have")
    }
    return TokenID(id)
  }

  private func merges(_ vocabulary: Vocabulary, _ index: TokenIndex) throws(TokenizerError) -> MergeTable {
    let spelling: TokenSpelling = pipeline.isByteLevel ? .byteAlphabet : .spaceMarks
    var builder = MergeBuilder(vocabulary, spelling, index: index, limit: try mergeList().node.count)
    unsafe try forEachMerge { (left, right, location) throws(TokenizerError) in
      unsafe try builder.append(left, right, at: location())
    }
    return builder.table
  }

  /// The merges in the order of their ranks, as the file spells the tokens.
  func mergePairs() throws(TokenizerError) -> [(left: [UInt8], right: [UInt8])] {
    var pairs: [(left: [UInt8], right: [UInt8])] = []
    unsafe try forEachMerge { (left, right, _) throws(TokenizerError) in
      pairs.append(unsafe (Array(left), Array(right)))
    }
    return pairs
  }

  private func mergeList() throws(TokenizerError) -> JSONValue {
    let list = try model.required("merges")
    guard list.node.kind == .array else { throw list.wrongType("an array") }
    return list
  }

  private func forEachMerge(
    _ body: (Slice<UnsafeBufferPointer<UInt8>>, Slice<UnsafeBufferPointer<UInt8>>, @autoclosure () -> String)
      throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    let list = try mergeList()
    for rank in 0..<list.node.count {
      guard let merge = list.node.element(rank) else { continue }
      if let text = unsafe merge.string {
        guard let space = unsafe text.firstIndex(of: 0x20), unsafe !text[(space + 1)...].contains(0x20) else {
          throw TokenizerError(.malformed, at: "\(list.path)[\(rank)]", "not two tokens with one space between them")
        }
        unsafe try body(text[..<space], text[(space + 1)...], "\(list.path)[\(rank)]")
      } else if merge.count == 2, let left = unsafe merge.element(0)?.string,
        let right = unsafe merge.element(1)?.string
      {
        unsafe try body(left[...], right[...], "\(list.path)[\(rank)]")
      } else {
        throw TokenizerError(.malformed, at: "\(list.path)[\(rank)]", "not two tokens")
      }
    }
  }
}

/// The tokens of single bytes in vocabularies of characters: `<0x0A>`.
enum ByteToken {
  static func byte(_ text: some Collection<UInt8>) -> UInt8? {
    let text = Array(text.prefix(7))
    guard text.count == 6, text.starts(with: Array("<0x".utf8)), text[5] == UInt8(ascii: ">"),
      let high = digit(text[3]), let low = digit(text[4])
    else { return nil }
    return high << 4 | low
  }

  private static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension Vocabulary {
  /// The byte token of each byte, or -1.
  func tokensOfKindByte() -> [TokenID] {
    var tokens = [TokenID](repeating: -1, count: 256)
    for id in 0..<count where kind(id) == .byte {
      if let byte = token(id).first { tokens[Int(byte)] = TokenID(id) }
    }
    return tokens
  }

  /// The first token with these bytes.
  func firstToken(spelt bytes: [UInt8]) -> Int? {
    (0..<count).first { token($0).elementsEqual(bytes) }
  }
}
