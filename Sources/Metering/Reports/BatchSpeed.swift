/// Tokens that one request got in a stretch of time, evenly.
struct WorkStretch: Sendable {
  let start: Int64
  let end: Int64
  let tokens: Int64
}

/// How fast requests of one process got their tokens together. Each request's own time does not say it: in a batch of
/// eight every request takes about as long as the batch, and the machine gives eight times what each one sees.
struct BatchSpeed {
  /// By how many requests were under way at once.
  private(set) var levels: [Int: MeasuredWork] = [:]
  /// At any time that at least one was.
  private(set) var any = MeasuredWork()

  /// Adds the stretches of one process.
  mutating func add(_ stretches: [WorkStretch]) throws(LedgerError) {
    // Tokens a nanosecond, times 10^15, of all that are under way.
    var (rate, count): (Int128, Int) = (0, 0)
    var changes: [(at: Int64, rate: Int128)] = []
    for stretch in stretches where stretch.end > stretch.start && stretch.tokens > 0 {
      let share = Int128(stretch.tokens) * 1_000_000_000_000_000 / Int128(stretch.end - stretch.start)
      changes.append((stretch.start, share))
      changes.append((stretch.end, -share))
    }
    // Of those at one moment, ends come first.
    changes.sort { ($0.at, $0.rate) < ($1.at, $1.rate) }
    var last: Int64 = 0
    for change in changes {
      if count > 0, change.at > last {
        let nanos = change.at - last
        guard let tokens = Int64(exactly: rate * Int128(nanos) / 1_000_000_000) else {
          throw .overflow("a sum of tokens")
        }
        try levels[count, default: MeasuredWork()].add(microTokens: tokens, nanos)
        try any.add(microTokens: tokens, nanos)
      }
      rate += change.rate
      count += change.rate < 0 ? -1 : 1
      last = change.at
    }
  }

  mutating func sort() {
    for level in levels.keys { levels[level]?.speeds.sort() }
    any.speeds.sort()
  }
}

/// Tokens and the wall time that they took.
public struct MeasuredWork: Sendable {
  /// Millionths of a token.
  public var microTokens: Int64 = 0
  public var nanos: Int64 = 0
  /// Thousandths of a token a second of each stretch, ascending.
  public var speeds: [Int64] = []

  mutating func add(microTokens: Int64, _ nanos: Int64) throws(LedgerError) {
    self.microTokens = try Amount.sum(self.microTokens, microTokens, "a sum of tokens")
    self.nanos = try Amount.sum(self.nanos, nanos, "a sum of times")
    // Less than a token says nothing of a speed.
    guard microTokens >= 1_000_000, let speed = Self.milliPerSecond(microTokens, nanos) else { return }
    speeds.append(speed)
  }

  private static func milliPerSecond(_ microTokens: Int64, _ nanos: Int64) -> Int64? {
    nanos > 0 ? Int64(exactly: Int128(microTokens) * 1_000_000 / Int128(nanos)) : nil
  }

  /// Thousandths of a token a second, over all; nil where nothing was measured.
  public var milliPerSecond: Int64? { Self.milliPerSecond(microTokens, nanos) }

  /// How far the quartiles of the stretches lie from their median, in parts per million.
  public var spreadMillionths: Int64 {
    guard !speeds.isEmpty else { return 0 }
    let (low, middle, high) = (speeds[speeds.count / 4], speeds[speeds.count / 2], speeds[speeds.count * 3 / 4])
    return Int64(clamping: Int128(max(high - middle, middle - low)) * 1_000_000 / Int128(max(1, middle)))
  }
}
