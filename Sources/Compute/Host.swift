import Glibc

/// The machine, as far as this process may use it: processors, memory, caches.
///
/// Everything is read anew at each call from small files of the kernel, none of which is trusted: what is missing or
/// makes no sense is nil, or leaves a limit out. All of it together takes about a millisecond and belongs to start-up.
public struct Host: Sendable {
  let files: HostFiles

  /// - Parameter root: the folder that holds `proc` and `sys`, so that tests can lay out machines of their own.
  public init(root: String = "/") { files = HostFiles(root: root) }

  /// Size of a page of memory in bytes.
  public static var pageBytes: Int { max(sysconf(Int32(_SC_PAGESIZE)), 4096) }

  /// Processors of the machine that are in use, whoever may use them: the vCPUs that the bill is for.
  public var processors: Int {
    if let text = files.read("/sys/devices/system/cpu/online"), let count = Self.countOfList(text[...]) { return count }
    let statistics = files.read("/proc/stat") ?? []
    let counted = HostText.lines(statistics).count { line in
      let name = line.prefix { !HostText.isBlank($0) }
      return name.count > 3 && HostText.hasPrefix(name, "cpu") && HostText.integer(name.dropFirst(3)) != nil
    }
    return max(counted, 1)
  }

  /// Number of members of a list such as `0-3,8,10-11`; nil when it is not one.
  static func countOfList(_ text: HostText.Slice) -> Int? {
    var count = 0
    for part in HostText.trimmed(text).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      let ends = part.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
      guard let first = ends.first.flatMap(HostText.integer), let last = ends.last.flatMap(HostText.integer),
        first >= 0, last >= first, last < CPUAllowance.processorLimit
      else { return nil }
      count += last - first + 1
      if count > CPUAllowance.processorLimit { return nil }
    }
    return count > 0 ? count : nil
  }

  /// When the kernel backs memory with huge pages of its own accord.
  public enum HugePageMode: String, Sendable {
    case always
    /// Only where the program asks by `madvise`.
    case madvise
    case never
  }

  /// Mode of transparent huge pages; nil where the kernel has none.
  public var hugePageMode: HugePageMode? {
    let text = files.read("/sys/kernel/mm/transparent_hugepage/enabled") ?? []
    // The mode in force stands in brackets: `always [madvise] never`.
    let marked = HostText.fields(text[...]).first { $0.count > 2 && $0.first == 0x5B && $0.last == 0x5D }
    return marked.flatMap { HugePageMode(rawValue: String(decoding: $0.dropFirst().dropLast(), as: UTF8.self)) }
  }

  /// Sizes in bytes of the caches of the first processor; nil for what the machine or its hypervisor does not tell.
  public struct Caches: Sendable, Equatable {
    public var level1Data: Int?
    public var level2: Int?
    public var level3: Int?
  }

  public var caches: Caches {
    var caches = Caches()
    for index in 0..<16 {
      let folder = "/sys/devices/system/cpu/cpu0/cache/index\(index)/"
      guard let level = HostText.integer(files.read(folder + "level")) else { continue }
      guard let type = files.read(folder + "type").map({ HostText.trimmed($0[...]) }),
        !HostText.equal(type, "Instruction"), let bytes = files.read(folder + "size").flatMap(Self.cacheBytes)
      else { continue }
      switch level {
      case 1: caches.level1Data = bytes
      case 2: caches.level2 = bytes
      case 3: caches.level3 = bytes
      default: break
      }
    }
    return caches
  }

  /// A size such as `48K`.
  private static func cacheBytes(_ text: [UInt8]) -> Int? {
    let size = HostText.trimmed(text[...])
    let units: [UInt8: Int] = [UInt8(ascii: "K"): 1 << 10, UInt8(ascii: "M"): 1 << 20, UInt8(ascii: "G"): 1 << 30]
    let unit = size.last.flatMap { units[$0] }
    guard let count = HostText.integer(unit == nil ? size : size.dropLast()), count > 0 else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: unit ?? 1)
    // No processor has a cache of a terabyte.
    return overflow || bytes > 1 << 40 ? nil : bytes
  }

  /// Time that all processors of the machine together spent since it started.
  public struct ProcessorTime: Sendable, Equatable {
    /// In any state: working, idle, or wanting to work while the hypervisor ran somebody else.
    public let totalNanos: Int64
    /// Taken by the hypervisor while there was work to do. A virtual machine whose steal time grows is slowed by its
    /// neighbours, or has used up its credits.
    public let stealNanos: Int64

    /// Share of the time since `earlier` that was stolen, 0...1; nil when no time has passed.
    public func stealShare(since earlier: ProcessorTime) -> Double? {
      let total = totalNanos.subtractingReportingOverflow(earlier.totalNanos)
      let steal = stealNanos.subtractingReportingOverflow(earlier.stealNanos)
      guard !total.overflow, !steal.overflow, total.partialValue > 0 else { return nil }
      return min(max(Double(steal.partialValue) / Double(total.partialValue), 0), 1)
    }
  }

  /// Nil where `/proc/stat` does not tell.
  public var processorTime: ProcessorTime? {
    guard let line = HostText.lines(files.read("/proc/stat", limit: 4096) ?? []).first else { return nil }
    let fields = HostText.fields(line)
    // cpu user nice system idle iowait irq softirq steal guest guest_nice; guests' time is also within user and nice.
    guard fields.count >= 9, HostText.equal(fields[0], "cpu") else { return nil }
    let ticksPerSecond = max(sysconf(Int32(_SC_CLK_TCK)), 1)
    var (total, steal) = (0, 0)
    for field in fields[1...8] {
      guard let ticks = HostText.integer(field), ticks >= 0 else { return nil }
      let nanos = ticks.multipliedReportingOverflow(by: 1_000_000_000 / ticksPerSecond)
      let sum = total.addingReportingOverflow(nanos.partialValue)
      if nanos.overflow || sum.overflow { return nil }
      (total, steal) = (sum.partialValue, nanos.partialValue)
    }
    return ProcessorTime(totalNanos: Int64(total), stealNanos: Int64(steal))
  }
}
