/// How large requests are, in tokens: sizes of equal weight, made from percentiles.
///
/// Between two given percentiles sizes are taken to grow evenly; below the lowest and above the highest they stay as
/// given. That is an assumption about what the percentiles do not say.
public struct SizeDistribution: Sendable, Hashable {
  /// Ascending; each stands for the same share of requests.
  public let sizes: [Int]

  /// In how many equal shares a distribution is cut.
  static let shares = 100

  /// Every request has this size.
  public init(fixed size: Int) throws(PricingError) {
    try self.init(percentiles: [(ExactDecimal(50), size)])
  }

  /// - Parameter percentiles: ascending in both; a percentile above 0 and below 100, or 100 for the largest.
  /// - Throws: `scenario`.
  public init(percentiles: [(percent: ExactDecimal, tokens: Int)]) throws(PricingError) {
    guard let first = percentiles.first, let last = percentiles.last else {
      throw .scenario("no percentile of the sizes is given")
    }
    guard percentiles.allSatisfy({ (0...10_000_000).contains($0.tokens) }) else {
      throw .scenario("a size of requests is not between 0 and 10,000,000 tokens")
    }
    let points = percentiles.map { (at: Fraction($0.percent), tokens: Int64($0.tokens)) }
    for (left, right) in zip(points, points.dropFirst()) where !(left.at < right.at) || left.tokens > right.tokens {
      throw .scenario("percentiles must ascend, and their sizes with them")
    }
    guard points[0].at >= .zero, points[points.count - 1].at <= Fraction(100) else {
      throw .scenario("a percentile is not between 0 and 100")
    }
    if first.tokens == last.tokens {
      sizes = [first.tokens]
      return
    }
    var sizes: [Int] = []
    for share in 0..<Self.shares {
      // The middle of the share: 0.5 %, 1.5 %, ...
      let at = try Fraction(Int128(2 * share + 1), over: 2)
      guard let upper = points.firstIndex(where: { at <= $0.at }) else {
        sizes.append(last.tokens)
        continue
      }
      guard upper > 0 else {
        sizes.append(first.tokens)
        continue
      }
      let (low, high) = (points[upper - 1], points[upper])
      let along = try at.minus(low.at).over(high.at.minus(low.at)).times(high.tokens - low.tokens)
      sizes.append(Int(low.tokens) + Int(truncatingIfNeeded: along.floored))
    }
    self.sizes = sizes
  }

  /// Reads `1000` or `p50=800,p90=2000,p99=4000`.
  /// - Throws: `scenario`, `notADecimal`.
  public init(_ text: String) throws(PricingError) {
    if let size = Int(text) {
      try self.init(fixed: size)
      return
    }
    var percentiles: [(percent: ExactDecimal, tokens: Int)] = []
    for part in text.split(separator: ",") {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, sides[0].hasPrefix("p"), let tokens = Int(sides[1]) else {
        throw .scenario("'\(text.prefix(60))' is neither a number of tokens nor percentiles like p50=800,p90=2000")
      }
      percentiles.append((try ExactDecimal(String(sides[0].dropFirst())), tokens))
    }
    try self.init(percentiles: percentiles)
  }

  /// The arithmetic mean, exactly.
  public var mean: Fraction {
    get throws(PricingError) {
      try Fraction(sizes.reduce(0) { $0 + Int128($1) }, over: Int128(sizes.count))
    }
  }

  /// The size that at most so many percent of requests exceed.
  public func percentile(_ percent: Int) -> Int {
    let index = (sizes.count * percent + 99) / 100
    return sizes[min(sizes.count - 1, max(0, index - 1))]
  }
}
