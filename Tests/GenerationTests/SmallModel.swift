import Compute
import HostileFiles
import ModelFiles
import Tokenization
import Transformers

@testable import Generation

/// Models of some thousand weights in F32, drawn at random, that take any family's path.
enum SmallModel {
  static let context = 64

  static func tensors(_ architecture: String) -> [GGUFBuilder.Tensor] {
    var random = RandomNumbers(seed: 17)
    return GGUFBuilder.model(architecture).tensors.map { tensor in
      let name = String(decoding: tensor.name, as: UTF8.self)
      let count = tensor.dimensions.reduce(1) { $0 * Int($1) }
      var made = GGUFBuilder.Tensor(name, tensor.dimensions, type: 0, bytes: 0)
      for _ in 0..<count {
        // Norms near 1; matrices large enough for predictions that are far from even.
        let isNorm = tensor.dimensions.count == 1 && name != "rope_freqs.weight"
        let value = isNorm ? 1 + 0.3 * random.next() : tensor.dimensions.count == 1 ? 1 : 0.35 * random.next()
        made.data += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
      }
      return made
    }
  }

  static func engine(
    _ architecture: String, batch: Int = context, product: MatrixProduct, residency: WeightResidency = .whole
  ) throws -> Engine {
    var builder = GGUFBuilder.model(architecture)
    builder.tensors = tensors(architecture)
    let bytes = builder.bytes
    let file = try ModelFile(first: MappedFile(copying: bytes, path: "small.gguf")) { path in
      MappedFile(copying: bytes, path: path)
    }
    var options = Engine.Options(threads: 2)
    options.batch = batch
    options.context = context
    options.product = product
    options.residency = residency
    return try Engine(file, options)
  }

  static func text(tokens: Int) -> [UInt8] {
    var random = RandomNumbers(seed: 5)
    return (0..<tokens).map { _ in Array("abchelo 1".utf8)[Int(abs(random.next()) * 1000) % 9] }
  }
}

/// Numbers of mean 0 and deviation about 1, from a seed.
struct RandomNumbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> Float {
    var sum: Float = 0
    for _ in 0..<6 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      sum += Float(state >> 40) / Float(1 << 24) - 0.5
    }
    return sum * 1.414
  }
}
