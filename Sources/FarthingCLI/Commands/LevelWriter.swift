import Compute
import Conversion
import Generation
import ModelFiles
import Quantization
import Transformers
import Usage

/// Writes one level of a model by the method that was asked for: what `quantize` and `compare` share.
struct LevelWriter {
  /// What became of it.
  struct Outcome {
    let method: QuantizeMethod
    let fileBytes: Int
    /// In the order of the file.
    let tensors: [TensorReport]
  }

  let file: ModelFile
  let plan: ConversionPlan
  let request: QuantizeMethod.Request
  let threads: Int
  let console: Console
  /// What stands in front of the progress, such as "farthing: ".
  var heading = "farthing: "

  /// Most that `auto` takes beside the largest tensor.
  private static let affordableBytes = 300_000_000

  func write(to path: String) throws(CommandFailure) -> Outcome {
    if let (engine, blas) = try compensation() { return try compensate(engine, blas, path) }
    // Floats are rounded to nearest whatever was asked for.
    let method = request.method == .rtn || !hasBlocks ? QuantizeMethod.rtn : .search
    var rounding = Converter.Rounding()
    rounding.method = method == .rtn ? .rtn : .search
    rounding.importance = request.importance
    let pool = try failing { () throws(SystemError) in try WorkerPool(threads: threads) }
    return try converting { () throws(ConversionError) in
      let converter = try Converter(file, plan, rounding, to: path, pool: pool)
      return try finish(converter, [], method: method)
    }
  }

  /// Whether any tensor becomes blocks of codes.
  private var hasBlocks: Bool {
    plan.items.contains { !$0.isCopied && CompensatingEncoder.takes($0.type) }
  }

  // MARK: Which method

  /// What it takes to compensate; nil where another method is to be taken.
  private func compensation() throws(CommandFailure) -> (Engine, OpenBLAS)? {
    guard request.method == .compensate || request.method == .auto else { return nil }
    guard hasBlocks else { return nil }
    let isAsked = request.method == .compensate
    do throws(Refusal) {
      let configuration: ModelConfiguration
      do { configuration = try ModelConfiguration(file) } catch { throw Refusal(error.description) }
      let need = CompensatedMatrices.MemoryNeed(
        file, configuration: configuration, tokens: tokens(configuration), hasText: request.text != nil,
        threads: threads)
      if !isAsked, need.otherBytes > Self.affordableBytes {
        throw Refusal(
          "making up for errors would take \(readableBytes(need.otherBytes)) beside the largest tensor, more than "
            + "\(readableBytes(Self.affordableBytes)); --method compensate does it all the same")
      }
      // It changes the environment while it loads: before there are threads.
      let blas: OpenBLAS
      do { blas = try OpenBLAS.load() } catch { throw Refusal(error.description) }
      return (try engine(configuration, blas), blas)
    } catch {
      guard !isAsked else { throw .failed(error.reason) }
      console.note("--method search is taken: \(error.reason)")
      return nil
    }
  }

  private func tokens(_ configuration: ModelConfiguration) -> Int {
    request.tokens ?? CompensatedMatrices.defaultTokens(configuration, hasText: request.text != nil)
  }

  /// Why there is no compensation.
  private struct Refusal: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private func engine(_ configuration: ModelConfiguration, _ blas: OpenBLAS) throws(Refusal) -> Engine {
    var options = Engine.Options(threads: threads)
    let memory = Host().memoryAllowance()
    if let available = memory.availableBytes {
      options.memory = (available, memory.bound == .machine ? "this machine" : "the control group's limit")
    }
    do {
      return try Engine(
        file, CompensatedMatrices.engineOptions(options, trainedContext: configuration.contextLength, blas: blas))
    } catch {
      throw Refusal(error.description)
    }
  }

  // MARK: Work

  private func compensate(_ engine: Engine, _ blas: OpenBLAS, _ path: String) throws(CommandFailure) -> Outcome {
    var rounding = Converter.Rounding()
    rounding.importance = request.importance
    var types: [String: TensorType] = [:]
    var squares: [String: [Float]] = [:]
    for item in plan.items where !item.isCopied {
      types[item.tensor.name] = item.type
      squares[item.tensor.name] = try failing { () throws(ConversionError) in try rounding.meanSquares(item.tensor) }
    }
    let matrices: CompensatedMatrices
    do {
      matrices = try CompensatedMatrices(
        engine, blas: blas, types: types, text: request.text, maxTokens: tokens(engine.model.configuration),
        importance: { squares[$0] })
    } catch {
      throw .failed(error.description)
    }
    return try converting { () throws(ConversionError) in
      let converter = try Converter(file, plan, rounding, to: path, pool: engine.pool)
      matrices.isStopped = { converter.isInterrupted }
      var reports: [TensorReport] = []
      let start = Clock.nowNanos()
      let isDone = try matrices.run(
        progress: { done, all in
          let left = done > 0 ? (Clock.nowNanos() - start) / Int64(done) * Int64(all - done) / 1_000_000_000 : nil
          console.progress(
            "\(heading)\(progressBar(done, of: all)) over \(matrices.calibrationTokens) tokens"
              + (left.map { ", \($0) s left" } ?? ""))
          return !converter.isInterrupted
        },
        failure: { error in
          if case .stopped = error { return ConversionError.writer(.interrupted) }
          return ConversionError.memory(error.description)
        },
        deliver: { (name, blocks) throws(ConversionError) in
          reports.append(try converter.convert(name, rounded: blocks))
        })
      guard isDone else { throw .writer(.interrupted) }
      return try finish(converter, reports, method: .compensate)
    }
  }

  /// Writes the tensors that are left, and puts the file in its place.
  private func finish(
    _ converter: Converter, _ before: [TensorReport], method: QuantizeMethod
  ) throws(ConversionError) -> Outcome {
    let start = Clock.nowNanos()
    var reports = before
    let total = plan.elementCount - before.reduce(0) { $0 + $1.rows * $1.columns }
    var done = 0
    while let report = try converter.convertNext() {
      reports.append(report)
      done += report.rows * report.columns
      let left = Double(Clock.nowNanos() - start) / Double(done) * Double(total - done) / 1e9
      console.progress("\(heading)\(progressBar(done, of: total)) \(Int(left.rounded(.up))) s left  \(report.name)")
    }
    try converter.finish()
    console.progress("")
    let places = Dictionary(
      plan.items.enumerated().map { ($1.tensor.name, $0) }, uniquingKeysWith: { first, _ in first })
    reports.sort { places[$0.name, default: 0] < places[$1.name, default: 0] }
    return Outcome(method: method, fileBytes: converter.fileBytes, tensors: reports)
  }

  private func converting(_ body: () throws(ConversionError) -> Outcome) throws(CommandFailure) -> Outcome {
    do { return try body() } catch .writer(.interrupted) { throw .interrupted } catch {
      console.progress("")
      throw .failed(error.description)
    }
  }
}
