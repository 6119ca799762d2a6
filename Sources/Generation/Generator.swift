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
  /// Keys and values held, times the time that they were: bytes times milliseconds, shared blocks divided by their
  /// sharers.
  public var kvByteMillis: Int64 = 0

  public init() {}
}

/// What a caller sees while a request runs, on the thread that runs it.
public protocol GenerationObserver: AnyObject {
  /// Asked before each step that the request takes part in: true ends the request as interrupted.
  var isCancelled: Bool { get }
  /// Prompt tokens computed so far.
  func prefilled(_ done: Int, of total: Int)
  /// Text that is certain to be part of the answer.
  func received(_ text: [UInt8])
  /// Asked before a token becomes part of the answer, with how many are so already: a reason ends the request there.
  func limit(after chosen: Int) -> FinishReason?
  /// So many tokens are part of the answer; nothing of the last one has been shown.
  func chose(_ count: Int)
}

extension GenerationObserver {
  public func limit(after chosen: Int) -> FinishReason? { nil }
  public func chose(_ count: Int) {}
}

/// Runs one request after another on a session: a scheduler with one request in it.
public struct Generator {
  public let session: Session
  private let speculation: SpeculationMode

  public init(_ session: Session, speculation: SpeculationMode = .automatic) {
    self.session = session
    self.speculation = speculation
  }

  /// Answers a request. Once its prompt is accepted it ends with a result, whatever its end.
  /// - Throws: `GenerationError` for a request that cannot be begun.
  public func run(
    _ request: GenerationRequest, observer: some GenerationObserver
  ) throws(GenerationError) -> GenerationResult {
    var limits = Scheduler.Limits()
    limits.active = 1
    limits.speculation = speculation
    let scheduler = Scheduler(session.engine, limits)
    let ticket = try scheduler.submit(request, session: session, observer: observer)
    while !ticket.isFinished, scheduler.step() {}
    return ticket.result
  }
}
