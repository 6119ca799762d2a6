import Compute
import Glibc

/// Rotary position embedding: which frequencies, which pairs.
struct Rope: Sendable {
  /// Dimensions of a head that rotate; the rest pass unchanged.
  let dimensions: Int
  let pairs: RopePairs
  /// Radians per position of each pair, with every scaling applied.
  let frequencies: [Float]

  /// - Parameters:
  ///   - linearFactor: positions are divided by it (linear scaling).
  ///   - divisors: `rope_freqs.weight`, by which Llama 3 divides each frequency.
  init(base: Double, dimensions: Int, pairs: RopePairs, linearFactor: Double = 1, divisors: AlignedBuffer<Float>? = nil)
  {
    self.dimensions = dimensions
    self.pairs = pairs
    frequencies = (0..<dimensions / 2).map { pair in
      let frequency = 1 / pow(base, Double(2 * pair) / Double(dimensions))
      let divisor = divisors.map { Double($0.view[pair]) } ?? 1
      return Float(frequency / divisor / linearFactor)
    }
  }

  /// Reads what the families share: base, dimensions, linear scaling, and divisors where the file has them.
  /// - Throws: for a kind of scaling that is not computed.
  init(_ reader: MetadataReader, _ loader: WeightLoader, headDim: Int, pairs: RopePairs) throws(ModelError) {
    let dimensions = try reader.integer("rope.dimension_count", 2...headDim, default: headDim)
    guard dimensions.isMultiple(of: 2) else {
      throw reader.unsupported("rope.dimension_count", expected: "an even number", found: "\(dimensions)")
    }
    self.init(
      base: try reader.float("rope.freq_base", 1...1e12, default: 10_000), dimensions: dimensions, pairs: pairs,
      linearFactor: try Self.linearFactor(reader),
      divisors: try loader.vectorIfPresent("rope_freqs.weight", count: dimensions / 2))
  }

  static func linearFactor(_ reader: MetadataReader) throws(ModelError) -> Double {
    let scaling = try reader.string("rope.scaling.type") ?? "none"
    // Before `rope.scaling.*`, files wrote the factor alone.
    let old = try reader.float("rope.scale_linear", 1e-6...1e6, default: 1)
    switch scaling {
    case "none": return old
    case "linear": return try reader.float("rope.scaling.factor", 1e-6...1e6, default: old)
    default:
      throw reader.unsupported("rope.scaling.type", expected: "none or linear", found: "\"\(scaling)\"")
    }
  }
}

/// Cosines and sines for the tokens of one pass, made once and used by every layer.
final class RopeTable {
  private let rope: Rope
  private let cosine: AlignedBuffer<Float>
  private let sine: AlignedBuffer<Float>

  init(_ rope: Rope, tokens: Int) throws(SystemError) {
    self.rope = rope
    cosine = try AlignedBuffer(count: tokens * rope.dimensions / 2)
    sine = try AlignedBuffer(count: tokens * rope.dimensions / 2)
  }

  func fill(token: Int, position: Int) {
    let half = rope.dimensions / 2
    for pair in 0..<half {
      // In single precision, as models are trained.
      let angle = Float(position) * rope.frequencies[pair]
      cosine.view[token * half + pair] = cos(angle)
      sine.view[token * half + pair] = sin(angle)
    }
  }

  func rotate(_ head: View<Float>, token: Int, _ kernels: Kernels) {
    let half = rope.dimensions / 2
    kernels.rope(head, cosine: cosine.part(token * half, half), sine: sine.part(token * half, half), pairs: rope.pairs)
  }
}
