import Testing

@testable import Pricing

@Suite struct ApportionmentTests {
  @Test func partsOfTimeAddUpHoweverTheyAreCut() throws {
    var random = SplitMix(printing: "ApportionmentTests.partsOfTime")
    for _ in 0..<2000 {
      let rate = try Rate.perHour(Money(picos: Int64(random.next() % 10_000_000_000_000)).decimalText)
      let stretches = (0..<Int(random.next() % 20 + 1)).map { _ in Int64(random.next() >> (20 + random.next() % 44)) }
      let parts = try Apportionment.consecutive(stretches, at: rate)
      let whole = try rate.cost(of: stretches.reduce(0, +))
      #expect(try Money.sum(parts) == whole)
      #expect(parts.allSatisfy { $0.picos >= 0 })
      // No part is a whole pico-unit away from its own exact cost.
      for (part, stretch) in zip(parts, stretches) {
        let exact = try rate.cost(of: stretch, rounding: .down).picos
        #expect(part.picos == exact || part.picos == exact + 1)
      }
    }
  }

  @Test func sharesAddUpAndAreFair() throws {
    var random = SplitMix(printing: "ApportionmentTests.shares")
    for _ in 0..<2000 {
      let amount = Money(picos: Int64(random.next() >> (1 + random.next() % 60)))
      let weights = (0..<Int(random.next() % 20 + 1)).map { _ in Int64(random.next() >> (6 + random.next() % 58)) }
      let shares = try Apportionment.largestRemainder(amount, weights: weights)
      #expect(try Money.sum(shares) == amount)
      let total = weights.reduce(0, +)
      guard total > 0 else { continue }
      for (share, weight) in zip(shares, weights) {
        let floor = Int128(amount.picos) * Int128(weight) / Int128(total)
        #expect(Int128(share.picos) == floor || Int128(share.picos) == floor + 1)
        if weight == 0 { #expect(share.isZero) }
      }
    }
  }

  @Test func ties() throws {
    let shares = try Apportionment.largestRemainder(Money(picos: 5), weights: [1, 1, 1])
    #expect(shares.map(\.picos) == [2, 2, 1])
    #expect(try Apportionment.largestRemainder(Money(picos: 7), weights: [0, 0]).map(\.picos) == [7, 0])
    #expect(try Apportionment.largestRemainder(Money(picos: 7), weights: []).isEmpty)
    #expect(try Apportionment.largestRemainder(Money(picos: .max), weights: [.max]).map(\.picos) == [.max])
  }

  @Test func refusals() throws {
    let rate = try Rate.perHour("1")
    #expect(throws: PricingError.negative("-1")) { try Apportionment.consecutive([1, -1], at: rate) }
    #expect(throws: PricingError.self) { try Apportionment.consecutive([.max, 1], at: rate) }
    #expect(throws: PricingError.negative("-1")) { try Apportionment.largestRemainder(Money(picos: 1), weights: [-1]) }
    #expect(throws: PricingError.self) { try Apportionment.largestRemainder(Money(picos: 1), weights: [.max, 1]) }
    #expect(throws: PricingError.self) { try Apportionment.largestRemainder(Money(picos: -1), weights: [1]) }
  }
}
