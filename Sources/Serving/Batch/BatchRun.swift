import Compute
import Generation
import Metering
import Pricing
import Tokenization
import Transformers
import Usage

/// Answers the lines of a batch on one model, as many at once as the engine has room for, those that begin alike together.
public final class BatchRun {
  /// What the answered lines took together.
  public struct Tally: Sendable {
    public var answered = 0
    public var refused = 0
    public var tokens = TokenCounts()
    /// Each answered line's counts, for prices that depend on a request's size.
    public var requests: [TokenCounts] = []
    public var promptBytes = 0
    public var answerBytes = 0
    public var kvBytes = 0
    /// Wall time of all steps, split by their rows.
    public var prefillNanos: Int64 = 0
    public var decodeNanos: Int64 = 0
  }

  private struct Job {
    let line: BatchLine
    let id: String
    let prompt: Prompt
    /// In the ledger from its submission on; nil where the batch is in none.
    var metered: MeteredRequest?
    /// Its share of the steps so far.
    var cpuNanos: Int64 = 0
    /// What of it went into its prompt.
    var promptNanos: Int64 = 0
  }

  /// Why the ledger can take no more lines, if that happened: the batch stops then.
  public private(set) var failure: LedgerError?
  private let meter: Meter?
  private let price: HourlyPrice?
  private let compared: [HostedModel]
  private let stepCost: StepCost
  public private(set) var tally = Tally()
  private let model: ServedModel
  private let scheduler: Scheduler
  private let output: BatchOutput
  private var refusals: [[UInt8]] = []
  /// Not yet submitted, the next one last.
  private var jobs: [Job] = []
  private var running: [Int: Job] = [:]
  private let observer = Patient()
  private let startedAt = Clock.unixNanos()
  private let startNanos = Clock.nowNanos()
  private let cpuBefore = Clock.processCPUNanos()
  private let threadsBefore: Int64

  /// Reads all lines: those that cannot be answered are refused at once.
  /// - Parameters:
  ///   - template: nil for the model's own.
  ///   - tokenLimit: for lines that state none; nil for as many as the context takes.
  ///   - meter: where each line is accounted for; nil for nowhere.
  ///   - price: of the machine, for the ledger.
  ///   - compared: hosted models of the receipt, likewise.
  public init(
    _ lines: [BatchInput.Line], model: ServedModel, template: ChatTemplate?, tokenLimit: Int?,
    limits: Scheduler.Limits, meter: Meter? = nil, price: HourlyPrice? = nil,
    compared: [HostedModel] = []
  ) {
    self.compared = compared
    self.model = model
    self.meter = meter
    self.price = price
    stepCost = StepCost(model.engine.model.configuration)
    scheduler = Scheduler(model.engine, limits)
    output = BatchOutput(model: model.identity, isa: model.engine.isa)
    threadsBefore = model.threadNanos()
    let reader = PromptReader(model.engine, template: template)
    for line in lines {
      do throws(BatchLineError) {
        var parsed = try BatchLine(line.bytes)
        if parsed.tokenLimit == nil { parsed.tokenLimit = tokenLimit }
        jobs.append(Job(line: parsed, id: line.id, prompt: try reader.prompt(of: parsed)))
      } catch {
        refuse(line.id, error)
      }
    }
    // Texts that begin alike stand together then, and find each other's blocks. The last one is taken first.
    jobs.sort { $1.prompt.tokens.lexicographicallyPrecedes($0.prompt.tokens) }
  }

  /// Lines that are not done.
  public var left: Int { jobs.count + running.count }

  /// Works on until some lines are done, and returns them; none once all are.
  public func next(isCancelled: () -> Bool) -> [[UInt8]] {
    while failure == nil, !isCancelled() {
      submit()
      var done = refusals
      refusals.removeAll()
      if scheduler.isIdle { return done }
      let before = Clock.processCPUNanos()
      if scheduler.step() { account(cpuNanos: Clock.processCPUNanos() - before) }
      for request in scheduler.takeFinished() { done.append(finish(request)) }
      if !done.isEmpty { return done }
    }
    abandon()
    return []
  }

