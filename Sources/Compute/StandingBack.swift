import CKernels
import Glibc

/// How many workers of a pool stand back, because other programs have the processors that they would compute on.
///
/// Context: beside a program that spins on one of two processors, one of two workers is off its processor half of the time,
/// for some 3 ms at once, which is as long as a whole decode step takes; within a chunk, everybody waits for it.
/// Decision: the kernel counts how long each thread waited for a processor. Where that is over a quarter of a window, one
/// worker less takes part, for `shortest`, and twice as long each time that it fares no better on its return. A pool's
/// only other worker would leave half of the machine: it goes on in `Bursts`, unless the caller waits for a processor even
/// so, which is how a pool of two in another process makes itself felt.
/// Rejected: waits of the caller as the sign, since the system then moves threads about and the waits are short and many;
/// CPU clocks, which also stand still where a hypervisor takes the processor, and then standing back helps nobody;
/// computing a chunk once more of a worker that is off its processor, since that one may write its results later, into
/// memory that holds something else by then.
/// We would notice that it is wrong: `bench` beside such a program, or a quiet machine on which workers stand back.
struct StandingBack {
  /// Of which the waiting threads' time is taken.
  static let window: Int64 = 20_000_000
  static let shortest: Int64 = 50_000_000
  static let longest: Int64 = 3_200_000_000

  /// That take no part.
  private(set) var workers = 0
  /// Whether the only other worker takes part in bursts.
  private(set) var inBursts = false
  private var pause = shortest
  /// When the next worker comes back; after that, when the last one did.
  private var turn = Int64.min

  /// - Parameters:
  ///   - delay: how long the pool's threads together waited for a processor, nanoseconds.
  ///   - caller: its part of that.
  ///   - span: within this time.
  ///   - now: nanoseconds of a monotonic clock.
  ///   - most: workers that may stand back.
  mutating func waited(_ delay: Int64, caller: Int64, of span: Int64, at now: Int64, most: Int) {
    if inBursts {
      // When bursts began, at `turn - pause`, the system may have put the caller beside the other program.
      guard caller > span / 4, now - (turn - pause) >= 3 * Self.window else { return }
      (inBursts, workers, turn) = (false, 1, now + pause)
      return
    }
    guard delay > span / 4, workers < most else { return }
    let isRelapse = workers == 0 && turn != .min && now - turn <= 5 * Self.window
    pause = isRelapse ? min(2 * pause, Self.longest) : workers == 0 ? Self.shortest : pause
    turn = now + pause
    if most == 1 { inBursts = true } else { workers += 1 }
  }

  /// Lets a worker come back whose time is over.
  mutating func advance(to now: Int64) {
    guard workers > 0 || inBursts, now >= turn else { return }
    (workers, inBursts, turn) = (max(0, workers - 1), false, workers > 1 ? now + Self.window : now)
  }
}

/// A worker's part beside another program that wants its processor: short bursts of chunks with pauses between them.
///
/// Who has used little of a processor gets it soon and for long enough, so that a burst ends before the system would take the
/// processor away within a chunk. The worker keeps off the caller's processor, where the system would put it as soon as
/// the caller is idle for a moment; only the pool's own thread is bound, and only for the time.
/// Rejected: longer bursts and pauses (2 ms: the system ends them within a chunk); binding the caller, which is not ours.
struct Bursts {
  static let length: Int64 = 1_000_000
  static let pause = 1_000_000

  /// When the burst under way ends.
  private(set) var end = Int64.max
  private var avoided: Int32 = -1
  /// Where the thread may run by rights: a bit for each of 1,024 processors.
  private var processors = [UInt64](repeating: 0, count: 16)
  private var allowed = [UInt64](repeating: 0, count: 16)

  /// - Parameter processor: the caller's; below 0 for no bursts.
  mutating func avoid(_ processor: Int32) {
    guard processor != avoided else { return }
    if avoided < 0 {
      end = Clock.nowNanos() + Self.length
      // On a machine with more of them it fails and leaves none, which the system refuses below: bursts alone then.
      _ = unsafe fk_get_affinity(128, &processors)
    } else if processor < 0 {
      end = .max
    }
    avoided = processor
    for index in 0..<16 { allowed[index] = processors[index] }
    if processor >= 0, processor < 1024 { allowed[Int(processor) / 64] &= ~(1 << UInt64(processor % 64)) }
    // The system refuses an empty one: then this is the only processor.
    _ = unsafe fk_set_affinity(128, allowed)
  }

  /// Pauses where the burst is over.
  mutating func rest() {
    guard end != .max, Clock.nowNanos() >= end else { return }
    var time = timespec(tv_sec: 0, tv_nsec: Self.pause)
    unsafe nanosleep(&time, nil)
    end = Clock.nowNanos() + Self.length
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
