extension HuggingFaceConfig {
  /// What GGUF's metadata say of this model, without the keys of the vocabulary and of the file's type.
  /// - Parameters:
  ///   - name: as people know the model.
  ///   - parameters: numbers in all tensors.
  func keys(name: String, parameters: Int) -> GGUFKeys {
    var keys = GGUFKeys()
    let prefix = family.rawValue + "."
    keys.set("general.architecture", string: family.rawValue)
    keys.set("general.type", string: "model")
    keys.set("general.name", string: name)
    keys.set("general.size_label", string: Self.sizeLabel(parameters))
    keys.set(prefix + "block_count", integer: layers)
    keys.set(prefix + "context_length", integer: context)
    keys.set(prefix + "embedding_length", integer: hidden)
    keys.set(prefix + "feed_forward_length", integer: feedForward)
    keys.set(prefix + "attention.head_count", integer: heads)
    keys.set(prefix + "attention.head_count_kv", integer: kvHeads)
    if case .linear(let factor) = rope.scaling {
      keys.set(prefix + "rope.scaling.type", string: "linear")
      keys.set(prefix + "rope.scaling.factor", float: factor)
    }
    keys.set(prefix + "rope.freq_base", float: rope.base)
    if let local = rope.localBase { keys.set(prefix + "rope.freq_base_swa", float: local) }
    keys.set(prefix + "attention.layer_norm_rms_epsilon", float: epsilon)
    if statesHeadDim {
      keys.set(prefix + "attention.key_length", integer: headDim)
      keys.set(prefix + "attention.value_length", integer: headDim)
    }
    if let gemma {
      keys.set(prefix + "attention.sliding_window", integer: gemma.window)
      if let local = gemma.localLayers { keys.set(prefix + "attention.sliding_window_pattern", bools: local) }
    }
    if family == .llama {
      keys.set(prefix + "vocab_size", integer: vocab)
      keys.set(prefix + "rope.dimension_count", integer: headDim)
    }
    return keys
  }

  /// A number of parameters as names of models have it: two digits at least, and a unit: "4.2M", "135M", "1.7B".
  static func sizeLabel(_ parameters: Int) -> String {
    let units = [("T", 1_000_000_000_000), ("B", 1_000_000_000), ("M", 1_000_000)]
    let (unit, size) = units.first { parameters > $0.1 } ?? ("K", 1_000)
    // Tenths below ten, whole numbers from there, each rounded to the nearest.
    let tenths = (parameters * 10 + size / 2) / size
    return tenths < 95 ? "\(tenths / 10).\(tenths % 10)\(unit)" : "\((parameters + size / 2) / size)\(unit)"
  }
}
