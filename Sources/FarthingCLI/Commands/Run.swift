import Compute
import Generation
import Metering
import ModelFiles
import Serving
import Tokenization
import Usage

/// `run [PROMPT]`: generates, streaming, and ends with a receipt.
enum Run {
  static let command = Command(
    name: "run", summary: "generate from a prompt, and account for it", operands: .optional("PROMPT"),
    about: """
      The prompt is the argument, a file (-f), or standard input when that is not a terminal; with none of them and a \
      terminal, a chat begins. The answer goes to standard output, the receipt to standard error.
      """,
    options: [
      ModelOption.model, RunOptions.tokens, RunOptions.file, RunOptions.system, RunOptions.template, RunOptions.raw,
      RunOptions.promptCache, RunOptions.speculation,
    ]
      + RunOptions.sampling + EngineOptions.all + RunOptions.prices + MeterOptions.all + [MeterOptions.storeText],
    run: { (arguments, console) throws(CommandFailure) in
      let start = Clock.nowNanos()
      // What can be wrong without a model is refused before one is loaded.
      let job = RunJob(
        console: console, isJSON: arguments[Command.json], sampling: try RunOptions.samplingParameters(arguments),
        stopStrings: arguments[RunOptions.stop].map { Array($0.utf8) }, tokenLimit: RunOptions.tokenLimit(arguments),
        ignoreEnd: arguments[RunOptions.ignoreEnd], speculation: arguments[RunOptions.speculation],
        pricing: try RunOptions.pricing(arguments),
        tags: try RunOptions.tags(arguments), meter: try MeterOptions.meter(arguments), processStart: start)
      let template = try RunOptions.readTemplate(arguments)
      let text = try promptText(arguments, console)
      Interrupt.watch()
      let model = try ModelOption.served(arguments, console)
      let conversation = try Conversation(
        model.engine.tokenizer, system: arguments[RunOptions.system], template: template,
        raw: arguments[RunOptions.raw])
      let cache = try PromptCache(arguments, model, console)
      defer { cache?.save(console) }
      if let text {
        try job.answer(try conversation.prompt(text), with: model, on: Session(model.engine), isLast: true)
      } else {
        try Chat(job: job, model: model, conversation: conversation).talk()
        try failing { () throws(LedgerError) in try job.meter?.close() }
      }
    })

  /// The prompt; nil for a chat.
  private static func promptText(_ arguments: Arguments, _ console: Console) throws(CommandFailure) -> [UInt8]? {
    if let path = arguments[RunOptions.file] {
      guard arguments.operands.isEmpty else { throw .usage("give a prompt or a file, not both") }
      return try System.readAll(path)
    }
    if let prompt = arguments.operands.first { return Array(prompt.utf8) }
    if System.isTerminal(0) {
      guard !arguments[Command.json], !arguments[RunOptions.raw] else { throw .usage("a prompt is missing") }
      return nil
    }
    var text = try System.readAll("-")
    // What `echo` puts at the end is not meant.
    if text.last == UInt8(ascii: "\n") { text.removeLast() }
    guard !text.isEmpty else { throw .usage("the prompt on standard input is empty") }
    return text
  }
}

/// What the requests of one command line have in common, and how their answers are shown.
struct RunJob {
  let console: Console
  let isJSON: Bool
  let sampling: SamplingParameters
  let stopStrings: [[UInt8]]
  let tokenLimit: Int?
  let ignoreEnd: Bool
  let speculation: SpeculationMode
  let pricing: ReceiptPricing
  let tags: [(key: String, value: String)]
  /// Nil where the person wants the run to be in no ledger.
  let meter: Meter?
  let processStart: Int64

