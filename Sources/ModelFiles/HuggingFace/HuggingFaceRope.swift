import Glibc

/// What a configuration says of rotary position embedding: `rope_theta` and `rope_scaling` as transformers 4 has them, or
/// `rope_parameters` of transformers 5, plain or by kind of layer.
struct HuggingFaceRope {
  enum Scaling: Equatable {
    case none
    /// Positions are divided by this.
    case linear(Double)
    case llama3(Llama3)
  }

  /// Llama 3's scaling: long waves are stretched by `factor`, short ones are not, those between by degrees.
  struct Llama3: Equatable {
    let factor: Double
    let lowFactor: Double
    let highFactor: Double
    let context: Double
  }

  let base: Double
  /// The base of layers that see a window only, where they have their own.
  let localBase: Double?
  let scaling: Scaling

  init(_ reader: ConfigReader, base: Double, localBase: Double?) throws(ModelFileError) {
    let bases = 1.0...1e12
    let parameters = reader["rope_parameters"]
    let byLayer = parameters?["full_attention"]
    let full = byLayer ?? parameters ?? reader["rope_scaling"]
    try full?.requireObject()
    var (found, local) = (try reader.number("rope_theta", bases, default: base), localBase)
    if let theta = (byLayer ?? parameters)?["rope_theta"] { found = try ConfigReader.number(theta, bases) }
    if localBase != nil {
      local = try reader.number("rope_local_base_freq", bases, default: localBase ?? base)
      if let sliding = parameters?["sliding_attention"] {
        if let theta = sliding["rope_theta"] { local = try ConfigReader.number(theta, bases) }
        let kind = try sliding["rope_type"]?.text() ?? "default"
        guard kind == "default" else { throw sliding.unsupported("rope of local layers of type \"\(kind)\"") }
      }
    }
    self.base = found
    self.localBase = local
    scaling = try full.map { (tree) throws(ModelFileError) in try Self.scaling(tree) } ?? .none
    let share = try reader.number("partial_rotary_factor", 0...1, default: 1)
    guard share == 1 else { throw reader.fault(.unsupported, "partial_rotary_factor", "1", "\(share)") }
  }

  private static func scaling(_ tree: JSONTree<ModelFileError>) throws(ModelFileError) -> Scaling {
    func number(_ key: String, _ fallback: Double?) throws(ModelFileError) -> Double {
      if let fallback, tree[key] == nil { return fallback }
      return try ConfigReader.number(try tree.required(key), 1e-6...1e9)
    }
    let type = try (tree["rope_type"] ?? tree["type"])?.text() ?? "default"
    switch type {
    case "default": return .none
    case "linear": return .linear(try number("factor", nil))
    case "llama3":
      return .llama3(
        Llama3(
          factor: try number("factor", 8), lowFactor: try number("low_freq_factor", 1),
          highFactor: try number("high_freq_factor", 4),
          context: try number("original_max_position_embeddings", 8_192)))
    default: throw tree.unsupported("rope of type \"\(type)\"; default, linear and llama3 are computed")
    }
  }

  /// GGUF's `rope_freqs.weight`: by what each frequency is divided; nil without Llama 3's scaling. In single precision
  /// and with reciprocals where PyTorch divides a number by a tensor, so that the bits are those of its own converters.
  func divisors(headDim: Int) -> [Float]? {
    guard case .llama3(let settings) = scaling else { return nil }
    let (factor, low, high) = (Float(settings.factor), Float(settings.lowFactor), Float(settings.highFactor))
    let longest = Float(settings.context / settings.lowFactor)
    let shortest = Float(settings.context / settings.highFactor)
    return (0..<headDim / 2).map { pair in
      let exponent = Float(2 * pair) / Float(headDim)
      let frequency = 1 / Float(pow(base, Double(exponent)))
      let wave = 1 / frequency * Float(2 * Double.pi)
      if wave < shortest { return 1 }
      if wave > longest { return factor }
      let smooth = (1 / wave * Float(settings.context) - low) / (high - low)
      return 1 / ((1 - smooth) / factor + smooth)
    }
  }
}
