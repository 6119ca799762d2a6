import Glibc
import Testing

@testable import Compute

/// Quotas and memory limits of control groups, over trees as real machines have them.
@Suite final class HostControlGroupTests {
  /// Kept until the test ends.
  private var trees: [HostTree] = []

  private static let mib = 1 << 20

  private func host(_ files: [String: String]) -> (host: Host, tree: HostTree) {
    let tree = HostTree(files)
    trees.append(tree)
    return (Host(root: tree.root), tree)
  }

  /// A machine with version 2 alone, as Debian has it.
  private static let version2 = [
    "/proc/self/cgroup": "0::/system.slice/farthing.service\n",
    "/proc/self/mountinfo": """
    25 30 0:23 / /sys rw,nosuid - sysfs sysfs rw
    30 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate
    """,
    "/proc/meminfo": "MemTotal:       8388608 kB\nMemFree:  100 kB\nMemAvailable:    4194304 kB\n",
  ]
  private static let top2 = "/sys/fs/cgroup"
  private static let slice2 = "/sys/fs/cgroup/system.slice"
  private static let own2 = "/sys/fs/cgroup/system.slice/farthing.service"

  /// Version 1, a folder per controller, with blanks in a mount's path.
  private static let version1 = [
    "/proc/self/cgroup": """
    12:memory:/docker/abc
    4:cpu,cpuacct:/docker/abc
    1:name=systemd:/docker/abc
    """,
    "/proc/self/mountinfo": """
    33 24 0:28 / /sys/fs/cgroup/my\\040cpu rw,nosuid shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct
    34 24 0:29 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory
    35 24 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
    """,
    "/proc/meminfo": "MemTotal:       8388608 kB\nMemAvailable:    4194304 kB\n",
  ]

  private static func joined(_ base: [String: String], _ files: [String: String]) -> [String: String] {
    base.merging(files) { $1 }
  }

  // MARK: Processors

  @Test(
    arguments: [
      (8, nil, 8), (8, 2.0, 2), (8, 2.01, 3), (8, 0.1, 1), (2, 16.0, 2), (1, 0.5, 1), (4, 1e300, 4), (4, .infinity, 4),
      (4, .nan, 4), (0, nil, 1), (-3, 5.0, 1), (4, -1.0, 1), (4, 0.0, 1),
    ] as [(Int, Double?, Int)])
  func threads(affinity: Int, quota: Double?, expected: Int) {
    #expect(CPUAllowance(affinity: affinity, quota: quota).threads == expected)
  }

