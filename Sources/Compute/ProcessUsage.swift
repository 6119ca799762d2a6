import Glibc

/// Time, in nanoseconds. Every reading is one call of the kernel's without a system call (or one system call, for CPU
/// time), and none allocates.
public enum Clock {
  /// Time since some fixed moment, for durations: it never goes back. A machine that is suspended does not count.
  public static func nowNanos() -> Int64 { nanos(CLOCK_MONOTONIC) ?? 0 }

  /// Time since 1970 in UTC. It may jump when the machine's clock is set.
  public static func unixNanos() -> Int64 { nanos(CLOCK_REALTIME) ?? 0 }

  /// CPU time that all threads of this process have used, in user and kernel mode.
  public static func processCPUNanos() -> Int64 { nanos(CLOCK_PROCESS_CPUTIME_ID) ?? 0 }

  /// CPU time that the calling thread has used.
  public static func threadCPUNanos() -> Int64 { nanos(CLOCK_THREAD_CPUTIME_ID) ?? 0 }

  /// CPU time that a thread of this process has used; nil when it has ended.
  /// - Precondition: nobody has joined or detached `thread`: its number may belong to another by then.
  public static func cpuNanos(of thread: pthread_t) -> Int64? {
    var clock = clockid_t()
    guard unsafe pthread_getcpuclockid(thread, &clock) == 0 else { return nil }
    return nanos(clock)
  }

  private static func nanos(_ clock: clockid_t) -> Int64? {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

/// What this process has used so far. Subtract two snapshots for what a stretch of work used.
public struct ProcessUsage: Sendable, Equatable {
  /// CPU time of all threads, user and kernel mode.
  public let cpuNanos: Int64
  /// The most memory that was ever resident, file pages included: the kernel's VmHWM. The kernel counts per CPU and
  /// adds up late, so that it may lag by some hundred kilobytes.
  public let peakResidentBytes: Int64
  /// Memory resident now (VmRSS); nil where `/proc` does not tell.
  public let residentBytes: Int64?
  /// Page faults that were served without reading from a disk.
  public let minorFaults: Int64
  /// Page faults that had to wait for a disk: a mapped model file that was evicted shows here.
  public let majorFaults: Int64

  /// Reads `/proc/self/status` and asks the kernel: some tens of microseconds, for the start and the end of a request.
  public static func current() -> ProcessUsage { current(HostFiles()) }

  static func current(_ files: HostFiles) -> ProcessUsage {
    var usage = rusage()
    let answered = unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0
    let status = files.read("/proc/self/status") ?? []
    let resident = HostText.kilobytes(of: "VmRSS", in: status)
    // getrusage gives the greatest of this program and of the one that it was started from by exec, so that it is only
    // the second choice.
    let fallback = answered ? Int(usage.ru_maxrss) * 1024 : 0
    let peak = HostText.kilobytes(of: "VmHWM", in: status) ?? fallback
    return ProcessUsage(
      cpuNanos: Clock.processCPUNanos(), peakResidentBytes: Int64(max(peak, resident ?? 0)),
      residentBytes: resident.map { Int64($0) }, minorFaults: answered ? Int64(usage.ru_minflt) : 0,
      majorFaults: answered ? Int64(usage.ru_majflt) : 0)
  }
}
