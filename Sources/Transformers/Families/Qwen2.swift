import Compute
import ModelFiles

/// Qwen2 and Qwen2.5: as Llama, but rope pairs (i, i + d / 2), and queries, keys and values have biases (which come with
/// their matrices).
final class Qwen2: Family {
  let ropes: [Rope]
  let embeddingScale: Float? = nil
  let layers: [LayerWeights]
  private let queryScale: Float

  init(_ reader: MetadataReader, _ loader: WeightLoader, _ configuration: ModelConfiguration) throws(ModelError) {
    ropes = [try Rope(reader, loader, headDim: configuration.headDim, pairs: .halves)]
    queryScale = configuration.queryScale
    var layers: [LayerWeights] = []
    for index in 0..<configuration.layers { layers.append(try LayerWeights(loader, configuration, index: index)) }
    self.layers = layers
  }

  func run(layer: Int, _ pass: ForwardPass) {
    let weights = layers[layer]
    pass.normalizeResidual(weights.attentionNorm)
    pass.projectHeads(weights.attention, layer: layer, queryScale: queryScale)
    pass.attend(layer: layer)
    pass.addAttention(weights.attention)
    pass.normalizeResidual(weights.feedForwardNorm)
    pass.gate(weights.feedForward, .silu)
    pass.addFeedForward(weights.feedForward)
  }
}
