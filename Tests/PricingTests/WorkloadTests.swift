import Testing
import Usage

@testable import Pricing

@Suite struct WorkloadTests {
  /// Half of the requests up to 100 tokens, and from there to 300 evenly.
  @Test func sizesFromPercentiles() throws {
    let sizes = try SizeDistribution("p50=100,p100=300").sizes
    #expect(sizes.count == 100 && sizes[..<50].allSatisfy { $0 == 100 })
    #expect(sizes[50] == 102 && sizes[99] == 298)
    #expect(try SizeDistribution("1000").sizes == [1000])
    #expect(try SizeDistribution("p50=7,p99=7").sizes == [7])
    #expect(try SizeDistribution("p50=100,p99=4000").percentile(99) > 3900)
    #expect(try SizeDistribution("p50=100,p100=300").mean == Fraction(15, over: 1).plus(SizeDistribution("135").mean))
    for text in ["", "p50", "50=1", "p50=1,p40=2", "p50=9,p90=1", "p101=1", "p50=-1", "-1", "1.5", "p50=1,p50=1"] {
      #expect(throws: PricingError.self, "\(text)") { try SizeDistribution(text) }
    }
  }

  @Test func workloadsOutsideTheirRangesAreRefused() throws {
    let size = try SizeDistribution("10")
    func make(_ requests: String, _ cached: String = "0", _ peak: String = "10") throws -> Workload {
      try Workload(
        requestsPerDay: ExactDecimal(requests), prompt: size, completion: size, cachedPercent: ExactDecimal(cached),
        peakPercent: ExactDecimal(peak))
    }
    #expect(throws: Never.self) { try make("0.5", "100", "100") }
    for (requests, cached, peak) in [("0", "0", "10"), ("-1", "0", "10"), ("1", "101", "10"), ("1", "0", "4")] {
      #expect(throws: PricingError.self) { try make(requests, cached, peak) }
    }
    #expect(throws: PricingError.self) {
      try MeasuredSpeed(prefillMilli: 0, decodeMilli: 1, errorMillionths: 0, source: "s")
    }
  }

  /// A tier is a cliff, so the mean request's price is not the mean price. By hand: half of the requests have 100
  /// tokens, half 300; above 200 tokens a million costs $2 and not $1. 50 x $0.0001 + 50 x $0.0006 over 100 =
  /// $0.00035, where the mean request of 200 tokens would cost $0.0002.
  @Test func tiersAreSummedOverTheSizes() throws {
    var some = CostCase(requests: "1", completion: "0", input: "1", output: "4")
    some.prompt = "p50=100,p50.001=300"
    let model = try some.hosted(tier: (200, "2", "", "4"))
    let expectation = try model.expectation(for: some.workload(), on: CostCase.day)
    #expect(try expectation.perRequest?.money(.usd) == Money("0.00035"))
    #expect(expectation.marks == [.tier(above: 200)])
    // Half as many tokens by the vendor's count: nobody reaches the tier.
    let fewer = try model.expectation(for: some.workload(), tokens: .ratio(ExactDecimal("0.5")), on: CostCase.day)
    #expect(try fewer.perRequest?.money(.usd) == Money("0.0001") && fewer.basis == .ratio)
    let counted = try model.expectation(
      for: some.workload(),
      tokens: .counted(prompt: SizeDistribution("1000"), completion: SizeDistribution("0")), on: CostCase.day)
    #expect(try counted.perRequest?.money(.usd) == Money("0.002") && counted.basis == .counted)
  }

  /// Cached tokens without a price of their own make the total unknown, and so do batches.
  @Test func whatNoSourceStatesIsUnknown() throws {
    let some = CostCase(cached: "50")
    #expect(try some.hosted().expectation(for: some.workload(), on: CostCase.day).unknown == .cachedInput)
    // 500 x $1 + 500 x $0.50 + 200 x $4, per million.
    let cached = try some.hosted(cachedInput: "0.5").expectation(for: some.workload(), on: CostCase.day)
    #expect(try cached.perRequest?.money(.usd) == Money("0.00155"))
    let batch = try some.hosted().expectation(for: CostCase().workload(), batch: true, on: CostCase.day)
    #expect(batch.unknown == .input && batch.perRequest == nil)
  }

  /// Twice the price from 01:00 to 04:00 and 06:00 to 10:00 UTC: seven of 24 hours, so 31/24 of the base.
  @Test func hoursAreWeighedByTheirLength() throws {
    let text = """
      line,provider,model,utc_start,utc_end,input_per_mtok,output_per_mtok,as_of,source
      model,v,m,,,1,1,2026-11-01,s
      hours,v,m,01:00,04:00,2,2,,
      hours,v,m,06:00,10:00,2,2,,
      """
    let model = try HostedTable.read(text.utf8, file: "t")[0]
    let some = CostCase(prompt: "12", completion: "12")
    let expectation = try model.expectation(for: some.workload(), on: CostCase.day)
    #expect(expectation.perRequest == (try Fraction(24_000_000).times(31).over(Fraction(24))))
  }

  @Test func theCounterpartIsTheSameOrTheNearestOpenModel() throws {
    let book = try PriceBook.shipped()
    let workload = try CostCase().workload()
    let small = try #require(
      try Counterpart(
        for: workload, of: "SmolLM2-135M", declared: [], in: book, tokens: .sameCount, batch: false, on: CostCase.day))
    #expect(small.reason == .nearest && OpenModels.billions(in: small.expectation.model.name) == ExactDecimal(1))
    let same = try #require(
      try Counterpart(
        for: workload, of: "llama-3.2-3b-instruct", declared: [], in: book, tokens: .sameCount, batch: false,
        on: CostCase.day))
    #expect(same.reason == .sameModel)
    let declared = try #require(
      try Counterpart(
        for: workload, of: "SmolLM2-135M", declared: [book.hostedModel("gpt-4o-mini")], in: book, tokens: .sameCount,
        batch: false, on: CostCase.day))
    #expect(declared.reason == .declared && declared.expectation.model.name == "gpt-4o-mini")
    // What is retired is in no verdict, even if it is declared.
    #expect(
      try Counterpart(
        for: workload, of: nil, declared: [book.hostedModel("gpt-4-turbo")], in: book, tokens: .sameCount, batch: false,
        on: CostCase.day) == nil)
  }

  @Test func speedsFromABenchFile() throws {
    let text = """
      {"model": "m", "processor": "cpu", "results": [
      {"test": "prefill", "threads": 2, "tokens": 512, "batch": 1,
       "tokens_per_second": {"median": 812.5, "min": 800, "max": 820.25}},
      {"test": "prefill", "threads": 1, "tokens": 512, "tokens_per_second": {"median": 410.0, "min": 409, "max": 411}},
      {"test": "decode", "tokens": 128, "batch": 1, "tokens_per_second": {"median": 60.0625, "min": 57, "max": 61}},
      {"test": "decode", "tokens": 128, "batch": 1, "depth": 4096,
       "tokens_per_second": {"median": 70, "min": 57, "max": 61}},
      {"test": "batch", "tokens": 128, "batch": 8, "tokens_per_second": {"median": 200, "min": 199, "max": 204}}]}
      """
    let one = try MeasuredSpeed(bench: Array(text.utf8), file: "b.json", batch: 1)
    #expect(one.prefillMilli == 812_500 && one.decodeMilli == 60_062 && one.source == "b.json on cpu")
    #expect(one.errorMillionths == 50_980)
    let eight = try MeasuredSpeed(bench: Array(text.utf8), file: "b.json", batch: 8)
    #expect(eight.decodeMilli == 200_000 && eight.errorMillionths == 20_000)
    for wrong in ["{}", "[]", "{\"results\": [{}]}", "{\"results\": []}"] {
      #expect(throws: PricingError.self) { try MeasuredSpeed(bench: Array(wrong.utf8), file: "b", batch: 1) }
    }
    #expect(throws: PricingError.self) { try MeasuredSpeed(bench: Array(text.utf8), file: "b", batch: 3) }
  }

  // MARK: Arithmetic

  @Test func fractionsAgreeWithWholeNumbers() throws {
    var random = SplitMix(printing: "fractionsAgreeWithWholeNumbers")
    for _ in 0..<500 {
      let (a, c) = (Int64.random(in: -999...999, using: &random), Int64.random(in: -999...999, using: &random))
      let (b, d) = (Int64.random(in: 1...999, using: &random), Int64.random(in: 1...999, using: &random))
      let (left, right) = (try Fraction(Int128(a), over: Int128(b)), try Fraction(Int128(c), over: Int128(d)))
      #expect((left < right) == (a * d < c * b) && (left == right) == (a * d == c * b))
      #expect(try left.plus(right) == Fraction(Int128(a * d + c * b), over: Int128(b * d)))
      #expect(try left.minus(right) == Fraction(Int128(a * d - c * b), over: Int128(b * d)))
      #expect(try left.times(right) == Fraction(Int128(a * c), over: Int128(b * d)))
      if c != 0 { #expect(try left.over(right) == Fraction(Int128(a * d), over: Int128(b * c))) }
      #expect(left.floored == Int128((Double(a) / Double(b)).rounded(.down)))
    }
    let huge = try Fraction(Int128.max, over: 1)
    #expect(throws: PricingError.self) { try huge.times(2) }
    #expect(throws: PricingError.self) { try huge.plus(huge) }
    #expect(throws: PricingError.self) { try huge.over(.zero) }
    #expect(try Fraction(Int128.max - 1, over: Int128.max) < Fraction(1))
    #expect(Fraction(try ExactDecimal("0.125")).text(decimals: 2) == "0.12")
  }

  /// The waiting of one slot is the load itself; of two, 2u^2 / (1 + u).
  @Test func theQueueInFixedPoint() {
    let one = Queue.one
    #expect(abs(Queue.waitingShare(slots: 1, busy: one / 2) - one / 2) < 10)
    #expect(abs(Queue.waitingShare(slots: 2, busy: one / 2) - one / 3) < 10)
    // 1/e, and e^-20.
    #expect(abs(Queue.exponential(minus: one) - 367_879_441_171) < 1000)
    #expect(abs(Queue.exponential(minus: 20 * one) - 2_061) < 10)
    #expect(Queue.exponential(minus: 0) == one && Queue.exponential(minus: 100 * one) == 0)
    // Nobody waits on an idle machine, and more patience allows more load.
    let limits = LatencyLimits(firstTokenMillis: 2000)
    var last: Int64 = 0
    for service in [20, 10, 5, 2, 1] as [Int64] {
      let share = limits.busyShare(
        batch: 2, serviceNanos: service * 1_000_000_000, prefillNanos: 0, tokenNanos: 0)
      #expect(share >= last)
      last = share
    }
  }

  @Test func aModelIsItselfAtAnyQuantisation() throws {
    let book = try PriceBook.shippedHosted()
    let llama = try #require(book.first { $0.name == "meta-llama/Llama-3.2-1B-Instruct" })
    for name in [
      "Llama-3.2-1B-Instruct", "llama-3.2-1b", "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
      "bartowski/Llama-3.2-1B-Instruct-IQ4_XS.gguf",
      "Llama-3.2-1B-Instruct-f16.gguf", "Llama-3.2-1B-Instruct.Q4_1.gguf", "Llama-3.2-1B-Instruct_Q8_0.gguf",
    ] { #expect(OpenModels.isSame(llama, as: name), "\(name)") }
    for name in ["Llama-3.2-3B-Instruct", "Llama-3.1-1B", "Llama-3.2", "", "Q4_0.gguf", "Llama-3.2-1B-Vision"] {
      #expect(!OpenModels.isSame(llama, as: name), "\(name)")
    }
    // Names of closed models say no size, and nobody runs them.
    let closed = try #require(book.first { $0.name == "gpt-4o-mini" })
    #expect(!OpenModels.isSame(closed, as: "gpt-4o-mini"))
  }
}
