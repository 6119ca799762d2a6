import Compute
import ModelFiles
import Quantization

/// Which weights of a model are in memory.
public enum WeightResidency: Sendable {
  /// All of them, from the start.
  case whole
  /// Matrices while somebody asks for them with `load` and `unload`; vectors always.
  case asAsked
}

/// A loaded model: configuration and packed weights. Immutable; any number of passes may read it at once.
@safe public final class Model: @unchecked Sendable {
  public let configuration: ModelConfiguration
  let family: any Family
  let embedding: Linear
  let outputNorm: AlignedBuffer<Float>
  let head: Linear
  private let weights: AlignedBuffer<UInt8>
  private let layouts: [PackedLayout]
  /// Where matrices come from that are read when they are asked for.
  let source: ModelFile?

  /// Bytes of all packed matrices.
  public var weightBytes: Int { weights.count }

  /// Reads the model of a GGUF file and packs its weights on the pool's threads.
  /// - Throws: `ModelError` naming the key or tensor that is missing, wrong or not supported.
  public init(
    _ file: ModelFile, pool: WorkerPool, residency: WeightResidency = .whole
  ) throws(ModelError) {
    let architecture = try Self.architecture(of: file)
    guard let type = families[architecture] else { throw Self.unknown(architecture, file) }
    let configuration = try ModelConfiguration(file, architecture: architecture)
    let reader = MetadataReader(file, architecture: architecture)
    let loader = WeightLoader(file)
    self.configuration = configuration
    embedding = try loader.matrix("token_embd", rows: configuration.vocab, columns: configuration.hidden)
    family = try type.init(reader, loader, configuration)
    outputNorm = try loader.vector("output_norm.weight", count: configuration.hidden)
    // A file without an output matrix ties it to the embedding.
    head =
      try loader.matrixIfPresent("output", rows: configuration.vocab, columns: configuration.hidden) ?? embedding
    source = residency == .asAsked ? file : nil
    weights = try residency == .asAsked ? loader.packNothing() : loader.pack(on: pool)
    layouts = loader.layouts
  }

  /// The matrices of all layers, which a pass multiplies with every token.
  private var layerMatrices: [Linear] {
    family.layers.flatMap { $0.inputReaders + [$0.attention.output, $0.feedForward.down] }
  }

  /// Packed bytes that a pass reads: all layers and the output head. Of the embedding only single rows are read.
  public var streamedBytes: Int { (layerMatrices + [head]).reduce(0) { $0 + $1.packedBytes } }

  /// Whether most bytes of its matrices are floats.
  public var isFloat: Bool {
    layerMatrices.reduce(0) { $0 + ($1.layout.isFloat ? $1.packedBytes : 0) } * 2 > streamedBytes
  }

  /// Products that a token adds up in the layers' matrices, and in the output head.
  public var products: (layers: Int, head: Int) {
    (layerMatrices.reduce(0) { $0 + $1.rows * $1.columns }, head.rows * head.columns)
  }

  /// Whether an instruction set computes all layouts of this model as plain code does.
  public func agrees(_ kernels: Kernels) throws(SystemError) -> Bool {
    for layout in layouts where try !layout.agrees(kernels) { return false }
    return true
  }

  /// The architecture that a file names, if there is a family for it.
  static func architecture(of file: ModelFile) throws(ModelError) -> String {
    let name: String
    do { name = try file.metadata.requiredString("general.architecture") } catch { throw .file(error) }
    guard families[name] != nil else { throw unknown(name, file) }
    return name
  }

  private static func unknown(_ architecture: String, _ file: ModelFile) -> ModelError {
    let known = families.keys.sorted().joined(separator: ", ")
    return .unsupported(
      path: file.path, key: "general.architecture", expected: "one of \(known)", found: "\"\(architecture)\"")
  }
}
