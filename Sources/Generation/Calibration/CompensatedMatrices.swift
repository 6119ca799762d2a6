import Compute
import Quantization

/// The matrices of a model, rounded with error compensation over a calibration text.
///
/// Memory holds all of their blocks, since the layers are rounded in the order of the forward pass, not of a file.
public final class CompensatedMatrices {
  private let engine: Engine
  private let calibration: LayerCalibration
  private let types: [String: TensorType]
  private var made: [String: AlignedBuffer<UInt8>] = [:]

  /// Tokens of a chunk of calibration text at most; the model's own context where that is less.
  public static let chunkTokens = 256
  /// Tokens of calibration in all, unless the caller wants others. Each is computed four times, in F32.
  public static let defaultTokens = 16_384

  /// - Parameters:
  ///   - engine: loaded with `engineOptions(_:blas:)`.
  ///   - types: of the matrices to round, by name; others keep their numbers.
  ///   - text: nil for tokens drawn at random.
  public init(
    _ engine: Engine, blas: OpenBLAS, types: [String: TensorType], text: [UInt8]?, maxTokens: Int
  ) throws(GenerationError) {
    (self.engine, self.types) = (engine, types)
    calibration = try LayerCalibration(
      engine, blas: blas, text: text, length: min(Self.chunkTokens, engine.context), maxTokens: maxTokens)
  }

  /// A head that is the embedding too is read row by row as well: there every column's error counts alike.
  private static let embeddingDamping: Float = 1

  /// What an engine for this must be loaded with.
  public static func engineOptions(_ options: Engine.Options, trainedContext: Int, blas: OpenBLAS) -> Engine.Options {
    var options = options
    options.context = min(chunkTokens, trainedContext)
    options.batch = chunkTokens
    options.product = .reference(blas)
    options.kvType = nil
    return options
  }

  /// Tokens that the calibration computes.
  public var calibrationTokens: Int { calibration.tokens }

  /// Rounds all matrices.
  /// - Parameter progress: told how many of the steps are done, and asked whether to go on.
  /// - Returns: false if `progress` ended it.
  public func run(progress: (_ done: Int, _ of: Int) -> Bool) throws(GenerationError) -> Bool {
    try calibration.run(
      progress: progress, failure: { $0 },
      quantize: { (inputs) throws(GenerationError) in
        var replacements: [LayerCalibration.Replacement] = []
        for name in inputs.readers {
          guard let type = types[name], made[name] == nil else { continue }
          let blocks = try round(name, as: type, inputs)
          made[name] = blocks
          replacements.append((name, type, blocks.view))
        }
        return replacements
      })
  }

  /// The blocks of a matrix that was rounded, all rows as a file holds them; nil for others. They live as long as self.
  public func blocks(of name: String) -> View<UInt8>? { made[name]?.view }

  private func round(
    _ name: String, as type: TensorType, _ inputs: LayerCalibration.Inputs
  ) throws(GenerationError) -> AlignedBuffer<UInt8> {
    guard let shape = engine.model.shape(ofMatrix: name), let plain = RowEncoder(type: type, rounding: .search) else {
      throw .compensation(tensor: name, reason: "there is no encoder for \(type.name)")
    }
    var encoder: CompensatingEncoder?
    if let moments = inputs.moments, CompensatingEncoder.takes(type) {
      do {
        encoder = try CompensatingEncoder(
          type: type, moments: moments, cross: inputs.cross, columns: inputs.columns,
          damping: name == engine.model.embeddingName ? Self.embeddingDamping : CompensatingEncoder.damping)
      } catch {
        throw .compensation(tensor: name, reason: error.description)
      }
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
