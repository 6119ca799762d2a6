import ModelFiles

/// Builds a folder as transformers writes it, in memory: a small llama model, or what a test makes of it.
public struct FolderBuilder: Sendable {
  public struct Tensor: Sendable {
    public var name: String
    public var type: String
    public var shape: [Int]
    public var bytes: [UInt8]

    public init(_ name: String, _ type: String, _ shape: [Int], bytes: [UInt8]) {
      (self.name, self.type, self.shape, self.bytes) = (name, type, shape, bytes)
    }
  }

  /// The members of `config.json`, as JSON texts.
  public var config: [(key: String, value: String)]
  public var tensors: [Tensor]
  /// Files beside, or in place of, those that the fields above make.
  public var files: [String: [UInt8]] = [:]

  /// One layer, two heads of 4 in a stream of 8, one key head, feed-forward 12, vocabulary 5, all in BF16.
  public init() {
    config = [
      ("architectures", #"["LlamaForCausalLM"]"#), ("hidden_size", "8"), ("num_hidden_layers", "1"),
      ("num_attention_heads", "2"), ("num_key_value_heads", "1"), ("intermediate_size", "12"), ("vocab_size", "5"),
      ("max_position_embeddings", "64"), ("rms_norm_eps", "1e-05"), ("hidden_act", #""silu""#),
      ("tie_word_embeddings", "true"), ("rope_theta", "10000.0"),
    ]
    tensors = []
    let layer = "model.layers.0."
    let shapes: [(String, [Int])] = [
      ("model.embed_tokens.weight", [5, 8]), (layer + "input_layernorm.weight", [8]),
      (layer + "self_attn.q_proj.weight", [8, 8]), (layer + "self_attn.k_proj.weight", [4, 8]),
      (layer + "self_attn.v_proj.weight", [4, 8]), (layer + "self_attn.o_proj.weight", [8, 8]),
      (layer + "post_attention_layernorm.weight", [8]), (layer + "mlp.gate_proj.weight", [12, 8]),
      (layer + "mlp.up_proj.weight", [12, 8]), (layer + "mlp.down_proj.weight", [8, 12]), ("model.norm.weight", [8]),
    ]
    for (index, (name, shape)) in shapes.enumerated() {
      let count = shape.reduce(1, *)
      // Small numbers, each tensor with its own.
      let bytes = (0..<count).flatMap { [UInt8(truncatingIfNeeded: $0 * 3), 0x3C + UInt8(index % 3)] }
      tensors.append(Tensor(name, "BF16", shape, bytes: bytes))
    }
  }

  public mutating func set(_ key: String, _ value: String?) {
    config.removeAll { $0.key == key }
    if let value { config.append((key, value)) }
  }

  /// A safetensors file of some tensors.
  /// - Parameter header: the JSON, where a test wants another than the tensors imply.
  public static func safetensors(_ tensors: [Tensor], header: String? = nil) -> [UInt8] {
    var members: [String] = [#""__metadata__":{"format":"pt"}"#]
    var data: [UInt8] = []
    for tensor in tensors {
      let range = "[\(data.count),\(data.count + tensor.bytes.count)]"
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      members.append(#""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":[\#(shape)],"data_offsets":\#(range)}"#)
      data += tensor.bytes
    }
    let text = Array((header ?? "{\(members.joined(separator: ","))}").utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + data
  }

  /// The folder's files by name.
  public var contents: [String: [UInt8]] {
    let members = config.map { #""\#($0.key)":\#($0.value)"# }.joined(separator: ",")
    var contents = ["config.json": Array("{\(members)}".utf8), "model.safetensors": Self.safetensors(tensors)]
    for (name, bytes) in files { contents[name] = bytes }
    return contents
  }
}
