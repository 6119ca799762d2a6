import Compute
import Generation
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
  }

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
  public init(
    _ lines: [BatchInput.Line], model: ServedModel, template: ChatTemplate?, tokenLimit: Int?,
    limits: Scheduler.Limits
  ) {
    self.model = model
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
    while !isCancelled() {
      submit()
      var done = refusals
      refusals.removeAll()
      if scheduler.isIdle { return done }
      if scheduler.step() { account() }
      for request in scheduler.takeFinished() { done.append(finish(request)) }
      if !done.isEmpty { return done }
    }
    return []
  }

  /// Keeps a few requests waiting, and no more: each has memory for its answer.
  private func submit() {
    while scheduler.waiting.count < scheduler.limits.active, let job = jobs.popLast() {
      var request = GenerationRequest(prompt: job.prompt.tokens)
      request.sampling = job.line.sampling
      request.stopStrings = job.line.stopStrings
      request.tokenLimit = job.line.tokenLimit
      request.ignoreEnd = job.line.ignoreEnd
      do throws(GenerationError) {
        running[try scheduler.submit(request, observer: observer).id] = job
      } catch {
        refuse(
          job.id,
          BatchLineError(customID: job.line.customID, code: error.batchCode, message: error.description))
      }
    }
  }

  private func refuse(_ id: String, _ error: BatchLineError) {
    refusals.append(output.refusal(id: id, error))
    tally.refused += 1
  }

  /// A step's time is divided by its rows: rows of prompts, and rows that tokens were chosen from or guessed in.
  private func account() {
    let step = scheduler.lastStep
    let promptRows = step.shares.reduce(0) { $0 + $1.promptRows }
    guard step.rows > 0 else { return }
    let prefill = step.nanos * Int64(promptRows) / Int64(step.rows)
    tally.prefillNanos += prefill
    tally.decodeNanos += step.nanos - prefill
  }

  private func finish(_ request: ScheduledRequest) -> [UInt8] {
    let result = request.result
    guard let job = running.removeValue(forKey: request.id) else { return [] }
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