  @Test func noQuota() {
    let allowance = host([:]).host.cpuAllowance(affinity: 6)
    #expect(allowance.quota == nil && allowance.threads == 6 && allowance.affinity == 6)
    #expect(
      host(Self.joined(Self.version2, [Self.own2 + "/cpu.max": "max 100000\n"])).host.cpuAllowance(affinity: 6).quota
        == nil)
  }

  @Test func quotaOfVersion2() {
    let machine = host(Self.joined(Self.version2, [Self.own2 + "/cpu.max": "250000 100000\n"]))
    #expect(machine.host.cpuAllowance(affinity: 8) == CPUAllowance(affinity: 8, quota: 2.5))
    #expect(machine.host.cpuAllowance(affinity: 8).threads == 3)
    // The least over all ancestors counts, whichever of them states it.
    machine.tree.write(Self.slice2 + "/cpu.max", "150000 100000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 1.5)
    machine.tree.write(Self.top2 + "/cpu.max", "50000 100000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 0.5)
    machine.tree.write(Self.slice2 + "/other.service/cpu.max", "1000 100000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 0.5, "a sibling's quota is not ours")
  }

  @Test func quotaOfVersion1() {
    let folder = "/sys/fs/cgroup/my cpu/docker"
    let machine = host(
      Self.joined(
        Self.version1,
        [folder + "/abc/cpu.cfs_quota_us": "300000\n", folder + "/abc/cpu.cfs_period_us": "100000\n"]))
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 3)
    machine.tree.write(folder + "/cpu.cfs_quota_us", "-1")
    machine.tree.write(folder + "/cpu.cfs_period_us", "100000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 3, "-1 is no quota")
    machine.tree.write(folder + "/cpu.cfs_quota_us", "5000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 0.05)
    machine.tree.write("/sys/fs/cgroup/memory/docker/abc/cpu.cfs_quota_us", "1")
    machine.tree.write("/sys/fs/cgroup/memory/docker/abc/cpu.cfs_period_us", "100000")
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 0.05, "another controller's folder is not asked")
  }

  /// A container that sees its own group as the top of the mount, with paths from the machine's point of view.
  @Test(arguments: [
    ("/docker/abc", "/docker/abc"), ("/docker/abc", "/docker/abc/init"), ("/", "/init"), ("/../..", "/"),
  ])
  func containers(top: String, path: String) {
    let files = [
      "/proc/self/cgroup": "0::\(path)\n",
      "/proc/self/mountinfo": "30 25 0:26 \(top) /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
      "/sys/fs/cgroup/cpu.max": "200000 100000\n", "/sys/fs/cgroup/memory.max": "1048576\n",
    ]
    #expect(host(files).host.cpuAllowance(affinity: 8).quota == 2)
    #expect(host(files).host.memoryAllowance().limitBytes == Self.mib)
    let inner = Self.joined(files, ["/sys/fs/cgroup/init/cpu.max": "100000 100000\n"])
    #expect(host(inner).host.cpuAllowance(affinity: 8).quota == (path.hasSuffix("/init") ? 1 : 2))
  }

  /// Of two mounts of one hierarchy, the one that shows more of the tree above is read.
  @Test(arguments: [false, true])
  func mountsOfOneHierarchy(reversed: Bool) {
    let mounts = [
      "30 25 0:26 /a/b /deep rw - cgroup2 cgroup rw", "31 25 0:26 / /whole rw - cgroup2 cgroup rw",
      "32 25 0:26 /x /other rw - cgroup2 cgroup rw",
    ]
    let machine = host([
      "/proc/self/cgroup": "0::/a/b/c\n",
      "/proc/self/mountinfo": (reversed ? mounts.reversed() : mounts).joined(separator: "\n"),
      "/deep/c/cpu.max": "400000 100000", "/whole/a/b/c/cpu.max": "400000 100000", "/whole/a/cpu.max": "100000 100000",
      "/other/cpu.max": "1 100000",
    ])
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 1)
  }

  /// A hybrid machine: `cpu` under version 1, `memory` under version 2, or the other way round.
  @Test func hybrid() {
    let machine = host([
      "/proc/self/cgroup": "3:cpu,cpuacct:/one\n1:name=systemd:/one\n0::/two\n",
      "/proc/self/mountinfo": """
      33 24 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
      35 24 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
      """,
      "/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_quota_us": "150000",
      "/sys/fs/cgroup/cpu,cpuacct/one/cpu.cfs_period_us": "50000",
      "/sys/fs/cgroup/unified/two/memory.max": "\(100 * Self.mib)",
      "/sys/fs/cgroup/unified/two/memory.current": "\(40 * Self.mib)",
      "/proc/meminfo": "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n",
    ])
    #expect(machine.host.cpuAllowance(affinity: 8).quota == 3)
    #expect(machine.host.memoryAllowance().availableBytes == 60 * Self.mib)
  }

  @Test(arguments: [
    "", "\n", "100000", "max", "-5 100000", "0 100000", "100000 0", "100000 -1", "1e5 100000", "a b", "1 2 3",
    "99999999999999999999 1", "100000\0100000", "100000 max",
  ])
  func quotasThatAreNone(text: String) {
    #expect(
      host(Self.joined(Self.version2, [Self.own2 + "/cpu.max": text])).host.cpuAllowance(affinity: 4).quota == nil)
  }

  @Test func extremeQuotas() {
    func threads(_ text: String) -> Int {
      host(Self.joined(Self.version2, [Self.own2 + "/cpu.max": text])).host.cpuAllowance(affinity: 4).threads
    }
    #expect(threads("9223372036854775807 1") == 4)
    #expect(threads("1 9223372036854775807") == 1)
  }

  // MARK: Affinity

  @Test func affinityOfThisThread() {
    let machine = Host.affinity()
    #expect(machine >= 1)
    #expect(Host().cpuAllowance().affinity == machine)
    typealias Affinity = @convention(c) (pid_t, Int, UnsafeMutablePointer<UInt64>) -> Int32
    guard let get = dlsym(nil, "sched_getaffinity"), let set = dlsym(nil, "sched_setaffinity") else {
      Issue.record("the C library lacks its functions")
      return
    }
    let (getAffinity, setAffinity) = (unsafeBitCast(get, to: Affinity.self), unsafeBitCast(set, to: Affinity.self))
    let thread = startThread {
      var mask = [UInt64](repeating: 0, count: 1024)
      #expect(getAffinity(0, mask.count * 8, &mask) >= 0)
      let first = mask.firstIndex { $0 != 0 } ?? 0
      let bit = mask[first] & (~mask[first] &+ 1)
      mask = mask.indices.map { $0 == first ? bit : 0 }
      #expect(setAffinity(0, mask.count * 8, &mask) == 0)
      #expect(Host.affinity() == 1)
      #expect(Host().cpuAllowance().threads == 1)
    }
    pthread_join(thread, nil)
  }

  /// A machine whose mask does not fit the C library's 1,024 bits.
  @Test(arguments: [1024, 4096, 8192, 1 << 20])
  func affinityOfALargeMachine(processors: Int) {
    var sizes: [Int] = []
    let count = Host.affinity { bytes, mask in
      sizes.append(bytes)
      guard bytes * 8 >= processors else {
        errno = EINVAL
        return -1
      }
      for word in 0..<processors / 64 { mask[word] = .max }
      return 0
    }
    #expect(count == processors)
    #expect(sizes.first == 128 && sizes.last == max(processors / 8, 128))
  }

  @Test func affinityThatCannotBeRead() {
    var calls = 0
    let endless = Host.affinity { _, _ in
      calls += 1
      errno = EINVAL
      return -1
    }
    #expect(endless == nil && calls < 20)
    let forbidden = Host.affinity { _, _ in
      errno = EPERM
      return -1
    }
    #expect(forbidden == nil)
    #expect(Host.affinity { _, _ in 0 } == nil, "an empty mask is none")
  }

  // MARK: Memory

  @Test func memoryOfTheMachine() {
    let memory = host(Self.version2).host.memoryAllowance()
    #expect(memory.availableBytes == 4096 * Self.mib)
    #expect(memory.bound == .machine)
    #expect(memory.limitBytes == 8192 * Self.mib && memory.usedBytes == 4096 * Self.mib)
    #expect(memory.source == "/proc/meminfo")
    #expect(memory.machineBytes == 8192 * Self.mib && memory.machineAvailableBytes == 4096 * Self.mib)
  }

  @Test func memoryLimitOfVersion2() {
    let machine = host(
      Self.joined(
        Self.version2,
        [
          Self.own2 + "/memory.max": "\(512 * Self.mib)\n", Self.own2 + "/memory.high": "max\n",
          Self.own2 + "/memory.current": "\(200 * Self.mib)\n",
          Self.own2 + "/memory.stat": """
          anon \(50 * Self.mib)
          file \(150 * Self.mib)
          inactive_file \(100 * Self.mib)
          active_file \(30 * Self.mib)
          """,
        ]))
    let memory = machine.host.memoryAllowance()
    // Pages of files can be had back: 200 MiB less 130.
    #expect(memory.usedBytes == 70 * Self.mib)
    #expect(memory.availableBytes == 442 * Self.mib)
    #expect(memory.bound == .groupLimit && memory.limitBytes == 512 * Self.mib)
    #expect(memory.source == Self.own2 + "/memory.max")
    #expect(memory.machineAvailableBytes == 4096 * Self.mib)

    machine.tree.write(Self.own2 + "/memory.high", "\(300 * Self.mib)")
    #expect(machine.host.memoryAllowance().bound == .groupThrottle)
    #expect(machine.host.memoryAllowance().availableBytes == 230 * Self.mib)

    // A higher group with a larger limit may still have less to give, since others use it too.
    machine.tree.write(Self.slice2 + "/memory.max", "\(1024 * Self.mib)")
    machine.tree.write(Self.slice2 + "/memory.current", "\(1000 * Self.mib)")
    let nested = machine.host.memoryAllowance()
    #expect(nested.availableBytes == 24 * Self.mib)
    #expect(nested.source == Self.slice2 + "/memory.max" && nested.limitBytes == 1024 * Self.mib)

    machine.tree.write(Self.slice2 + "/memory.current", "\(2000 * Self.mib)")
    #expect(machine.host.memoryAllowance().availableBytes == 0, "over the limit is nothing left, not less")
  }

  @Test(arguments: ["9223372036854771712", "9223372036854710272", "9223372036854775807", "18446744073709551615", "-1"])
  func memoryLimitOfVersion1(unlimited: String) {
    let group = "/sys/fs/cgroup/memory/docker"
    let machine = host(
      Self.joined(
        Self.version1,
        [
          group + "/abc/memory.limit_in_bytes": unlimited, group + "/abc/memory.usage_in_bytes": "\(80 * Self.mib)",
          group + "/memory.limit_in_bytes": unlimited, "/sys/fs/cgroup/memory/memory.limit_in_bytes": unlimited,
        ]))
    #expect(machine.host.memoryAllowance().bound == .machine)
    machine.tree.write(group + "/abc/memory.limit_in_bytes", "\(256 * Self.mib)")
    #expect(machine.host.memoryAllowance().availableBytes == 176 * Self.mib)
    #expect(machine.host.memoryAllowance().source == group + "/abc/memory.limit_in_bytes")
    // In version 1 the plain names are the group's alone, and `total_` those of the groups below as well.
    machine.tree.write(
      group + "/abc/memory.stat",
      "inactive_file 1\ntotal_inactive_file \(20 * Self.mib)\ntotal_active_file \(10 * Self.mib)\n"
        + "hierarchical_memory_limit \(unlimited)\n")
    #expect(machine.host.memoryAllowance().availableBytes == 206 * Self.mib)
    // A limit above the top of the mount shows in `memory.stat` alone.
    machine.tree.write(
      group + "/abc/memory.stat", "hierarchical_memory_limit \(128 * Self.mib)\ntotal_inactive_file 0\n")
    let inherited = machine.host.memoryAllowance()
    #expect(inherited.availableBytes == 48 * Self.mib && inherited.limitBytes == 128 * Self.mib)
    #expect(inherited.source == group + "/abc/memory.stat")
    machine.tree.write(group + "/memory.limit_in_bytes", "\(100 * Self.mib)")
    machine.tree.write(group + "/memory.usage_in_bytes", "\(90 * Self.mib)")
    #expect(machine.host.memoryAllowance().availableBytes == 10 * Self.mib)
  }

  @Test func memoryNumbersThatLie() {
    func memory(_ files: [String: String]) -> MemoryAllowance {
      host(Self.joined(Self.version2, files)).host.memoryAllowance()
    }
    for limit in ["", "-1", "lots", "max", "99999999999999999999", "0x100", "1 2", "\(1 << 60)"] {
      #expect(memory([Self.own2 + "/memory.max": limit]).bound == .machine, "\(limit)")
    }
    let limited = [Self.own2 + "/memory.max": "1000"]
    for usage in ["", "-7", "lots", "99999999999999999999"] {
      let answer = memory(Self.joined(limited, [Self.own2 + "/memory.current": usage]))
      #expect(answer.availableBytes == 1000, "use that cannot be read counts as none: \(usage)")
    }
    for cache in ["9223372036854775807", "-5", "x", "9223372036854775807 1"] {
      let answer = memory(
        Self.joined(
          limited,
          [
            Self.own2 + "/memory.current": "400",
            Self.own2 + "/memory.stat": "inactive_file \(cache)\nactive_file \(cache)\n",
          ]))
      #expect(answer.availableBytes == (cache == "9223372036854775807" ? 1000 : 600), "\(cache)")
    }
    #expect(memory([Self.own2 + "/memory.max": "0"]).availableBytes == 0)
    let boastful = memory(["/proc/meminfo": "MemTotal: 100 kB\nMemAvailable: 900 kB\n"])
    #expect(boastful.availableBytes == 100 * 1024, "no more is available than there is")
    #expect(memory(["/proc/meminfo": "MemTotal: 0 kB\nMemAvailable: 900 kB\n"]).machineBytes == nil)
  }

  @Test func nothingToRead() {
    let memory = host([:]).host.memoryAllowance()
    #expect(memory.availableBytes == nil && memory.bound == nil && memory.source == nil && memory.limitBytes == nil)
    let group = host(Self.joined(Self.version2, ["/proc/meminfo": "", Self.own2 + "/memory.max": "77"]))
    #expect(group.host.memoryAllowance().availableBytes == 77)
  }

  @Test func hostileMembership() {
    let texts = [
      "0::/a", "x", "::", "0:", "0::relative", "-1:cpu:/a:b:c", "0::/../../etc",
      "0::/" + String(repeating: "a/", count: 400_000), String(repeating: "0::/a\n", count: 150_000),
    ]
    for text in texts {
      let files = Self.joined(Self.version2, ["/proc/self/cgroup": text, "/sys/fs/cgroup/cpu.max": "100000 100000"])
      let machine = host(files).host
      #expect([nil, 1].contains(machine.cpuAllowance(affinity: 4).quota), "\(text.prefix(40))")
      #expect(machine.memoryAllowance().bound == .machine, "\(text.prefix(40))")
    }
  }

  @Test func hostileMounts() {
    let texts = [
      "", "-", "1 2 3 - cgroup2", "1 2 3 / /sys - cgroup2 x rw", "1 2 0:1 / / rw - cgroup2 cgroup2 rw",
      "- - - - - - - - - -", String(repeating: "1 2 0:1 / /x rw - cgroup2 cgroup2 rw\n", count: 20_000),
      "1 2 0:1 / /" + String(repeating: "\\057\\", count: 100_000) + " rw - cgroup2 cgroup2 rw",
    ]
    for text in texts {
      let machine = host(Self.joined(Self.version2, ["/proc/self/mountinfo": text])).host
      #expect(machine.cpuAllowance(affinity: 4).quota == nil, "\(text.prefix(40))")
      #expect(machine.memoryAllowance().bound == .machine, "\(text.prefix(40))")
    }
  }
}
