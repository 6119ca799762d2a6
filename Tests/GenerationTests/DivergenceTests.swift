import Foundation
import Testing

@testable import Generation

@Suite struct DivergenceTests {
  private static func pair(_ reference: [Float], _ model: [Float], target: Int = 0) -> ScoredPair {
    reference.withUnsafeBufferPointer { p in
      model.withUnsafeBufferPointer { q in ScoredPair(reference: p, model: q, target: target) }
    }
  }

  /// Three tokens with probabilities that can be written down.
  @Test func isTheTextbookSum() {
    let p = [0.5, 0.25, 0.25]
    let q = [0.25, 0.5, 0.25]
    // Logits are logarithms up to a constant of their own.
    let pair = Self.pair(p.map { Float(log($0) + 3) }, q.map { Float(log($0) - 7) }, target: 1)
    let expected = zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) }
    #expect(abs(pair.divergence - expected) < 1e-6)
    #expect(!pair.agrees)
    #expect(abs(pair.nll + log(0.5)) < 1e-6 && abs(pair.referenceNLL + log(0.25)) < 1e-6)
  }

  @Test func equalPredictionsDoNotDiverge() {
    let logits = (0..<5000).map { Float(($0 * 7919) % 1000) / 50 - 10 }
    let pair = Self.pair(logits, logits)
    #expect(pair.divergence >= 0 && pair.divergence < 1e-12)
    #expect(pair.agrees && pair.nll == pair.referenceNLL)
    // A constant added to all logits says nothing.
    #expect(Self.pair(logits, logits.map { $0 + 4 }).divergence < 1e-6)
  }

  /// Differences far below what F32 sums would resolve.
  @Test func resolvesSmallDivergences() {
    let logits = (0..<4096).map { Float(($0 * 31) % 97) / 16 }
    var other = logits
    other[10] += 0x1p-8
    let p = exp(Double(logits[10])) / logits.reduce(0) { $0 + exp(Double($1)) }
    // To second order: p (1 - p) delta^2 / 2.
    let expected = p * (1 - p) * 0x1p-17
    let found = Self.pair(logits, other).divergence
    #expect(abs(found / expected - 1) < 0.01, "\(found) against \(expected)")
  }

  @Test func survivesExtremeLogits() {
    let pair = Self.pair([300, -300, 0], [-300, 300, 0], target: 0)
    #expect(abs(pair.divergence - 600) < 1e-9 && abs(pair.nll - 600) < 1e-9 && abs(pair.referenceNLL) < 1e-9)
  }

  @Test func sumsPercentilesAndErrors() throws {
    var divergence = Divergence()
    #expect(divergence.standardError == nil && divergence.percentiles([0.5])[0].isNaN)
    for index in 0..<101 {
      var pair = ScoredPair()
      pair.divergence = Double((index * 37) % 101)
      pair.agrees = index < 70
      divergence.add(pair)
    }
    #expect(divergence.tokens == 101 && divergence.mean == 50)
    #expect(divergence.percentiles([0, 0.5, 0.99, 1]) == [0, 50, 99, 100])
    #expect(abs(divergence.percentiles([0.495])[0] - 49.5) < 1e-9)
    // The variance of 0...100 is 850.
    #expect(abs(try #require(divergence.standardError) - (850.0 / 100).squareRoot()) < 1e-9)
    let share = 70.0 / 101
    #expect(divergence.agreement == share)
    #expect(abs(try #require(divergence.agreementError) - (share * (1 - share) / 100).squareRoot()) < 1e-12)
  }
}
