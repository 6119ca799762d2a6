import Glibc
import Testing

@testable import Compute

@Suite final class HostTests {
  /// Kept until the test ends.
  private var trees: [HostTree] = []

  private func host(_ files: [String: String]) -> (host: Host, tree: HostTree) {
    let tree = HostTree(files)
    trees.append(tree)
    return (Host(root: tree.root), tree)
  }

  // MARK: Reading

  @Test func readsAreBounded() {
    let tree = HostTree(["/proc/long": String(repeating: "x", count: 10_000), "/proc/empty": ""])
    let files = HostFiles(root: tree.root + "//")
    #expect(files.read("/proc/long")?.count == 10_000)
    #expect(files.read("/proc/long", limit: 4097)?.count == 4097)
    #expect(files.read("/proc/empty") == [])
    tree.write("/proc/endless", [UInt8](repeating: 7, count: HostFiles.readLimit + 1))
    #expect(files.read("/proc/endless")?.count == HostFiles.readLimit)
  }

  @Test func onlyRegularFilesAreRead() {
    let tree = HostTree()
    tree.makeFIFO("/proc/pipe")
    tree.makeFolder("/proc/folder")
    let files = HostFiles(root: tree.root)
    // A FIFO without a writer would wait for ever.
    #expect(files.read("/proc/pipe") == nil)
    #expect(files.read("/proc/folder") == nil)
    #expect(files.read("/proc/missing") == nil)
    #expect(files.read("proc/relative") == nil)
    #expect(files.read(Array("/proc/with\0zero".utf8)) == nil)
    #expect(HostFiles().read("/dev/zero") == nil)
  }

  @Test(arguments: [
    ("0", 0), ("12\n", 12), (" \t7 \r\n", 7), ("-1", -1), ("9223372036854775807", Int.max),
    ("-9223372036854775808", Int.min), ("9223372036854775808", nil), ("-9223372036854775809", nil), ("", nil),
    ("-", nil),
    ("+5", nil), ("1e3", nil), ("0x10", nil), ("1 2", nil), ("max", nil), ("٣", nil), ("1.5", nil), ("--1", nil),
    ("00000000000000000000000000000012", 12),
  ])
  func numbers(text: String, expected: Int?) {
    #expect(HostText.integer(Array(text.utf8)) == expected)
  }

  // MARK: Processors

  @Test(arguments: [
    ("0-1\n", 2), ("0", 1), ("0-3,8,10-11", 7), ("0-1048575", 1 << 20), ("", nil), ("0-", nil), ("-3", nil),
    ("3-1", nil),
    ("0-99999999999999999999", nil), ("0-1048576", nil), ("0,,1", nil), ("0-1,", nil), ("a-b", nil), ("0-1-2", nil),
    ("0-1048575,0-1048575", nil),
  ])
  func listsOfProcessors(text: String, expected: Int?) {
    #expect(Host.countOfList(Array(text.utf8)[...]) == expected)
  }

  @Test func countOfProcessors() {
    let statistics = "cpu  1 2 3\ncpu0 1 2\ncpu1 1 2\ncpu10 3\ncpufreq 5\nintr 5\n"
    #expect(host(["/sys/devices/system/cpu/online": "0-5", "/proc/stat": statistics]).host.processors == 6)
    #expect(host(["/sys/devices/system/cpu/online": "all", "/proc/stat": statistics]).host.processors == 3)
    #expect(host(["/proc/stat": "nothing"]).host.processors == 1)
    #expect(host([:]).host.processors == 1)
    #expect(Host().processors >= Host().cpuAllowance().affinity)
  }

  // MARK: Caches, names, modes

