import Glibc
import Synchronization
import Testing

@testable import Compute

/// A thread of the C library's own, so that clocks and libraries meet what the engine's workers are.
func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
  final class Box {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Box(body)).toOpaque())
  precondition(code == 0, "pthread_create")
  return thread
}

/// Works until this thread has used that much CPU time.
func burn(milliseconds: Int64) {
  let end = Clock.threadCPUNanos() + milliseconds * 1_000_000
  while Clock.threadCPUNanos() < end {}
}

@Suite struct ProcessUsageTests {
  @Test func clocksAdvanceTogether() {
    let (monotonic, unix, cpu) = (Clock.nowNanos(), Clock.unixNanos(), Clock.processCPUNanos())
    burn(milliseconds: 20)
    // The process has other threads: its time grows by this thread's at least.
    #expect(Clock.processCPUNanos() - cpu >= 20_000_000)
    #expect(Clock.nowNanos() - monotonic >= 20_000_000)
    #expect(Clock.nowNanos() - monotonic < 60_000_000_000)
    #expect(Clock.unixNanos() - unix >= 19_000_000)
    // Any machine that runs this has a clock between 2020 and 2200.
    #expect(unix > 1_577_836_800_000_000_000 && unix < 7_258_118_400_000_000_000)
  }

  @Test func aSleepingThreadUsesNoCPUTime() {
    let before = (Clock.threadCPUNanos(), Clock.nowNanos())
    usleep(50_000)
    #expect(Clock.nowNanos() - before.1 >= 50_000_000)
    #expect(Clock.threadCPUNanos() - before.0 < 10_000_000)
  }

  @Test func anotherThreadsTimeIsItsOwn() throws {
    let thread = BurningThread.start()
    while BurningThread.stage.load(ordering: .acquiring) < 1 { usleep(1_000) }
    let spent = try #require(Clock.cpuNanos(of: thread))
    #expect(spent >= 30_000_000)
    #expect(spent < 10_000_000_000)
    BurningThread.stage.store(2, ordering: .releasing)
    pthread_join(thread, nil)
  }

  @Test func snapshotSeesMemoryAndFaults() throws {
    let before = ProcessUsage.current()
    let resident = try #require(before.residentBytes)
    #expect(before.peakResidentBytes >= resident)
    #expect(resident > 1 << 20)
    let bytes = 64 << 20
    let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
    memset(memory, 1, bytes)
    let after = ProcessUsage.current()
    memory.deallocate()
    // Other tests give and take memory beside this one, hence the margin of half.
    #expect(after.peakResidentBytes - resident > Int64(bytes / 2))
    #expect(after.minorFaults > before.minorFaults)
    #expect(after.majorFaults >= before.majorFaults)
    #expect(after.cpuNanos > before.cpuNanos)
    #expect(ProcessUsage.current().peakResidentBytes >= after.peakResidentBytes - (1 << 20))
  }

  @Test func statusOfALyingKernel() {
    let maximum = ProcessUsage.current(HostFiles(root: "/nowhere")).peakResidentBytes
    #expect(maximum > 1 << 20, "getrusage answers where /proc does not")
    #expect(ProcessUsage.current(HostFiles(root: "/nowhere")).residentBytes == nil)
    let tree = HostTree()
    func snapshot(_ status: String) -> ProcessUsage {
      tree.write("/proc/self/status", status)
      return ProcessUsage.current(HostFiles(root: tree.root))
    }
    let plain = snapshot("Name:\tVmHWM: 9 kB\nVmPeak:\t 9999 kB\nVmHWM:\t    1776 kB\nVmRSS:\t    1024 kB\n")
    #expect(plain.peakResidentBytes == 1776 * 1024)
    #expect(plain.residentBytes == Int64(1 << 20))
    #expect(snapshot("VmHWM: 1 kB\nVmRSS: 2 kB").peakResidentBytes == 2048, "the peak is not below the present")
    for garbage in [
      "", "VmHWM:", "VmHWM: kB", "VmHWM: -5 kB", "VmHWM: 12", "VmHWM: 12 MB", "VmHWM: 0x10 kB", "VmHWM: 1 2 kB",
      "VmHWM: 9223372036854775807 kB", "VmHWM: 99999999999999999999 kB", "VmHWMX: 1 kB", "\0\0\0\0",
    ] {
      #expect(snapshot(garbage).peakResidentBytes >= maximum, "\(garbage)")
      #expect(snapshot(garbage).residentBytes == nil)
    }
  }
}

/// A thread that works for 30 ms of its CPU time, says so (stage 1), and lives until it is told to end (stage 2).
private enum BurningThread {
  static let stage = Atomic<Int>(0)

  static func start() -> pthread_t {
    startThread {
      burn(milliseconds: 30)
      stage.store(1, ordering: .releasing)
      while stage.load(ordering: .acquiring) < 2 { usleep(1_000) }
    }
  }
}
