import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct ReceiptPricingTests {
  private func pricing(_ choice: PriceChoice, at moment: Int64 = ReceiptSamples.now) throws -> ReceiptPricing {
    try ReceiptPricing(choice, at: moment)
  }

  private func error(_ choice: PriceChoice) -> PricingError? {
    do {
      _ = try ReceiptPricing(choice, at: ReceiptSamples.now)
      return nil
    } catch {
      return error
    }
  }

  private func perHour(_ price: HourlyPrice?) -> String? { price?.hourly.decimalText(per: Rate.nanosPerHour) }

  @Test func whereThePriceComesFrom() throws {
    #expect(try pricing(PriceChoice(localVCPUs: 2)).machine == nil)
    #expect(try pricing(PriceChoice(environmentVM: "", localVCPUs: 2)).machine == nil)
    let large = try pricing(PriceChoice(environmentVM: "c7g.large@us-east-1", localVCPUs: 2)).machine
    #expect(perHour(large) == "0.0725")
    let small = try pricing(
      PriceChoice(vm: "t4g.small@us-east-1", environmentVM: "no such thing", localVCPUs: 2)
    ).machine
    #expect(perHour(small) == "0.0168")
    let given = try pricing(PriceChoice(usdPerHour: "0.0083764275", localVCPUs: 3)).machine
    #expect(perHour(given) == "0.0083764275")
    #expect(given?.kind == .given && given?.vcpus == ExactDecimal(3) && given?.machine == nil)
    let both = try pricing(PriceChoice(usdPerHour: "0.01", vm: "c7g.large@us-east-1", localVCPUs: 64)).machine
    #expect(perHour(both) == "0.01" && both?.vcpus == ExactDecimal(2))
    #expect(both?.machine?.type == "c7g.large")
  }

  @Test func wrongChoicesNameTheOption() {
    let expected: [(PriceChoice, String)] = [
      (PriceChoice(usdPerHour: "cheap", localVCPUs: 1), "--usd-per-hour: 'cheap' is not a decimal number"),
      (PriceChoice(usdPerHour: "-1", localVCPUs: 1), "--usd-per-hour: '-1' is below zero"),
      (PriceChoice(usdPerHour: "", localVCPUs: 1), "--usd-per-hour: '' is not a decimal number"),
      (PriceChoice(vm: "t4g.smal", localVCPUs: 1), "--vm: no machine type named 't4g.smal'"),
      (PriceChoice(environmentVM: "t4g.smal", localVCPUs: 1), "FARTHING_VM: no machine type named 't4g.smal'"),
      (PriceChoice(vm: "t4g.small", localVCPUs: 1), "--vm: several rows for the machine type 't4g.small'; choose one"),
      (PriceChoice(against: "gpt-4o,gpt-4p", localVCPUs: 1), "--against: no hosted model named 'gpt-4p'"),
    ]
    for (choice, message) in expected {
      let text = error(choice)?.description ?? "no error"
      #expect(text.hasPrefix(message), "\(text)")
    }
  }

  @Test func comparisons() throws {
    func names(_ against: String?, at moment: Int64 = ReceiptSamples.now) throws -> [String] {
      try pricing(PriceChoice(against: against, localVCPUs: 1), at: moment).compared.map(\.id)
    }
    // The models that every comparison starts from are shown whether they are historic or not.
    #expect(try names(nil) == PriceBook.defaultComparison)
    #expect(try names("none").isEmpty)
    #expect(try names("").isEmpty)
    #expect(try names(" gpt-4o , ,GPT-4o,gpt-4 ") == ["openai:gpt-4o", "openai:gpt-4"])
    #expect(try names(nil, at: 0).count == PriceBook.defaultComparison.count)
    #expect(try names("gpt-4-turbo") == ["openai:gpt-4-turbo"])
  }

  @Test func theWorkedExample() throws {
    var usage = ReceiptSamples.usage
    usage.tokens = TokenCounts(prompt: 1000, cached: 0, completion: 1000)
    let receipt = try pricing(PriceChoice(against: "gpt-4-turbo,gpt-4o", localVCPUs: 2)).receipt(for: usage)
    #expect(receipt.hosted.map { $0.money?.description } == ["$0.04", "$0.0125"])
    #expect(receipt.cost == .noPrice)
  }
}
