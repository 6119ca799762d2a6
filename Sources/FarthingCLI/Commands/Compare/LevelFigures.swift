import Pricing

/// What was measured of one level of quantisation.
struct LevelFigures {
  let name: String
  let path: String
  var fileBytes = 0
  var bitsPerWeight = 0.0
  var perplexity = 0.0
  var perplexityError: Double?
  /// Mean and 99th-percentile divergence from the reference, in nats, and how often the likeliest token is the same.
  var klMean: Double?
  var klError: Double?
  var klP99: Double?
  var agreement: Double?
  /// Of a run of its own process.
  var residentBytes = 0
  var prefill = Speed()
  var decode = Speed()
  /// Money for the machine's time of a million tokens.
  var inputPerMillion: Money?
  var outputPerMillion: Money?

  /// Tokens per second over several runs.
  struct Speed {
    var median = 0.0
    var least = 0.0
    var most = 0.0

    init() {}

    init(_ samples: [Double]) {
      let sorted = samples.sorted()
      guard let first = sorted.first, let last = sorted.last else { return }
      median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
      (least, most) = (first, last)
    }
  }

  /// What a person may care about, each so that less is better. Money follows from the speeds.
  private var burdens: [Double] {
    [
      Double(fileBytes), Double(residentBytes), -prefill.median, -decode.median, perplexity, klMean ?? 0,
      -(agreement ?? 0),
    ]
  }

  /// Whether this level is at least as good as another on every axis, and better on one.
  func beats(_ other: LevelFigures) -> Bool {
    let pairs = zip(burdens, other.burdens)
    return pairs.allSatisfy { $0 <= $1 } && pairs.contains { $0 < $1 }
  }

  /// For each level, whether no other beats it.
  static func unbeaten(_ levels: [LevelFigures]) -> [Bool] {
    levels.map { level in !levels.contains { $0.beats(level) } }
  }
}
