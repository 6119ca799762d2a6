/// Writes down where a machine's time goes: one recorder for each machine and ledger, the holder of a lock. Another one
/// that waits takes over when it ends; what passes in between is unobserved.
///
/// It looks every second and appends an interval every minute and at the end of each hour. CPU time of requests is exact
/// (the counts of progress files and of closed requests); idle and stolen time come from the kernel in ticks of 10 ms, and
/// what is left of the interval is other processes' (see `MachineTime.init`).
public final class MachineRecorder {
  static let intervalNanos: Int64 = 60_000_000_000

  private let writer: LedgerWriter
  private let machine: String
  private let lock: FileLock
  private let boot = Files.bootIdentity()
  private var start: HostSample
  private var last: HostSample
  private var lastEvent: Int64
  /// Idle time while a model was loaded and nobody asked, since `start`.
  private var wasted: Int64 = 0
  /// CPU time of open requests that earlier intervals hold.
  private var attributed: [[UInt8]: Int64] = [:]
  /// CPU time so far of requests that were seen open and not yet closed.
  private var open: [[UInt8]: Int64] = [:]
  /// CPU time of processes: when they were first seen or the interval began, and when last seen.
  private var processes: [[UInt8]: (before: Int64, now: Int64)] = [:]

  /// - Returns: nil where another process records this machine.
  /// - Throws: `invalid` where the kernel does not tell, or the machine is unknown.
  public static func begin(_ writer: LedgerWriter, machine: String) throws(LedgerError) -> MachineRecorder? {
    guard try writer.ledger.machines().contains(where: { Array($0.machine.utf8) == Array(machine.utf8) }) else {
      throw .invalid("the ledger knows no machine '\(machine)' (see `farthing help machine add`)")
    }
    guard let lock = FileLock(trying: writer.ledger.path + ".recorder") else { return nil }
    guard let sample = HostSample.now(of: writer.ledger, at: writer.now()) else {
      throw .invalid("this kernel does not say where its time goes (/proc/stat)")
    }
    return try MachineRecorder(writer, machine, lock, sample)
  }

  init(_ writer: LedgerWriter, _ machine: String, _ lock: FileLock, _ sample: HostSample) throws(LedgerError) {
    self.writer = writer
    self.machine = machine
    self.lock = lock
    (start, last) = (sample, sample)
    lastEvent = try writer.ledger.lastEvent()
    // What was used before is not this recorder's to tell.
    for server in sample.servers {
      for request in server.requests { attributed[request.request] = request.cpuNanos }
      if let cpu = server.cpuNanos { processes[server.writer] = (cpu, cpu) }
    }
  }

  /// Looks at the machine; called every second or so. Appends an interval where one is due.
  public func look() throws(LedgerError) {
    guard let sample = HostSample.now(of: writer.ledger, at: writer.now()) else { return }
    try take(sample)
  }

  /// Appends what is not yet written down. Called at the end.
  public func finish() throws(LedgerError) {
    if last.at > start.at { try append() }
    try writer.finish()
  }

  func take(_ sample: HostSample) throws(LedgerError) {
    // A clock that was set back must not make time negative: the interval begins anew.
    guard sample.at >= last.at else {
      (start, last, wasted) = (sample, sample, 0)
      return
    }
    let isLoaded = !last.servers.isEmpty
    let isAsked = last.servers.contains { !$0.requests.isEmpty } || sample.servers.contains { !$0.requests.isEmpty }
    if isLoaded, !isAsked { wasted += max(0, sample.ticks.idle - last.ticks.idle) }
    for server in sample.servers {
      for request in server.requests { open[request.request] = request.cpuNanos }
      guard let cpu = server.cpuNanos else { continue }
      // A process that was not there before has used all of its CPU time within this interval.
      processes[server.writer] = (processes[server.writer]?.before ?? 0, cpu)
    }
    last = sample
    let hour = Ledger.hourNanos
    if sample.at - start.at >= Self.intervalNanos || sample.at / hour != start.at / hour { try append() }
  }

