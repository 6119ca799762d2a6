/// Small models that load, tokenise and run: what hostile variants of whole models start from. Their weights mean
/// nothing; every type with blocks of 32 occurs in them, and every tensor and key that a family reads.
extension GGUFBuilder {
  public static let architectures = ["llama", "qwen2", "qwen3", "gemma3"]

  /// - Precondition: `architecture` is one of `architectures`.
  public static func model(_ architecture: String) -> GGUFBuilder {
    var file = GGUFBuilder()
    file.add("general.architecture", .text(architecture))
    let sizes: [(String, UInt32)] = [
      ("block_count", 2), ("embedding_length", 32), ("feed_forward_length", 64), ("context_length", 256),
      ("attention.head_count", 4), ("attention.head_count_kv", 2), ("attention.key_length", 16),
      ("attention.value_length", 16), ("rope.dimension_count", 16),
    ]
    for (name, value) in sizes { file.add("\(architecture).\(name)", .uint32(value)) }
    file.add("\(architecture).attention.layer_norm_rms_epsilon", .float32(1e-5))
    file.add("\(architecture).rope.freq_base", .float32(10_000))
    file.add("\(architecture).rope.scaling.type", .text("linear"))
    file.add("\(architecture).rope.scaling.factor", .float32(2))
    if architecture == "gemma3" || architecture == "llama" {
      file.add("\(architecture).attention.sliding_window", .uint32(4))
    }
    if architecture == "gemma3" {
      file.add("gemma3.attention.sliding_window_pattern", .uint32(2))
      file.addSpacedVocabulary()
    } else {
      file.addByteLevelVocabulary()
    }
    file.addTensors(architecture)
    return file
  }

  /// Replaces the value of a key, or adds it.
  public mutating func set(_ key: String, _ value: Value) {
    keys.removeAll { $0.key.elementsEqual(key.utf8) }
    add(key, value)
  }

  private static let template = "{% for m in messages %}<s>{{ m['role'] }} {{ m.content | trim }}{% endfor %}"

  private mutating func addByteLevelVocabulary() {
    add("tokenizer.ggml.model", .text("gpt2"))
    add("tokenizer.ggml.pre", .text("smollm"))
    let tokens = ["<s>", "</s>", "a", "b", "c", "h", "e", "l", "o", "\u{120}", "1", "ab", "he", "ll", "\u{10A}"]
    add("tokenizer.ggml.tokens", .strings(tokens))
    add("tokenizer.ggml.token_type", .int32s([3, 3] + tokens.dropFirst(2).map { _ in 1 }))
    add("tokenizer.ggml.merges", .strings(["a b", "h e", "l l"]))
    addSpecialTokens()
  }

  private mutating func addSpacedVocabulary() {
    add("tokenizer.ggml.model", .text("llama"))
    let tokens = [
      "<s>", "</s>", "<unk>", "<0x0A>", "<0x61>", "\u{2581}", "a", "h", "e", "l", "o", "he", "ll", "\u{2581}he", "1",
    ]
    add("tokenizer.ggml.tokens", .strings(tokens))
    add("tokenizer.ggml.scores", .floats(tokens.indices.map { -Float($0) }))
    add("tokenizer.ggml.token_type", .int32s([3, 3, 2, 6, 6] + tokens.dropFirst(5).map { _ in 1 }))
    add("tokenizer.ggml.unknown_token_id", .uint32(2))
    add("tokenizer.ggml.add_space_prefix", .bool(1))
    addSpecialTokens()
  }

  private mutating func addSpecialTokens() {
    add("tokenizer.ggml.bos_token_id", .uint32(0))
    add("tokenizer.ggml.eos_token_id", .uint32(1))
    add("tokenizer.ggml.add_bos_token", .bool(1))
    add("tokenizer.chat_template", .text(Self.template))
  }

