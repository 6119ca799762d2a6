import Testing
import Usage

@Suite struct SpeedTests {
  @Test func undefinedWithoutTimeOrCount() {
    #expect(Speed(count: 5, nanos: 0) == nil)
    #expect(Speed(count: 0, nanos: 5) == nil)
    #expect(Speed(count: -1, nanos: 5) == nil)
    #expect(Speed(count: 5, nanos: -1) == nil)
  }

  @Test func thousandthsRoundToTheNearest() throws {
    // 2 in 3 s is 0.666..., 1 in 2 s is exactly a half, 1 in 3 s is 0.333...
    #expect(try #require(Speed(count: 2, nanos: 3_000_000_000)).milliPerSecond == 667)
    #expect(try #require(Speed(count: 1, nanos: 3_000_000_000)).milliPerSecond == 333)
    #expect(try #require(Speed(count: 127, nanos: 1_270_000_000)).milliPerSecond == 100_000)
    #expect(try #require(Speed(count: 1, nanos: 2_000_000_000_000)).milliPerSecond == 1)
    #expect(try #require(Speed(count: .max, nanos: 1)).milliPerSecond == .max)
    #expect(try #require(Speed(count: 1, nanos: .max)).milliPerSecond == 0)
  }

  @Test func ratesOfARecord() throws {
    var record = UsageSamples.record
    record.tokens = TokenCounts(prompt: 100, cached: 64, completion: 11)
    record.timings = RequestTimings(
      queueNanos: 1, prefillNanos: 360_000_000, firstTokenNanos: 400_000_000, decodeNanos: 1_000_000_000,
      totalNanos: 1_410_000_005)
    // 36 tokens were computed; 10 followed the first.
    #expect(try #require(record.prefillSpeed).milliPerSecond == 100_000)
    #expect(try #require(record.decodeSpeed).milliPerSecond == 10_000)
    #expect(record.nanosPerOutputToken == 101_000_000)
  }

  @Test func ratesThatAreUndefined() {
    var record = UsageSamples.record
    record.tokens = TokenCounts(prompt: 64, cached: 64, completion: 1)
    #expect(record.prefillSpeed == nil)
    #expect(record.decodeSpeed == nil)
    #expect(record.nanosPerOutputToken == nil)
    record.tokens.completion = 0
    #expect(record.decodeSpeed == nil)
    record.tokens.completion = 5
    record.timings.firstTokenNanos = nil
    #expect(record.nanosPerOutputToken == nil)
  }

  @Test func cachedTokensNeverMakeTheRestNegative() {
    #expect(TokenCounts(prompt: 3, cached: 5, completion: 1).uncachedPrompt == 0)
    #expect(TokenCounts(prompt: 3, cached: 1, completion: 4).total == 7)
  }

  @Test func finishReasonsHaveTheNamesOfTheUsualInterfaces() {
    let expected: [(FinishReason, String, String)] = [
      (.endToken(2), "stop", "end_token"), (.stopToken(7), "stop", "stop_token"),
      (.stopString([10]), "stop", "stop_string"), (.tokenLimit, "length", "token_limit"),
      (.contextFull, "length", "context"), (.budget, "length", "budget"), (.interrupted, "cancelled", "interrupt"),
      (.disconnected, "cancelled", "disconnect"), (.failed("x"), "error", "error"),
    ]
    for (reason, name, stoppedBy) in expected {
      #expect(reason.name == name)
      #expect(reason.stoppedBy == stoppedBy)
    }
  }
}

enum UsageSamples {
  static var record: UsageRecord {
    UsageRecord(
      tokens: TokenCounts(prompt: 10, cached: 0, completion: 5),
      timings: RequestTimings(
        prefillNanos: 1_000_000, firstTokenNanos: 1_100_000, decodeNanos: 4_000_000,
        totalNanos: 5_500_000),
      cpu: CPUTime(processNanos: 9, requestNanos: 8, threadNanos: 7), memory: MemoryUse(), finish: .tokenLimit,
      model: ModelIdentity(name: "m", quantization: "F32"), execution: ExecutionIdentity(threads: 1, isa: "scalar"),
      text: TextSize(promptBytes: 40, answerBytes: 20), startedAtUnixNanos: 0)
  }
}
