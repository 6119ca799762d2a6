import Foundation
import Testing
import Usage

@testable import Metering

@Suite struct BudgetTests {
  /// 3 pico-dollars for a prompt token, 1 for one from a cache, 7 for a completion token.
  private static func tariff() throws -> TokenTariff {
    try TokenTariff(currency: "USD", uncached: 3, cached: 1, completion: 7)
  }

  private static func capped(
    _ bench: Bench, _ caps: [(name: String, scope: BudgetScope, picos: Int64)], period: CapPeriod = .day,
    zone: String = "UTC"
  ) throws -> LedgerWriter {
    let writer = try bench.writer()
    try writer.postTariff(tariff(), model: "*")
    for cap in caps {
      try writer.setCap(
        cap.name, scope: cap.scope, period: period, zone: zone, currency: "USD", amountPicos: cap.picos)
    }
    return writer
  }

  private static func status(_ writer: LedgerWriter, _ name: String) throws -> (spent: Int64, held: Int64) {
    let caps = try writer.ledger.caps(at: writer.now())
    let cap = try #require(caps.first { $0.name == name })
    return (cap.spentPicos, cap.heldPicos)
  }

  @Test func theTokenThatTheCapEndsAtIsTheLastOneThatFits() throws {
    let bench = try Bench()
    // Ten prompt tokens and exactly 100 completion tokens, and one pico-dollar over.
    let writer = try Self.capped(bench, [("all", .all, 30 + 700 + 1)])
    let request = try writer.open(Sample.opening())
    #expect(try Self.status(writer, "all") == (0, 30 + 64 * 7))
    request.computed(prompt: 10, cached: 4)
    var count = 0
    while try request.admit(after: count) {
      count += 1
      request.chose(count)
    }
    #expect(count == 100)
    #expect(try Self.status(writer, "all") == (64 * 7, 30 + 36 * 7))
    try request.settle(Sample.usage(cached: 4, completion: 100, finish: .budget))
    #expect(try Self.status(writer, "all") == (6 * 3 + 4 + 700, 0))
    #expect(try writer.ledger.verify().requests == 1)
  }

