import Glibc

/// How many workers of a pool stand back, because other programs have the processors that they would compute on.
///
/// Context: beside a program that spins on one of two processors, one of two workers is off its processor half of the time,
/// for some 3 ms at once, which is as long as a whole decode step takes; within a chunk, everybody waits for it.
/// Decision: the kernel counts how long each thread waited for a processor. Where that is over a quarter of a window, one
/// worker less takes part, for `shortest`, and twice as long each time that it fares no better on its return. One thread
/// alone reads memory at four fifths of the speed of two, so that a decode step loses a fifth of its speed instead of half.
/// Rejected: waits of the caller as the sign, since the system then moves threads about and the waits are short and many;
/// CPU clocks, which also stand still where a hypervisor takes the processor, and then standing back helps nobody;
/// computing a chunk once more of a worker that is off its processor, since that one may write its results later, into
/// memory that holds something else by then; sleeping before the system would take the processor away.
/// We would notice that it is wrong: `bench` beside such a program, or a quiet machine on which workers stand back.
struct StandingBack {
  /// Of which the waiting threads' time is taken.
  static let window: Int64 = 20_000_000
  static let shortest: Int64 = 50_000_000
  static let longest: Int64 = 3_200_000_000

  private(set) var workers = 0
  private var pause = shortest
  /// When the next worker comes back; after that, when the last one did.
  private var turn = Int64.min

  /// - Parameters:
  ///   - delay: how long the pool's threads together waited for a processor, nanoseconds.
  ///   - span: within this time.
  ///   - now: nanoseconds of a monotonic clock.
  ///   - most: workers that may stand back.
  mutating func waited(_ delay: Int64, of span: Int64, at now: Int64, most: Int) {
    guard delay > span / 4, workers < most else { return }
    let isRelapse = workers == 0 && turn != .min && now - turn <= 5 * Self.window
    pause = isRelapse ? min(2 * pause, Self.longest) : workers == 0 ? Self.shortest : pause
    (workers, turn) = (workers + 1, now + pause)
  }

  /// Lets a worker come back whose time is over.
  mutating func advance(to now: Int64) {
    guard workers > 0, now >= turn else { return }
    (workers, turn) = (workers - 1, workers > 1 ? now + Self.window : now)
  }
}

/// How long threads have waited for a processor while they could have run, as the kernel counts it.
enum RunDelay {
  /// Opens the count of the calling thread; below 0 where there is none.
  static func open() -> Int32 { unsafe Glibc.open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC) }

  /// Nanoseconds so far; 0 where the kernel does not count them, or the thread has ended. Allocates nothing.
  static func nanos(_ descriptor: Int32) -> Int64 {
    guard descriptor >= 0 else { return 0 }
    return unsafe withUnsafeTemporaryAllocation(byteCount: 96, alignment: 1) { buffer in
      var (field, value) = (0, Int64(0))
      // Time on a processor, time of waiting for one, time slices.
      for index in 0..<max(unsafe pread(descriptor, buffer.baseAddress, buffer.count, 0), 0) where field < 2 {
        let byte = unsafe buffer[index]
        if byte == UInt8(ascii: " ") { field += 1 }
        if field == 1, byte != UInt8(ascii: " ") { value = value &* 10 &+ Int64(byte &- UInt8(ascii: "0")) }
      }
      return value
    }
  }
}