  private mutating func addTensors(_ architecture: String) {
    let (hidden, wide, narrow, forward): (UInt64, UInt64, UInt64, UInt64) = (32, 64, 32, 64)
    tensors.append(.weights("token_embd.weight", [hidden, 18], .q8_0))
    tensors.append(.weights("output_norm.weight", [hidden], .f32))
    if architecture == "llama" {
      tensors.append(.weights("output.weight", [hidden, 18], .q5_1))
      tensors.append(.weights("rope_freqs.weight", [8], .f32))
    }
    let types: [[WeightType]] = [[.q4_0, .f16, .bf16, .q5_1, .q8_0, .iq4_nl, .q4_1], [.q5_0, .q4_0, .f32, .q4_1]]
    for layer in 0..<2 {
      let name = "blk.\(layer)."
      func type(_ index: Int) -> WeightType { types[layer][index % types[layer].count] }
      tensors += [
        .weights(name + "attn_norm.weight", [hidden], .f32), .weights(name + "attn_q.weight", [hidden, wide], type(0)),
        .weights(name + "attn_k.weight", [hidden, narrow], type(1)),
        .weights(name + "attn_v.weight", [hidden, narrow], type(2)),
        .weights(name + "attn_output.weight", [wide, hidden], type(3)),
        .weights(name + "ffn_norm.weight", [hidden], .f32),
        .weights(name + "ffn_gate.weight", [hidden, forward], type(4)),
        .weights(name + "ffn_up.weight", [hidden, forward], type(5)),
        .weights(name + "ffn_down.weight", [forward, hidden], type(6)),
      ]
      if architecture == "qwen2" {
        for (part, rows) in [("q", wide), ("k", narrow), ("v", narrow)] {
          tensors.append(.weights("\(name)attn_\(part).bias", [rows], .f32))
        }
      }
      if architecture == "qwen3" || architecture == "gemma3" {
        for part in ["q", "k"] { tensors.append(.weights("\(name)attn_\(part)_norm.weight", [16], .f32)) }
      }
      if architecture == "gemma3" {
        for part in ["post_attention_norm", "post_ffw_norm"] {
          tensors.append(.weights("\(name)\(part).weight", [hidden], .f32))
        }
      }
    }
  }
}

/// Types whose blocks have 32 elements or one, by GGUF's code.
// The names are the field's own.
// swift-format-ignore: AlwaysUseLowerCamelCase
public enum WeightType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case iq4_nl = 20
  case bf16 = 30

  /// A block with codes that differ from place to place.
  /// - Parameter scale: bits of the half that scales (and offsets) the block; of a float type, the number itself as a
  ///   half, which is cut to the type.
  func block(_ number: Int, scale: UInt16) -> [UInt8] {
    let half = [UInt8(truncatingIfNeeded: scale), UInt8(scale >> 8)]
    func codes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: ($0 + number) &* 37 &+ 11) } }
    let wide = Float(Float16(bitPattern: scale)) * Float(number % 7 - 3)
    switch self {
    case .f32: return (0..<4).map { UInt8(truncatingIfNeeded: wide.bitPattern >> (8 * UInt32($0))) }
    case .bf16: return (2..<4).map { UInt8(truncatingIfNeeded: wide.bitPattern >> (8 * UInt32($0))) }
    case .f16: return number.isMultiple(of: 2) ? half : [half[0], half[1] ^ 0x80]
    case .q4_0, .iq4_nl: return half + codes(16)
    case .q4_1: return half + half + codes(16)
    case .q5_0: return half + codes(20)
    case .q5_1: return half + half + codes(20)
    case .q8_0: return half + codes(32)
    }
  }

  var elements: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    default: 32
    }
  }
}

extension GGUFBuilder.Tensor {
  /// Halves that are extremes: zero, the smallest and largest numbers, infinities, not-a-numbers.
  public static let extremeHalves: [UInt16] = [
    0, 0x8000, 1, 0x3FF, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFFFF, 0x7C01,
  ]

  /// - Parameter scale: 0x2400 is 1/64.
  public static func weights(
    _ name: String, _ dimensions: [UInt64], _ type: WeightType, scale: UInt16 = 0x2400
  ) -> GGUFBuilder.Tensor {
    var tensor = GGUFBuilder.Tensor(name, dimensions, type: type.rawValue, bytes: 0)
    let blocks = dimensions.reduce(1) { $0 * Int($1) } / type.elements
    for number in 0..<blocks { tensor.data += type.block(number, scale: scale) }
    return tensor
  }

  /// The same tensor with all scales, or all numbers, changed; nil where its type is not among those known here.
  public func rescaled(to scale: UInt16) -> GGUFBuilder.Tensor? {
    WeightType(rawValue: type).map { .weights(String(decoding: name, as: UTF8.self), dimensions, $0, scale: scale) }
  }
}
