import Glibc

/// How far the predictions of a model are from those of a reference, token by token. All sums are Double.
public struct Divergence: Sendable {
  /// Kullback-Leibler divergence of each scored token: sum over the vocabulary of p * log(p / q), in nats, where p is
  /// the reference's prediction and q the model's.
  private(set) var values: [Double] = []
  private var sum = 0.0
  private var sumOfSquares = 0.0
  private var agreed = 0

  public init() {}

  /// Scored tokens.
  public var tokens: Int { values.count }

  public var mean: Double { sum / Double(tokens) }

  /// Of the mean, taking tokens as independent; nil for fewer than two.
  public var standardError: Double? {
    guard tokens > 1 else { return nil }
    return (max(0, sumOfSquares / Double(tokens) - mean * mean) / Double(tokens - 1)).squareRoot()
  }

  /// Share of tokens at which both find the same next token most likely.
  public var agreement: Double { Double(agreed) / Double(tokens) }

  public var agreementError: Double? {
    guard tokens > 1 else { return nil }
    return (agreement * (1 - agreement) / Double(tokens - 1)).squareRoot()
  }

  /// The divergence that a share of all tokens stays below, between neighbours linearly; one sort for all that is asked.
  public func percentiles(_ shares: [Double]) -> [Double] {
    guard !values.isEmpty else { return shares.map { _ in .nan } }
    let sorted = values.sorted()
    return shares.map { share in
      let place = share * Double(sorted.count - 1)
      let below = min(max(Int(place), 0), sorted.count - 1)
      let above = min(below + 1, sorted.count - 1)
      return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
    }
  }

  mutating func add(_ scored: ScoredPair) {
    values.append(scored.divergence)
    sum += scored.divergence
    sumOfSquares += scored.divergence * scored.divergence
    if scored.agrees { agreed += 1 }
  }
}

/// Two predictions of one token, held against each other.
struct ScoredPair {
  var divergence = 0.0
  var agrees = false
  /// Negative log-likelihood of the token that came, by the model and by the reference.
  var nll = 0.0
  var referenceNLL = 0.0

  /// - Parameters:
  ///   - reference, model: logits [vocab].
  ///   - target: the token that came.
  init(reference: UnsafeBufferPointer<Float>, model: UnsafeBufferPointer<Float>, target: Int) {
    let (p, q) = unsafe (Self.Summary(reference), Self.Summary(model))
    // sum of p (log p - log q), with log p = x - p.logSum and log q = y - q.logSum.
    var weighted = 0.0
    for index in reference.indices {
      let x = Double(unsafe reference[index])
      let share = exp(x - p.logSum)
      // What the reference rules out adds nothing, be it minus infinity.
      guard share > 0 else { continue }
      weighted += share * (x - Double(unsafe model[index]))
    }
    // Rounding can take a divergence of nothing below zero.
    divergence = max(0, weighted - p.logSum + q.logSum)
    agrees = p.top == q.top
    nll = q.logSum - Double(unsafe model[target])
    referenceNLL = p.logSum - Double(unsafe reference[target])
  }

  init() {}

  /// The most likely token, the first of several, and log(sum(exp(x))).
  private struct Summary {
    var top = 0
    var logSum = 0.0

    init(_ logits: UnsafeBufferPointer<Float>) {
      for index in logits.indices where unsafe logits[index] > logits[top] { top = index }
      let largest = Double(unsafe logits[top])
      var sum = 0.0
      for index in logits.indices { sum += exp(Double(unsafe logits[index]) - largest) }
      logSum = largest + log(sum)
    }
  }
}
