import CKernels
import Glibc

/// How many threads can compute at once for this process.
public struct CPUAllowance: Sendable, Equatable {
  /// Processors on which the scheduler may run this process.
  public let affinity: Int
  /// Processors' worth of time that its control groups grant, the least over all of them; nil when nothing limits it.
  public let quota: Double?
  /// The smaller of the two, rounded up, at least 1: with more threads than that, some would wait while others hold
  /// what they need.
  public let threads: Int

  /// Processors of a machine that we count at most, far more than Linux supports.
  static let processorLimit = 1 << 20

  public init(affinity: Int, quota: Double?) {
    self.affinity = max(affinity, 1)
    self.quota = quota
    // A quota beyond the affinity mask is never turned into an integer: it may be as large as a Double can be.
    let granted = quota.map { $0 < Double(max(affinity, 1)) ? Int(max($0, 0).rounded(.up)) : max(affinity, 1) }
    threads = max(granted ?? max(affinity, 1), 1)
  }
}

extension Host {
  /// Processors that this process may use.
  /// - Parameter affinity: size of the calling thread's affinity mask, which threads inherit; for tests another number.
  public func cpuAllowance(affinity: Int = Host.affinity()) -> CPUAllowance {
    let groups = ControlGroups(files)
    let quotas = groups.folders(for: "cpu").compactMap { group in
      group.isVersion2 ? quota2(in: group.folder) : quota1(in: group.folder)
    }
    return CPUAllowance(affinity: affinity, quota: quotas.min())
  }

  /// `cpu.max`: microseconds of CPU time per period, or `max`, and the period.
  private func quota2(in folder: [UInt8]) -> Double? {
    guard let text = files.read(folder + "/cpu.max".utf8, limit: 4096) else { return nil }
    let fields = HostText.fields(text[...])
    guard fields.count == 2 else { return nil }
    return Self.ratio(HostText.integer(fields[0]), HostText.integer(fields[1]))
  }

  private func quota1(in folder: [UInt8]) -> Double? {
    let quota = HostText.integer(files.read(folder + "/cpu.cfs_quota_us".utf8, limit: 4096))
    let period = HostText.integer(files.read(folder + "/cpu.cfs_period_us".utf8, limit: 4096))
    return Self.ratio(quota, period)
  }

  /// Nil for "no limit", which is `max` or -1, and for what cannot be a quota.
  private static func ratio(_ quota: Int?, _ period: Int?) -> Double? {
    guard let quota, let period, quota > 0, period > 0 else { return nil }
    return Double(quota) / Double(period)
  }

  /// Processors on which the calling thread may run.
  public static func affinity() -> Int {
    let online = max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 1)
    return unsafe affinity { bytes, mask in unsafe fk_get_affinity(bytes, mask) } ?? online
  }

  /// Counts the bits of a mask whose size is not known: the kernel refuses one that is too small for the machine.
  /// - Parameter read: fills a zeroed mask of so many bytes; 0 if it could.
  static func affinity(read: (Int, UnsafeMutablePointer<UInt64>) -> Int32) -> Int? {
    // Enough for 1,024 processors, as many as the C library's fixed type holds.
    var words = 16
    while words <= CPUAllowance.processorLimit / 64 {
      let mask = UnsafeMutablePointer<UInt64>.allocate(capacity: words)
      defer { unsafe mask.deallocate() }
      unsafe mask.initialize(repeating: 0, count: words)
      if unsafe read(words * 8, mask) == 0 {
        var count = 0
        for word in 0..<words { unsafe count += mask[word].nonzeroBitCount }
        return count > 0 ? count : nil
      }
      guard errno == EINVAL else { return nil }
      words *= 2
    }
    return nil
  }
}
