import Compute
import Quantization
import Transformers

/// The matrices of a model, rounded with error compensation over calibration tokens.
///
/// Each is handed over as soon as it is made, in the order of the forward pass. Memory is what `LayerCalibration` takes.
public final class CompensatedMatrices {
  private let engine: Engine
  private let calibration: LayerCalibration
  private let types: [String: TensorType]
  private let importance: (String) -> [Float]?
  private var done: Set<String> = []
  /// Matrices whose inputs said nothing, which the search alone has rounded.
  public private(set) var uncompensated: [String] = []

  /// Tokens of a chunk of calibration text at most; the model's own context where that is less.
  public static let chunkTokens = 256
  /// Tokens of calibration in all, unless the caller wants others. Of tokens drawn at random a few times the widest input
  /// are enough.
  public static func defaultTokens(_ configuration: ModelConfiguration, hasText: Bool) -> Int {
    let most = 16_384
    let widest = max(configuration.hidden, configuration.heads * configuration.headDim, configuration.feedForward)
    return hasText ? most : min(max(5 * widest, 4_096), most)
  }

  /// - Parameters:
  ///   - engine: loaded with `engineOptions(_:blas:)`.
  ///   - types: of the matrices to round, by name; others keep their numbers.
  ///   - text: nil for tokens drawn at random.
  ///   - importance: mean squares of a matrix's inputs, where they are known better than by the calibration: moments are
  ///     scaled to them. As many as the matrix has columns.
  public init(
    _ engine: Engine, blas: OpenBLAS, types: [String: TensorType], text: [UInt8]?, maxTokens: Int,
    importance: @escaping (String) -> [Float]? = { _ in nil }
  ) throws(GenerationError) {
    (self.engine, self.types, self.importance) = (engine, types, importance)
    calibration = try LayerCalibration(
      engine, blas: blas, text: text, length: min(Self.chunkTokens, engine.context), maxTokens: maxTokens)
  }

  /// Correlations of random tokens say less of texts than those of a text, and so are believed less.
  private static let randomDamping: Float = 0.1
  /// A head that is the embedding too is read row by row as well: there every column's error counts alike.
  private static let embeddingDamping: Float = 1

  /// What an engine for this must be loaded with.
  public static func engineOptions(_ options: Engine.Options, trainedContext: Int, blas: OpenBLAS) -> Engine.Options {
    var options = options
    options.context = min(chunkTokens, trainedContext)
    options.batch = chunkTokens
    options.product = .reference(blas)
    options.kvType = nil
    options.residency = .asAsked
    return options
  }

  /// Asked now and then, between two steps too, whether to end at once, with `GenerationError.stopped`.
  public var isStopped: () -> Bool {
    get { calibration.isStopped }
    set { calibration.isStopped = newValue }
  }

  /// Tokens that the calibration computes.
  public var calibrationTokens: Int { calibration.tokens }

  /// Rounds all matrices.
  /// - Parameters:
  ///   - progress: told how many of the steps are done, and asked whether to go on.
  ///   - failure: makes the caller's error of one of this class's.
  ///   - deliver: takes the blocks of one matrix, all rows as a file holds them, which are gone when it returns.
  /// - Returns: false if `progress` ended it.
  public func run<Failure: Error>(
    progress: (_ done: Int, _ of: Int) -> Bool, failure: (GenerationError) -> Failure,
    deliver: (_ name: String, _ blocks: View<UInt8>) throws(Failure) -> Void
  ) throws(Failure) -> Bool {
    // Buffers that the views of replacements point into, until the next set.
    var held: [AlignedBuffer<UInt8>] = []
    return try calibration.run(
      progress: progress, failure: failure,
      quantize: { (inputs) throws(Failure) in
        held.removeAll()
        var replacements: [LayerCalibration.Replacement] = []
        // Matrices with the same inputs and type share what is made of the moments.
        var encoders: [TensorType: CompensatingEncoder?] = [:]
        for name in inputs.readers {
          guard let type = types[name], !done.contains(name) else { continue }
          done.insert(name)
          let blocks: AlignedBuffer<UInt8>
          do throws(GenerationError) {
            guard !isStopped() else { throw .stopped }
            let encoder: CompensatingEncoder?
            if let known = encoders[type] { encoder = known } else { encoder = try self.encoder(name, type, inputs) }
            encoders[type] = .some(encoder)
            if encoder == nil, inputs.moments != nil, CompensatingEncoder.takes(type) { uncompensated.append(name) }
            blocks = try round(name, as: type, encoder)
          } catch {
            throw failure(error)
          }
          try deliver(name, blocks.view)
          held.append(blocks)
          replacements.append((name, type, blocks.view))
        }
        return replacements
      })
  }

  /// Nil where there is nothing to compensate with.
  private func encoder(
    _ name: String, _ type: TensorType, _ inputs: LayerCalibration.Inputs
  ) throws(GenerationError) -> CompensatingEncoder? {
    guard let moments = inputs.moments, CompensatingEncoder.takes(type) else { return nil }
    do {
      if let squares = importance(name) { Self.scale(moments, to: squares, columns: inputs.columns) }
      return try CompensatingEncoder(
        type: type, moments: moments, cross: inputs.cross, columns: inputs.columns,
        damping: name == engine.model.embeddingName
          ? Self.embeddingDamping : inputs.cross == nil ? Self.randomDamping : CompensatingEncoder.damping)
    } catch .moments {
      // A text that never moves these inputs, or numbers in the model that are none: the search names the latter.
      return nil
    } catch {
      throw .compensation(tensor: name, reason: error.description)
    }
  }