  /// What is under way when the batch is broken off ends in the ledger as cancelled; another run does it again.
  private func abandon() {
    for job in running.values {
      job.metered?.used(cpuNanos: job.cpuNanos, promptNanos: job.promptNanos)
      keep { () throws(LedgerError) in try job.metered?.fail(.interrupted) }
    }
  }

  private func keep(_ body: () throws(LedgerError) -> Void) {
    do throws(LedgerError) { try body() } catch { failure = failure ?? error }
  }

  /// Keeps a few requests waiting, and no more: each has memory for its answer.
  private func submit() {
    while failure == nil, scheduler.waiting.count < scheduler.limits.active, var job = jobs.popLast() {
      var request = GenerationRequest(prompt: job.prompt.tokens)
      request.sampling = job.line.sampling
      request.stopStrings = job.line.stopStrings
      request.tokenLimit = job.line.tokenLimit
      request.ignoreEnd = job.line.ignoreEnd
      guard open(&job) else { continue }
      do throws(GenerationError) {
        let ticket =
          if let metered = job.metered {
            try scheduler.submit(request, observer: MeteredObserver(observer, request: metered))
          } else {
            try scheduler.submit(request, observer: observer)
          }
        running[ticket.id] = job
      } catch {
        keep { () throws(LedgerError) in try job.metered?.fail() }
        refuse(
          job.id,
          BatchLineError(customID: job.line.customID, code: error.batchCode, message: error.description))
      }
    }
  }

  /// Puts a line into the ledger. A line that a cap has no room for is refused; where the ledger takes none, the batch ends.
  private func open(_ job: inout Job) -> Bool {
    do throws(LedgerError) {
      job.metered = try meter?.open(
        model: model.identity, promptTokens: job.prompt.tokens.count, tokenLimit: job.line.tokenLimit, price: price,
        compared: compared)
      return true
    } catch {
      switch error {
      case .overBudget(let text):
        refuse(job.id, BatchLineError(customID: job.line.customID, code: "insufficient_quota", message: text))
      default:
        failure = error
        jobs.append(job)
      }
      return false
    }
  }

  private func refuse(_ id: String, _ error: BatchLineError) {
    refusals.append(output.refusal(id: id, error))
    tally.refused += 1
  }

  /// A step's time is divided by its rows: rows of prompts, and rows that tokens were chosen from or guessed in.
  private func account(cpuNanos: Int64) {
    let step = scheduler.lastStep
    if meter != nil {
      for (share, part) in zip(step.shares, stepCost.divide(cpuNanos, among: step.shares)) {
        running[share.request]?.cpuNanos += part
        running[share.request]?.promptNanos += stepCost.prompt(of: part, share)
        guard let job = running[share.request] else { continue }
        job.metered?.used(cpuNanos: job.cpuNanos, promptNanos: job.promptNanos)
      }
    }
    let promptRows = step.shares.reduce(0) { $0 + $1.promptRows }
    guard step.rows > 0 else { return }
    let prefill = step.nanos * Int64(promptRows) / Int64(step.rows)
    tally.prefillNanos += prefill
    tally.decodeNanos += step.nanos - prefill
  }

  private func finish(_ request: ScheduledRequest) -> [UInt8] {
    let result = request.result
    guard let job = running.removeValue(forKey: request.id) else { return [] }
    if let metered = job.metered {
      keep { () throws(LedgerError) in
        try metered.settle(record(of: job, result), text: meter?.text(prompt: job.prompt, answer: result.text))
      }
    }
    tally.answered += 1
    tally.tokens.prompt += result.counts.prompt
    tally.tokens.cached += result.counts.cached
    tally.tokens.completion += result.counts.completion
    tally.tokens.draftAccepted += result.counts.draftAccepted
    tally.tokens.draftRejected += result.counts.draftRejected
    tally.requests.append(result.counts)
    tally.promptBytes += job.prompt.bytes
    tally.answerBytes += result.text.count
    tally.kvBytes = max(tally.kvBytes, model.engine.cache.peakBytes)
    return output.answer(id: job.id, job.line, result, createdAtUnixNanos: Clock.unixNanos())
  }

