import Compute
import ModelFiles

/// Llama 2 and 3, Mistral, SmolLM2, TinyLlama: pre-norm, grouped-query attention, rope on adjacent pairs (query and key
/// rows are permuted in GGUF), SiLU-gated feed-forward. Llama 3 divides rope frequencies by `rope_freqs.weight`.
final class Llama: Family {
  let ropes: [Rope]
  let embeddingScale: Float? = nil
  let layers: [LayerWeights]
  private let queryScale: Float
  private let window: Int?

  init(_ reader: MetadataReader, _ loader: WeightLoader, _ configuration: ModelConfiguration) throws(ModelError) {
    ropes = [try Rope(reader, loader, headDim: configuration.headDim, pairs: .adjacent)]
    queryScale = configuration.queryScale
    // The first Mistral has a window; files of later ones do not name it, or name 0.
    let window = try reader.integer("attention.sliding_window", 0...ModelConfiguration.limits.context, default: 0)
    self.window = window > 0 ? window : nil
    var layers: [LayerWeights] = []
    for index in 0..<configuration.layers { layers.append(try LayerWeights(loader, configuration, index: index)) }
    self.layers = layers
  }

  func run(layer: Int, _ pass: ForwardPass) {
    let weights = layers[layer]
    pass.normalizeResidual(weights.attentionNorm)
    pass.projectHeads(weights.attention, layer: layer, queryScale: queryScale)
    pass.attend(layer: layer, window: window)
    pass.addAttention(weights.attention)
    pass.normalizeResidual(weights.feedForwardNorm)
    pass.gate(weights.feedForward, .silu)
    pass.addFeedForward(weights.feedForward)
  }
}
