import Compute
import ModelFiles
import Quantization

/// The memory that running a model will take, known before any of it is taken.
public struct MemoryNeed: Sendable, Equatable {
  /// Packed matrices, and vectors as F32.
  public let weightBytes: Int
  /// Keys and values of one position.
  public let kvBytesPerPosition: Int
  /// Buffers of a pass and the tables of the vocabulary.
  public let scratchBytes: Int

  /// - Parameters:
  ///   - batch: tokens of the largest pass.
  ///   - residency: with `asAsked`, the embedding and one layer, or the head.
  public init(
    _ file: ModelFile, configuration: ModelConfiguration, kv: KVType, batch: Int, threads: Int,
    residency: WeightResidency = .whole
  ) {
    weightBytes =
      residency == .whole
      ? file.tensors.reduce(0) { $0 + Self.packedBytes(of: $1) } : Self.largestParts(of: file)
    kvBytesPerPosition = KVCache.blockBytes(configuration, type: kv) / Kernels.kvBlock
    scratchBytes = PassState.bytes(configuration, tokens: batch, threads: threads) + 48 * configuration.vocab
  }

  /// The embedding, and beside it the largest layer or the head.
  private static func largestParts(of file: ModelFile) -> Int {
    var parts: [Substring: Int] = [:]
    for tensor in file.tensors {
      let words = tensor.name.split(separator: ".", maxSplits: 2)
      let part = words.first == "blk" && words.count > 1 ? words[1] : words.first ?? ""
      parts[part, default: 0] += packedBytes(of: tensor)
    }
    let embedding = parts.removeValue(forKey: "token_embd") ?? 0
    return embedding + (parts.values.max() ?? 0)
  }

  /// Bytes with a context of `positions`; `Int.max` where they are more than that.
  public func total(positions: Int) -> Int {
    let blocks = (positions + Kernels.kvBlock - 1) / Kernels.kvBlock
    let (kv, isTooLarge) = (blocks * Kernels.kvBlock).multipliedReportingOverflow(by: kvBytesPerPosition)
    let (sum, overflow) = kv.addingReportingOverflow(weightBytes + scratchBytes)
    return isTooLarge || overflow ? .max : sum
  }

  /// The longest context, in whole blocks, that fits into `bytes`; 0 where not even the weights do.
  public func positions(within bytes: Int) -> Int {
    let left = bytes - weightBytes - scratchBytes
    return max(0, left / (kvBytesPerPosition * Kernels.kvBlock)) * Kernels.kvBlock
  }

  /// Bytes of a tensor once it is loaded: packed, or as F32 where it is a vector.
  public static func packedBytes(of tensor: TensorInfo) -> Int {
    tensor.rows == 1
      ? tensor.columns * MemoryLayout<Float>.size
      : PackedLayout(tensor.type).bytes(rows: tensor.rows, columns: tensor.columns)
  }
}

extension PassState {
  /// About what the buffers of a pass take: rows of each width, logits of one slice, scratch of each worker.
  static func bytes(_ configuration: ModelConfiguration, tokens: Int, threads: Int) -> Int {
    let heads = configuration.heads * configuration.headDim
    // Floats and blocks of the three activation buffers (4 bytes an element, 1.5 for each of two terms, of which
    // attention's has one), residual, branch and queries.
    let rows = tokens * (15 * configuration.hidden + 11 * heads + 7 * configuration.feedForward)
    let output = tokens * max(rowsPerChunk, configuration.headDim)
    let worker = 4 * (max(2 * output, AttendStep.scratchFloats(configuration)) + output)
    return rows + threads * worker + 4 * configuration.vocab * OutputHeadStep.maxTokens
  }
}

extension ModelConfiguration {
  /// Reads the configuration of a file without loading it.
  /// - Throws: `ModelError` where the architecture or one of its sizes is not supported.
  public init(_ file: ModelFile) throws(ModelError) {
    try self.init(file, architecture: try Model.architecture(of: file))
  }
}
