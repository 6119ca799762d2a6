import Glibc

/// Holds the time of each mutant and the memory of all to their bounds.
///
/// Time is that of the process's CPU, since a busy machine is no fault of a mutant; memory is the peak of the whole
/// process, so that such a test belongs into a process of its own.
public struct MutantBounds {
  /// CPU time of one mutant at most, with room for a debug build under the sanitizers.
  public static let millisecondsEach = 1_000
  /// Bytes by which all mutants together may raise the peak of resident memory. The sanitizers' shadow and quarantine
  /// count too, and are not what is meant.
  public static let peakBytes = 64 << 20

  public private(set) var mutants = 0
  public private(set) var accepted = 0
  /// What took too long.
  public private(set) var slow: [String] = []
  private var longestNanos: UInt64 = 0
  private let startKilobytes: Int
  private let milliseconds: Int

  public init(milliseconds: Int = MutantBounds.millisecondsEach) {
    self.milliseconds = milliseconds
    Self.resetPeak()
    startKilobytes = Self.peakKilobytes()
  }

  /// Measures one mutant.
  /// - Parameter body: says whether the mutant was accepted.
  @discardableResult
  public mutating func measure(_ what: @autoclosure () -> String, _ body: () throws -> Bool) rethrows -> Bool {
    let start = Self.nanos()
    let isAccepted = try body()
    let taken = Self.nanos() - start
    longestNanos = max(longestNanos, taken)
    if taken > UInt64(milliseconds) * 1_000_000 { slow.append("\(what()): took \(taken / 1_000_000) ms") }
    mutants += 1
    accepted += isAccepted ? 1 : 0
    return isAccepted
  }

  /// Bytes by which the peak has grown.
  public var grownBytes: Int { (Self.peakKilobytes() - startKilobytes) << 10 }

  public func summary(_ name: String) -> String {
    "\(name): \(mutants) mutants, \(accepted) accepted, longest \(longestNanos / 1_000) us, peak grew by "
      + "\(grownBytes >> 10) kB"
  }

  private static func nanos() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Sets the peak of this process to what is resident now.
  private static func resetPeak() {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return }
    fputs("5", file)
    fclose(file)
  }

  private static func peakKilobytes() -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("VmHWM:") { return Int(text.filter(\.isNumber)) ?? 0 }
    }
    return 0
  }
}
