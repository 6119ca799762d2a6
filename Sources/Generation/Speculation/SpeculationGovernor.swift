/// Whether to guess tokens ahead. It changes speed, never tokens.
public enum SpeculationMode: String, Sendable, CaseIterable {
  /// As long as measuring says that it wins.
  case automatic = "auto"
  case on
  case off
}

/// Measures what guessing costs and gains, and turns it off where it does not win.
///
/// A step with guesses takes longer and yields more tokens. It wins if its tokens grew by more than its time, both against
/// steps without guesses of as many requests. After a trial of a few steps that is decided; a loser rests, each time
/// twice as long, and then is tried again, since texts change.
///
/// ```
///        trial ended, won                     lost
/// trial ------------------> running --------------------> resting
///   ^ ^-- lost: rest twice as long                           |
///   |____________________ the rest is over __________________|
/// ```
struct SpeculationGovernor {
  /// Steps with guesses before the first verdict, and between verdicts.
  static let trialSteps = 8
  /// Steps without guesses that are measured before any are tried.
  static let plainSteps = 3
  static let firstRest = 32
  static let longestRest = 2_048
  /// With more requests at once a step is bound by arithmetic, and rows of guesses cost as much as any others.
  static let mostRequests = 4
  /// A win smaller than this is no reason to do more work.
  static let margin = 1.03

  private let mode: SpeculationMode
  private var requests = 0
  private var plainNanos = Average()
  private var draftedNanos = Average()
  private var draftedTokens = Average()
  private var restLeft = 0
  private var nextRest = Self.firstRest
  private var stepsInTrial = 0
  private var running = false

  init(_ mode: SpeculationMode) { self.mode = mode }

  /// Whether the next step of `requests` requests shall have guesses.
  mutating func wantsDrafts(requests: Int) -> Bool {
    switch mode {
    case .on: return true
    case .off: return false
    case .automatic:
      if requests != self.requests { restart(requests: requests) }
      return requests <= Self.mostRequests && plainNanos.count >= Self.plainSteps && restLeft == 0
    }
  }

  /// Learns what a step of decoding took.
  /// - Parameters:
  ///   - tokens: chosen by all its requests.
  ///   - drafted: whether there was any guess.
  mutating func record(nanos: Int64, tokens: Int, requests: Int, drafted: Bool) {
    guard mode == .automatic, requests == self.requests, nanos > 0 else { return }
    guard drafted else {
      plainNanos.add(Double(nanos))
      if restLeft > 0 { restLeft -= 1 }
      return
    }
    draftedNanos.add(Double(nanos))
    draftedTokens.add(Double(tokens))
    stepsInTrial += 1
    guard stepsInTrial >= Self.trialSteps else { return }
    stepsInTrial = 0
    if wins {
      running = true
      nextRest = Self.firstRest
    } else {
      rest()
    }
  }

  /// Tokens per time with guesses, over tokens per time without, is more than the margin.
  var wins: Bool {
    draftedTokens.value / Double(requests) * plainNanos.value > Self.margin * draftedNanos.value
  }

  private mutating func rest() {
    running = false
    restLeft = nextRest
    nextRest = min(2 * nextRest, Self.longestRest)
    draftedNanos = Average()
    draftedTokens = Average()
  }

  /// Steps of another number of requests say nothing about these.
  private mutating func restart(requests: Int) {
    self.requests = requests
    plainNanos = Average()
    draftedNanos = Average()
    draftedTokens = Average()
    stepsInTrial = 0
    // What did not win with one number seldom wins with the next.
    if !running { restLeft = max(restLeft, nextRest > Self.firstRest ? Self.firstRest : 0) }
  }

  /// A mean in which the latest values count most; the first ones count alike.
  private struct Average {
    private(set) var value = 0.0
    private(set) var count = 0

    mutating func add(_ sample: Double) {
      count += 1
      value += (sample - value) / Double(min(count, 16))
    }
  }
}
