import Compute
import Generation
import ModelFiles
import Serving
import Usage

/// `eval`: how well a model predicts a text.
enum Evaluate {
  private static let file = Option.text("--file", "-f", value: "FILE", help: "the text; - is standard input")
  private static let chunkLength = Option<Int>.integer(
    "--ctx-size", "-c", in: 4...1 << 20, default: 512, help: "tokens of a chunk; the second half is scored")
  private static let chunks = Option<Int?>.integer(
    "--chunks", in: 1...1 << 30, help: "how many chunks (default: all)")

  static let command = Command(
    name: "eval", summary: "measure perplexity of a model on a text",
    about: """
      The text is cut into chunks; each is computed from an empty context, and the tokens of its second half are scored. \
      Figures compare only for the same text, chunk length and tokeniser.
      """,
    options: [ModelOption.model, file, chunkLength, chunks]
      + EngineOptions.all.filter { $0.names != EngineOptions.context.names },
    run: { (arguments, console) throws(CommandFailure) in
      guard let path = arguments[file] else { throw .usage("a text is missing; give one with -f FILE") }
      let text = try System.readAll(path)
      Interrupt.watch()
      let model = try ModelOption.served(arguments, console, context: arguments[chunkLength])
      let evaluation: PerplexityEvaluation
      do {
        evaluation = try PerplexityEvaluation(model.engine, text: text, chunkLength: arguments[chunkLength])
      } catch {
        throw .failed(String(describing: error))
      }
      let wanted = min(evaluation.available, arguments[chunks] ?? .max)
      guard wanted > 0 else {
        throw .failed("\(path) has \(evaluation.tokenCount) tokens, fewer than one chunk of \(arguments[chunkLength])")
      }
      try score(evaluation, chunks: wanted, console)
      try report(evaluation.result, model, arguments[Command.json], console)
    })

  private static func score(
    _ evaluation: PerplexityEvaluation, chunks: Int, _ console: Console
  ) throws(CommandFailure) {
    let start = Clock.nowNanos()
    while evaluation.result.chunks < chunks {
      if Interrupt.requested { throw .interrupted }
      do { try evaluation.scoreNextChunk() } catch { throw .failed(String(describing: error)) }
      let done = evaluation.result.chunks
      let left = (Clock.nowNanos() - start) / Int64(done) * Int64(chunks - done) / 1_000_000_000
      let value = decimalText(evaluation.result.value)
      console.progress("farthing: chunk \(done) of \(chunks), perplexity so far \(value), \(left) s left")
    }
    console.progress("")
  }

  private static func report(
    _ result: Perplexity, _ model: ServedModel, _ isJSON: Bool, _ console: Console
  ) throws(CommandFailure) {
    if isJSON {
      return try console.json { json in
        json.field("perplexity", result.value)
        json.field("standard_error", result.standardError)
        json.field("mean_nll", result.meanNLL)
        json.field("tokens", result.tokens)
        json.field("chunks", result.chunks)
        json.field("model", model.identity.name)
        json.field("quantization", model.identity.quantization)
        json.field("isa", model.engine.isa)
        json.object("memory") { json in
          json.field("weights_bytes", model.engine.model.weightBytes)
          json.field("kv_bytes", model.engine.cache.peakBytes)
          json.field("peak_rss_bytes", ProcessUsage.current().peakResidentBytes)
        }
      }
    }
    let value = decimalText(result.value)
    let error = result.standardError.map { " +/- " + decimalText($0) } ?? ""
    try console.out.line("perplexity \(value)\(error)  (\(result.tokens) tokens in \(result.chunks) chunks)")
  }
}