  private func append() throws(LedgerError) {
    let (requests, shares) = try shares()
    let used = processes.values.reduce(Int64(0)) { $0 &+ max(0, $1.now - $1.before) }
    // An interval never reaches over an hour's end: whole hours are what is paid for.
    for (from, to, part, whole) in Self.pieces(start.at, last.at) {
      func share(_ value: Int64) -> Int64 {
        Int64(clamping: Int128(max(0, value)) * Int128(part + to - from) / Int128(whole))
          - Int64(clamping: Int128(max(0, value)) * Int128(part) / Int128(whole))
      }
      let total = try Amount.product(to - from, last.ticks.vcpus, "the time of a machine")
      let idle = share(last.ticks.idle - start.ticks.idle)
      let stolen = share(last.ticks.stolen - start.ticks.stolen)
      let mine = share(requests)
      let overhead = share(used - requests)
      let time = MachineTime(
        total: total, stolen: stolen, requests: mine, overhead: overhead,
        other: total - stolen - idle - mine - overhead, wasted: share(wasted))
      let event = IntervalRecorded(
        machine: machine, boot: boot, start: from, stop: to, vcpus: last.ticks.vcpus, time: time,
        shares: shares.map { ($0.request, share($0.cpuNanos)) }.filter { $0.cpuNanos > 0 })
      try writer.transaction { (appender) throws(LedgerError) in try appender.append(event) }
    }
    start = last
    wasted = 0
    let alive = Set(last.servers.map(\.writer))
    processes = processes.filter { alive.contains($0.key) }.mapValues { ($0.now, $0.now) }
  }

  /// An interval cut at the ends of hours: each piece with how much of the whole lies before it.
  static func pieces(_ start: Int64, _ stop: Int64) -> [(from: Int64, to: Int64, part: Int64, whole: Int64)] {
    var pieces: [(from: Int64, to: Int64, part: Int64, whole: Int64)] = []
    var from = start
    while from < stop {
      let to = min(stop, (from / Ledger.hourNanos + 1) * Ledger.hourNanos)
      pieces.append((from, to, from - start, stop - start))
      from = to
    }
    return pieces
  }

  /// CPU time that requests used since the last interval: of those that are open what progress files say, of those that
  /// were closed what the ledger says.
  private func shares() throws(LedgerError) -> (total: Int64, shares: [(request: [UInt8], cpuNanos: Int64)]) {
    var shares: [(request: [UInt8], cpuNanos: Int64)] = []
    // A process that came and went between two looks is known by what it said at its end, or with a request's.
    func process(_ name: [UInt8], used nanos: Int64) {
      let known = processes[name]
      processes[name] = (known?.before ?? 0, max(known?.now ?? 0, nanos))
    }
    for ending in try writer.ledger.endings(after: &lastEvent) {
      switch ending {
      case .request(let closing, let writer):
        open[closing.request] = nil
        shares.append(
          (closing.request, max(0, closing.cpuNanos - (attributed.removeValue(forKey: closing.request) ?? 0))))
        if let nanos = closing.detail?.processCPUNanos { process(writer, used: nanos) }
      case .process(let ended): process(ended.process, used: ended.time.cpuNanos)
      }
    }
    // In the order of their names, so that equal remainders are cut alike by whoever recomputes them.
    for (request, cpu) in open.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      let before = attributed[request] ?? 0
      attributed[request] = max(before, cpu)
      if cpu > before { shares.append((request, cpu - before)) }
    }
    return (shares.reduce(0) { $0 &+ $1.cpuNanos }, shares)
  }
}

extension Ledger {
  func lastEvent() throws(LedgerError) -> Int64 {
    try locked { () throws(LedgerError) in try connection.first(.lastEvent) { $0.integer(0) } ?? 0 }
  }

  enum Ending {
    /// With the name of the writer that closed it.
    case request(Closing, writer: [UInt8])
    case process(ProcessEnded)
  }

  /// Requests that were closed and processes that ended in events after a number; moves the number on.
  func endings(after id: inout Int64) throws(LedgerError) -> [Ending] {
    let first = id
    let found = try locked { () throws(LedgerError) in
      var endings: [Ending] = []
      var last = first
      try connection.each(.endingsAfter, .integer(first)) { (row) throws(LedgerError) in
        let event = try StoredEvent(row)
        last = event.id
        let fields = try event.fields()
        endings.append(
          event.kind == .process
            ? .process(try ProcessEnded(fields)) : .request(try Closing(fields), writer: row.blob(7)))
      }
      return (endings, last)
    }
    id = found.1
    return found.0
  }
}
