/// A tensor that a model must or may have: what transformers calls it, what GGUF does, and its shape.
struct ExpectedTensor {
  let source: String
  let name: String
  /// Extents, outermost first.
  let shape: [Int]
  var isRequired = true
  /// Rows of a head whose halves GGUF interleaves; 0 for rows that stay in order.
  var headRows = 0
  /// Added to every number: GGUF has Gemma's norms with the 1 that the model adds.
  var shift: Float = 0
}

extension HuggingFaceConfig {
  /// Every tensor that this model may have, in the order in which they are written.
  var expectedTensors: [ExpectedTensor] {
    let shift: Float = family == .gemma3 ? 1 : 0
    var tensors = [
      ExpectedTensor(source: "model.embed_tokens.weight", name: "token_embd.weight", shape: [vocab, hidden])
    ]
    for layer in 0..<layers {
      let (source, name) = ("model.layers.\(layer).", "blk.\(layer).")
      for norm in norms {
        tensors.append(
          ExpectedTensor(
            source: source + norm.source + ".weight", name: name + norm.name + ".weight", shape: [norm.count],
            shift: shift))
      }
      for matrix in matrices {
        // Rope pairs neighbours in GGUF's llama models, and halves in transformers and in GGUF's other families.
        let headRows = matrix.turns && family == .llama ? headDim : 0
        tensors.append(
          ExpectedTensor(
            source: source + matrix.source + ".weight", name: name + matrix.name + ".weight",
            shape: [matrix.rows, matrix.columns], headRows: headRows))
        tensors.append(
          ExpectedTensor(
            source: source + matrix.source + ".bias", name: name + matrix.name + ".bias", shape: [matrix.rows],
            isRequired: matrix.hasBias, headRows: headRows))
      }
    }
    tensors.append(
      ExpectedTensor(source: "model.norm.weight", name: "output_norm.weight", shape: [hidden], shift: shift))
    if !isTied {
      tensors.append(ExpectedTensor(source: "lm_head.weight", name: "output.weight", shape: [vocab, hidden]))
    }
    return tensors
  }

  private var norms: [(source: String, name: String, count: Int)] {
    var norms = [("input_layernorm", "attn_norm", hidden)]
    switch family {
    case .llama, .qwen2: norms.append(("post_attention_layernorm", "ffn_norm", hidden))
    case .qwen3:
      norms += [
        ("self_attn.q_norm", "attn_q_norm", headDim), ("self_attn.k_norm", "attn_k_norm", headDim),
        ("post_attention_layernorm", "ffn_norm", hidden),
      ]
    case .gemma3:
      norms += [
        ("self_attn.q_norm", "attn_q_norm", headDim), ("self_attn.k_norm", "attn_k_norm", headDim),
        ("post_attention_layernorm", "post_attention_norm", hidden),
        ("pre_feedforward_layernorm", "ffn_norm", hidden), ("post_feedforward_layernorm", "post_ffw_norm", hidden),
      ]
    }
    return norms
  }

  private struct Matrix {
    let source: String
    let name: String
    let rows: Int
    let columns: Int
    /// Whether rope turns its rows.
    var turns = false
    var hasBias = false
  }

  private var matrices: [Matrix] {
    let (queries, keys) = (heads * headDim, kvHeads * headDim)
    let biased = family == .qwen2
    return [
      Matrix(source: "self_attn.q_proj", name: "attn_q", rows: queries, columns: hidden, turns: true, hasBias: biased),
      Matrix(source: "self_attn.k_proj", name: "attn_k", rows: keys, columns: hidden, turns: true, hasBias: biased),
      Matrix(source: "self_attn.v_proj", name: "attn_v", rows: keys, columns: hidden, hasBias: biased),
      Matrix(source: "self_attn.o_proj", name: "attn_output", rows: hidden, columns: queries),
      Matrix(source: "mlp.gate_proj", name: "ffn_gate", rows: feedForward, columns: hidden),
      Matrix(source: "mlp.up_proj", name: "ffn_up", rows: feedForward, columns: hidden),
      Matrix(source: "mlp.down_proj", name: "ffn_down", rows: hidden, columns: feedForward),
    ]
  }

  /// The name that a model of text alone has for a tensor; nil for one that is no part of it.
  func textName(_ name: String) -> String? {
    for part in ["vision_tower.", "multi_modal_projector."]
    where name.hasPrefix(part) || name.hasPrefix("model." + part) {
      return nil
    }
    // Buffers that old files have and that follow from the configuration.
    if name.hasSuffix(".rotary_emb.inv_freq") || name.hasSuffix(".masked_bias") { return nil }
    if isTied, name == "lm_head.weight" || name == "language_model.lm_head.weight" { return nil }
    for (prefix, plain) in [("language_model.", ""), ("model.language_model.", "model.")] where name.hasPrefix(prefix) {
      return plain + name.dropFirst(prefix.count)
    }
    return name
  }
}
