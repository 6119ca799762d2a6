import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct ReceiptTextTests {
  @Test func sample() throws {
    let pricing = try ReceiptPricing(
      PriceChoice(vm: "t4g.small@us-east-1", localVCPUs: 2), at: ReceiptSamples.now)
    let receipt = pricing.receipt(for: ReceiptSamples.usage)
    for width in [80, 60, 40] { print(ReceiptText.render(receipt, width: width)) }
    print(ReceiptText.render(Receipt(usage: ReceiptSamples.usage)))
    print(
      String(
        decoding: ReceiptJSON.encode(receipt, answer: .init(ids: [1, 2], text: [104, 255]), pretty: true), as: UTF8.self
      ))
  }
}
