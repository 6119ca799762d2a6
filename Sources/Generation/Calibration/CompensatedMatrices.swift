import Compute
import Quantization
import Transformers

/// The matrices of a model, rounded with error compensation over calibration tokens.
///
/// Each is handed over as soon as it is made, in the order of the forward pass. Memory is what `CompensationPlan` says.
public final class CompensatedMatrices {
  private let engine: Engine
  private let calibration: LayerCalibration
  private let types: [String: TensorType]
  private let searched: Set<String>
  private let importance: (String) -> [Float]?
  private var done: Set<String> = []
  /// Matrices whose inputs said nothing, which the search alone has rounded.
  public private(set) var uncompensated: [String] = []

  /// Tokens of a chunk of calibration text at most; the model's own context where that is less.
  public static let chunkTokens = 256

  /// - Parameters:
  ///   - engine: loaded with `engineOptions(_:blas:)`.
  ///   - types: of the matrices to round, by name; others keep their numbers.
  ///   - searched: those of them that the search alone rounds. With a text, what reads of them makes up for it.
  ///   - text: nil for tokens drawn at random.
  ///   - importance: mean squares of a matrix's inputs, where they are known better than by the calibration: moments are
  ///     scaled to them. As many as the matrix has columns.
  public init(
    _ engine: Engine, blas: OpenBLAS, types: [String: TensorType], searched: Set<String> = [], text: [UInt8]?,
    maxTokens: Int, importance: @escaping (String) -> [Float]? = { _ in nil }
  ) throws(GenerationError) {
    (self.engine, self.types, self.searched, self.importance) = (engine, types, searched, importance)
    calibration = try LayerCalibration(
      engine, blas: blas, text: text, length: min(Self.chunkTokens, engine.context), maxTokens: maxTokens)
    calibration.wantsMoments = { readers in
      readers.contains { name in !searched.contains(name) && types[name].map(CompensatingEncoder.takes) ?? false }
    }
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
        // Matrices with the same inputs share the moments, and of the same type what is made of these, one type after
        // another, since it may be large.
        let moments: CompensationMoments?
        do throws(GenerationError) { moments = try self.moments(inputs) } catch { throw failure(error) }
        var (encoder, encodes): (CompensatingEncoder?, TensorType?)
        for name in inputs.readers.sorted(by: { types[$0]?.rawValue ?? 0 < types[$1]?.rawValue ?? 0 }) {
          guard let type = types[name], !done.contains(name) else { continue }
          done.insert(name)
          let blocks: AlignedBuffer<UInt8>
          do throws(GenerationError) {
            guard !isStopped() else { throw .stopped }
            let isCompensated = CompensatingEncoder.takes(type) && !searched.contains(name) && inputs.moments != nil
            if isCompensated, encodes != type {
              (encoder, encodes) = (nil, type)
              encoder = try self.encoder(name, type, moments)
            }
            if isCompensated, encoder == nil { uncompensated.append(name) }
            blocks = try round(name, as: type, isCompensated ? encoder : nil)
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
  private func moments(_ inputs: LayerCalibration.Inputs) throws(GenerationError) -> CompensationMoments? {
    guard let sums = inputs.moments, let name = inputs.readers.first, let shape = engine.model.shape(ofMatrix: name)
    else {
      return nil
    }
    // Matrices with the same inputs have the same importance, where it is known at all.
    if let squares = inputs.readers.lazy.compactMap(importance).first {
      Self.scale(sums.view, to: squares, columns: shape.columns)
    }
    let damping =
      name == engine.model.embeddingName
      ? Self.embeddingDamping : inputs.cross == nil ? Self.randomDamping : CompensationMoments.damping
    return try knowing(name) { () throws(CompensatingEncoder.Failure) in
      try CompensationMoments(taking: sums, cross: inputs.cross, columns: shape.columns, damping: damping)
    }
  }

  private func encoder(
    _ name: String, _ type: TensorType, _ moments: CompensationMoments?
  ) throws(GenerationError) -> CompensatingEncoder? {
    guard let moments else { return nil }
    return try knowing(name) { () throws(CompensatingEncoder.Failure) in
      try CompensatingEncoder(type: type, moments: moments)
    }
  }

  /// Nil for moments of a text that never moves these inputs, or of a model with numbers that are none: the search names
  /// these.
  private func knowing<Made>(
    _ name: String, _ make: () throws(CompensatingEncoder.Failure) -> Made
  ) throws(GenerationError) -> Made? {
    do { return try make() } catch .moments { return nil } catch {
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
