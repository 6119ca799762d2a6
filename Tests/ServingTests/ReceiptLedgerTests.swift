import Foundation
import Metering
import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct ReceiptLedgerTests {
  private var receipt: Receipt {
    var receipt = Receipt(usage: ReceiptSamples.usage)
    var priced = Totals()
    (priced.requests, priced.prompt, priced.cached, priced.completion) = (3, 120, 20, 45)
    priced.marginalPicos = 1_230_000
    var free = Totals()
    (free.requests, free.prompt, free.completion, free.unpriced) = (1, 7, 5, 1)
    receipt.ledger = LedgerEntry(
      request: "0123", day: CivilDate(unixNanos: 1_795_608_000_000_000_000), totals: ["USD": priced, "": free])
    return receipt
  }

  @Test func theDayIsOneLineOfTheReceipt() {
    let text = ReceiptText.render(receipt, width: 120)
    #expect(
      text.contains(
        "  today       4 requests, 127 + 50 tokens; $0.00000123 marginal, 1 without a price (2026-11-25, UTC)\n"))
    for width in [20, 40, 80] {
      for line in ReceiptText.render(receipt, width: width).split(separator: "\n") { #expect(line.count <= width) }
    }
    #expect(!ReceiptText.render(Receipt(usage: ReceiptSamples.usage), width: 80).contains("today"))
  }

  @Test func theDayIsAnObjectOfTheJSON() throws {
    let bytes = ReceiptJSON.encode(receipt, answer: .init(ids: [], text: []))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    let entry = try #require(json["ledger"] as? [String: Any])
    let day = try #require(entry["day"] as? [String: Any])
    #expect(entry["request"] as? String == "0123" && day["date"] as? String == "2026-11-25")
    #expect(day["requests"] as? Int == 4 && day["unpriced_requests"] as? Int == 1)
    #expect(day["prompt_tokens"] as? Int == 127 && day["cached_tokens"] as? Int == 20)
    let marginal = try #require(day["marginal"] as? [[String: Any]])
    #expect(marginal.count == 1 && marginal[0]["amount"] as? String == "0.00000123")
  }
}
