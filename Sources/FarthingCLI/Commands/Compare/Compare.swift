import Compute
import Conversion
import ModelFiles
import Serving
import Tokenization
import Usage

/// `compare MODEL`: what each level of quantisation costs in quality and saves in bytes, time and money.
enum Compare {
  private static let types = Option.text(
    "--types", value: "A,B", help: "the levels (default \(standard)): " + QuantizationLevel.names)
  private static let standard = "F16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0"
  private static let file = Option.text("--file", "-f", value: "FILE", help: "the text that quality is measured on")
  private static let context = Option<Int>.integer(
    "--ctx-size", "-c", in: 4...1 << 20, default: 256, help: "tokens of a chunk; the second half is scored")
  private static let chunks = Option<Int?>.integer("--chunks", in: 1...1 << 30, help: "how many chunks (default: all)")
  private static let html = Option.text("--html", value: "FILE", help: "write a page with charts, too")
  private static let repetitions = Option<Int>.integer(
    "--repetitions", "-r", in: 1...100, default: 3, help: "runs that speeds are the median of")

  static let command = Command(
    name: "compare", summary: "compare levels of quantisation: bytes, memory, speed, quality, money",
    operands: .one("MODEL"),
    about: """
      MODEL is a Hugging Face folder, a GGUF file or a model known by name, best in full precision. Each level is made \
      once and kept in the cache; it is then run and scored in processes of its own, against MODEL as it is.
      """,
    options: [
      types, file, context, chunks, html, repetitions, RunOptions.vm, RunOptions.usdPerHour, EngineOptions.threads,
    ] + QuantizeMethod.options,
    run: { (arguments, console) throws(CommandFailure) in
      guard let text = arguments[file] else { throw .usage("a text is missing; give one with -f FILE") }
      let levels = try levels(arguments)
      let request = try QuantizeMethod.Request(arguments)
      let key = try request.key()
      let pricing = try RunOptions.pricing(arguments)
      let path = try ModelOption.path(of: arguments.operands[0], console)
      let model = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
      let threads = arguments[EngineOptions.threads] ?? Host().cpuAllowance().threads
      let measurement = try LevelMeasurement(
        model: path, text: text, context: arguments[context], chunks: arguments[chunks], threads: threads,
        repetitions: arguments[repetitions], tokenizer: try tokenizer(model))
      var comparison = Comparison(
        model: name(path), text: name(text), context: arguments[context], threads: threads, price: pricing.machine,
        promptTokens: measurement.promptTokens, answerTokens: LevelMeasurement.answerTokens,
        repetitions: arguments[repetitions], method: request.method)
      let cache = LevelCache(cache: try failing { () throws(ModelStoreError) in try ModelStore() }.directory)
      console.progress("farthing: reading \(name(path))")
      let content = try failing { () throws(ModelFileError) in try LevelCache.contentKey(of: model) }
      for (number, level) in levels.enumerated() {
        let target = cache.path(content, level, how: key)
        if !System.isFile(target) {
          try failing { () throws(ConversionError) in try cache.prepare() }
          let writer = LevelWriter(
            file: model, plan: try plan(level, model, request), request: request, threads: threads, console: console,
            heading: "farthing: level \(number + 1) of \(levels.count), \(level.name): making it ")
          _ = try writer.write(to: target)
        }
        var figures = try figures(level, target)
        console.progress("farthing: level \(number + 1) of \(levels.count), \(level.name): running it")
        try measurement.measure(&figures, &comparison)
        comparison.levels.append(figures)
      }
      console.progress("")
      if let page = arguments[html] {
        try System.writeFile(page, Array(ComparePage(comparison: comparison).html.utf8))
      }
      if arguments[Command.json] {
        try console.json { json in comparison.write(to: &json) }
      } else {
        try comparison.print(to: console)
      }
    })

  private static func levels(_ arguments: Arguments) throws(CommandFailure) -> [QuantizationLevel] {
    var levels: [QuantizationLevel] = []
    for name in (arguments[types] ?? standard).split(separator: ",") {
      guard let level = QuantizationLevel.named(String(name)) else {
        throw .usage("option --types: '\(name)' is not one of \(QuantizationLevel.names)")
      }
      if !levels.contains(level) { levels.append(level) }
    }
    guard !levels.isEmpty else { throw .usage("option --types: no level is named") }
    return levels
  }

  private static func tokenizer(_ model: ModelFile) throws(CommandFailure) -> Tokenizer {
    try failing { () throws(TokenizerError) in try Tokenizer(of: model) }
  }

  /// The last part of a path.
  private static func name(_ path: String) -> String {
    path.split(separator: "/").last { $0 != "." && $0 != ".." }.map(String.init) ?? path
  }

  private static func plan(
    _ level: QuantizationLevel, _ model: ModelFile, _ request: QuantizeMethod.Request
  ) throws(CommandFailure) -> ConversionPlan {
    try failing { () throws(ConversionError) in
      try ConversionPlan(model, level: level, hasImportance: request.importance != nil, allowRequantize: true)
    }
  }

  /// What the file of a level says of itself.
  private static func figures(_ level: QuantizationLevel, _ path: String) throws(CommandFailure) -> LevelFigures {
    let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
    var figures = LevelFigures(name: level.name, path: path)
    figures.fileBytes = file.fileBytes
    let (bytes, elements) = file.tensors.reduce((0, 0)) { ($0.0 + $1.byteCount, $0.1 + $1.elementCount) }
    figures.bitsPerWeight = elements > 0 ? Double(bytes) * 8 / Double(elements) : 0
    return figures
  }
}
