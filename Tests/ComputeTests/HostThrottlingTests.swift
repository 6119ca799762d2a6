import Testing

@testable import Compute

@Suite struct HostThrottlingTests {
  private func tree(_ folder: String, _ membership: String, _ mount: String, stat: String?) -> HostTree {
    let tree = HostTree(["/proc/self/cgroup": membership + "\n", "/proc/self/mountinfo": mount + "\n"])
    if let stat { tree.write(folder + "/cpu.stat", stat) }
    return tree
  }

  private func version2(_ stat: String?) -> HostTree {
    tree("/sys/fs/cgroup/a", "0::/a", "31 23 0:28 / /sys/fs/cgroup rw shared:1 - cgroup2 cgroup2 rw", stat: stat)
  }

  @Test func version2CountsMicroseconds() {
    let tree = version2("usage_usec 5\nnr_throttled 3\nthrottled_usec 1500\n")
    #expect(Host(root: tree.root).throttledNanos == 1_500_000)
  }

  @Test func version1CountsNanoseconds() {
    let tree = tree(
      "/sys/fs/cgroup/cpu/a", "4:cpu,cpuacct:/a",
      "31 23 0:28 / /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu,cpuacct",
      stat: "nr_periods 9\nnr_throttled 3\nthrottled_time 1500\n")
    #expect(Host(root: tree.root).throttledNanos == 1500)
  }

  @Test(arguments: [nil, "", "throttled_usec\n", "throttled_usec x\n", "throttled_usec 9223372036854775807\n"])
  func whatSaysNothingIsNil(_ stat: String?) {
    let tree = version2(stat)
    #expect(Host(root: tree.root).throttledNanos == nil)
  }
}
