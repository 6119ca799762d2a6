import Pricing
import Serving
import Testing
import Usage

@Suite struct ReceiptSummaryTests {
  private func receipt(_ choice: PriceChoice, _ change: (inout UsageRecord) -> Void = { _ in }) throws -> Receipt {
    var usage = ReceiptSamples.usage
    change(&usage)
    return try ReceiptPricing(choice, at: ReceiptSamples.now).receipt(for: usage)
  }

  @Test func aTurnOfAChatTakesALineOrTwo() throws {
    let known = try receipt(PriceChoice(vm: "t4g.small@us-east-1", localVCPUs: 2))
    #expect(
      ReceiptText.summary(known) == """
        [38 + 128 tokens; first after 110 ms; 100.0 tokens/s; $0.0000064 here
        (marginal); $0.00138 at gpt-4o]

        """)
    for width in [20, 40, 60] {
      for line in ReceiptText.summary(known, width: width).split(separator: "\n") { #expect(line.count <= width) }
    }
  }

  /// What is not known is left out; how an answer ended is said where it did not simply end.
  @Test func onlyWhatIsKnown() throws {
    let cut = try receipt(PriceChoice(against: "none", localVCPUs: 2)) {
      $0.finish = .interrupted
      $0.tokens.cached = 30
      $0.timings.firstTokenNanos = nil
    }
    let line = ReceiptText.summary(cut, width: 200)
    #expect(line.hasPrefix("[38 (30 cached) + 128 tokens; "))
    #expect(line.hasSuffix("cancelled: interrupted]\n") && !line.contains("first") && !line.contains("$"))
  }
}
