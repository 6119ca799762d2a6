import Compute
import ModelFiles

/// The files of a Hugging Face folder that say how text becomes tokens.
public struct TokenizerFolder: Sendable {
  /// `tokenizer.json`.
  public let tokenizer: String
  /// `tokenizer_config.json`, where there is one.
  public let config: String?
  /// `config.json` of the model.
  let model: String
  /// `generation_config.json`, where there is one.
  let generation: String?
  /// A template beside `tokenizer_config.json`, as newer transformers write it.
  private let template: String?

  /// - Throws: where the folder has no `tokenizer.json`.
  public init(_ folder: String) throws(TokenizerError) {
    tokenizer = folder + "/tokenizer.json"
    guard Self.exists(tokenizer) else {
      throw TokenizerError(
        .unreadable, at: folder, "there is no tokenizer.json, from which the vocabulary is read")
    }
    func present(_ name: String) -> String? { Self.exists(folder + "/" + name) ? folder + "/" + name : nil }
    config = present("tokenizer_config.json")
    model = folder + "/config.json"
    generation = present("generation_config.json")
    template = present("chat_template.jinja")
  }

  private static func exists(_ path: String) -> Bool { (try? MappedFile(path: path)) != nil }

  /// The chat template: of `tokenizer_config.json`, or the file beside it.
  func chatTemplate(_ config: JSONValue?) throws(TokenizerError) -> String? {
    if let config, let template = try TokenizerConfig.chatTemplate(config) { return template }
    guard let path = template else { return nil }
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw TokenizerError(.unreadable, at: path, error.reason) }
    guard file.byteCount <= 1 << 20 else {
      throw TokenizerError(.limitExceeded, at: path, "a template of \(file.byteCount) bytes")
    }
    guard let text = unsafe String(validating: file.bytes, as: UTF8.self) else {
      throw TokenizerError(.malformed, at: path, "not UTF-8")
    }
    return text
  }

  /// The ids that end a generation by `generation_config.json`: one, or a list.
  func generationEnds() throws(TokenizerError) -> [TokenID] {
    guard let generation, let value = JSONValue(try JSONDocument(path: generation))["eos_token_id"] else { return [] }
    var ids: [TokenID] = []
    for entry in value.node.kind == .array ? try value.elements() : [value] {
      guard let id = TokenID(exactly: try entry.integer()), id >= 0 else { throw entry.wrongType("a token id") }
      ids.append(id)
    }
    return ids
  }
}

extension Tokenizer {
  /// The tokeniser of a model: of a GGUF file its own, of a folder its `tokenizer.json`.
  public convenience init(of file: ModelFile) throws(TokenizerError) {
    if file.isFolder {
      try self.init(folder: TokenizerFolder(file.path))
    } else {
      try self.init(gguf: file)
    }
  }

  /// The tokeniser of a Hugging Face folder, with or without a model in it.
  public convenience init(folder: TokenizerFolder) throws(TokenizerError) {
    var parts = try TokenizerJSONReader(JSONDocument(path: folder.tokenizer)).parts()
    // Of a large vocabulary some hundred megabytes, which would lie beside the weights.
    JSONMemory.giveBack()
    let config = try folder.config.map { (path) throws(TokenizerError) in JSONValue(try JSONDocument(path: path)) }
    if let config { try TokenizerConfig(config).apply(to: &parts) }
    parts.chatTemplate = try folder.chatTemplate(config)
    parts.ends = try folder.generationEnds()
    self.init(parts)
  }
}
