import Compute

/// The architectures that a folder may have, by GGUF's names.
enum HuggingFaceFamily: String, CaseIterable {
  case llama, qwen2, qwen3, gemma3

  /// Classes of transformers, as `architectures` in `config.json` names them.
  var classes: [String] {
    switch self {
    case .llama: ["LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM"]
    case .qwen2: ["Qwen2ForCausalLM"]
    case .qwen3: ["Qwen3ForCausalLM"]
    case .gemma3: ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"]
    }
  }
}

/// What `config.json` says of a model, as transformers 4 and 5 spell it. Keys that are not there take transformers' own
/// default where it has one that real files rely on.
struct HuggingFaceConfig {
  let family: HuggingFaceFamily
  let layers: Int
  let hidden: Int
  let heads: Int
  let kvHeads: Int
  let headDim: Int
  let feedForward: Int
  let vocab: Int
  let context: Int
  let epsilon: Double
  let isTied: Bool
  let rope: HuggingFaceRope
  /// Whether GGUF states the size of a head: Qwen2 only where its configuration has one.
  let statesHeadDim: Bool
  /// Gemma's alone.
  let gemma: GemmaSettings?
  let reader: ConfigReader

  struct GemmaSettings {
    let window: Int
    /// Which layers see only a window, where they are not all but every sixth.
    let localLayers: [Bool]?
  }

  init(_ root: JSONTree<ModelFileError>) throws(ModelFileError) {
    let reader = try ConfigReader(root)
    self.reader = reader
    let family = try Self.family(reader)
    self.family = family
    try Self.refuseUnknown(reader, family)
    let isGemma = family == .gemma3
    layers = try reader.integer("num_hidden_layers", 1...1_024)
    hidden = try reader.integer("hidden_size", 1...1 << 20)
    heads = try reader.integer("num_attention_heads", 1...4_096, default: isGemma ? 8 : nil)
    kvHeads = try reader.integer("num_key_value_heads", 1...4_096, default: isGemma ? 4 : heads)
    let headDim = try reader.integer("head_dim", 2...4_096, default: Self.headDim(family, hidden / heads))
    guard headDim.isMultiple(of: 2) else {
      throw reader.fault(.unsupported, "head_dim", "an even number", "\(headDim)")
    }
    self.headDim = headDim
    statesHeadDim = family != .qwen2 || reader["head_dim"] != nil
    feedForward = try reader.integer("intermediate_size", 1...1 << 20)
    vocab = try reader.integer("vocab_size", 1...1 << 24, default: isGemma ? 262_208 : nil)
    context = try reader.integer("max_position_embeddings", 1...1 << 30, default: Self.context(family))
    epsilon = try reader.number("rms_norm_eps", 0...1, default: 1e-6)
    isTied = try reader["tie_word_embeddings"]?.bool() ?? isGemma
    rope = try HuggingFaceRope(reader, base: isGemma ? 1e6 : 1e4, localBase: isGemma ? 1e4 : nil)
    gemma = isGemma ? try Self.gemma(reader, layers: layers, headDim: headDim, hidden: hidden, heads: heads) : nil
  }

  private static func family(_ reader: ConfigReader) throws(ModelFileError) -> HuggingFaceFamily {
    let known = HuggingFaceFamily.allCases.flatMap(\.classes).joined(separator: ", ")
    guard let name = try reader.root["architectures"]?.elements().first?.text() else {
      throw reader.fault(.missing, "architectures", "one of \(known)", "no such key")
    }
    guard let family = HuggingFaceFamily.allCases.first(where: { $0.classes.contains(name) }) else {
      throw reader.fault(.unsupported, "architectures", "one of \(known)", "\"\(name)\"")
    }
    return family
  }

  private static func headDim(_ family: HuggingFaceFamily, _ quotient: Int) -> Int {
    switch family {
    case .llama, .qwen2: quotient
    case .qwen3: 128
    case .gemma3: 256
    }
  }

  private static func context(_ family: HuggingFaceFamily) -> Int {
    switch family {
    case .llama: 2_048
    case .qwen2, .qwen3: 32_768
    case .gemma3: 131_072
    }
  }

