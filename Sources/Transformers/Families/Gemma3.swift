import Compute
import ModelFiles

/// Gemma 3 (text): embeddings times sqrt(hidden), norms of query and key heads, norms behind attention and feed-forward
/// before they join the residual stream, GELU. Five local layers (a window, rope base 10,000) for every global one (all
/// positions, the model's rope base, and its linear scaling if any). GGUF's norm weights already contain the + 1 that
/// the original adds.
final class Gemma3: Family {
  let ropes: [Rope]
  let embeddingScale: Float?
  let layers: [LayerWeights]
  private let queryScale: Float
  private let window: Int
  /// The norms behind attention and feed-forward, by layer.
  private let outputNorms: [(attention: AlignedBuffer<Float>, feedForward: AlignedBuffer<Float>)]
  /// For each layer, whether it sees all positions.
  private let isGlobal: [Bool]

  init(_ reader: MetadataReader, _ loader: WeightLoader, _ configuration: ModelConfiguration) throws(ModelError) {
    let localBase = try reader.float("rope.freq_base_swa", 1...1e12, default: 10_000)
    let global = try Rope(reader, loader, headDim: configuration.headDim, pairs: .halves)
    ropes = [global, Rope(base: localBase, dimensions: global.dimensions, pairs: .halves)]
    embeddingScale = Float(configuration.hidden).squareRoot()
    // The 27B model scales queries by the width of a head as if heads filled the residual stream.
    queryScale =
      configuration.layers == 62
      ? 1 / Float(configuration.hidden / configuration.heads).squareRoot() : configuration.queryScale
    window = try reader.integer("attention.sliding_window", 1...ModelConfiguration.limits.context)
    isGlobal = try Self.globalLayers(reader, configuration)
    for name in ["final_logit_softcapping", "attn_logit_softcapping"] {
      let cap = try reader.float(name, 0...1e9, default: 0)
      guard cap == 0 else { throw reader.unsupported(name, expected: "no soft cap", found: "\(cap)") }
    }
    var layers: [LayerWeights] = []
    var norms: [(attention: AlignedBuffer<Float>, feedForward: AlignedBuffer<Float>)] = []
    for index in 0..<configuration.layers {
      layers.append(try LayerWeights(loader, configuration, index: index, headNorms: true))
      let attention = try loader.vector("blk.\(index).post_attention_norm.weight", count: configuration.hidden)
      norms.append((attention, try loader.vector("blk.\(index).post_ffw_norm.weight", count: configuration.hidden)))
    }
    self.layers = layers
    outputNorms = norms
  }

  /// Every sixth layer is global, unless the metadata gives another period or lists the local layers.
  private static func globalLayers(
    _ reader: MetadataReader, _ configuration: ModelConfiguration
  ) throws(ModelError) -> [Bool] {
    let name = "attention.sliding_window_pattern"
    if let local = try? reader.file.metadata.bools(reader.key(name)) {
      guard local.count == configuration.layers else {
        throw reader.unsupported(name, expected: "\(configuration.layers) layers", found: "\(local.count)")
      }
      return (0..<local.count).map { !local[$0] }
    }
    let period = try reader.integer(name, 1...ModelConfiguration.limits.layers, default: 6)
    return (0..<configuration.layers).map { $0 % period == period - 1 }
  }

  func run(layer: Int, _ pass: ForwardPass) {
    let weights = layers[layer]
    let global = isGlobal[layer]
    pass.normalizeResidual(weights.attentionNorm)
    pass.projectHeads(weights.attention, layer: layer, rope: global ? 0 : 1, queryScale: queryScale)
    pass.attend(layer: layer, window: global ? nil : window)
    pass.addAttention(weights.attention, norm: outputNorms[layer].attention)
    pass.normalizeResidual(weights.feedForwardNorm)
    pass.gate(weights.feedForward, .geluTanh)
    pass.addFeedForward(weights.feedForward, norm: outputNorms[layer].feedForward)
  }
}