  /// Scales rows and columns of moments so that their diagonal has the ratios of `squares`; correlations stay.
  static func scale(_ moments: View<Float>, to squares: [Float], columns: Int) {
    precondition(squares.count == columns && moments.count == columns * columns)
    let floor: Float = 1e-4
    let mean = squares.reduce(0) { $0 + $1 / Float(columns) }
    let trace = (0..<columns).reduce(Float(0)) { $0 + moments[$1 * columns + $1] / Float(columns) }
    guard mean > 0, mean.isFinite, trace > 0, trace.isFinite else { return }
    let factors = (0..<columns).map { column in
      ((squares[column] / mean + floor) / (moments[column * columns + column] / trace + floor)).squareRoot()
    }
    for row in 0..<columns {
      for column in 0..<columns { moments[row * columns + column] *= factors[row] * factors[column] }
    }
  }

  private func round(
    _ name: String, as type: TensorType, _ encoder: CompensatingEncoder?
  ) throws(GenerationError) -> AlignedBuffer<UInt8> {
    guard let shape = engine.model.shape(ofMatrix: name), let plain = RowEncoder(type: type, rounding: .search) else {
      throw .compensation(tensor: name, reason: "there is no encoder for \(type.name)")
    }
    let job: RoundingJob
    do throws(SystemError) {
      job = try RoundingJob(engine, name, shape, plain: plain, compensating: encoder)
    } catch {
      throw .system(error)
    }
    engine.pool.run(job, chunks: job.chunks)
    if let fault = job.fault {
      let (row, column) = (fault.index / shape.columns, fault.index % shape.columns)
      throw .compensation(tensor: name, reason: "row \(row), column \(column): \(fault)")
    }
    return job.blocks
  }
}

/// Rounds one matrix, some rows a chunk.
private final class RoundingJob: PoolJob {
  private let engine: Engine
  private let name: String
  private let shape: (rows: Int, columns: Int)
  private let plain: RowEncoder
  private let compensating: CompensatingEncoder?
  private let rowsPerChunk: Int
  private let rowBytes: Int
  let blocks: AlignedBuffer<UInt8>
  private let values: AlignedBuffer<Float>
  private let scratch: AlignedBuffer<UInt8>
  private let scratchBytes: Int
  /// The first number of each chunk that the type cannot hold.
  private let faults: AlignedBuffer<Int>

  init(
    _ engine: Engine, _ name: String, _ shape: (rows: Int, columns: Int), plain: RowEncoder,
    compensating: CompensatingEncoder?
  ) throws(SystemError) {
    (self.engine, self.name, self.shape, self.plain, self.compensating) = (engine, name, shape, plain, compensating)
    rowsPerChunk = max(4, (shape.rows + WorkerPool.maxChunks - 1) / WorkerPool.maxChunks)
    rowBytes = plain.rowBytes(columns: shape.columns)
    let threads = engine.pool.threads
    blocks = try AlignedBuffer(count: shape.rows * rowBytes)
    values = try AlignedBuffer(count: threads * rowsPerChunk * shape.columns)
    // Each worker's part begins on a cache line of its own.
    scratchBytes = ((compensating?.scratchBytes ?? 0) + 63) / 64 * 64
    scratch = try AlignedBuffer(count: threads * scratchBytes)
    faults = try AlignedBuffer(count: (shape.rows + rowsPerChunk - 1) / rowsPerChunk)
    faults.view.fill(-1)
  }

  var chunks: Int { faults.count }

  /// The first number of the matrix that the type cannot hold.
  var fault: RowEncoder.Unencodable? {
    for chunk in 0..<chunks where faults.view[chunk] >= 0 {
      let index = faults.view[chunk]
      let row = values.part(0, shape.columns)
      engine.model.readRow(index / shape.columns, ofMatrix: name, to: row)
      guard let found = plain.firstUnencodable(in: row) else { continue }
      return found.moved(by: index / shape.columns * shape.columns)
    }
    return nil
  }

  func perform(chunk: Int, worker: Int) {
    let first = chunk * rowsPerChunk
    let count = min(rowsPerChunk, shape.rows - first)
    let rows = values.part(worker * rowsPerChunk * shape.columns, count * shape.columns)
    for row in 0..<count {
      engine.model.readRow(first + row, ofMatrix: name, to: rows.part(row * shape.columns, shape.columns))
    }
    if let fault = plain.firstUnencodable(in: rows) {
      faults.view[chunk] = first * shape.columns + fault.index
      return
    }
    let bytes = blocks.part(first * rowBytes, count * rowBytes)
    if let compensating {
      compensating.encode(rows, scratch: scratch.part(worker * scratchBytes, scratchBytes), to: bytes)
    } else {
      plain.encode(rows, columns: shape.columns, to: bytes)
    }
  }
}