  /// What would change the arithmetic and is not computed.
  private static func refuseUnknown(_ reader: ConfigReader, _ family: HuggingFaceFamily) throws(ModelFileError) {
    let activation = family == .gemma3 ? "gelu_pytorch_tanh" : "silu"
    for key in ["hidden_act", "hidden_activation"] {
      if let found = try reader[key]?.text(), found != activation {
        throw reader.fault(.unsupported, key, "\"\(activation)\"", "\"\(found)\"")
      }
    }
    if reader["quantization_config"] != nil {
      throw reader.fault(.unsupported, "quantization_config", "weights of F32, F16 or BF16", "quantised ones")
    }
    if try reader["use_sliding_window"]?.bool() == true {
      throw reader.fault(.unsupported, "use_sliding_window", "false", "true")
    }
    for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
      if try reader.number(key, -1e9...1e9, default: 0) != 0 {
        throw reader.fault(.unsupported, key, "no cap on logits", "one")
      }
    }
  }

  private static func gemma(
    _ reader: ConfigReader, layers: Int, headDim: Int, hidden: Int, heads: Int
  ) throws(ModelFileError) -> GemmaSettings {
    // GGUF readers know the scale of queries by the number of layers: the 27B model alone has another.
    let scale = layers == 62 ? hidden / heads : headDim
    let stated = try reader.number("query_pre_attn_scalar", 1...1e6, default: 256)
    guard stated == Double(scale) else {
      throw reader.fault(.unsupported, "query_pre_attn_scalar", "\(scale)", "\(stated)")
    }
    let window = try reader.integer("sliding_window", 1...1 << 30, default: 4_096)
    var local = (0..<layers).map { $0 % 6 != 5 }
    let usual = local
    if let types = try reader["layer_types"]?.elements() {
      guard types.count == layers else {
        throw reader.fault(.malformed, "layer_types", "\(layers) layers", "\(types.count)")
      }
      for (layer, type) in types.enumerated() {
        switch try type.text() {
        case "sliding_attention": local[layer] = true
        case "full_attention": local[layer] = false
        case let other: throw type.unsupported("the kind of attention \"\(other)\"")
        }
      }
    } else {
      let key = reader["_sliding_window_pattern"] == nil ? "sliding_window_pattern" : "_sliding_window_pattern"
      let period = try reader.integer(key, 1...1_024, default: 6)
      local = (0..<layers).map { $0 % period != period - 1 }
    }
    return GemmaSettings(window: window, localLayers: local == usual ? nil : local)
  }
}

/// Reads `config.json`, or of a model of several kinds of input the part that is about text.
struct ConfigReader {
  let root: JSONTree<ModelFileError>
  private let text: JSONTree<ModelFileError>?

  init(_ root: JSONTree<ModelFileError>) throws(ModelFileError) {
    try root.requireObject()
    self.root = root
    text = root["text_config"]
    try text?.requireObject()
  }

  subscript(key: String) -> JSONTree<ModelFileError>? { text?[key] ?? root[key] }

  func integer(
    _ key: String, _ range: ClosedRange<Int>, default value: Int? = nil
  ) throws(ModelFileError) -> Int {
    guard let found = try self[key]?.integer() ?? value else {
      throw fault(.missing, key, "an integer", "no such key")
    }
    guard range.contains(found) else {
      throw fault(.malformed, key, "an integer from \(range.lowerBound) to \(range.upperBound)", "\(found)")
    }
    return found
  }

  func number(
    _ key: String, _ range: ClosedRange<Double>, default value: Double
  ) throws(ModelFileError) -> Double {
    guard let found = self[key] else { return value }
    return try Self.number(found, range)
  }

  static func number(
    _ tree: JSONTree<ModelFileError>, _ range: ClosedRange<Double>
  ) throws(ModelFileError) -> Double {
    guard let value = tree.node.real else { throw tree.wrongType("a number") }
    guard range.contains(value) else {
      throw ModelFileError(
        .malformed, path: tree.file, key: tree.path,
        expected: "a number from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
    return value
  }

  func fault(_ kind: ModelFileError.Kind, _ key: String, _ expected: String, _ found: String) -> ModelFileError {
    ModelFileError(kind, path: root.file, key: self[key]?.path ?? "$." + key, expected: expected, found: found)
  }
}
