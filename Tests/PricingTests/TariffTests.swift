import Testing
import Usage

@testable import Pricing

@Suite struct TariffTests {
  private func tariff(
    machine: String = "", version: Int = 1, from: String = "2026-01-01", prompt: Int64 = 3, cached: Int64 = 1,
    completion: Int64 = 7
  ) throws -> Tariff {
    try Tariff(
      model: "m", machine: machine, version: version, from: #require(CivilDate(from)), promptPicos: prompt,
      cachedPromptPicos: cached, completionPicos: completion, source: "test")
  }

  /// By hand: 10 prompt tokens, 4 of them cached, and 5 of completion: 6 x 3 + 4 x 1 + 5 x 7 = 57.
  @Test func chargesAreWhole() throws {
    let tariff = try tariff()
    #expect(try tariff.charge(uncachedPrompt: 6, cachedPrompt: 4, completion: 5).picos == 57)
    #expect(try tariff.charge(TokenCounts(prompt: 10, cached: 4, completion: 5)).picos == 57)
    #expect(try tariff.reservation(promptTokens: 10).picos == 30)
    #expect(try self.tariff(cached: 9).reservation(promptTokens: 10).picos == 90)
    #expect(try tariff.completionTokens(for: Money(picos: 20)) == 2)
    #expect(try tariff.completionTokens(for: Money(picos: -20)) == 0)
    #expect(try self.tariff(completion: 0).completionTokens(for: Money(picos: 20)) == nil)
  }

  @Test func whatCannotBeChargedIsRefused() throws {
    let dear = try tariff(completion: .max)
    #expect(throws: PricingError.overflow("the charge for a request")) {
      try dear.charge(uncachedPrompt: 0, cachedPrompt: 0, completion: 2)
    }
    #expect(throws: PricingError.negative("-1")) {
      try dear.charge(uncachedPrompt: 0, cachedPrompt: -1, completion: 0)
    }
    #expect(throws: PricingError.negative("-3")) { try self.tariff(prompt: -3) }
    #expect(throws: PricingError.notATariff("version 0")) { try self.tariff(version: 0) }
    #expect(throws: PricingError.self) { try dear.completionTokens(for: Money(picos: 1, currency: Currency("EUR"))) }
  }

  @Test func theLatestOfTheMachineIsInForce() throws {
    let tariffs = [
      try tariff(), try tariff(version: 2, from: "2026-06-01"), try tariff(machine: "a", from: "2026-03-01"),
      try tariff(version: 3, from: "2026-06-01"),
    ]
    func version(_ machine: String, _ day: String) throws -> Tariff? {
      tariffs.inForce(model: "m", machine: machine, on: try #require(CivilDate(day)))
    }
    #expect(try version("b", "2025-12-31") == nil)
    #expect(try version("b", "2026-05-31") == tariffs[0])
    #expect(try version("b", "2026-06-01") == tariffs[3])
    #expect(try version("a", "2026-02-01") == tariffs[0])
    #expect(try version("a", "2026-07-01") == tariffs[2])
    #expect(tariffs.inForce(model: "n", machine: "a", on: try #require(CivilDate("2026-07-01"))) == nil)
  }

  /// Any cut of a request into chunks is charged like the whole.
  @Test func chunksAddUp() throws {
    var random = SplitMix(printing: "chunksAddUp")
    for _ in 0..<200 {
      let tariff = try tariff(
        prompt: .random(in: 0...1_000_000, using: &random), completion: .random(in: 0...1_000_000, using: &random))
      let tokens = Int.random(in: 0...100_000, using: &random)
      let part = Int.random(in: 0...tokens, using: &random)
      let parts = [
        try tariff.charge(uncachedPrompt: 0, cachedPrompt: 0, completion: part),
        try tariff.charge(uncachedPrompt: 0, cachedPrompt: 0, completion: tokens - part),
      ]
      #expect(try Money.sum(parts) == tariff.charge(uncachedPrompt: 0, cachedPrompt: 0, completion: tokens))
    }
  }

  @Test func sharesDoNotDependOnTheOrderOfRows() throws {
    let rows: [(id: String, weight: Int64)] = [("c", 1), ("a", 1), ("b", 1)]
    #expect(
      try Apportionment.largestRemainder(Money(picos: 4), rows: rows).map(\.picos) == [1, 2, 1])
  }

  /// Three thirds of a stretch at one pico-unit for two: 0, 1, 0 and 1, the whole of it floored is 2.
  @Test func stretchesAreDifferencesOfRunningTotals() throws {
    let rate = try Rate("0.000000000001", per: 2, of: .token)
    #expect(try (0..<4).map { try rate.cost(from: $0, to: $0 + 1).picos } == [0, 1, 0, 1])
    #expect(try rate.cost(from: 0, to: 5).picos == 2)
  }
}
