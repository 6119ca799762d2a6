/// Nanoseconds that a machine's virtual CPUs have spent since it was started, as the kernel counts them (`/proc/stat`, in
/// ticks of 10 ms).
struct HostTicks: Sendable, Equatable {
  var vcpus: Int64 = 0
  var idle: Int64 = 0
  var stolen: Int64 = 0

  /// Linux gives user space hundredths of a second whatever its own tick is.
  private static let tickNanos: Int64 = 10_000_000

  /// Nil where the text is not that of `/proc/stat`.
  init?(_ text: [UInt8]) {
    var total: [Int64] = []
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: Array("cpu".utf8)) {
      let words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
      if words[0] == "cpu" {
        total = words.dropFirst().compactMap { Int64($0) }
      } else {
        vcpus += 1
      }
    }
    // user nice system idle iowait irq softirq steal
    guard total.count >= 8, vcpus > 0 else { return nil }
    idle = (total[3] &+ total[4]) &* Self.tickNanos
    stolen = total[7] &* Self.tickNanos
  }

  static func now() -> HostTicks? { Files.read("/proc/stat", limit: 1 << 20).flatMap { HostTicks($0) } }
}

/// What a recorder sees at one moment.
struct HostSample: Sendable {
  /// A process that serves requests: it has a progress file and holds its lock.
  struct Server: Sendable {
    var writer: [UInt8]
    /// CPU time of the process so far; nil where it has just ended.
    var cpuNanos: Int64?
    var requests: [Progress]
  }

  /// Wall clock, nanoseconds since 1970.
  var at: Int64
  var ticks: HostTicks
  var servers: [Server]

  /// The machine as it is now, with the servers of one ledger; nil where the kernel does not say.
  static func now(of ledger: Ledger, at unixNanos: Int64) -> HostSample? {
    guard let ticks = HostTicks.now() else { return nil }
    var servers: [Server] = []
    for name in Files.names(in: ledger.writersDirectory) {
      let path = ledger.writersDirectory + "/" + name
      // A file whose lock is free belongs to the dead; the next writer closes its requests.
      guard !FileLock.isFree(path), let bytes = Files.read(path, limit: 1 << 20),
        let parsed = ProgressFile.parse(bytes)
      else { continue }
      servers.append(
        Server(
          writer: parsed.writer, cpuNanos: Files.cpuNanos(ofProcess: parsed.process), requests: parsed.requests))
    }
    return HostSample(at: unixNanos, ticks: ticks, servers: servers)
  }
}
