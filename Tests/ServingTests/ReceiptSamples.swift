import Pricing
import Serving
import Usage

/// Receipts that the tests share.
enum ReceiptSamples {
  /// 2026-11-24 05:00 UTC, outside DeepSeek's peak hours.
  static let now: Int64 = 1_795_496_400_000_000_000

  static var usage: UsageRecord {
    UsageRecord(
      tokens: TokenCounts(prompt: 38, cached: 0, completion: 128),
      timings: RequestTimings(
        queueNanos: 20_000, loadNanos: 81_234_567, prefillNanos: 101_000_000, firstTokenNanos: 109_500_000,
        decodeNanos: 1_270_000_000, totalNanos: 1_380_000_000),
      cpu: CPUTime(processNanos: 2_912_000_000, requestNanos: 2_742_000_000, threadNanos: 2_731_000_000),
      memory: MemoryUse(peakResidentBytes: 142_303_232, weightBytes: 96_600_000, kvBytes: 3_825_000),
      finish: .endToken(2),
      model: ModelIdentity(name: "SmolLM2-135M-Instruct", sha256: nil, quantization: "Q4_1"),
      execution: ExecutionIdentity(threads: 2, isa: "avx2"), text: TextSize(promptBytes: 171, answerBytes: 540),
      startedAtUnixNanos: now, runNanos: 1_493_000_000)
  }
}
