import Testing
import Usage

@testable import Pricing

/// Moments of the tests, as nanoseconds since 1970.
enum Moment {
  static func at(_ day: String, _ hour: Int = 12, _ minute: Int = 0, _ second: Int = 0) throws -> Int64 {
    let date = try #require(CivilDate(day))
    return Int64(date.dayNumber * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000_000
  }
}

@Suite struct HostedQuoteTests {
  let book: PriceBook

  init() throws {
    book = PriceBook(hosted: try PriceBook.shippedHosted())
  }

  private func quote(
    _ name: String, _ prompt: Int, _ completion: Int, cached: Int = 0, batch: Bool = false, at moment: Int64
  ) throws -> HostedQuote {
    try book.hostedModel(name).quote(
      HostedRequest(tokens: TokenCounts(prompt: prompt, cached: cached, completion: completion), batch: batch),
      at: moment)
  }

  @Test func theExampleThatEveryComparisonStartsFrom() throws {
    let now = try Moment.at("2026-11-24")
    let turbo = try quote("gpt-4-turbo", 1000, 1000, at: now)
    let omni = try quote("gpt-4o", 1000, 1000, at: now)
    #expect(turbo.money?.description == "$0.04")
    #expect(omni.money?.description == "$0.0125")
    #expect(turbo.money?.text() == "$0.04")
    #expect(turbo.isHistoric)
    #expect(turbo.basis == .sameCount)
    #expect(try quote("gpt-4-turbo", 1000, 0, at: now).money?.description == "$0.01")
    #expect(try quote("gpt-4-turbo", 0, 1000, at: now).money?.description == "$0.03")
    #expect(try quote("gpt-4o", 1000, 0, at: now).money?.description == "$0.0025")
    #expect(try quote("gpt-4o", 0, 1000, at: now).money?.description == "$0.01")
  }

  @Test func aTierIsACliff() throws {
    let now = try Moment.at("2026-11-24")
    // $5 and $30 per million up to 272,000 prompt tokens, beyond that $10 and $45 for every token.
    #expect(try quote("gpt-5.5", 272_000, 1000, at: now).money?.description == "$1.39")
    let beyond = try quote("gpt-5.5", 272_001, 1000, at: now)
    #expect(beyond.money?.description == "$2.76501")
    #expect(beyond.marks == [.tier(above: 272_000)])
    // No source states what cached or batched tokens cost beyond the cliff.
    #expect(try quote("gpt-5.5", 272_001, 1000, cached: 10, at: now).total == .unknown(.cachedInput))
    #expect(try quote("gpt-5.5", 272_001, 1000, batch: true, at: now).total == .unknown(.input))
    #expect(try quote("gpt-5.5", 272_000, 1000, cached: 272_000, at: now).money?.description == "$0.166")
    #expect(try quote("gpt-5.5", 1000, 1000, batch: true, at: now).money?.description == "$0.0175")
  }

  @Test func peakHoursOfDeepSeek() throws {
    let expected: [(Int, Int, Int, Bool)] = [
      (0, 59, 59, false), (1, 0, 0, true), (3, 59, 59, true), (4, 0, 0, false), (5, 59, 59, false), (6, 0, 0, true),
      (9, 59, 59, true), (10, 0, 0, false), (23, 59, 59, false), (0, 0, 0, false),
    ]
    for (hour, minute, second, peak) in expected {
      let quote = try quote(
        "deepseek-v4-flash", 1_000_000, 1_000_000, at: try Moment.at("2026-11-24", hour, minute, second))
      // $0.15 and $0.60; twice that in the peak.
      #expect(quote.money?.description == (peak ? "$1.5" : "$0.75"), "\(hour):\(minute):\(second)")
      #expect(quote.marks.contains { if case .hours = $0 { true } else { false } } == peak)
    }
    // One catalogue gives the peak price as the price: the row says that they differ.
    #expect(try quote("deepseek-v4-flash", 1, 1, at: Moment.at("2026-11-24")).marks == [.disputed])
    // The cached price is stated outside the peak only.
    #expect(try quote("deepseek-v4-flash", 10, 1, cached: 5, at: Moment.at("2026-11-24", 5)).money != nil)
    #expect(
      try quote("deepseek-v4-flash", 10, 1, cached: 5, at: Moment.at("2026-11-24", 2)).total == .unknown(.cachedInput))
  }

