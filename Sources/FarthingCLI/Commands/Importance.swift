import Compute
import Generation
import ModelFiles
import Serving
import Usage

/// `importance`: which input columns of each matrix a text moves most.
enum Importance {
  private static let file = Option.text("--file", "-f", value: "FILE", help: "the text; - is standard input")
  private static let output = Option.text("--output", "-o", value: "OUT", help: "the file to write")
  private static let chunkLength = Option<Int>.integer(
    "--ctx-size", "-c", in: 4...1 << 20, default: 512, help: "tokens computed from an empty context")
  private static let chunks = Option<Int?>.integer(
    "--chunks", in: 1...1 << 30, help: "how many chunks (default: all)")

  static let command = Command(
    name: "importance", summary: "measure which weights of a model a text needs most, for quantize --importance",
    about: """
      Gathers the mean squared activation of every input column of every matrix, the head included, from the forward pass. \
      The file is a GGUF file of the kind that llama.cpp calls imatrix, which its tools read and write too.
      """,
    options: [ModelOption.model, file, output, chunkLength, chunks]
      + EngineOptions.all.filter { $0.names != EngineOptions.context.names },
    run: { (arguments, console) throws(CommandFailure) in
      guard let path = arguments[file] else { throw .usage("a text is missing; give one with -f FILE") }
      guard let out = arguments[output] else { throw .usage("an output is missing; give one with -o FILE") }
      let text = try System.readAll(path)
      Interrupt.watch()
      let model = try ModelOption.served(arguments, console, context: arguments[chunkLength])
      let collection: ImportanceCollection
      do {
        collection = try ImportanceCollection(model.engine, text: text, chunkLength: arguments[chunkLength])
      } catch {
        throw .failed(String(describing: error))
      }
      let wanted = min(collection.available, arguments[chunks] ?? .max)
      guard wanted > 0 else {
        throw .failed("\(path) has \(collection.tokenCount) tokens, fewer than one chunk of \(arguments[chunkLength])")
      }
      try gather(collection, chunks: wanted, console)
      let result = ImportanceFile(
        entries: collection.inputs.flatMap { inputs in
          inputs.readers.map { .init(name: $0, sums: inputs.sums.map { Float($0) }, tokens: Float(inputs.tokens)) }
        }, datasets: [path], chunks: wanted, chunkTokens: arguments[chunkLength])
      do throws(GGUFWriterError) {
        try result.write(to: out, inputs: path == "-" ? [] : [path])
      } catch .interrupted {
        throw .interrupted
      } catch {
        throw .failed(error.description)
      }
      try report(result, out, arguments[Command.json], console)
    })

  private static func gather(
    _ collection: ImportanceCollection, chunks: Int, _ console: Console
  ) throws(CommandFailure) {
    let start = Clock.nowNanos()
    while collection.done < chunks {
      if Interrupt.requested { throw .interrupted }
      do { try collection.addNextChunk() } catch { throw .failed(error.description) }
      let left = (Clock.nowNanos() - start) / Int64(collection.done) * Int64(chunks - collection.done) / 1_000_000_000
      console.progress("farthing: chunk \(collection.done) of \(chunks), \(left) s left")
    }
    console.progress("")
  }

  private static func report(
    _ result: ImportanceFile, _ out: String, _ isJSON: Bool, _ console: Console
  ) throws(CommandFailure) {
    let tokens = result.chunks * result.chunkTokens
    if isJSON {
      return try console.json { json in
        json.field("path", out)
        json.field("matrices", result.entries.count)
        json.field("tokens", tokens)
        json.field("chunks", result.chunks)
      }
    }
    try console.out.line("\(out): \(result.entries.count) matrices over \(tokens) tokens in \(result.chunks) chunks")
  }
}