  /// Answers one prompt: text as it comes, then the receipt.
  /// - Parameter isLast: the process ends with this request, which then pays for the load.
  /// - Returns: the answer's text, and its receipt.
  @discardableResult
  func answer(
    _ prompt: Prompt, with model: ServedModel, on session: Session, isLast: Bool
  ) throws(CommandFailure) -> (text: [UInt8], receipt: Receipt) {
    var request = GenerationRequest(prompt: prompt.tokens)
    request.sampling = sampling
    request.stopStrings = stopStrings
    request.tokenLimit = tokenLimit
    request.ignoreEnd = ignoreEnd
    let observer = TerminalObserver(console, streams: !isJSON)
    let start = isLast ? processStart : nil
    let metered = try failing { () throws(LedgerError) in
      try meter?.open(
        model: model.identity, promptTokens: prompt.tokens.count, tokenLimit: tokenLimit, price: pricing.machine,
        compared: pricing.compared)
    }
    let (result, usage): (GenerationResult, UsageRecord)
    do {
      if let metered {
        (result, usage) = try model.answer(
          request, on: session, promptBytes: prompt.bytes, processStart: start, speculation: speculation,
          observer: MeteredObserver(observer, request: metered))
      } else {
        (result, usage) = try model.answer(
          request, on: session, promptBytes: prompt.bytes, processStart: start, speculation: speculation,
          observer: observer)
      }
    } catch {
      // Its end belongs in the ledger too; what is wrong with the request is what the person must hear.
      try? metered?.fail()
      try? meter?.close()
      throw .failed(String(describing: error))
    }
    console.progress("")
    var record = usage
    if observer.failure != nil { record.finish = .disconnected }
    var receipt = pricing.receipt(for: record)
    let unsettled = settle(metered, record, meter?.text(prompt: prompt, answer: result.text), &receipt)
    try print(receipt, result, observer, isLast: isLast)
    if isLast, unsettled == nil { try failing { () throws(LedgerError) in try meter?.close() } }
    if let unsettled {
      throw .failed("\(unsettled.description); the next command that can write closes this request as lost")
    }
    if let failure = observer.failure { throw failure }
    switch record.finish {
    case .interrupted where isLast: throw .interrupted
    case .failed(let reason): throw .failed(reason)
    default: return (result.text, receipt)
    }
  }

  /// Closes the request in the ledger and notes there what the receipt says of the day. Returns why it could not.
  private func settle(
    _ metered: MeteredRequest?, _ record: UsageRecord, _ text: RequestText?, _ receipt: inout Receipt
  ) -> LedgerError? {
    guard let meter, let metered else { return nil }
    do throws(LedgerError) {
      try metered.settle(record, text: text)
      receipt.ledger = try meter.entry(of: metered, at: record.startedAtUnixNanos)
      return nil
    } catch {
      return error
    }
  }

  private func print(
    _ receipt: Receipt, _ result: GenerationResult, _ observer: TerminalObserver, isLast: Bool
  ) throws(CommandFailure) {
    if isJSON {
      try console.json { json in
        ReceiptJSON.write(receipt, answer: .init(ids: result.tokens, text: result.text), into: &json)
        json.object("tags") { json in for tag in tags { json.field(tag.key, tag.value) } }
      }
      return
    }
    if observer.failure == nil {
      // No line is left half; of an answer that is empty there is none.
      if let last = result.text.last, last != UInt8(ascii: "\n") { try console.out.line() }
      try console.out.flush()
    }
    show(receipt, isWhole: isLast)
  }

  /// The receipt for people: whole, or in a line between the turns of a chat.
  func show(_ receipt: Receipt, isWhole: Bool) {
    let width = System.columns(of: console.error.descriptor) ?? 80
    let text = isWhole ? ReceiptText.render(receipt, width: width) : ReceiptText.summary(receipt, width: width)
    try? console.error.write("\n" + text)
  }
}

/// Shows an answer as it comes, and how far the prompt is before that.
private final class TerminalObserver: GenerationObserver {
  private let console: Console
  private let streams: Bool
  /// Why output could not be written, if it could not.
  private(set) var failure: CommandFailure?

  init(_ console: Console, streams: Bool) {
    self.console = console
    self.streams = streams
  }

  var isCancelled: Bool { Interrupt.requested || failure != nil }

  func prefilled(_ done: Int, of total: Int) {
    // A short prompt is done before anybody could read a line about it.
    guard total > 512 else { return }
    console.progress(done < total ? "farthing: prompt \(done) of \(total) tokens (\(done * 100 / total) %)" : "")
  }

  func received(_ text: [UInt8]) {
    guard streams, failure == nil else { return }
    do {
      try console.out.write(text)
      try console.out.flush()
    } catch {
      failure = error
    }
  }
}
