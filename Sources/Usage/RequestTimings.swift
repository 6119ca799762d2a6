/// Where the time of one request went, in nanoseconds of a monotonic clock.
///
/// Time zero is the *arrival* of the request. A command that loads a model for one request takes the arrival after the
/// load, so that `load` stands beside the request's latency and is not part of it; the wall time of the whole run,
/// load included, is `UsageRecord.runNanos`.
///
/// ```
/// arrival      admitted      prompt computed, first token chosen            last token, end
///    |-- queue --|-- prefill --|------------------ decode ------------------|
///    |----------- first token ---->|  (first content that is not empty)
///    |------------------------------ total ---------------------------------|
/// ```
public struct RequestTimings: Sendable, Hashable {
  /// From arrival to the start of the prefill.
  public var queueNanos: Int64
  /// Loading the model for this request; zero where it was loaded already.
  public var loadNanos: Int64
  /// Computing the prompt, up to the choice of the first token.
  public var prefillNanos: Int64
  /// From arrival to the first content that is not empty; nil where there never was any.
  public var firstTokenNanos: Int64?
  /// From the first token to the last one.
  public var decodeNanos: Int64
  /// From arrival to the end of the request, whatever its end.
  public var totalNanos: Int64

  public init(
    queueNanos: Int64 = 0, loadNanos: Int64 = 0, prefillNanos: Int64 = 0, firstTokenNanos: Int64? = nil,
    decodeNanos: Int64 = 0, totalNanos: Int64 = 0
  ) {
    self.queueNanos = queueNanos
    self.loadNanos = loadNanos
    self.prefillNanos = prefillNanos
    self.firstTokenNanos = firstTokenNanos
    self.decodeNanos = decodeNanos
    self.totalNanos = totalNanos
  }
}

/// CPU time in nanoseconds, user and system together.
public struct CPUTime: Sendable, Hashable {
  /// The whole process from its start, as the kernel counts it (`getrusage`).
  public var processNanos: Int64
  /// This request alone: the process's CPU time from arrival to end where it ran alone, else its share of each step.
  public var requestNanos: Int64
  /// The part of `requestNanos` that the engine's own threads measured with their thread clocks, spinning included.
  public var threadNanos: Int64

  public init(processNanos: Int64 = 0, requestNanos: Int64 = 0, threadNanos: Int64 = 0) {
    self.processNanos = processNanos
    self.requestNanos = requestNanos
    self.threadNanos = threadNanos
  }
}

/// Memory in bytes.
public struct MemoryUse: Sendable, Hashable {
  /// The largest resident size that the process ever had (`VmHWM`): of the process, not of the request.
  public var peakResidentBytes: Int64
  /// The weights as they lie in memory.
  public var weightBytes: Int64
  /// Keys and values of this request at their peak.
  public var kvBytes: Int64
  /// Keys and values of this request times the time that it held them, in bytes times milliseconds; what requests share is
  /// divided among them.
  public var kvByteMillis: Int64

  public init(peakResidentBytes: Int64 = 0, weightBytes: Int64 = 0, kvBytes: Int64 = 0, kvByteMillis: Int64 = 0) {
    self.kvByteMillis = kvByteMillis
    self.peakResidentBytes = peakResidentBytes
    self.weightBytes = weightBytes
    self.kvBytes = kvBytes
  }
}