  @Test func historyAndAnnouncements() throws {
    // Since when the first price held is not known; 2026-08-17 and 2026-09-10 changed it.
    let prices = [
      ("2026-08-16", "$0.42"), ("2026-08-17", "$0.88"), ("2026-09-09", "$0.88"), ("2026-09-10", "$0.75"),
    ]
    for (day, amount) in prices {
      #expect(try quote("deepseek-v4-flash", 1_000_000, 1_000_000, at: Moment.at(day, 12)).money?.description == amount)
    }
    // In the peak of those days no source states the price: it is unknown, never the base price.
    #expect(try quote("deepseek-v4-flash", 9, 9, at: Moment.at("2026-08-16", 2)).total == .unknown(.input))
    #expect(
      try quote("deepseek-v4-flash", 9, 9, cached: 9, at: Moment.at("2026-08-16")).total == .unknown(.cachedInput))
    let before = try quote("gemini-4-argon", 1_000_000, 0, at: Moment.at("2026-11-30", 23, 59, 59))
    let after = try quote("gemini-4-argon", 1_000_000, 0, at: Moment.at("2026-12-01", 0))
    #expect(before.money?.description == "$2")
    #expect(after.money?.description == "$4")
    let start = try #require(CivilDate("2026-12-01"))
    #expect(before.marks.isEmpty)
    #expect(after.marks == [.announced(start)])
    #expect(after.validFrom == start)
  }

  @Test func whatNoSourceStatesIsUnknown() throws {
    let now = try Moment.at("2026-11-24")
    #expect(try quote("gpt-4-turbo", 10, 1, cached: 1, at: now).total == .unknown(.cachedInput))
    #expect(try quote("gpt-4-turbo", 10, 1, cached: 1, at: now).money == nil)
    #expect(try quote("deepseek-v4-pro", 10, 1, batch: true, at: Moment.at("2026-11-24", 12)).total == .unknown(.input))
    #expect(try quote("gpt-4o-mini", 10, 1, cached: 1, batch: true, at: now).total == .unknown(.cachedInput))
    #expect(try quote("text-embedding-3-small", 10, 1, at: now).total == .unknown(.noCompletions))
    #expect(try quote("text-embedding-3-small", 1_000_000, 0, at: now).money?.description == "$0.02")
    // Nothing used, nothing to know.
    #expect(try quote("gpt-4-turbo", 0, 0, at: now).money?.isZero == true)
  }

  @Test func retirementAndAge() throws {
    #expect(try quote("gpt-4-turbo", 1, 1, at: Moment.at("2026-10-22")).isHistoric == false)
    #expect(try quote("gpt-4-turbo", 1, 1, at: Moment.at("2026-10-23", 0)).isHistoric)
    let day = try #require(CivilDate("2026-12-11"))
    #expect(try quote("gpt-5", 1, 1, at: Moment.at("2026-11-24")).marks == [.retires(day)])
    #expect(try quote("gpt-4o", 1, 1, at: Moment.at("2027-05-22")).marks.isEmpty)
    #expect(try quote("gpt-4o", 1, 1, at: Moment.at("2027-05-23")).marks == [.stale(days: 181)])
    #expect(try quote("cerebras:llama3.1-8b", 1, 1, at: Moment.at("2026-11-24")).marks.contains(.deprecated))
  }

  @Test func agreesWithExactFractions() throws {
    var unknown = 0
    let lines = try Golden.lines("quotes.tsv")
    for fields in lines {
      let numbers = try fields[1...5].map { try #require(Int64($0)) }
      let quote = try quote(
        fields[0], Int(numbers[1]), Int(numbers[3]), cached: Int(numbers[2]), batch: numbers[4] == 1, at: numbers[0])
      #expect(quote.money.map { String($0.picos) } ?? "unknown" == fields[6], "\(fields)")
      #expect(quote.marks.map(name).sorted().joined(separator: ",") == fields[7], "\(fields)")
      if quote.money == nil { unknown += 1 }
    }
    #expect(lines.count > 1000)
    #expect(unknown > 100 && unknown < lines.count / 2)
  }

  private func name(_ mark: PriceMark) -> String {
    switch mark {
    case .retired: "retired"
    case .unproven: "unproven"
    case .retires: "retires"
    case .deprecated: "deprecated"
    case .stale: "stale"
    case .announced: "announced"
    case .disputed: "disputed"
    case .tier: "tier"
    case .hours: "hours"
    case .outdated, .undated, .allowance, .zero, .noBatchPrice: "not of one request"
    }
  }
}
