import Compute
import Conversion
import Generation
import ModelFiles
import Quantization
import Transformers
import Usage

/// The options of `quantize` that say how numbers are rounded.
enum QuantizeMethod {
  enum Method: String, CaseIterable, Sendable { case rtn, search, compensate }

  static let method = Option<Method>.choice(
    "--method", default: .search,
    help:
      "round to nearest; search scales and codes of least weighted error; or make up for each rounding by the next ones"
  )
  static let importance = Option.text(
    "--importance", value: "FILE", help: "weights for the search, as `farthing importance` or llama-imatrix writes them"
  )
  static let calibration = Option.text(
    "--calibration", value: "TEXT",
    help: "a text for --method compensate, of the kind that the model is for (default: tokens drawn at random)")
  static let calibrationTokens = Option<Int>.integer(
    "--calibration-tokens", in: 256...1 << 24, default: CompensatedMatrices.defaultTokens,
    help: "tokens of it to compute")

  /// The importance file that the command line names, if it names one.
  static func readImportance(_ arguments: Arguments) throws(CommandFailure) -> ImportanceFile? {
    guard let path = arguments[importance] else { return nil }
    guard arguments[method] == .search else {
      throw .usage("--importance is for --method search; --method compensate takes --calibration")
    }
    return try failing { () throws(ModelFileError) in try ImportanceFile(path: path) }
  }

  /// How to round what the plan changes. With `compensate` this is where the work is done.
  static func rounding(
    _ file: ModelFile, _ plan: ConversionPlan, _ importance: ImportanceFile?, _ arguments: Arguments, _ console: Console
  ) throws(CommandFailure) -> Converter.Rounding {
    var rounding = Converter.Rounding()
    rounding.importance = importance
    switch arguments[method] {
    case .rtn: rounding.method = .rtn
    case .search: break
    case .compensate:
      let matrices = try compensate(file, plan, arguments, console)
      rounding.ready = { matrices.blocks(of: $0) }
    }
    if arguments.has(calibration), arguments[method] != .compensate {
      throw .usage("--calibration is for --method compensate")
    }
    return rounding
  }

  private static func compensate(
    _ file: ModelFile, _ plan: ConversionPlan, _ arguments: Arguments, _ console: Console
  ) throws(CommandFailure) -> CompensatedMatrices {
    var text: [UInt8]?
    if let path = arguments[calibration] { text = try System.readAll(path) }
    Interrupt.watch()
    let blas = try failing { () throws(SystemError) in try OpenBLAS.load() }
    var types: [String: TensorType] = [:]
    for item in plan.items where !item.isCopied { types[item.tensor.name] = item.type }
    let matrices: CompensatedMatrices
    let isDone: Bool
    do throws(GenerationError) {
      let engine = try engine(file, blas, arguments)
      matrices = try CompensatedMatrices(
        engine, blas: blas, types: types, text: text, maxTokens: arguments[calibrationTokens])
      let start = Clock.nowNanos()
      let tokens = matrices.calibrationTokens
      isDone = try matrices.run { done, all in
        let left = done > 0 ? (Clock.nowNanos() - start) / Int64(done) * Int64(all - done) / 1_000_000_000 : nil
        console.progress(
          "farthing: step \(done) of \(all) over \(tokens) tokens" + (left.map { ", \($0) s left" } ?? ""))
        return !Interrupt.requested
      }
    } catch {
      throw .failed(error.description)
    }
    console.progress("")
    guard isDone else { throw .interrupted }
    return matrices
  }

  private static func engine(
    _ file: ModelFile, _ blas: OpenBLAS, _ arguments: Arguments
  ) throws(GenerationError) -> Engine {
    let host = Host()
    var options = Engine.Options(threads: arguments[EngineOptions.threads] ?? host.cpuAllowance().threads)
    let memory = host.memoryAllowance()
    if let available = memory.availableBytes {
      options.memory = (available, memory.bound == .machine ? "this machine" : "the control group's limit")
    }
    let configuration: ModelConfiguration
    do { configuration = try ModelConfiguration(file) } catch { throw .model(error) }
    return try Engine(
      file, CompensatedMatrices.engineOptions(options, trainedContext: configuration.contextLength, blas: blas))
  }
}
