import Foundation
import Pricing
import Testing
import Usage

@testable import Serving

@Suite struct ReceiptJSONTests {
  private func object(_ receipt: Receipt, ids: [Int32] = [7, 8], text: String = "a b") throws -> [String: Any] {
    let bytes = ReceiptJSON.encode(receipt, answer: .init(ids: ids, text: Array(text.utf8)))
    #expect(!bytes.contains(UInt8(ascii: "\n")))
    return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
  }

  private func receipt(_ choice: PriceChoice, _ usage: UsageRecord = ReceiptSamples.usage) throws -> Receipt {
    try ReceiptPricing(choice, at: ReceiptSamples.now).receipt(for: usage)
  }

  @Test func theFieldsThatProgramsRelyOn() throws {
    let json = try object(receipt(PriceChoice(vm: "t4g.small@us-east-1", localVCPUs: 2)))
    #expect(json["prompt_tokens"] as? Int == 38)
    #expect(json["cached_tokens"] as? Int == 0)
    #expect(json["completion_tokens"] as? Int == 128)
    #expect(json["token_ids"] as? [Int] == [7, 8])
    #expect(json["text"] as? String == "a b")
    #expect(json["finish_reason"] as? String == "stop")
    #expect(json["stopped_by"] as? String == "end_token")
    #expect(json["cpu_seconds"] as? Double == 2.912)
    #expect(json["threads"] as? Int == 2)
    #expect(json["isa"] as? String == "avx2")
    #expect(json["model"] as? String == "SmolLM2-135M-Instruct")
    #expect(json["quantization"] as? String == "Q4_1")
    let timings = try #require(json["timings"] as? [String: Double])
    #expect(timings["queue_ms"] == 0.02)
    #expect(timings["load_ms"] == 81.234567)
    #expect(timings["prefill_ms"] == 101)
    #expect(timings["ttft_ms"] == 109.5)
    #expect(timings["decode_ms"] == 1270)
    #expect(timings["prefill_tokens_per_second"] == 376.238)
    #expect(timings["decode_tokens_per_second"] == 100)
    let memory = try #require(json["memory"] as? [String: Int])
    #expect(memory == ["weights_bytes": 96_600_000, "kv_bytes": 3_825_000, "peak_rss_bytes": 142_303_232])
    #expect(json["cost"] is [String: Any])
    #expect((json["hosted"] as? [Any])?.count == 7)
  }

  @Test func amountsAreDecimalTextAndPicoUnits() throws {
    let json = try object(
      receipt(PriceChoice(vm: "t4g.small@us-east-1", against: "gpt-4-turbo,gpt-4o", localVCPUs: 2)))
    let cost = try #require(json["cost"] as? [String: Any])
    let price = try #require(cost["price"] as? [String: Any])
    #expect(price["per_hour"] as? String == "0.0168")
    #expect(price["saturated_per_hour"] as? String == "0.0808")
    #expect(price["machine"] as? String == "aws:t4g.small@us-east-1")
    #expect(price["read_on"] is NSNull)
    #expect(price["marks"] as? [String] == ["undated"])
    let allocated = try #require(cost["allocated"] as? [String: Any])
    let marginal = try #require(cost["marginal"] as? [String: Any])
    // 1.493 s of 0.0168 an hour, floored; half of 2.742 s of it.
    #expect(allocated["pico"] as? Int == 6_967_333)
    #expect(allocated["amount"] as? String == "0.000006967333")
    #expect(allocated["currency"] as? String == "USD")
    #expect(marginal["pico"] as? Int == 6_398_000)
    let parts = try #require(allocated["parts"] as? [String: [String: Any]])
    #expect(Set(parts.keys) == ["request", "load", "rest"])
    #expect(parts.values.compactMap { $0["pico"] as? Int }.reduce(0, +) == 6_967_333)
    let hosted = try #require(json["hosted"] as? [[String: Any]])
    let turbo = try #require(hosted.first)
    #expect(turbo["model"] as? String == "gpt-4-turbo")
    #expect(turbo["amount"] as? String == "0.00422")
    #expect(turbo["pico"] as? Int == 4_220_000_000)
    #expect(turbo["historic"] as? Bool == true)
    #expect(turbo["read_on"] as? String == "2026-11-23")
    #expect(turbo["token_basis"] as? String == "same count")
    #expect(turbo["cached_input_per_million"] is NSNull)
    #expect(hosted[1]["cached_input_per_million"] as? String == "1.25")
  }