  @Test func aPromptThatDoesNotFitIsRefusedAndChangesNothing() throws {
    let bench = try Bench()
    let writer = try Self.capped(bench, [("all", .all, 1000), ("blue", .tag(key: "team", value: "blue"), 36)])
    let before = try writer.ledger.heads()
    #expect {
      try writer.open(Sample.opening(user: "nobody-yet", tags: [("team", "blue")]))
    } throws: {
      guard case .overBudget(let text)? = $0 as? LedgerError else { return false }
      return text.contains("'blue'")
    }
    // Nothing is held, and the user's name was not even written down.
    #expect(try Self.status(writer, "all") == (0, 0))
    let hash = try PersonalFields(connection: writer.ledger.connection).find("user", "nobody-yet")
    #expect(hash == nil)
    #expect(try writer.ledger.heads().map(\.writer) == before.map(\.writer))
    // The other team has room.
    try Sample.request(writer, Sample.opening(tags: [("team", "red")]))
    #expect(try Self.status(writer, "all") == (30 + 35, 0))
    #expect(try Self.status(writer, "blue") == (0, 0))
  }

  @Test func withoutATariffNothingIsRunUnderACap() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try writer.setCap("all", scope: .all, period: .day, zone: "UTC", currency: "USD", amountPicos: 5)
    #expect(throws: LedgerError.noTariff(model: "tiny", cap: "all")) { try writer.open(Sample.opening()) }
    try writer.postTariff(try TokenTariff(currency: "EUR", uncached: 0, cached: 0, completion: 0), model: "tiny")
    #expect(throws: LedgerError.self) { try writer.open(Sample.opening()) }
    try writer.postTariff(try TokenTariff(currency: "USD", uncached: 0, cached: 0, completion: 0), model: "tiny")
    #expect(throws: Never.self) { try Sample.request(writer) }
  }

  @Test func scopesCoverWhatTheyName() throws {
    let bench = try Bench()
    let writer = try Self.capped(
      bench,
      [
        ("ada", .user("ada"), 1000), ("tiny", .model("tiny"), 1000), ("other", .model("other"), 1000),
        ("blue", .tag(key: "team", value: "blue"), 1000),
      ])
    try Sample.request(writer, Sample.opening(user: "ada"))
    try Sample.request(writer, Sample.opening(user: "bob", tags: [("team", "blue")]))
    let spent = try ["ada", "tiny", "other", "blue"].map { try Self.status(writer, $0).spent }
    #expect(spent == [65, 130, 0, 65])
  }

  @Test func theDeadHoldNothingThatOthersNeed() throws {
    let bench = try Bench()
    let writer = try Self.capped(bench, [("all", .all, 30 + 70)])
    do {
      let gone = try bench.writer()
      let request = try gone.open(Sample.opening())
      request.computed(prompt: 10, cached: 0)
      request.chose(1)
    }
    #expect(try Self.status(writer, "all").held == 100)
    // 37 are spent by the dead, 63 are free again: a prompt of 10 and 4 tokens.
    let request = try writer.open(Sample.opening())
    var count = 0
    while try request.admit(after: count) { count += 1 }
    #expect(count == 4)
    try request.settle(Sample.usage(completion: 4, finish: .budget))
    #expect(try Self.status(writer, "all") == (37 + 58, 0))
  }

  @Test func countsThatNobodyKnowsAreChargedInFull() throws {
    let bench = try Bench()
    let writer = try Self.capped(bench, [("all", .all, 10_000)])
    do {
      let gone = try bench.writer()
      let request = try gone.open(Sample.opening())
      request.chose(2)
      try #require(gone.progress).remove()
    }
    #expect(try writer.recover() == 1)
    #expect(try Self.status(writer, "all") == (30 + 64 * 7, 0))
  }

  @Test func midnightStartsTheDayOfTheLeaseAndNotOfTheRequest() throws {
    let bench = try Bench()
    let writer = try Self.capped(bench, [("all", .all, 30 + 64 * 7)])
    bench.clock.set(1_795_651_190_000_000_000)  // ten seconds before midnight, UTC
    let request = try writer.open(Sample.opening())
    let before = writer.now()
    bench.clock.advance(seconds: 20)
    var count = 0
    while try request.admit(after: count) { count += 1 }
    // The second day's cap pays for the rest, to its end.
    #expect(count == 64 + (30 + 64 * 7) / 7)
    try request.settle(Sample.usage(completion: count, finish: .budget))
    #expect(try writer.ledger.caps(at: before)[0].spentPicos == 30 + 64 * 7)
    #expect(try writer.ledger.caps(at: writer.now())[0].spentPicos == (30 + 64 * 7) / 7 * 7)
  }

  @Test func thresholdsAreSaidOnce() throws {
    let bench = try Bench()
    let output = bench.folder.appending(path: "alerts").path
    let writer = try Self.capped(bench, [("all", .all, 1000)])
    let other = try bench.writer()
    for each in [writer, other] {
      each.onAlert = "echo $FARTHING_ALERT_CAP $FARTHING_ALERT_PERCENT $FARTHING_ALERT_SPENT >> '\(output)'"
    }
    // 65 each: fifteen fit; the sixteenth is refused, though a smaller one would fit; after that one nothing does.
    for index in 0..<15 { try Sample.request(index % 2 == 0 ? writer : other) }
    #expect(throws: LedgerError.self) { try Sample.request(writer) }
    let small = (Sample.opening(prompt: 1), Sample.usage(prompt: 1, completion: 3))
    try Sample.request(writer, small.0, small.1)
    #expect(throws: LedgerError.self) { try Sample.request(other, small.0, small.1) }
    let expected = ["all 100 0.000000000999", "all 50 0.00000000052", "all 80 0.000000000845", "all 95 0.000000000975"]
    var lines: [String] = []
    for _ in 0..<600 where lines.count < expected.count {
      let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
      lines = text.split(separator: "\n").map(String.init).sorted()
      if lines.count < expected.count { usleep(50_000) }
    }
    #expect(lines == expected)
    #expect(try writer.ledger.caps(at: writer.now())[0].announced == [50, 80, 95, 100])
    #expect(try writer.ledger.verify().chains == 2)
  }

  @Test func aCapKeepsItsKindAndGetsNewAmounts() throws {
    let bench = try Bench()
    let writer = try Self.capped(bench, [("all", .all, 100)])
    try writer.setCap("all", scope: .all, period: .day, zone: "UTC", currency: "USD", amountPicos: 5)
    #expect(try writer.ledger.caps(at: writer.now()).map(\.amountPicos) == [5])
    #expect(throws: LedgerError.self) {
      try writer.setCap("all", scope: .all, period: .month, zone: "UTC", currency: "USD", amountPicos: 5)
    }
    #expect(throws: LedgerError.self) {
      try writer.setCap("new", scope: .all, period: .month, zone: "Nowhere/Atall", currency: "USD", amountPicos: 5)
    }
    try writer.setCap("ada", scope: .user("ada"), period: .day, zone: "UTC", currency: "USD", amountPicos: 5)
    #expect(throws: LedgerError.self) { try writer.forget(.user("ada")) }
    try writer.removeCap("ada")
    try writer.forget(.user("ada"))
    #expect(throws: LedgerError.invalid("there is no cap 'ada'")) { try writer.removeCap("ada") }
    #expect(try writer.ledger.verify().events == 7)
  }

  @Test func aTariffFromTheLedgerCoversWhatRequestsCost() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for completion in [5, 9] { try Sample.request(writer, Sample.opening(), Sample.usage(completion: completion)) }
    let tariff = try writer.ledger.measuredTariff(model: "tiny")
    // Each cost 260,000 pico-dollars, a third of it for the prompt by the times of the sample.
    #expect(tariff.uncached == (2 * 86_666 + 19) / 20)
    #expect(tariff.completion == (2 * 173_334 + 13) / 14)
    #expect(throws: LedgerError.self) { try writer.ledger.measuredTariff(model: "none") }
  }

  /// Many writers, each with a connection of its own as a process would have, on stacked caps.
  @Test func noInterleavingOvershoots() throws {
    let bench = try Bench()
    let caps: [(name: String, scope: BudgetScope, picos: Int64)] = [
      ("all", .all, 60_000), ("blue", .tag(key: "team", value: "blue"), 25_000), ("u0", .user("u0"), 9_000),
      ("u1", .user("u1"), 9_001), ("tiny", .model("tiny"), 59_999),
    ]
    let writer = try Self.capped(bench, caps)
    let problems = Collected<String>()
    DispatchQueue.concurrentPerform(iterations: slowTests ? 50 : 8) { index in
      var random = SplitMix(state: UInt64(index))
      do {
        for _ in 0..<(slowTests ? 12 : 25) { try Self.work(bench, &random, problems) }
      } catch {
        problems.add("\(error)")
      }
    }
    try writer.recover()
    #expect(problems.all == [])
    for cap in caps {
      let now = try Self.status(writer, cap.name)
      #expect(now.held == 0 && now.spent <= cap.picos, "\(cap.name): \(now)")
    }
    // Whoever wants tokens now finds all that is left: at least 99 % of the cap was usable.
    while (try? Sample.request(writer, Sample.opening(prompt: 1), Sample.usage(prompt: 1, completion: 40))) != nil {}
    #expect(try Self.status(writer, "tiny").spent >= 59_999 - 10)
    try writer.ledger.verify()
  }

  /// One process's share: requests of different sizes that are finished, cancelled or abandoned with their process.
  private static func work(_ bench: Bench, _ random: inout SplitMix, _ problems: Collected<String>) throws {
    let writer = try bench.writer()
    for _ in 0..<Int(random.next() % 3 + 1) {
      let prompt = Int(random.next() % 30 + 1)
      let opening = Sample.opening(
        prompt: prompt, user: "u\(random.next() % 3)", tags: [("team", random.next() % 2 == 0 ? "blue" : "red")],
        limit: Int(random.next() % 150 + 1))
      guard let request = try writer.openIfAffordable(opening) else { continue }
      request.computed(prompt: prompt, cached: 0)
      let wanted = min(opening.tokenLimit ?? 0, Int(random.next() % 200))
      var count = 0
      while count < wanted, try request.admit(after: count) {
        count += 1
        request.chose(count)
      }
      for cap in try writer.ledger.caps(at: writer.now()) where cap.spentPicos + cap.heldPicos > cap.amountPicos {
        problems.add("\(cap.name): \(cap.spentPicos) + \(cap.heldPicos) of \(cap.amountPicos)")
      }
      switch random.next() % 4 {
      case 0: return  // The process dies: its writer goes away with the request open.
      case 1: try request.fail()
      default: try request.settle(Sample.usage(prompt: prompt, completion: count))
      }
    }
    try writer.close()
  }
}

/// A small generator whose numbers depend on its seed alone.
struct SplitMix {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
