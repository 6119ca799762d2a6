import Compute
import ModelFiles

/// One architecture: which tensors a layer has, and the order of its steps.
///
/// A new family is one file beside this one: its weights, its layer in words, and what it alone reads from the metadata.
protocol Family: AnyObject, Sendable {
  init(_ reader: MetadataReader, _ loader: WeightLoader, _ configuration: ModelConfiguration) throws(ModelError)

  /// Kinds of rope that layers use, by the index that `projectHeads` takes.
  var ropes: [Rope] { get }
  /// Factor on token embeddings, where there is one.
  var embeddingScale: Float? { get }
  var layers: [LayerWeights] { get }

  /// Computes one layer on the residual stream of a pass.
  func run(layer: Int, _ pass: ForwardPass)
}

/// The families by GGUF's name of the architecture. Mistral, SmolLM2 and TinyLlama are llama files.
let families: [String: any Family.Type] = [
  "llama": Llama.self,
  "qwen2": Qwen2.self,
  "qwen3": Qwen3.self,
  "gemma3": Gemma3.self,
]

/// The tensors of one layer that every family has.
///
/// These groups are classes, so that handing one to a step counts one reference and not one for each tensor: in a decode
/// step of a small model that was two hundredths of the time.
final class LayerWeights: Sendable {
  let attentionNorm: AlignedBuffer<Float>
  let attention: AttentionWeights
  let feedForwardNorm: AlignedBuffer<Float>
  let feedForward: FeedForwardWeights

  /// The matrices that read the normed residual stream.
  var inputReaders: [Linear] {
    [attention.query, attention.key, attention.value, feedForward.gate, feedForward.up]
  }

  /// Reads the tensors of layer `index`.
  /// - Parameter headNorms: the layer has norms of single query and key heads.
  init(
    _ loader: WeightLoader, _ configuration: ModelConfiguration, index: Int, headNorms: Bool = false
  ) throws(ModelError) {
    let name = "blk.\(index)."
    let hidden = configuration.hidden
    let queries = configuration.heads * configuration.headDim
    let keys = configuration.kvHeads * configuration.headDim
    attentionNorm = try loader.vector(name + "attn_norm.weight", count: hidden)
    let headNorm = { [headDim = configuration.headDim] (tensor: String) throws(ModelError) -> AlignedBuffer<Float>? in
      headNorms ? try loader.vector(name + tensor, count: headDim) : nil
    }
    attention = AttentionWeights(
      query: try loader.matrix(name + "attn_q", rows: queries, columns: hidden),
      key: try loader.matrix(name + "attn_k", rows: keys, columns: hidden),
      value: try loader.matrix(name + "attn_v", rows: keys, columns: hidden),
      output: try loader.matrix(name + "attn_output", rows: hidden, columns: queries),
      queryNorm: try headNorm("attn_q_norm.weight"), keyNorm: try headNorm("attn_k_norm.weight"))
    feedForwardNorm = try loader.vector(name + "ffn_norm.weight", count: hidden)
    feedForward = FeedForwardWeights(
      gate: try loader.matrix(name + "ffn_gate", rows: configuration.feedForward, columns: hidden),
      up: try loader.matrix(name + "ffn_up", rows: configuration.feedForward, columns: hidden),
      down: try loader.matrix(name + "ffn_down", rows: hidden, columns: configuration.feedForward))
  }
}

extension ModelConfiguration {
  /// 1 / sqrt(headDim): the usual scale of queries.
  var queryScale: Float { 1 / Float(headDim).squareRoot() }
}