  @Test func whatIsUnknownIsNullAndNeverZero() throws {
    var usage = ReceiptSamples.usage
    usage.tokens.cached = 5
    usage.tokens.completion = 1
    usage.timings.firstTokenNanos = nil
    usage.runNanos = nil
    let json = try object(receipt(PriceChoice(against: "gpt-4-turbo", localVCPUs: 2), usage))
    let timings = try #require(json["timings"] as? [String: Any])
    #expect(timings["ttft_ms"] is NSNull)
    #expect(timings["decode_tokens_per_second"] is NSNull)
    #expect(timings["run_ms"] is NSNull)
    #expect(json["model_sha256"] is NSNull)
    let cost = try #require(json["cost"] as? [String: Any])
    #expect(cost["price"] is NSNull && cost["allocated"] is NSNull && cost["marginal"] is NSNull)
    #expect((cost["note"] as? String)?.contains("--usd-per-hour") == true)
    let turbo = try #require((json["hosted"] as? [[String: Any]])?.first)
    #expect(turbo["amount"] is NSNull && turbo["pico"] is NSNull)
    #expect(turbo["unknown"] as? String == "no source states a price for cached tokens")
  }

  @Test func aServerKnowsOnlyTheMarginalCost() throws {
    var usage = ReceiptSamples.usage
    usage.runNanos = nil
    let json = try object(receipt(PriceChoice(usdPerHour: "1", against: "", localVCPUs: 4), usage))
    let cost = try #require(json["cost"] as? [String: Any])
    #expect(cost["allocated"] is NSNull)
    #expect((cost["marginal"] as? [String: Any])?["pico"] as? Int == 190_416_666)
    #expect((json["hosted"] as? [Any])?.isEmpty == true)
  }

  @Test func textThatIsNotUTF8() throws {
    let receipt = Receipt(usage: ReceiptSamples.usage)
    let bytes: [UInt8] = [104, 0xC3, 0x28, 0xFF, 10, 34]
    let encoded = ReceiptJSON.encode(receipt, answer: .init(ids: [], text: bytes))
    let json = try #require(try JSONSerialization.jsonObject(with: Data(encoded)) as? [String: Any])
    #expect(json["text"] as? String == "h\u{FFFD}(\u{FFFD}\n\"")
    #expect(json["text_is_utf8"] as? Bool == false)
    #expect(Data(base64Encoded: try #require(json["text_base64"] as? String)) == Data(bytes))
    let plain = try object(receipt, text: "\u{E4}\u{2028}")
    #expect(plain["text"] as? String == "\u{E4}\u{2028}")
    #expect(plain["text_is_utf8"] as? Bool == true)
    #expect(plain["text_base64"] == nil)
  }

  @Test func aFailureHasItsMessage() throws {
    var usage = ReceiptSamples.usage
    usage.finish = .failed("out of \"memory\"")
    let json = try object(Receipt(usage: usage))
    #expect(json["finish_reason"] as? String == "error")
    #expect(json["error"] as? String == "out of \"memory\"")
  }

  @Test func amountsTooLargeDoNotLoseTheReceipt() throws {
    var usage = ReceiptSamples.usage
    usage.runNanos = .max
    let receipt = try receipt(PriceChoice(usdPerHour: "9000000", localVCPUs: 1), usage)
    guard case .failed(.overflow) = receipt.cost else {
      Issue.record("\(receipt.cost)")
      return
    }
    let cost = try #require(try object(receipt)["cost"] as? [String: Any])
    #expect((cost["note"] as? String)?.hasPrefix("the amount is too large") == true)
    #expect(ReceiptText.render(receipt).contains("not computed: the amount is too large"))
  }
}
