import ModelFiles

/// GGUF's keys of the vocabulary of a Hugging Face folder, as llama.cpp's converter names and fills them.
///
/// What GGUF cannot say is lost: white space that an added token takes along, several tokens put before a text.
public struct VocabularyKeys {
  private let json: TokenizerJSONReader
  private let root: JSONValue
  private let config: JSONValue?
  private let model: JSONValue
  private let template: String?

  /// The keys of `folder`, for an embedding of `vocab` rows: tokens that the tokeniser does not have get a name and the
  /// kind "unused".
  public static func keys(folder: TokenizerFolder, vocab: Int) throws(TokenizerError) -> GGUFKeys {
    try VocabularyKeys(folder).keys(vocab: vocab)
  }

  private init(_ folder: TokenizerFolder) throws(TokenizerError) {
    let document = try JSONDocument(path: folder.tokenizer)
    json = try TokenizerJSONReader(document)
    root = JSONValue(document)
    config = try folder.config.map { (path) throws(TokenizerError) in JSONValue(try JSONDocument(path: path)) }
    model = JSONValue(try JSONDocument(path: folder.model))
    template = try folder.chatTemplate(config)
  }

  private func keys(vocab: Int) throws(TokenizerError) -> GGUFKeys {
    var keys = GGUFKeys()
    let added = try json.addedTokens()
    let tokens = try json.tokenKeys(added)
    guard tokens.count <= vocab else {
      throw TokenizerError(
        .malformed, at: "$.model.vocab", "\(tokens.count) tokens for an embedding of \(vocab) rows")
    }
    let kinds = try kinds(tokens, added, vocab: vocab)
    if json.pipeline.isByteLevel {
      guard let name = json.preTokenizerName else {
        throw TokenizerError(.unsupported, at: "$.pre_tokenizer", "GGUF has no name for this way to cut a text")
      }
      keys.set("tokenizer.ggml.model", string: "gpt2")
      keys.set("tokenizer.ggml.pre", string: name)
    } else {
      keys.set("tokenizer.ggml.model", string: "llama")
      keys.set("tokenizer.ggml.pre", string: "default")
    }
    keys.set("tokenizer.ggml.tokens", strings: texts(tokens, added, vocab: vocab))
    let merges = try json.mergePairs()
    if json.pipeline.isByteLevel {
      keys.set("tokenizer.ggml.token_type", integers: kinds.map { Int32($0.rawValue) })
      keys.set("tokenizer.ggml.merges", strings: merges.map { $0.left + [0x20] + $0.right })
    } else {
      keys.set("tokenizer.ggml.scores", floats: scores(tokens, kinds, merges))
      keys.set("tokenizer.ggml.token_type", integers: kinds.map { Int32($0.rawValue) })
      try setSpacePrefix(&keys)
    }
    try setSpecialTokens(&keys, added, vocab: vocab)
    if let template { keys.set("tokenizer.chat_template", string: template) }
    return keys
  }

  /// What each token is for. Some files mark tokens that have the form of control tokens as ordinary text.
  private func kinds(
    _ tokens: [[UInt8]?], _ added: [TokenizerJSONReader.Added], vocab: Int
  ) throws(TokenizerError) -> [TokenKind] {
    var kinds = [TokenKind](repeating: .unused, count: vocab)
    let unknown = json.pipeline.isByteLevel ? nil : try json.unknownName()
    for (id, token) in tokens.enumerated() {
      guard let token else { continue }
      kinds[id] = token == unknown ? .unknown : .normal
      if !json.pipeline.isByteLevel, json.byteFallback, ByteToken.byte(token) != nil { kinds[id] = .byte }
    }
    for token in added where kinds[token.id] != .unknown {
      kinds[token.id] = token.isSpecial || Self.looksSpecial(token.content) ? .control : .userDefined
    }
    return kinds
  }

