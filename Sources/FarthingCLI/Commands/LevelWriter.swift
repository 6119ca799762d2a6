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

  /// Most that a conversion takes beside the largest tensor.
  private static let affordableBytes = 300_000_000

  func write(to path: String) throws(CommandFailure) -> Outcome {
    if let (engine, blas, compensation) = try compensation() {
      return try compensate(engine, blas, compensation, path)
    }
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
  private func compensation() throws(CommandFailure) -> (Engine, OpenBLAS, CompensationPlan)? {
    guard request.method == .compensate || request.method == .auto else { return nil }
    guard hasBlocks else { return nil }
    let isAsked = request.method == .compensate
    do throws(Refusal) {
      let configuration: ModelConfiguration
      do { configuration = try ModelConfiguration(file) } catch { throw Refusal(error.description) }
      let plan = CompensationPlan(
        file, configuration: configuration, types: types, tokens: request.tokens, hasText: request.text != nil,
        threads: threads, bound: Self.affordableBytes)
      guard let plan else {
        throw Refusal(
          "making up for the errors of half of the numbers would take more than "
            + "\(readableBytes(Self.affordableBytes)) beside the largest tensor"
            + (request.tokens.map { " with \(grouped($0)) calibration tokens" } ?? ""))
      }
      // It changes the environment while it loads: before there are threads.
      let blas: OpenBLAS
      do { blas = try OpenBLAS.load() } catch { throw Refusal(error.description) }
      let engine = try engine(configuration, blas)
      note(plan.tooWide)
      return (engine, blas, plan)
    } catch {
      guard !isAsked else { throw .failed("\(error.reason); --method search does without") }
      console.note("--method search is taken: \(error.reason)")
      return nil
    }
  }

  /// Of the tensors that change.
  private var types: [String: TensorType] {
    let changed = plan.items.lazy.filter { !$0.isCopied }
    return Dictionary(changed.map { ($0.tensor.name, $0.type) }, uniquingKeysWith: { first, _ in first })
  }

  private func note(_ tooWide: [String]) {
    guard let first = tooWide.first else { return }
    console.note(
      "\(tooWide.count) \(tooWide.count == 1 ? "tensor is" : "tensors are") rounded by the search (\(first)"
        + (tooWide.count > 1 ? " and others" : "") + "): making up for their errors would take more than "
        + "\(readableBytes(Self.affordableBytes)) beside the largest tensor")
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

  private func compensate(
    _ engine: Engine, _ blas: OpenBLAS, _ compensation: CompensationPlan, _ path: String
  ) throws(CommandFailure) -> Outcome {
    var rounding = Converter.Rounding()
    rounding.importance = request.importance
    var squares: [String: [Float]] = [:]
    for item in plan.items where !item.isCopied {
      squares[item.tensor.name] = try failing { () throws(ConversionError) in try rounding.meanSquares(item.tensor) }
    }
    let matrices: CompensatedMatrices
    do {
      matrices = try CompensatedMatrices(
        engine, blas: blas, types: compensation.types, searched: compensation.searched, text: request.text,
        maxTokens: compensation.tokens, importance: { squares[$0] })
    } catch {
      throw .failed(error.description)
    }
    return try converting { () throws(ConversionError) in
      let converter = try Converter(file, plan, rounding, to: path, pool: engine.pool)
      matrices.isStopped = { converter.isInterrupted }
      var reports: [TensorReport] = []
      let start = Clock.nowNanos()
      let all = max(work(compensation), 1)
      var done = 0.0
      func show() {
        let seconds = Double(Clock.nowNanos() - start) / 1e9
        let left = done > 0 ? ", \(Int((seconds * (all - done) / done).rounded(.up))) s left" : ""
        console.progress(
          "\(heading)\(progressBar(Int(1000 * done / all), of: 1000)) over \(matrices.calibrationTokens) tokens" + left)
      }
      let isDone = try matrices.run(
        progress: { _, _ in
          show()
          return !converter.isInterrupted
        },
        failure: { error in
          if case .stopped = error { return ConversionError.writer(.interrupted) }
          return ConversionError.memory(error.description)
        },
        deliver: { (name, blocks) throws(ConversionError) in
          let report = try converter.convert(name, rounded: blocks)
          reports.append(report)
          done += Self.work(rows: report.rows, columns: report.columns)
          show()
        })
      guard isDone else { throw .writer(.interrupted) }
      return try finish(converter, reports, method: .compensate)
    }
  }

  /// About what rounding a matrix takes, in products.
  private static func work(rows: Int, columns: Int) -> Double { Double(rows) * Double(columns) * Double(columns) }

  /// The same of all matrices that compensation rounds: without a text no embedding that is not the head too.
  private func work(_ compensation: CompensationPlan) -> Double {
    let hasHead = file.tensors.contains { $0.name == "output.weight" }
    return file.tensors.reduce(0) { sum, tensor in
      let isLeft = request.text == nil && hasHead && tensor.name == "token_embd.weight"
      guard tensor.rows > 1, compensation.types[tensor.name] != nil, !isLeft else { return sum }
      return sum + Self.work(rows: tensor.rows, columns: tensor.columns)
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
