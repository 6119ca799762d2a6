extension Tokenizer {
  /// The tokeniser of a Hugging Face model: its `tokenizer.json`, and its `tokenizer_config.json` if there is one.
  ///
  /// The normaliser and the pre-tokeniser must be known ones; `preTokenizerName` is what GGUF calls them. The file's
  /// settings for truncation and padding are not followed.
  /// - Parameter config: names the special tokens and holds the chat template. Which tokens `encode` adds is what
  ///   `tokenizer.json` says; only where it says nothing does `add_bos_token` of the configuration count.
  public convenience init(tokenizerJSON path: String, config: String? = nil) throws(TokenizerError) {
    let reader = try TokenizerJSONReader(JSONDocument(path: path))
    var parts = try reader.parts()
    if let config { try TokenizerConfig(JSONValue(JSONDocument(path: config))).apply(to: &parts) }
    self.init(parts)
  }

  /// The same, from the files' bytes.
  package convenience init(tokenizerJSON text: [UInt8], config: [UInt8]? = nil) throws(TokenizerError) {
    var parts = try TokenizerJSONReader(JSONDocument(text, name: "tokenizer.json")).parts()
    if let config {
      try TokenizerConfig(JSONValue(JSONDocument(config, name: "tokenizer_config.json"))).apply(to: &parts)
    }
    self.init(parts)
  }
}

/// What a `tokenizer_config.json` adds to a `tokenizer.json`.
struct TokenizerConfig {
  private let root: JSONValue

  init(_ root: JSONValue) throws(TokenizerError) {
    self.root = root
    try root.requireObject()
  }

  func apply(to parts: inout Tokenizer.Parts) throws(TokenizerError) {
    let vocabulary = parts.vocabulary
    parts.special.bos = try token("bos_token", vocabulary) ?? parts.special.bos
    parts.special.eos = try token("eos_token", vocabulary) ?? parts.special.eos
    parts.special.unknown = try token("unk_token", vocabulary) ?? parts.special.unknown
    parts.special.padding = try token("pad_token", vocabulary) ?? parts.special.padding
    parts.special.eot = parts.special.eot ?? vocabulary.firstControl(among: SpecialTokens.turnEnds)
    parts.special.eom = parts.special.eom ?? vocabulary.firstControl(among: SpecialTokens.messageEnds)
    if parts.before == nil { parts.special.addBOS = try root.bool("add_bos_token", default: false) }
    if parts.after == nil { parts.special.addEOS = try root.bool("add_eos_token", default: false) }
    parts.chatTemplate = try Self.chatTemplate(root)
  }

  /// A token named by its text, or by an object with its text as `content`.
  private func token(_ key: String, _ vocabulary: Vocabulary) throws(TokenizerError) -> TokenID? {
    guard let value = root[key] else { return nil }
    let text = try value.node.kind == .object ? value.required("content").bytes() : value.bytes()
    return vocabulary.firstToken(spelt: text).map { TokenID($0) }
  }

  /// The template, or of several the one that is named `default`.
  static func chatTemplate(_ root: JSONValue) throws(TokenizerError) -> String? {
    guard let value = root["chat_template"] else { return nil }
    if value.node.kind == .string { return try value.text() }
    for entry in try value.elements() where try entry.required("name").text() == "default" {
      return try entry.required("template").text()
    }
    return nil
  }
}
