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
      // Moments of all inputs of a layer; of the widest again with its factors, and these in Double while they are made.
      let moments = widths.reduce(0) { $0 + $1 * $1 * float } * (hasText ? 2 : 1)
      let widest = widths.max() ?? 0
      let factors = widest * widest * (float * (hasText ? 3 : 2) + MemoryLayout<Double>.size)
      let recorded = widths.reduce(0) { $0 + $1 * chunkTokens * float } * (hasText ? 2 : 1)
      let streams = tokens * configuration.hidden * float * (hasText ? 2 : 1)
      let sum = pass.total(positions: min(chunkTokens, configuration.contextLength))
      otherBytes = sum - largestTensorBytes + moments + factors + recorded + streams
    }
  }
}
