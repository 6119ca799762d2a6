import Compute
import ModelFiles
import Quantization
import Tokenization
import Transformers

/// A loaded model with its tokeniser, its threads and its cache: everything that requests share.
///
/// One thread at a time computes with an engine.
public final class Engine {
  public struct Options: Sendable {
    /// Threads that compute, the caller included.
    public var threads: Int
    /// Threads for prompts; nil for as many as `threads`.
    public var batchThreads: Int?
    /// Positions of the longest sequence; nil for the smaller of what the model was trained on and what memory admits.
    public var context: Int?
    /// Positions of all sequences together; nil for as many as `context`. Fewer where memory does not admit them.
    public var kvPositions: Int?
    /// Positions of prefixes that stay in the cache while no request uses them; nil for as many as there is room for.
    public var idlePositions: Int?
    /// Tokens of a prompt that are computed at once.
    public var batch = 128
    /// Nil for F16, or F32 on the reference path.
    public var kvType: KVType?
    public var product = MatrixProduct.integer
    public var kernels = Kernels.best
    /// With `asAsked` nothing can be computed before somebody has loaded what it takes.
    public var residency = WeightResidency.whole
    /// Bytes that the engine may take, and what sets this bound, for the message that refuses more; nil for no bound.
    public var memory: (available: Int, limit: String)?

    public init(threads: Int) { self.threads = threads }
  }

  public let model: Model
  public let tokenizer: Tokenizer
  public let pool: WorkerPool
  public let cache: KVCache
  /// Positions of the longest sequence.
  public let context: Int
  let pass: ForwardPass
  /// Which blocks of the cache hold which tokens.
  let prefixes: PrefixTree
  /// Memory for choosing tokens, one for each thread.
  let scratches: [SamplerScratch]
  let kernels: Kernels

  var scratch: SamplerScratch { scratches[0] }

  /// The instruction set that computes, and the one that failed its self-check, if one did.
  public let isa: String
  private let threads: Int
  private let batchThreads: Int

  /// Takes a prompt's threads for many tokens, and the others for one.
  func prepare(tokens: Int) { pool.active = tokens > 1 ? batchThreads : threads }

  /// Loads a model.
  /// - Throws: `GenerationError`; memory is checked before any of it is taken.
  public init(_ file: ModelFile, _ options: Options) throws(GenerationError) {
    let kv = options.kvType ?? (options.product.isReference ? .f32 : .f16)
    let configuration: ModelConfiguration
    do { configuration = try ModelConfiguration(file) } catch { throw .model(error) }
    guard kv.admits(dimensions: configuration.headDim) else {
      throw .model(
        .unsupported(
          path: file.path, key: "attention.key_length", expected: "a multiple of 32 for a cache of \(kv.rawValue)",
          found: "\(configuration.headDim)"))
    }
    let need = MemoryNeed(
      file, configuration: configuration, kv: kv, batch: options.batch,
      threads: max(options.threads, options.batchThreads ?? 1), residency: options.residency)
    context = try Self.admit(need, trained: configuration.contextLength, options)
    let positions = Self.positions(need, context: context, options)
    do { tokenizer = try Tokenizer(of: file) } catch { throw .tokenizer(error) }
    guard tokenizer.count <= configuration.vocab else {
      throw .model(
        .unsupported(
          path: file.path, key: "token_embd.weight", expected: "a row for each of \(tokenizer.count) tokens",
          found: "\(configuration.vocab) rows"))
    }
    do throws(ModelError) {
      // More threads than processors only wait for each other: those beyond would add nothing, and take turns with the
      // thread that all others wait for.
      let processors = Host.affinity()
      threads = min(options.threads, processors)
      batchThreads = min(options.batchThreads ?? options.threads, processors)
      let most = max(threads, batchThreads)
      let pool = try Self.system { () throws(SystemError) in try WorkerPool(threads: most) }
      self.pool = pool
      model = try Model(file, pool: pool, residency: options.residency)
      let passes = try Self.system { [model] () throws(SystemError) in try model.agrees(options.kernels) }
      kernels = passes ? options.kernels : .baseline
      isa = passes ? kernels.name : "\(kernels.name) (\(options.kernels.name) failed its self-check)"
      cache = try KVCache(configuration, type: kv, positions: positions)
      prefixes = try Self.system { [cache] () throws(SystemError) in try PrefixTree(cache) }
      if let idle = options.idlePositions { prefixes.idleLimit = idle / Kernels.kvBlock }
      let (model, kernels) = (model, kernels)
      pass = try Self.system { () throws(SystemError) in
        try ForwardPass(
          model, pool: pool, maxTokens: options.batch, kernels: kernels, product: options.product)
      }
      var scratches: [SamplerScratch] = []
      for _ in 0..<most {
        scratches.append(
          try Self.system { () throws(SystemError) in try SamplerScratch(vocabulary: configuration.vocab) })
      }
      self.scratches = scratches
    } catch {
      throw .model(error)
    }
  }

  private static func system<Value>(_ body: () throws(SystemError) -> Value) throws(ModelError) -> Value {
    do { return try body() } catch { throw .system(error) }
  }

  /// Positions of the whole cache: what was asked for, or what fits.
  private static func positions(_ need: MemoryNeed, context: Int, _ options: Options) -> Int {
    guard let asked = options.kvPositions, asked > context else { return context }
    guard let memory = options.memory else { return asked }
    return max(context, min(asked, need.positions(within: memory.available)))
  }

  /// The context to reserve: what was asked for if it fits, else what fits.
  private static func admit(_ need: MemoryNeed, trained: Int, _ options: Options) throws(GenerationError) -> Int {
    if let asked = options.context, asked > trained { throw .contextTooLong(asked: asked, trained: trained) }
    guard let memory = options.memory else { return options.context ?? trained }
    let fits = min(trained, need.positions(within: memory.available))
    let wanted = options.context ?? max(fits, min(trained, Kernels.kvBlock))
    guard need.total(positions: wanted) <= memory.available else {
      throw .memory(
        needed: need.total(positions: wanted), available: memory.available, limit: memory.limit, context: fits)
    }
    return wanted
  }
}

extension Model {
  /// The type that most bytes of the matrices have, as people name a file: "Q4_1".
  public static func quantization(of file: ModelFile) -> String {
    var bytes: [UInt32: Int] = [:]
    for tensor in file.tensors where tensor.rows > 1 { bytes[tensor.type.rawValue, default: 0] += tensor.byteCount }
    let largest = bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }
    return largest.flatMap { TensorType(rawValue: $0.key)?.name } ?? "none"
  }
}
