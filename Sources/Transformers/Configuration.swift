import Compute
import ModelFiles

/// The sizes of a model, as its metadata states them and as every family needs them. Anything that only one family
/// reads is read in that family's file.
public struct ModelConfiguration: Sendable {
  /// GGUF's `general.architecture`, for example "llama".
  public let architecture: String
  public let layers: Int
  /// Elements of the residual stream.
  public let hidden: Int
  public let heads: Int
  public let kvHeads: Int
  /// Elements of one head: `attention.key_length`, or hidden / heads where it is not stated.
  public let headDim: Int
  public let feedForward: Int
  public let vocab: Int
  /// Positions that the model was trained on.
  public let contextLength: Int
  public let normEpsilon: Float

  /// Limits that no model in use comes near. They keep products within `Int` and refuse nonsense by name.
  static let limits: (layers: Int, width: Int, heads: Int, vocab: Int, context: Int) = (
    1_024, 1 << 20, 4_096, 1 << 24, 1 << 30
  )

  /// Query heads that share one key and value head.
  public var group: Int { heads / kvHeads }

  /// - Throws: `ModelError` that names the key.
  init(_ file: ModelFile, architecture: String) throws(ModelError) {
    let reader = MetadataReader(file, architecture: architecture)
    self.architecture = architecture
    layers = try reader.integer("block_count", 1...Self.limits.layers)
    hidden = try reader.integer("embedding_length", 1...Self.limits.width)
    heads = try reader.integer("attention.head_count", 1...Self.limits.heads)
    kvHeads = try reader.integer("attention.head_count_kv", 1...heads, default: heads)
    guard heads.isMultiple(of: kvHeads) else {
      throw reader.unsupported("attention.head_count_kv", expected: "a divisor of \(heads) heads", found: "\(kvHeads)")
    }
    headDim = try reader.integer("attention.key_length", 8...512, default: hidden / heads)
    guard headDim.isMultiple(of: 8), headDim >= 8, headDim <= 512 else {
      throw reader.unsupported("attention.key_length", expected: "a multiple of 8 up to 512", found: "\(headDim)")
    }
    let valueDim = try reader.integer("attention.value_length", 1...Self.limits.width, default: headDim)
    guard valueDim == headDim else {
      throw reader.unsupported("attention.value_length", expected: "\(headDim), as for keys", found: "\(valueDim)")
    }
    feedForward = try reader.integer("feed_forward_length", 1...Self.limits.width)
    contextLength = try reader.integer("context_length", 1...Self.limits.context)
    normEpsilon = Float(try reader.float("attention.layer_norm_rms_epsilon", 0...1))
    guard let embedding = file.tensor("token_embd.weight") else {
      let isVocabulary = file.tensors.isEmpty && file.unreadableTensors.isEmpty
      throw .file(
        ModelFileError(
          .missing, path: file.path, key: "token_embd.weight", expected: "a model's tensors",
          found: isVocabulary ? "none; the file has a vocabulary only" : "others, but not this one"))
    }
    guard embedding.rows <= Self.limits.vocab else {
      throw reader.unsupported(
        "token_embd.weight", expected: "an embedding of at most \(Self.limits.vocab) tokens", found: "\(embedding.rows)"
      )
    }
    vocab = embedding.rows
    let experts = try reader.integer("expert_count", 0...Self.limits.width, default: 0)
    guard experts == 0 else {
      throw reader.unsupported("expert_count", expected: "a dense model", found: "\(experts) experts")
    }
  }
}

/// Typed and bounded access to the metadata of one architecture; keys are given without its prefix.
struct MetadataReader {
  let file: ModelFile
  let architecture: String

  init(_ file: ModelFile, architecture: String) {
    self.file = file
    self.architecture = architecture
  }

  func key(_ name: String) -> String { "\(architecture).\(name)" }

  func unsupported(_ name: String, expected: String, found: String) -> ModelError {
    let isTensor = name.hasSuffix(".weight") || name.hasSuffix(".bias")
    return .unsupported(path: file.path, key: isTensor ? name : key(name), expected: expected, found: found)
  }

  func integer(_ name: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws(ModelError) -> Int {
    let value = try required(name, fallback) { metadata, key throws(ModelFileError) in try metadata.integer(key) }
    guard range.contains(value) else {
      throw unsupported(name, expected: "an integer from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
    return value
  }

  func float(_ name: String, _ range: ClosedRange<Double>, default fallback: Double? = nil) throws(ModelError) -> Double
  {
    let value = try required(name, fallback) { metadata, key throws(ModelFileError) in try metadata.float(key) }
    guard range.contains(value) else {
      throw unsupported(name, expected: "a number from \(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
    return value
  }

  private func required<Value>(
    _ name: String, _ fallback: Value?, _ read: (GGUFMetadata, String) throws(ModelFileError) -> Value?
  ) throws(ModelError) -> Value {
    do throws(ModelFileError) {
      guard let value = try read(file.metadata, key(name)) ?? fallback else {
        throw ModelFileError(.missing, path: file.path, key: key(name), expected: "this key", found: "none")
      }
      return value
    } catch {
      throw .file(error)
    }
  }

  func string(_ name: String) throws(ModelError) -> String? {
    do { return try file.metadata.string(key(name)) } catch { throw .file(error) }
  }
}
