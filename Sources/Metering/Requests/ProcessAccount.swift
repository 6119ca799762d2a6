/// What a process used in all and what of it its requests were charged; the rest is its overhead: starting, loading,
/// printing, the ledger. The two parts add up to the whole by being written down so.
public struct ProcessTime: Sendable, Hashable {
  /// CPU time of the whole process, by the clock that the kernel keeps of it.
  public var cpuNanos: Int64 = 0
  /// What the requests that it opened were charged, whoever closed them.
  public var requestNanos: Int64 = 0
  /// Below zero only where requests were charged more than the process used, which no sharing does.
  public var overheadNanos: Int64 { cpuNanos &- requestNanos }

  public init() {}

  mutating func add(_ other: ProcessTime) throws(LedgerError) {
    cpuNanos = try Amount.sum(cpuNanos, other.cpuNanos, "a total of CPU time")
    requestNanos = try Amount.sum(requestNanos, other.requestNanos, "a total of CPU time")
  }
}

/// A process has ended, or somebody else found that it has.
struct ProcessEnded: EventPayload {
  static let kind = EventKind.process

  /// The writer whose process it was: 16 bytes.
  var process: [UInt8]
  var time: ProcessTime
  /// False where the process said nothing any more: it used at least so much.
  var isExact: Bool

  var fields: [String: CanonicalJSON] {
    [
      "process": .hex(process), "cpu_nanos": .integer(time.cpuNanos), "requests": .integer(time.requestNanos),
      "overhead": .integer(time.overheadNanos), "exact": .bool(isExact),
    ]
  }

  init(process: [UInt8], time: ProcessTime, isExact: Bool) {
    self.process = process
    self.time = time
    self.isExact = isExact
  }

  init(_ fields: EventFields) throws(LedgerError) {
    process = try fields.hex("process", count: 16)
    time = ProcessTime()
    time.cpuNanos = try fields.integer("cpu_nanos")
    time.requestNanos = try fields.integer("requests")
    isExact = try fields.bool("exact")
    guard try fields.integer("overhead") == time.overheadNanos else {
      throw .unreadableEvent("the parts of a process's CPU time do not add up")
    }
  }
}

extension Projector {
  func apply(_ event: ProcessEnded, id: Int64, at: Int64) throws(LedgerError) {
    let process = try connection.first(.writerNamed, .blob(event.process)) { $0.integer(0) }
    try insert(event.time, of: process ?? 0, id: id, at: at, isExact: event.isExact)
  }

  /// - Parameter process: the row of its writer; 0 for what a checkpoint has put together.
  func insert(_ time: ProcessTime, of process: Int64, id: Int64, at: Int64, isExact: Bool) throws(LedgerError) {
    try connection.run(
      .insertProcess, .integer(id), .integer(process), .integer(at), .integer(time.cpuNanos),
      .integer(time.requestNanos), .integer(isExact ? 1 : 0))
  }
}

extension LedgerWriter {
  /// Writes down what this process used since it last did, none of its requests being open.
  func endProcess() throws(LedgerError) {
    var time = ProcessTime()
    let cpuNanos = Files.processCPUNanos()
    time.cpuNanos = cpuNanos - accounted.cpuNanos
    time.requestNanos = requestNanos - accounted.requestNanos
    try transaction { (appender) throws(LedgerError) in
      try appender.append(ProcessEnded(process: name, time: time, isExact: true))
    }
    (accounted.cpuNanos, accounted.requestNanos) = (cpuNanos, requestNanos)
  }

  /// Writes down what a process used that is gone: at least what it said with its last token.
  func endProcess(_ dead: DeadProgress, writer row: Int64, _ appender: inout Appender) throws(LedgerError) {
    var time = ProcessTime()
    time.cpuNanos = dead.processNanos
    try appender.connection.each(.requestsOfWriter, .integer(row)) { (row) throws(LedgerError) in
      time.requestNanos = try Amount.sum(time.requestNanos, row.integer(0), "the CPU time of a process's requests")
    }
    try appender.connection.each(.processesOfWriter, .integer(row)) { row in
      time.cpuNanos -= row.integer(0)
      time.requestNanos -= row.integer(1)
    }
    // Its last request may have been charged after its last word.
    time.cpuNanos = max(time.cpuNanos, time.requestNanos)
    // It may have written all of that down itself, and only not taken its file away.
    guard time != ProcessTime() else { return }
    try appender.append(ProcessEnded(process: dead.writer, time: time, isExact: false))
  }
}

extension Ledger {
  /// What the processes that ended in a span used, nanoseconds since 1970: `from` is in it, `to` is not.
  public func processTime(from: Int64 = .min, to: Int64 = .max) throws(LedgerError) -> ProcessTime {
    try locked { () throws(LedgerError) in
      var sum = ProcessTime()
      try connection.each(.processes, .integer(from), .integer(to)) { (row) throws(LedgerError) in
        var one = ProcessTime()
        (one.cpuNanos, one.requestNanos) = (row.integer(0), row.integer(1))
        try sum.add(one)
      }
      return sum
    }
  }
}
