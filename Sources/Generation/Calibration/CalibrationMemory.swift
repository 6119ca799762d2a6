import ModelFiles
import Transformers

extension CompensatedMatrices {
  /// About the memory that rounding with error compensation takes, known before any of it is taken.
  public struct MemoryNeed: Equatable, Sendable {
    /// The largest matrix as the source has it: at least one is in memory whole.
    public let largestTensorBytes: Int
    /// Everything besides: a layer, the moments of its inputs, the streams of all tokens, a pass.
    public let otherBytes: Int

    /// - Parameters:
    ///   - tokens: of the calibration.
    ///   - hasText: whether there are two streams.
    public init(_ file: ModelFile, configuration: ModelConfiguration, tokens: Int, hasText: Bool, threads: Int) {
      let float = MemoryLayout<Float>.size
      let pass = Transformers.MemoryNeed(
        file, configuration: configuration, kv: .f32, batch: chunkTokens, threads: threads, residency: .asAsked)
      let matrices = file.tensors.filter { $0.rows > 1 }
      largestTensorBytes = matrices.map { Transformers.MemoryNeed.packedBytes(of: $0) }.max() ?? 0
      let widths = [
        configuration.hidden, configuration.hidden, configuration.heads * configuration.headDim,
        configuration.feedForward,
      ]
      let widest = widths.max() ?? 0
      // Moments of all inputs of a layer, or with a text of one set of matrices at a time, and what these were before; of
      // the widest again with its factors, and these in Double while they are made.
      let moments = hasText ? 2 * widest * widest * float : widths.reduce(0) { $0 + $1 * $1 * float }
      let factors = widest * widest * (float * (hasText ? 3 : 2) + MemoryLayout<Double>.size)
      let recorded = (hasText ? 2 * widest : widths.reduce(0, +)) * chunkTokens * float
      // The layer's own matrices beside those that replace them.
      let originals = hasText ? Self.largestLayer(file) : 0
      let streams = tokens * configuration.hidden * float * (hasText ? 2 : 1)
      let sum = pass.total(positions: min(chunkTokens, configuration.contextLength))
      otherBytes = sum - largestTensorBytes + moments + factors + recorded + streams + originals
    }

    private static func largestLayer(_ file: ModelFile) -> Int {
      var layers: [Substring: Int] = [:]
      for tensor in file.tensors {
        let words = tensor.name.split(separator: ".", maxSplits: 2)
        if words.count > 2, words[0] == "blk" {
          layers[words[1], default: 0] += Transformers.MemoryNeed.packedBytes(of: tensor)
        }
      }
      return layers.values.max() ?? 0
    }
  }
}
