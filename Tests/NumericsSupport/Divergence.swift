import Compute
import Glibc

/// How far one path's predictions are from another's, over positions at which both saw the same tokens.
public struct Divergence: Sendable, CustomStringConvertible {
  public private(set) var positions = 0
  /// Positions at which both find the same token the likeliest.
  public private(set) var agreements = 0
  private var sum = 0.0
  public private(set) var largest = 0.0

  public init() {}

  /// Mean over positions of sum(p log(p / q)), in nats.
  public var mean: Double { sum / Double(positions) }

  public var agreement: Double { Double(agreements) / Double(positions) }

  public var description: String {
    "mean KL divergence \(mean), largest \(largest), the same top token at \(agreements) of \(positions) positions"
  }

  /// Adds a position: p = softmax(reference), q = softmax(other). Infinite where a logit is not a number.
  public mutating func add(reference: UnsafePointer<Float>, other: UnsafePointer<Float>, vocab: Int) {
    let (p, q) = (Softmax(reference, vocab), Softmax(other, vocab))
    var divergence = q.logSum - p.logSum
    for token in 0..<vocab {
      let (a, b) = (Double(reference[token]), Double(other[token]))
      divergence += exp(a - p.logSum) * (a - b)
    }
    positions += 1
    sum += divergence.isNaN ? .infinity : divergence
    largest = divergence.isNaN ? .infinity : max(largest, divergence)
    if p.top == q.top { agreements += 1 }
  }

  /// Adds the positions of another.
  public mutating func add(_ other: Divergence) {
    positions += other.positions
    agreements += other.agreements
    sum += other.sum
    largest = max(largest, other.largest)
  }

  private struct Softmax {
    var top = 0
    var logSum = 0.0

    init(_ logits: UnsafePointer<Float>, _ vocab: Int) {
      for token in 1..<vocab where logits[token] > logits[top] { top = token }
      let largest = Double(logits[top])
      for token in 0..<vocab { logSum += exp(Double(logits[token]) - largest) }
      logSum = largest + log(logSum)
    }
  }
}

/// The likeliest token of a position, the lowest of equals.
public func likeliest(_ logits: UnsafePointer<Float>, vocab: Int) -> Int32 {
  var top = 0
  for token in 1..<vocab where logits[token] > logits[top] { top = token }
  return Int32(top)
}

/// The largest difference of two rows of logits; infinite where one is not a number.
public func largestDifference(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int) -> Float {
  var worst: Float = 0
  for index in 0..<count {
    let difference = abs(a[index] - b[index])
    worst = difference.isNaN ? .infinity : max(worst, difference)
  }
  return worst
}

/// log(sum(exp(x))) in F64.
public func logSumExp(_ logits: UnsafePointer<Float>, vocab: Int) -> Double {
  var largest = logits[0]
  for token in 1..<vocab { largest = max(largest, logits[token]) }
  var sum = 0.0
  for token in 0..<vocab { sum += exp(Double(logits[token]) - Double(largest)) }
  return Double(largest) + log(sum)
}