  /// The record of one line, for the ledger: its tokens and times, and its share of the steps' CPU time.
  private func record(of job: Job, _ result: GenerationResult) -> UsageRecord {
    let process = ProcessUsage.current()
    return UsageRecord(
      tokens: result.counts, timings: result.timings,
      cpu: CPUTime(processNanos: process.cpuNanos, requestNanos: job.cpuNanos),
      memory: MemoryUse(
        peakResidentBytes: process.peakResidentBytes, weightBytes: Int64(model.engine.model.weightBytes),
        kvBytes: Int64(result.kvBytes), kvByteMillis: result.kvByteMillis),
      finish: result.finish, model: model.identity,
      execution: ExecutionIdentity(threads: model.threads, isa: model.engine.isa),
      text: TextSize(promptBytes: Int64(job.prompt.bytes), answerBytes: Int64(result.text.count)),
      startedAtUnixNanos: Clock.unixNanos() - result.timings.totalNanos)
  }

  /// One record for all lines that were answered.
  /// - Parameter processStart: when the process began, on the monotonic clock.
  public func usage(processStart: Int64, finish: FinishReason) -> UsageRecord {
    let process = ProcessUsage.current()
    let now = Clock.nowNanos()
    return UsageRecord(
      tokens: tally.tokens,
      timings: RequestTimings(
        loadNanos: model.loadNanos, prefillNanos: tally.prefillNanos, decodeNanos: tally.decodeNanos,
        totalNanos: now - startNanos),
      cpu: CPUTime(
        processNanos: process.cpuNanos, requestNanos: Clock.processCPUNanos() - cpuBefore,
        threadNanos: model.threadNanos() - threadsBefore),
      memory: MemoryUse(
        peakResidentBytes: process.peakResidentBytes, weightBytes: Int64(model.engine.model.weightBytes),
        kvBytes: Int64(tally.kvBytes)),
      finish: finish, model: model.identity,
      execution: ExecutionIdentity(threads: model.threads, isa: model.engine.isa),
      text: TextSize(promptBytes: Int64(tally.promptBytes), answerBytes: Int64(tally.answerBytes)),
      startedAtUnixNanos: startedAt, runNanos: now - processStart)
  }
}

extension GenerationError {
  /// OpenAI's word for it, where there is one.
  var batchCode: String {
    switch self {
    case .promptTooLong: "context_length_exceeded"
    default: "invalid_value"
    }
  }
}

/// Nobody watches a single line of a batch.
private final class Patient: GenerationObserver {
  var isCancelled: Bool { false }
  func prefilled(_ done: Int, of total: Int) {}
  func received(_ text: [UInt8]) {}
}

/// Makes the tokens of a line's prompt.
private struct PromptReader {
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?
  /// Why there is no template.
  private let problem: String

  init(_ engine: Engine, template: ChatTemplate?) {
    tokenizer = engine.tokenizer
    if let template {
      self.template = template
      problem = ""
    } else if let source = tokenizer.chatTemplate {
      do throws(TemplateError) {
        self.template = try ChatTemplate(source: source)
        problem = ""
      } catch {
        self.template = nil
        problem = "the model's chat template: \(error)"
      }
    } else {
      self.template = nil
      problem = "this model has no chat template"
    }
  }

  func prompt(of line: BatchLine) throws(BatchLineError) -> Prompt {
    do {
      switch line.input {
      case .tokens(let tokens): return Prompt(tokens: tokens)
      case .text(let text): return try Prompt(raw: Array(text.utf8), tokenizer)
      case .messages(let messages):
        guard let template else {
          throw BatchLineError(customID: line.customID, code: "invalid_value", message: "messages: " + problem)
        }
        return try Prompt(messages, template: template, tokenizer)
      }
    } catch let error as BatchLineError {
      throw error
    } catch {
      throw BatchLineError(customID: line.customID, code: "invalid_value", message: String(describing: error))
    }
  }
}
