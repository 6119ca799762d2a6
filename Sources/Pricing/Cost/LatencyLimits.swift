/// What the 99th percentile of requests may take, in milliseconds; nil: no limit.
public struct LatencyLimits: Sendable, Hashable {
  /// To the first token.
  public var firstTokenMillis: Int?
  /// For each token after the first.
  public var perTokenMillis: Int?

  public init(firstTokenMillis: Int? = nil, perTokenMillis: Int? = nil) {
    self.firstTokenMillis = firstTokenMillis
    self.perTokenMillis = perTokenMillis
  }

  /// The limits of MLPerf Inference, and none.
  public enum Preset: String, Sendable, CaseIterable {
    case server, interactive, none

    public var limits: LatencyLimits {
      switch self {
      case .server: LatencyLimits(firstTokenMillis: 2_000, perTokenMillis: 100)
      case .interactive: LatencyLimits(firstTokenMillis: 500, perTokenMillis: 30)
      case .none: LatencyLimits()
      }
    }
  }

  /// Even without limits a machine that is always busy makes requests wait for ever.
  static let mostPartsPerMillion: Int64 = 950_000

  /// The busy share, in parts per million, up to which the limits hold; zero: they never do.
  ///
  /// Modelled: requests arrive at random and take exponential times in as many slots as the batch has (M/M/c). The
  /// share of requests that wait longer than t is C e^(-(1-u) t / s), with C the Erlang probability of waiting, u the
  /// busy share and s the machine's time per request; it must not exceed one in a hundred. All in whole numbers, so
  /// that the answer is the same everywhere.
  /// - Parameters:
  ///   - serviceNanos: the machine's time for a mean request.
  ///   - prefillNanos: for the 99th-percentile prompt.
  ///   - tokenNanos: between two tokens of one answer with a full batch.
  func busyShare(batch: Int, serviceNanos: Int64, prefillNanos: Int64, tokenNanos: Int64) -> Int64 {
    if let perTokenMillis, tokenNanos > Int64(perTokenMillis) * 1_000_000 { return 0 }
    guard let firstTokenMillis else { return Self.mostPartsPerMillion }
    let patience = Int64(firstTokenMillis) * 1_000_000 - prefillNanos
    guard patience >= 0 else { return 0 }
    guard serviceNanos > 0 else { return Self.mostPartsPerMillion }
    // The longest run of halvings: the share is monotone in the load.
    var (low, high) = (Int64(0), Self.mostPartsPerMillion + 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if Queue.lateShare(
        slots: batch, busyMillionths: middle, patience: patience, serviceNanos: serviceNanos) <= Queue.one / 100
      {
        low = middle
      } else {
        high = middle
      }
    }
    return low
  }
}

/// The M/M/c queue in fixed point.
enum Queue {
  /// 1.0
  static let one: Int128 = 1_000_000_000_000

  /// The share of requests that wait longer than `patience`.
  static func lateShare(slots: Int, busyMillionths: Int64, patience: Int64, serviceNanos: Int64) -> Int128 {
    let busy = Int128(busyMillionths) * one / 1_000_000
    let waiting = waitingShare(slots: slots, busy: busy)
    let exponent = (one - busy) * Int128(patience) / Int128(serviceNanos)
    return waiting * exponential(minus: exponent) / one
  }

  /// The Erlang C formula, from Erlang's B by its recurrence: B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1)),
  /// C = B / (1 - u (1 - B)), with a = u x slots.
  static func waitingShare(slots: Int, busy: Int128) -> Int128 {
    let offered = busy * Int128(slots)
    var blocked = one
    for slot in 1...max(1, slots) {
      let carried = offered * blocked / one
      blocked = carried * one / (Int128(slot) * one + carried)
    }
    let denominator = one - busy * (one - blocked) / one
    return denominator <= 0 ? one : min(one, blocked * one / denominator)
  }

  /// e^-x for x of zero or more: the series of x / 2^n, squared n times.
  static func exponential(minus x: Int128) -> Int128 {
    guard x < 60 * one else { return 0 }
    var (small, halvings) = (x, 0)
    while small > one / 64 { (small, halvings) = (small / 2, halvings + 1) }
    var (term, sum) = (one, one)
    for step in 1...8 {
      term = -(term * small / one) / Int128(step)
      sum += term
    }
    for _ in 0..<halvings { sum = sum * sum / one }
    return max(0, sum)
  }
}