  static func looksSpecial(_ token: [UInt8]) -> Bool {
    let text = String(decoding: token, as: UTF8.self)
    return ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].contains(text) || text.hasPrefix("<|") && text.hasSuffix("|>")
      || text.hasPrefix("<｜") && text.hasSuffix("｜>") || text.hasPrefix("<unused") && text.hasSuffix(">")
  }

  private func texts(_ tokens: [[UInt8]?], _ added: [TokenizerJSONReader.Added], vocab: Int) -> [[UInt8]] {
    var texts = (0..<vocab).map { id in
      (id < tokens.count ? tokens[id] : nil) ?? Array("[PAD\(id)]".utf8)
    }
    for token in added {
      let isText = !token.isSpecial && !Self.looksSpecial(token.content)
      texts[token.id] = isText ? SpaceMark.removed(from: token.content) : token.content
    }
    return texts
  }

  /// Scores that put merges in the order of the file: a token's is the negated place among plain tokens where these are
  /// numbered in the order of their merges (as SentencePiece numbers them), else the negated rank of its first merge.
  private func scores(
    _ tokens: [[UInt8]?], _ kinds: [TokenKind], _ merges: [(left: [UInt8], right: [UInt8])]
  ) -> [Float] {
    var ranks: [[UInt8]: Int] = [:]
    ranks.reserveCapacity(merges.count)
    for (rank, merge) in merges.enumerated() {
      let text = merge.left + merge.right
      if ranks[text] == nil { ranks[text] = rank }
    }
    let plain = tokens.indices.filter { kinds[$0] == .normal }
    let merged = plain.compactMap { id in tokens[id].flatMap { ranks[$0] } }
    let inOrder = zip(merged, merged.dropFirst()).allSatisfy { $0 < $1 }
    var scores = [Float](repeating: 0, count: kinds.count)
    for (place, id) in plain.enumerated() {
      let rank = tokens[id].flatMap { ranks[$0] }
      scores[id] = -Float(inOrder ? place : rank ?? merges.count + place)
    }
    for id in kinds.indices where kinds[id] == .userDefined { scores[id] = -1000 }
    for id in kinds.indices where kinds[id] == .unused { scores[id] = -10_000 }
    return scores
  }

  /// Whether a space is put before a text: GGUF's readers do so unless told otherwise.
  private func setSpacePrefix(_ keys: inout GGUFKeys) throws(TokenizerError) {
    let prefix = json.pipeline.metaspace?.prefix ?? .none
    guard json.pipeline.prependsSpace || prefix != .none else {
      return keys.set("tokenizer.ggml.add_space_prefix", bool: false)
    }
    if config?["add_prefix_space"] != nil { keys.set("tokenizer.ggml.add_space_prefix", bool: true) }
  }

  private func setSpecialTokens(
    _ keys: inout GGUFKeys, _ added: [TokenizerJSONReader.Added], vocab: Int
  ) throws(TokenizerError) {
    let names = [
      ("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("sep", "seperator"), ("pad", "padding"), ("mask", "mask"),
    ]
    let frame = try SpecialFrame(root)
    for (source, name) in names {
      var id: Int?
      if let token = try named(source, frame) { id = added.first { $0.content == token }?.id }
      // Several ids are a list of ends, which GGUF's readers know by their names.
      id = id ?? model["\(source)_token_id"]?.node.integer ?? model["text_config"]?["\(source)_token_id"]?.node.integer
      guard let id, id >= 0, id < vocab else { continue }
      keys.set("tokenizer.ggml.\(name)_token_id", integer: id)
    }
    let (bos, eos) = (try named("bos", frame), try named("eos", frame))
    for (source, known) in [("bos", frame.addsBOS(bos)), ("eos", frame.addsEOS(eos))] {
      let stated = config?["add_\(source)_token"]?.node.bool
      if let adds = known ?? stated { keys.set("tokenizer.ggml.add_\(source)_token", bool: adds) }
    }
    if let between = frame.between {
      let separators = [try named("sep", frame), eos].compactMap(\.self)
      keys.set("tokenizer.ggml.add_sep_token", bool: frame.last == nil && separators.contains(between))
    }
  }

  /// The text of a special token: what `tokenizer_config.json` says, or for BOS and EOS what stands around a text.
  private func named(_ name: String, _ frame: SpecialFrame) throws(TokenizerError) -> [UInt8]? {
    if let value = config?["\(name)_token"] {
      return try value.node.kind == .object ? value.required("content").bytes() : value.bytes()
    }
    return name == "bos" ? frame.first : name == "eos" ? frame.last : nil
  }
}

extension GGUFKeys {
  /// All keys of a model, with those of the vocabulary, which a folder keeps beside the model.
  public init(of file: ModelFile) throws(TokenizerError) {
    self.init(copying: file.metadata)
    guard file.isFolder, let embedding = file.tensor("token_embd.weight") else { return }
    merge(try VocabularyKeys.keys(folder: TokenizerFolder(file.path), vocab: embedding.rows))
  }
}

/// What the post-processor of a `tokenizer.json` puts around a text, as llama.cpp's converter reads it.
private struct SpecialFrame {
  /// The token before and behind a text, by a template.
  private(set) var first: [UInt8]?
  private(set) var last: [UInt8]?
  /// The token between two texts, where the template for two puts one there.
  private(set) var between: [UInt8]?
  /// Whether anything says that no token is put there.
  private var isStated = false

  init(_ root: JSONValue) throws(TokenizerError) {
    guard let processor = root["post_processor"] else { return }
    for part in try processor["processors"]?.elements() ?? [processor] {
      switch try part.type() {
      case "ByteLevel": isStated = true
      case "TemplateProcessing":
        let single = try part.required("single").elements()
        guard single.count > 1 else { continue }
        first = try single.first?["SpecialToken"]?.required("id").bytes() ?? first
        last = try single.last?["SpecialToken"]?.required("id").bytes() ?? last
        between = try Self.between(part)
      default: break
      }
    }
  }

  /// The first of the tokens between the two texts of the template for two.
  private static func between(_ template: JSONValue) throws(TokenizerError) -> [UInt8]? {
    let pair = try template["pair"]?.elements() ?? []
    let texts = pair.indices.filter { pair[$0]["Sequence"] != nil }
    guard texts.count == 2, texts[1] > texts[0] + 1 else { return nil }
    return try pair[texts[0] + 1].required("SpecialToken").required("id").bytes()
  }

  func addsBOS(_ bos: [UInt8]?) -> Bool? { first.map { $0 == bos } ?? (isStated ? false : nil) }
  func addsEOS(_ eos: [UInt8]?) -> Bool? { last.map { $0 == eos } ?? (isStated ? false : nil) }
}
