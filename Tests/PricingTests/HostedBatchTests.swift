import Testing
import Usage

@testable import Pricing

/// A batch costs the sum of its requests, each at its own tier.
@Suite struct HostedBatchTests {
  private let book: PriceBook

  init() throws { book = PriceBook(hosted: try PriceBook.shippedHosted()) }

  private func quote(_ name: String, _ requests: [(Int, Int)]) throws -> HostedQuote {
    try book.hostedModel(name).quote(
      batchOf: requests.map { TokenCounts(prompt: $0.0, cached: 7, completion: $0.1) }, at: Moment.at("2026-11-24"))
  }

  @Test func batchPricesWhereKnown() throws {
    // Half of $5 and $30 per million.
    #expect(try quote("gpt-5.5", [(1000, 1000), (1000, 1000)]).money?.description == "$0.035")
    #expect(try quote("gpt-5.5", [(1000, 1000)]).marks.contains(.noBatchPrice) == false)
    #expect(try quote("gpt-5.5", []).money?.isZero == true)
  }

  @Test func listPricesWithAMarkWhereNot() throws {
    // One request is beyond the tier, where no batch price is known: list prices for all, each at its own tier.
    let mixed = try quote("gpt-5.5", [(272_000, 1000), (272_001, 1000)])
    #expect(mixed.money?.description == "$4.15501")
    #expect(mixed.marks.contains(.noBatchPrice) && mixed.marks.contains(.tier(above: 272_000)))
  }
}
