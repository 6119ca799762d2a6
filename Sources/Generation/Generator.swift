import Compute
import Tokenization
import Usage

/// One request: what to continue, how to choose, when to stop.
public struct GenerationRequest: Sendable {
  public var prompt: [TokenID]
  public var sampling = SamplingParameters()
  public var stopTokens: [TokenID] = []
  public var stopStrings: [[UInt8]] = []
  /// Tokens of the answer at most; nil for as many as the context takes.
  public var tokenLimit: Int?
  /// Go on after the model's own end tokens, which then are part of the answer.
  public var ignoreEnd = false

  public init(prompt: [TokenID]) { self.prompt = prompt }
}

/// What one request gave and took.
public struct GenerationResult: Sendable {
  /// The answer's tokens, an end token included.
  public var tokens: [TokenID] = []
  /// The answer's text, without end tokens and stop strings.
  public var text: [UInt8] = []
  public var finish = FinishReason.interrupted
  public var counts = TokenCounts()
  public var timings = RequestTimings()
  public var kvBytes = 0
}

/// What a caller sees while a request runs, on the thread that runs it.
public protocol GenerationObserver: AnyObject {
  /// Asked before each batch of the prompt and each token: true ends the request as interrupted.
  var isCancelled: Bool { get }
  /// Prompt tokens computed so far.
  func prefilled(_ done: Int, of total: Int)
  /// Text that is certain to be part of the answer.
  func received(_ text: [UInt8])
}

/// Runs one request after another on a session.
public struct Generator {
  public let session: Session

  public init(_ session: Session) { self.session = session }

  /// Answers a request. Once its prompt is accepted it ends with a result, whatever its end.
  /// - Throws: `GenerationError` for a request that cannot be begun.
  public func run(
    _ request: GenerationRequest, observer: some GenerationObserver
  ) throws(GenerationError) -> GenerationResult {
    let arrival = Clock.nowNanos()
    let engine = session.engine
    let sampler: Sampler
    do {
      sampler = try Sampler(request.sampling, vocabulary: engine.model.configuration.vocab)
    } catch {
      throw .sampling(error)
    }
    var run = Run(session, try rules(request), promptTokens: request.prompt.count, arrival: arrival)
    run.result.counts.prompt = request.prompt.count
    run.result.counts.cached = session.sharedPrefix(with: request.prompt)
    run.result.timings.queueNanos = 0
    let computed = try session.prefill(request.prompt) { done in
      observer.prefilled(done, of: request.prompt.count)
      return !observer.isCancelled
    }
    if computed {
      run.generate(sampler, observer)
    } else {
      // What was not computed is not accounted for.
      run.result.counts.prompt = session.tokens.count
      run.result.timings.prefillNanos = Clock.nowNanos() - arrival
    }
    run.end(observer)
    return run.result
  }

  private func rules(_ request: GenerationRequest) throws(GenerationError) -> StopRules {
    do throws(StopError) {
      return try StopRules(
        endTokens: request.ignoreEnd ? [] : session.engine.tokenizer.endOfGeneration,
        stopTokens: request.stopTokens, stopStrings: try StopStrings(request.stopStrings),
        tokenLimit: request.tokenLimit, contextLength: session.engine.context)
    } catch {
      throw .stop(error)
    }
  }
}

/// A request under way, after its prompt.
private struct Run {
  let session: Session
  let arrival: Int64
  var monitor: StopMonitor
  var detokenizer: StreamingDetokenizer
  var result = GenerationResult()
  private var firstToken: Int64?

  init(_ session: Session, _ rules: StopRules, promptTokens: Int, arrival: Int64) {
    self.session = session
    self.arrival = arrival
    monitor = StopMonitor(rules, promptTokens: promptTokens)
    // With the end tokens ignored they are text like any other token; control tokens never are.
    detokenizer = StreamingDetokenizer(session.engine.tokenizer)
  }

  mutating func generate(_ sampler: Sampler, _ observer: some GenerationObserver) {
    if let reason = monitor.limitReached {
      result.finish = reason
      return
    }
    while true {
      let token: TokenID
      do {
        token = try session.sample(sampler).token
      } catch {
        result.finish = .failed(error.description)
        return
      }
      if firstToken == nil { firstToken = Clock.nowNanos() }
      result.tokens.append(token)
      if let reason = monitor.accept(token) ?? show(detokenizer.append(token), observer) {
        result.finish = reason
        return
      }
      if observer.isCancelled { return }
      guard session.append(token) else {
        result.finish = .contextFull
        return
      }
    }
  }

  private mutating func show(_ text: [UInt8], _ observer: some GenerationObserver) -> FinishReason? {
    var visible: [UInt8] = []
    let reason = monitor.show(text, to: &visible)
    emit(visible, observer)
    return reason
  }

  private mutating func emit(_ text: [UInt8], _ observer: some GenerationObserver) {
    guard !text.isEmpty else { return }
    if result.text.isEmpty { result.timings.firstTokenNanos = Clock.nowNanos() - arrival }
    result.text += text
    observer.received(text)
  }

  /// Text that was held back comes out, and the clocks stop.
  mutating func end(_ observer: some GenerationObserver) {
    if case .stopString = result.finish {
    } else {
      var visible: [UInt8] = []
      if let reason = monitor.finish(detokenizer.finish(), to: &visible) { result.finish = reason }
      emit(visible, observer)
    }
    let now = Clock.nowNanos()
    result.counts.completion = result.tokens.count
    result.kvBytes = session.kvBytes
    result.timings.totalNanos = now - arrival
    if let firstToken {
      result.timings.prefillNanos = firstToken - arrival
      result.timings.decodeNanos = now - firstToken
    } else if result.timings.prefillNanos == 0 {
      result.timings.prefillNanos = now - arrival
    }
  }
}
