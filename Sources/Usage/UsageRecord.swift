/// Everything that one request took, whatever its end. There is one record for each request, and no money in it.
public struct UsageRecord: Sendable, Hashable {
  public var tokens: TokenCounts
  public var timings: RequestTimings
  public var cpu: CPUTime
  public var memory: MemoryUse
  public var finish: FinishReason
  public var model: ModelIdentity
  public var execution: ExecutionIdentity
  public var text: TextSize
  /// Wall clock at arrival, in nanoseconds since 1970-01-01 00:00 UTC.
  public var startedAtUnixNanos: Int64
  /// Wall time of the process from its start to this record, where the process served this one request and nothing
  /// else; nil in a server.
  public var runNanos: Int64?

  public init(
    tokens: TokenCounts, timings: RequestTimings, cpu: CPUTime, memory: MemoryUse, finish: FinishReason,
    model: ModelIdentity, execution: ExecutionIdentity, text: TextSize, startedAtUnixNanos: Int64,
    runNanos: Int64? = nil
  ) {
    self.tokens = tokens
    self.timings = timings
    self.cpu = cpu
    self.memory = memory
    self.finish = finish
    self.model = model
    self.execution = execution
    self.text = text
    self.startedAtUnixNanos = startedAtUnixNanos
    self.runNanos = runNanos
  }
}

/// Which weights answered.
public struct ModelIdentity: Sendable, Hashable {
  /// As its file or its maker names it.
  public var name: String
  /// SHA-256 of the file in lower-case hexadecimal; nil where nobody has computed it.
  public var sha256: String?
  /// For instance `Q4_1`, or `F32` for the reference path.
  public var quantization: String

  public init(name: String, sha256: String? = nil, quantization: String) {
    self.name = name
    self.sha256 = sha256
    self.quantization = quantization
  }
}

/// How the weights were run.
public struct ExecutionIdentity: Sendable, Hashable {
  /// Threads that computed, the caller's own included.
  public var threads: Int
  /// The instruction set in use, for instance `avx2`, with what fell back after a failed self-check.
  public var isa: String

  public init(threads: Int, isa: String) {
    self.threads = threads
    self.isa = isa
  }
}

/// How long the text was, in bytes of UTF-8: the measure that vendors with other tokenisers share.
public struct TextSize: Sendable, Hashable {
  /// The prompt as it was tokenised, chat template included.
  public var promptBytes: Int64
  public var answerBytes: Int64

  public init(promptBytes: Int64 = 0, answerBytes: Int64 = 0) {
    self.promptBytes = promptBytes
    self.answerBytes = answerBytes
  }
}

extension UsageRecord {
  /// Prompt tokens that were computed, over the prefill time.
  public var prefillSpeed: Speed? {
    Speed(count: tokens.uncachedPrompt, nanos: timings.prefillNanos)
  }

  /// Tokens after the first over the decode time: the prefill pays for the first.
  public var decodeSpeed: Speed? {
    Speed(count: tokens.completion &- 1, nanos: timings.decodeNanos)
  }

  /// Time per output token after the first, in nanoseconds, floored: (total - first token) / (completion - 1). Nil for
  /// fewer than two tokens, or where there was no content.
  public var nanosPerOutputToken: Int64? {
    guard tokens.completion >= 2, let first = timings.firstTokenNanos, timings.totalNanos >= first else { return nil }
    return (timings.totalNanos &- first) / Int64(tokens.completion &- 1)
  }
}
