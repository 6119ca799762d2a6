/// Memory that this process can still take before the kernel kills or throttles it, and what sets that bound: the
/// numbers with which a model that does not fit is refused.
public struct MemoryAllowance: Sendable, Equatable {
  public enum Bound: Sendable, Equatable {
    /// The machine's own memory, by the kernel's estimate (MemAvailable).
    case machine
    /// A control group's hard limit, past which the kernel kills.
    case groupLimit
    /// A control group's soft limit (version 2's `memory.high`), past which the kernel throttles until little moves.
    case groupThrottle
  }

  /// Bytes that can be taken in addition to what is in use; nil when nothing could be read.
  public let availableBytes: Int?
  /// What sets `availableBytes`.
  public let bound: Bound?
  /// The limit that binds: of the control group, or the machine's memory.
  public let limitBytes: Int?
  /// What is in use under that limit and cannot be had back: caches of files are not counted.
  public let usedBytes: Int?
  /// The file that states the limit.
  public let source: String?
  /// Memory of the whole machine; nil when `/proc/meminfo` does not tell.
  public let machineBytes: Int?
  /// The kernel's estimate of what the machine can give without swapping, whatever the control groups say.
  public let machineAvailableBytes: Int?
}

extension Host {
  /// One limit and what is in use under it.
  private struct Level {
    let bound: MemoryAllowance.Bound
    let limit: Int
    let used: Int
    let source: String

    var available: Int { max(limit - used, 0) }
  }

  /// A limit as large as this is none. Version 1 says "unlimited" with the largest number of whole pages in 63 bits.
  private static let unlimitedBytes = 1 << 60

  /// Memory that this process can still take: the least over the machine and all its control groups. Swap is not
  /// counted: a model that has been swapped out is of no use.
  public func memoryAllowance() -> MemoryAllowance {
    let information = files.read("/proc/meminfo") ?? []
    let machine = HostText.kilobytes(of: "MemTotal", in: information).flatMap { $0 > 0 ? $0 : nil }
    let free = HostText.kilobytes(of: "MemAvailable", in: information).map { min($0, machine ?? $0) }

    var levels = ControlGroups(files).folders(for: "memory").flatMap { group in
      group.isVersion2 ? levels2(in: group.folder) : levels1(in: group.folder)
    }
    if let free {
      let total = machine ?? free
      levels.append(Level(bound: .machine, limit: total, used: total - free, source: "/proc/meminfo"))
    }
    // Of equals the first: the process's own group rather than one above it.
    let least = levels.enumerated().min { ($0.element.available, $0.offset) < ($1.element.available, $1.offset) }?
      .element
    return MemoryAllowance(
      availableBytes: least?.available, bound: least?.bound, limitBytes: least?.limit, usedBytes: least?.used,
      source: least?.source, machineBytes: machine, machineAvailableBytes: free)
  }

  private func levels2(in folder: [UInt8]) -> [Level] {
    let limits: [(name: String, bound: MemoryAllowance.Bound)] = [
      ("/memory.max", .groupLimit), ("/memory.high", .groupThrottle),
    ]
    var used: Int?
    return limits.compactMap { name, bound in
      guard let limit = limit(folder + name.utf8) else { return nil }
      let inUse = used ?? inUse(usage: folder + "/memory.current".utf8, statistics: statistics(in: folder), prefix: "")
      used = inUse
      return Level(bound: bound, limit: limit, used: inUse, source: String(decoding: folder + name.utf8, as: UTF8.self))
    }
  }

  private func levels1(in folder: [UInt8]) -> [Level] {
    let statistics = statistics(in: folder)
    // The least limit of this group and all above it, also of those that a container cannot see.
    let inherited = Self.statistic("hierarchical_memory_limit", in: statistics).flatMap {
      $0 < Self.unlimitedBytes ? $0 : nil
    }
    let own = limit(folder + "/memory.limit_in_bytes".utf8)
    guard let limit = [own, inherited].compactMap({ $0 }).min() else { return [] }
    let name = limit == own ? "/memory.limit_in_bytes" : "/memory.stat"
    let used = inUse(usage: folder + "/memory.usage_in_bytes".utf8, statistics: statistics, prefix: "total_")
    return [
      Level(bound: .groupLimit, limit: limit, used: used, source: String(decoding: folder + name.utf8, as: UTF8.self))
    ]
  }

  /// Nil for `max`, for "unlimited" numbers, and for what is no number of bytes.
  private func limit(_ path: [UInt8]) -> Int? {
    guard let bytes = HostText.integer(files.read(path, limit: 4096)), bytes >= 0, bytes < Self.unlimitedBytes else {
      return nil
    }
    return bytes
  }

  /// What a group uses, less the pages of files that the kernel takes back when memory runs short: a model that was
  /// just fetched or mapped fills the group's account with those, and they do not stand in anybody's way. A group whose
  /// use cannot be read counts as empty.
  private func inUse(usage path: [UInt8], statistics: [UInt8], prefix: String) -> Int {
    guard let usage = HostText.integer(files.read(path, limit: 4096)), usage > 0 else { return 0 }
    let names = ["inactive_file", "active_file"].map { prefix + $0 }
    let reclaimable = names.reduce(0) { sum, name in
      let next = sum.addingReportingOverflow(Self.statistic(name, in: statistics) ?? 0)
      return next.overflow ? usage : next.partialValue
    }
    return max(usage - reclaimable, 0)
  }

  private func statistics(in folder: [UInt8]) -> [UInt8] {
    files.read(folder + "/memory.stat".utf8, limit: 65_536) ?? []
  }

  /// The value of the line `name value`.
  private static func statistic(_ name: String, in statistics: [UInt8]) -> Int? {
    for line in HostText.lines(statistics) where HostText.hasPrefix(line, name) {
      let fields = HostText.fields(line)
      guard fields.count == 2, HostText.equal(fields[0], name) else { continue }
      return HostText.integer(fields[1]).flatMap { $0 >= 0 ? $0 : nil }
    }
    return nil
  }
}
