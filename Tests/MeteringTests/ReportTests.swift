import Foundation
import Pricing
import Testing
import Usage

@testable import Metering

@Suite struct ReportTests {
  private func report(_ writer: LedgerWriter, _ dimensions: [ReportQuery.Dimension]) throws -> [Report.Line] {
    var query = ReportQuery()
    query.dimensions = dimensions
    return try writer.ledger.report(query).lines
  }

  @Test func linesAddUpBySeveralDimensions() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for index in 0..<6 {
      try Sample.request(
        writer, Sample.opening(user: index < 2 ? "zoe" : nil, tags: index % 3 == 0 ? [("team", "blue")] : []),
        Sample.usage(prompt: 10, cached: 1, completion: index))
      bench.clock.advance(seconds: 5 * 3600)
    }
    let days = try report(writer, [.day])
    #expect(days.map(\.labels) == [["2026-11-25"], ["2026-11-26"]])
    #expect(days.map(\.figures.totals.requests) == [3, 3])
    #expect(days.map(\.figures.totals.completion) == [3, 12])
    #expect(days[0].figures.totals.marginalPicos == 3 * 260_000 && days[0].currency == "USD")
    // 780,000 pico-dollars for 33 tokens.
    let perMillion: Int64 = 780_000 * 1_000_000 / 33
    #expect(days[0].figures.marginalPerMillion(of: days[0].figures.tokens) == perMillion)
    let tags = try report(writer, [.tag("team"), .user])
    #expect(
      tags.map(\.labels) == [
        ["(untagged)", "(nobody named)"], ["(untagged)", "zoe"], ["blue", "(nobody named)"], ["blue", "zoe"],
      ])
    #expect(tags.map(\.figures.totals.requests) == [3, 1, 1, 1])
    #expect(try report(writer, [.hour]).first?.labels == ["2026-11-25T12:00Z"])
    #expect(try report(writer, [.month, .model, .quantization]).map(\.labels) == [["2026-11", "tiny", "Q4_0"]])
    #expect(try report(writer, []).map(\.labels) == [[]])
    #expect(try report(bench.writer(), [.user]).count == 2)
  }

  @Test func spansBeginAndEndWhereTheySay() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    let start = bench.clock.now
    for _ in 0..<3 {
      try Sample.request(writer)
      bench.clock.advance(seconds: 1)
    }
    var query = ReportQuery()
    query.from = start + 1_000_000_000
    query.to = start + 2_000_000_000
    #expect(try writer.ledger.report(query).lines.map(\.figures.totals.requests) == [1])
    query.from = query.to
    query.to = .max
    #expect(try writer.ledger.report(query).lines.map(\.figures.totals.requests) == [1])
    query.from += 1_000_000_000
    #expect(try writer.ledger.report(query).lines.isEmpty)
  }

  @Test func latenciesAreByNearestRank() {
    var latency = Latency()
    #expect(latency.percentile(50) == nil)
    for value in [50, 10, 40, 20, 30] as [Int64] { latency.add(value) }
    #expect([1, 20, 21, 50, 90, 99, 100].map { latency.percentile($0) } == [10, 10, 20, 30, 50, 50, 50])
    var hundred = Latency()
    for value in (1...100).reversed() { hundred.add(Int64(value)) }
    hundred.sort()
    #expect([1, 50, 90, 99, 100].map { hundred.percentile($0) } == [1, 50, 90, 99, 100])
  }

  @Test func onlyTokensOfQuickRequestsAreGood() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    func request(_ first: Int64?, _ total: Int64, completion: Int) throws {
      var usage = Sample.usage(prompt: 10, completion: completion)
      usage.timings.firstTokenNanos = first
      usage.timings.totalNanos = total
      try Sample.request(writer, Sample.opening(), usage)
    }
    try request(100, 100 + 4 * 10, completion: 5)  // quick: 10 ns a token
    try request(200, 240, completion: 5)  // its first token came late
    try request(100, 100 + 4 * 11, completion: 5)  // too slow a token
    try request(100, 100, completion: 1)  // one token has no time between tokens
    try request(nil, 50, completion: 3)  // nothing was ever shown
    var query = ReportQuery()
    query.goodput = .init(firstTokenNanos: 100, perTokenNanos: 10)
    let figures = try #require(try writer.ledger.report(query).lines.first).figures
    #expect(figures.goodRequests == 2 && figures.goodTokens == 15 + 11)
    #expect(figures.firstToken.count == 4 && figures.perToken.count == 3 && figures.total.count == 5)
    query.goodput = .init(firstTokenNanos: nil, perTokenNanos: nil)
    #expect(try writer.ledger.report(query).lines.first?.figures.goodRequests == 5)
  }

  @Test func openAndLostRequestsAreTold() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    let open = try writer.open(Sample.opening())
    do {
      let gone = try bench.writer()
      try gone.open(Sample.opening()).chose(3)
    }
    try writer.recover()
    let figures = try report(writer, []).map(\.figures)
    #expect(figures.map(\.open).reduce(0, +) == 1 && figures.map(\.lost).reduce(0, +) == 1)
    #expect(figures.map(\.totals.completion).reduce(0, +) == 3)
    try open.fail()
  }

  @Test func chargesAreHeldAgainstCosts() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer)
    #expect(try report(writer, []).first?.figures.recovery == nil)
    try writer.postTariff(TokenTariff(currency: "USD", uncached: 30_000, cached: 0, completion: 0), model: "*")
    try writer.setCap("all", scope: .all, period: .month, zone: "UTC", currency: "USD", amountPicos: 1_000_000)
    try Sample.request(writer)
    // 300,000 charged, 260,000 spent.
    let figures = try #require(try report(writer, []).first).figures
    #expect(figures.charged == 1 && figures.charge == 300_000 && figures.recovery == 40_000)
  }

  @Test func currenciesAreNeverAdded() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    var euro = Sample.opening()
    euro.price = RequestPrice(currency: "EUR", picos: 1, per: 1)
    try Sample.request(writer, euro)
    try Sample.request(writer)
    var none = Sample.opening()
    none.price = nil
    try Sample.request(writer, none)
    let lines = try report(writer, [.model])
    #expect(lines.map(\.currency) == ["", "EUR", "USD"])
    #expect(lines.map(\.figures.totals.marginalPicos) == [0, 90_000_000, 260_000])
    #expect(lines[0].figures.marginalPerMillion(of: 15) == nil)
  }

  @Test func aClosedMonthIsClosedOnce() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer)
    let month = try #require(Month("2026-11"))
    #expect(throws: LedgerError.invalid("2026-11 is not over (UTC)")) { try writer.closeMonth(month) }
    let open = try writer.open(Sample.opening())
    bench.clock.advance(seconds: 7 * 86_400)
    #expect(throws: LedgerError.self) { try writer.closeMonth(month) }
    try open.settle(Sample.usage())
    try writer.closeMonth(month)
    #expect(throws: LedgerError.invalid("2026-11 is closed already")) { try writer.closeMonth(month) }
    try writer.adjust(picos: -5, currency: "USD", reason: "a credit")
    #expect(try writer.ledger.adjustments().map(\.month.description) == ["2026-12"])
    #expect(try writer.ledger.verify().requests == 2)
    #expect(Month("2026-13") == nil && Month("2026-1") == nil)
  }

  /// Four requests of one process at once, then two after each other: the machine's speed is that of all together.
  @Test func speedIsThatOfTheBatch() throws {
    let bench = try Bench()
    let (first, second) = (try bench.writer(), try bench.writer())
    let together = try (0..<4).map { _ in try first.open(Sample.opening()) }
    bench.clock.advance(seconds: 1)
    // 4 tokens after the first in 40 ms, each: 400 a second of the four; and 40 prompt tokens in the same 20 ms.
    for request in together { try request.settle(Sample.usage()) }
    for _ in 0..<2 {
      bench.clock.advance(seconds: 1)
      try Sample.request(second)
    }
    let seen = try second.ledger.workload(from: nil, to: nil)
    #expect(seen.decode.keys.sorted() == [1, 4] && seen.usualBatch == 4)
    #expect(seen.decode[4]?.milliPerSecond == 400_000 && seen.decode[1]?.milliPerSecond == 100_000)
    #expect(seen.decode[4]?.spreadMillionths == 0 && seen.decode[1]?.nanos == 80_000_000)
    // 60 tokens in 60 ms.
    #expect(seen.prefill.milliPerSecond == 1_000_000)
  }

  /// Stretches that overlap in part, as they come from a batch whose requests begin and end at their own times.
  @Test func stretchesAreDividedWhereOthersBeginAndEnd() throws {
    var speed = BatchSpeed()
    try speed.add([
      WorkStretch(start: 0, end: 4_000_000_000, tokens: 40),
      WorkStretch(start: 1_000_000_000, end: 3_000_000_000, tokens: 10),
      WorkStretch(start: 2_000_000_000, end: 3_000_000_000, tokens: 30), WorkStretch(start: 5, end: 5, tokens: 9),
    ])
    speed.sort()
    #expect(speed.levels.mapValues(\.nanos) == [1: 2_000_000_000, 2: 1_000_000_000, 3: 1_000_000_000])
    #expect(speed.levels.mapValues(\.milliPerSecond) == [1: 10_000, 2: 15_000, 3: 45_000])
    #expect(speed.any.microTokens == 80_000_000 && speed.any.nanos == 4_000_000_000)
    #expect(speed.levels[1]?.speeds == [10_000, 10_000])
  }

  /// Of four requests the text of one was counted, one was answered by the hosted model itself, two are left to a ratio.
  @Test func hostedTokensHaveTheBestBasisThereIs() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    let counted = try Sample.request(writer, Sample.opening(prompt: 100), Sample.usage(prompt: 100, cached: 50))
    let same = ModelIdentity(name: "Tiny-1B-Instruct.Q4_K_M.gguf", sha256: nil, quantization: "Q4_K")
    try Sample.request(writer, Sample.opening(model: same))
    for _ in 0..<2 { try Sample.request(writer) }
    let text = """
      {"schema":"farthing prices 1","hosted":[{"line":"model","provider":"api","model":"maker/tiny-1b","source":"a test",
      "as_of":"2026-11-01","input_per_mtok":"1","cached_input_per_mtok":"0.1","output_per_mtok":"10"}]}
      """
    let model = try #require(try PriceDocument.read(Array(text.utf8), file: "a test").hosted.first)
    var query = ReportQuery()
    query.keepsSizes = true
    query.counted = [counted: [TokenCounts(prompt: 120, completion: 6)]]
    query.dimensions = [.month]
    let report = try writer.ledger.report(query)
    let line = try #require(report.lines.first)
    let sample = try #require(report.ratio(at: 0))
    // 126 of theirs for 105 of ours.
    #expect(sample.millionths == 1_200_000 && sample.requests == 1)
    let figure = report.hosted(HostedCounting(model, place: 0, ratio: sample.millionths), for: line.figures)
    #expect(figure.bases == [.counted: 2, .ratio: 2])
    // Half of 120 was cached: 60 + 6 + 60 of them; 10 + 50 as counted by ourselves; twice 12 + 60 by ratio.
    #expect(figure.amount == (try Money("0.000330")))
    let assumed = report.hosted(HostedCounting(model), for: line.figures)
    #expect(assumed.bases == [.counted: 1, .sameCount: 3])
    #expect(assumed.amount == (try Money("0.000285")))
    #expect(report.ratio(at: 1) == nil)
  }
}
