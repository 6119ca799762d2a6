import Conversion
import ModelFiles
import Quantization

/// The options of `quantize` and `compare` that say how numbers are rounded.
enum QuantizeMethod: String, CaseIterable, Sendable {
  case auto, rtn, search, compensate

  static let option = Option<QuantizeMethod>.choice(
    "--method", default: .auto,
    help: "rtn rounds to nearest; search finds scales and codes of least weighted error; compensate makes up for each "
      + "rounding by the next ones, but for tensors where that would take more than 300 MB beside the largest, which are "
      + "searched; auto compensates, and searches all where no tensor allows it or OpenBLAS is missing")
  static let importance = Option.text(
    "--importance", value: "FILE",
    help: "mean squares of the columns' inputs, as `farthing importance` or llama-imatrix writes them")
  static let calibration = Option.text(
    "--calibration", value: "TEXT",
    help: "a text to compensate on, of the kind that the model is for (default: tokens drawn at random)")
  static let calibrationTokens = Option<Int?>.integer(
    "--calibration-tokens", in: 256...1 << 24,
    help: "tokens to compute for it (default: 16384 of a text; at random five times the widest input, 4096 to 16384)"
  )
  static let options: [any DeclaredOption] = [option, importance, calibration, calibrationTokens]

  /// What the command line asks for.
  struct Request {
    let method: QuantizeMethod
    var importance: ImportanceFile?
    /// The calibration text.
    var text: [UInt8]?
    let tokens: Int?
    private var files: [String] = []

    init(_ arguments: Arguments) throws(CommandFailure) {
      let asked = arguments[option]
      // Whoever brings a text to compensate on asks for it.
      method = asked == .auto && arguments.has(calibration) ? .compensate : asked
      tokens = arguments[calibrationTokens]
      if let path = arguments[QuantizeMethod.importance] {
        guard method != .rtn else { throw .usage("--importance is not for --method rtn, which rounds to nearest") }
        guard !arguments.has(calibration) else {
          throw .usage("--importance and --calibration exclude each other: a text says what importance says, and more")
        }
        importance = try failing { () throws(ModelFileError) in try ImportanceFile(path: path) }
        files.append(path)
      }
      if let path = arguments[calibration] {
        guard method == .compensate else { throw .usage("--calibration is for --method compensate") }
        text = try System.readAll(path)
        files.append(path)
      }
    }

    /// What the bytes of a level depend on besides the model and its type.
    func key() throws(CommandFailure) -> String {
      var hash = SHA256()
      for path in files { hash.update(try System.readAll(path)[...]) }
      return "\(method.rawValue) \(tokens ?? 0) \(hash.finish())"
    }
  }
}