  @Test func cacheSizes() {
    let folder = "/sys/devices/system/cpu/cpu0/cache/index"
    let all = host([
      folder + "0/level": "1\n", folder + "0/type": "Data\n", folder + "0/size": "48K\n",
      folder + "1/level": "1\n", folder + "1/type": "Instruction\n", folder + "1/size": "32K\n",
      folder + "2/level": "2\n", folder + "2/type": "Unified\n", folder + "2/size": "1024K\n",
      folder + "3/level": "3\n", folder + "3/type": "Unified\n", folder + "3/size": "32M\n",
    ])
    #expect(all.host.caches == Host.Caches(level1Data: 48 << 10, level2: 1 << 20, level3: 32 << 20))
    for garbage in ["", "K", "0K", "-1K", "9223372036854775807K", "9999999999K", "48k", "4 8K", "1T", "4096G"] {
      let one = host([folder + "0/level": "2", folder + "0/type": "Unified", folder + "0/size": garbage])
      #expect(one.host.caches == Host.Caches(), "\(garbage)")
    }
    #expect(
      host([folder + "0/level": "7", folder + "0/type": "Data", folder + "0/size": "1K"]).host.caches.level3 == nil)
    #expect(host([:]).host.caches == Host.Caches())
  }

  @Test(arguments: [
    (
      "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t\t: 2\nmodel name\t: AMD EPYC 9R45\nflags: x\n",
      "AMD EPYC 9R45"
    ),
    ("model name\t: Intel(R)   Xeon(R)\tCPU @ 2.50GHz \n", "Intel(R) Xeon(R) CPU @ 2.50GHz"),
    ("processor: 0\nCPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\n", "Arm Neoverse-N1"),
    ("CPU implementer\t: 0x41\nCPU part\t: 0xd4f\n", "Arm Neoverse-V2"),
    ("CPU implementer\t: 0xc0\nCPU part\t: 0xac3\n", "AmpereOne"),
    ("CPU implementer\t: 0x61\nCPU part\t: 0x22\n", "Arm (implementer 0x61, part 0x22)"),
    ("CPU implementer\t: 0x41\nCPU part\t: 0xfffffffffff\n", nil), ("CPU implementer\t: 65\nCPU part\t: 1\n", nil),
    ("hart: 0\nuarch\t: sifive,u74-mc\n", "sifive,u74-mc"),
    ("model name\t: \u{1B}[31mred\u{7}\u{202E} x\n", "[31mred x"), ("model name\t:   \n", nil), ("model name\n", nil),
    ("", nil),
  ])
  func processorNames(text: String, expected: String?) {
    #expect(host(["/proc/cpuinfo": text]).host.processorName == expected)
  }

  @Test func processorNameIsShortAndValid() throws {
    let long = host(["/proc/cpuinfo": "model name : " + String(repeating: "\u{E9}", count: 5000)])
    #expect(try #require(long.host.processorName).unicodeScalars.count == 100)
    let tree = HostTree()
    tree.write("/proc/cpuinfo", Array("model name : a".utf8) + [0xFF, 0xC0, 0x80] + Array("b".utf8))
    #expect(Host(root: tree.root).processorName?.hasPrefix("a") == true)
    #expect(host([:]).host.processorName == nil)
  }

  @Test(arguments: [
    ("always [madvise] never\n", Host.HugePageMode.madvise), ("[always] madvise never", .always),
    ("always madvise [never]", .never), ("always madvise never", nil), ("[]", nil), ("[sometimes]", nil), ("", nil),
  ])
  func hugePages(text: String, expected: Host.HugePageMode?) {
    #expect(host(["/sys/kernel/mm/transparent_hugepage/enabled": text]).host.hugePageMode == expected)
  }

  // MARK: Steal time

  @Test func stealTime() throws {
    let tick = 1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))
    let machine = host(["/proc/stat": "cpu  100 10 20 300 40 5 5 20 7 0\ncpu0 1 2 3\n"])
    let before = try #require(machine.host.processorTime)
    #expect(before == Host.ProcessorTime(totalNanos: 500 * tick, stealNanos: 20 * tick))
    machine.tree.write("/proc/stat", "cpu 150 10 20 320 40 5 5 50 7 0")
    let after = try #require(machine.host.processorTime)
    #expect(after.stealShare(since: before) == 0.3)
    #expect(before.stealShare(since: before) == nil)
    #expect(before.stealShare(since: after) == nil, "a clock that goes back")
    let extreme = Host.ProcessorTime(totalNanos: .min, stealNanos: .max)
    #expect(after.stealShare(since: extreme) == nil)
    for garbage in [
      "", "cpu", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 7 x 9", "cpu 1 2 3 4 5 6 7 -8 9",
      "cpu 9223372036854775807 1 1 1 1 1 1 1", "cpu 900000000000 900000000000 1 1 1 1 1 1",
    ] {
      #expect(host(["/proc/stat": garbage]).host.processorTime == nil, "\(garbage)")
    }
  }

  // MARK: This machine

  @Test func thisMachineAnswers() throws {
    let host = Host()
    let allowance = host.cpuAllowance()
    #expect(allowance.threads >= 1 && allowance.threads <= allowance.affinity)
    #expect(Host.pageBytes >= 4096 && Host.pageBytes & (Host.pageBytes - 1) == 0)
    let memory = host.memoryAllowance()
    let machine = try #require(memory.machineBytes)
    #expect(try #require(memory.availableBytes) <= machine)
    #expect(try #require(memory.machineAvailableBytes) <= machine)
    if let time = host.processorTime { #expect(time.totalNanos >= time.stealNanos && time.stealNanos >= 0) }
  }

  /// Every file in turn holds bytes at random, numbers among them; nothing crashes, and answers stay within bounds.
  @Test func noiseInEveryFile() {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = OpenBLASTests.SplitMix(state: seed)
    let tokens = [
      "max", "-1", "0", "9223372036854775807", "18446744073709551616", " ", "\n", "\t", ":", "/", "..", ",", "-", "kB",
      "cgroup", "cgroup2", "rw,memory", "memory", "cpu", "0::/a", "\\040", "\\999", "1:cpu,memory:/", "MemTotal",
      "VmHWM:",
      "hierarchical_memory_limit", "model name", "[", "]", "\u{0}", "é",
    ]
    let paths = [
      "/proc/self/cgroup", "/proc/self/mountinfo", "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/self/status",
      "/cg/cpu.max", "/cg/memory.max", "/cg/memory.high", "/cg/memory.current", "/cg/memory.stat",
      "/cg/memory.limit_in_bytes", "/cg/memory.usage_in_bytes", "/cg/cpu.cfs_quota_us", "/cg/cpu.cfs_period_us",
      "/sys/devices/system/cpu/online", "/sys/devices/system/cpu/cpu0/cache/index0/size",
      "/sys/kernel/mm/transparent_hugepage/enabled",
    ]
    let plain = [
      "/proc/self/cgroup": "1:cpu,memory:/\n0::/\n",
      "/proc/self/mountinfo":
        "1 2 0:1 / /cg rw - cgroup cgroup rw,cpu,memory\n1 2 0:1 / /cg rw - cgroup2 cgroup2 rw\n",
      "/proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 50 kB\n",
    ]
    let tree = HostTree(plain)
    let host = Host(root: tree.root)
    for _ in 0..<1500 {
      let path = paths[Int(random.next() % UInt64(paths.count))]
      var text: [UInt8] = []
      for _ in 0..<(random.next() % 40) {
        if random.next() % 4 == 0 {
          text.append(UInt8(truncatingIfNeeded: random.next()))
        } else {
          text += tokens[Int(random.next() % UInt64(tokens.count))].utf8
        }
      }
      tree.write(path, text)
      let allowance = host.cpuAllowance(affinity: 4)
      #expect((1...4).contains(allowance.threads), "seed \(seed)")
      let memory = host.memoryAllowance()
      #expect((memory.availableBytes ?? 0) >= 0 && (memory.limitBytes ?? 0) >= 0, "seed \(seed)")
      _ = (host.processors, host.caches, host.processorName, host.hugePageMode, host.processorTime)
      #expect(ProcessUsage.current(host.files).peakResidentBytes >= 0, "seed \(seed)")
      // Noise in the files that lead to the others would hide those from the rounds to come.
      if let content = plain[path] { tree.write(path, content) }
    }
  }
}
