import Compute
import Generation
import Metering
import Serving
import Tokenization
import Transformers
import Usage

/// `batch IN.jsonl OUT.jsonl`: answers a file of requests, many at once, and accounts for all of them together.
enum Batch {
  private static let parallel = Option<Int?>.integer(
    "--parallel", "-np", in: 1...1024, help: "requests computed at once (default: as many as memory admits, at most 32)"
  )
  /// More at once gain little: from here on a step's time grows with its rows.
  static let widest = 32
  /// Positions of prefixes that wait for later lines.
  private static let idlePositions = 8_192

  static let command = Command(
    name: "batch", summary: "answer a file of requests, and account for all of them",
    operands: Command.Operands(name: "IN.jsonl OUT.jsonl", count: 2...2),
    about: """
      IN has a request a line as OpenAI's Batch API takes them (bodies of /v1/chat/completions and /v1/completions); \
      OUT gets a line for each in the form of its output. A line that cannot be answered says why there, and the others \
      go on. A run that was broken off goes on where it stopped when it is started again with the same files.
      """,
    options: [ModelOption.model, RunOptions.tokens, RunOptions.template, parallel, RunOptions.speculation]
      + EngineOptions.all + RunOptions.prices + MeterOptions.all + [MeterOptions.storeText],
    run: { (arguments, console) throws(CommandFailure) in
      let start = Clock.nowNanos()
      let pricing = try RunOptions.pricing(arguments)
      let template = try RunOptions.readTemplate(arguments)
      let meter = try MeterOptions.meter(arguments, slots: 2 * (arguments[parallel] ?? widest), command: "batch")
      let (inPath, outPath) = (arguments.operands[0], arguments.operands[1])
      let input = BatchInput(try System.readAll(inPath))
      guard !input.lines.isEmpty else { throw .failed("'\(printable(inPath))' has no requests") }
      let output = try AppendFile(path: outPath)
      let lines = try linesLeft(input, output, console)
      guard !lines.isEmpty else {
        console.note("all \(input.lines.count) lines are answered in \(outPath) already")
        if arguments[Command.json] {
          try console.json { json in counts(lines: 0, answered: 0, refused: 0, left: 0, into: &json) }
        }
        return
      }
      Interrupt.watch()
      let model = try served(arguments, console, lines: lines.count)
      var limits = Scheduler.Limits()
      limits.active = min(arguments[parallel] ?? widest, lines.count)
      limits.speculation = arguments[RunOptions.speculation]
      let run = BatchRun(
        lines, model: model, template: template, tokenLimit: RunOptions.tokenLimit(arguments), limits: limits,
        meter: meter, price: pricing.machine, compared: pricing.compared)
      try work(run, output, lines.count, console)
      try report(run, pricing, model, of: lines.count, processStart: start, arguments[Command.json], console)
      if let failure = run.failure { throw .failed("\(failure); \(run.left) lines are left") }
      try failing { () throws(LedgerError) in try meter?.close() }
      if Interrupt.requested, run.left > 0 {
        console.note("\(run.left) lines are left; the same command goes on with them")
        throw .interrupted
      }
    })

  /// The lines that an earlier run has not answered; what it tore is cut off.
  private static func linesLeft(
    _ input: BatchInput, _ output: AppendFile, _ console: Console
  ) throws(CommandFailure) -> [BatchInput.Line] {
    let bytes = try System.readAll(output.path, limit: 1 << 36)
    let done: BatchInput.Done
    do { done = try input.done(in: bytes) } catch { throw .failed("'\(printable(output.path))': \(error)") }
    if done.tornBytes > 0 {
      console.note("the last line of \(output.path) was broken off; it is done again")
      try output.cut(to: done.wholeBytes)
    }
    if !done.ids.isEmpty { console.note("\(done.ids.count) of \(input.lines.count) lines are answered already") }
    return input.lines.filter { !done.ids.contains($0.id) }
  }

  /// The model, with a cache for as many requests as memory admits.
  private static func served(
    _ arguments: Arguments, _ console: Console, lines: Int
  ) throws(CommandFailure) -> ServedModel {
    try ModelOption.served(arguments, console) { options in
      let width = min(arguments[parallel] ?? widest, lines)
      options.kvPositions = width * (options.context ?? 4_096) + idlePositions
      options.idlePositions = idlePositions
    }
  }

  private static func work(
    _ run: BatchRun, _ output: AppendFile, _ count: Int, _ console: Console
  ) throws(CommandFailure) {
    let start = Clock.nowNanos()
    while true {
      let lines = run.next { Interrupt.requested }
      guard !lines.isEmpty else { break }
      try output.append(lines)
      let done = count - run.left
      let elapsed = Double(Clock.nowNanos() - start) / 1e9
      let left = Int(elapsed / Double(max(1, done)) * Double(run.left))
      let speed = Int(Double(run.tally.tokens.completion) / max(elapsed, 1e-3))
      console.progress("farthing: \(done) of \(count) lines, \(speed) tokens/s, \(left) s left")
    }
    console.progress("")
  }

  private static func report(
    _ run: BatchRun, _ pricing: ReceiptPricing, _ model: ServedModel, of count: Int, processStart: Int64,
    _ isJSON: Bool, _ console: Console
  ) throws(CommandFailure) {
    let tally = run.tally
    let usage = run.usage(processStart: processStart, finish: run.left > 0 ? .interrupted : .tokenLimit)
    let receipt = pricing.receipt(forBatch: usage, requests: tally.requests)
    if isJSON {
      return try console.json { json in
        counts(lines: count, answered: tally.answered, refused: tally.refused, left: run.left, into: &json)
        ReceiptJSON.writeBatch(receipt, into: &json)
      }
    }
    let lines = "\(tally.answered) answered, \(tally.refused) refused, \(run.left) left"
    let width = System.columns(of: console.error.descriptor) ?? 80
    try? console.error.write(ReceiptText.render(receipt, lines: lines, width: width) + "\n")
  }

  private static func counts(lines: Int, answered: Int, refused: Int, left: Int, into json: inout JSONWriter) {
    json.field("lines", lines)
    json.field("answered", answered)
    json.field("refused", refused)
    json.field("left", left)
  }
}
