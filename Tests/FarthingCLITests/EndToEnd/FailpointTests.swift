import Foundation
import Testing
import Usage

@testable import Metering

/// The real binary, killed at each place of the ledger's code: every statement, script, sync, checkpoint and progress
/// write, before it and after it.
@Suite struct FailpointTests {
  private static let isSlow = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"

  /// Commands that together get to every statement, in an order in which each finds what it needs.
  private static let scenario: [[String]] = [
    ["budget", "tariff", "*", "--prompt", "1", "--completion", "2"],
    ["budget", "set", "all", "--usd", "1", "--per", "day"],
    ["budget", "set", "all", "--usd", "2", "--per", "day"],
    ["budget", "set", "tight", "--usd", "0.000150", "--per", "month", "--user", "ada"],
    runWords(["--user", "ada", "--tag", "team=blue", "-n", "90", "--ignore-eos"]),
    // The cap is used up: this one is refused.
    runWords(["--user", "ada"]),
    runWords(["--user", "bob", "--tag", "team=blue", "--usd-per-hour", "0.02", "--durability", "full"]),
    ["budget", "--json"], ["budget", "--history"], ["budget", "tariff"],
    ["budget", "tariff", "llama3.Q4_0.gguf", "--from-ledger"],
    ["budget", "remove", "tight"], ["report", "--by", "day,user,tag:team"],
    ["report", "--since", "2026-01-01"], ["ledger"], ["ledger", "head"],
    [
      "cost", "--from-ledger", "--usd-per-hour", "0.02", "--equivalent", "openai/gpt-4o-mini", "--model",
      "llama3.Q4_0.gguf",
    ],
    ["ledger", "verify"], ["ledger", "export"], ["ledger", "rebuild"], ["ledger", "forget", "ada"],
    ["ledger", "prune", "--before", "2026-01-01"], ["ledger", "close", "2025-11"],
    ["ledger", "tags", "team", "--allow", "blue,red"], ["ledger", "tags", "team", "--remove"],
    ["ledger", "adjust", "--usd", "-0.5", "--reason", "a credit"],
    ["machine", "add", "box", "--usd-per-hour", "0.02", "--vcpus", "2"], ["machine"],
    ["machine", "record", "box"], ["machine", "cost", "box"], ["report", "--by", "month"],
    ["invoice", "import", fixtures.appending(path: "invoice.csv").path],
  ]

  private static let fixtures = BuiltBinary.root.appending(path: "Tests/Fixtures/ledger")

  private static func runWords(_ words: [String]) -> [String] {
    ["run", "-m", LedgerPlace.model, "--raw", "--temp", "0", "-t", "1", "-n", "6"] + words + ["hello"]
  }

  /// A ledger with a request from long ago, so that there is something to prune, and one whose process is gone.
  private func prepared() throws -> LedgerPlace {
    let place = try LedgerPlace()
    let opening = RequestOpening(
      model: ModelIdentity(name: "old", sha256: nil, quantization: "Q8_0"), promptTokens: 3,
      price: RequestPrice(currency: "USD", picos: 1, per: 3))
    do {
      let old = LedgerWriter(try Ledger(path: place.path), clock: { 1_750_000_000_000_000_000 })
      let request = try old.open(opening)
      request.chose(1)
      try request.fail()
      try old.close()
    }
    let gone = LedgerWriter(try Ledger(path: place.path))
    try gone.open(opening).chose(2)
    return place
  }

  /// Runs the scenario; returns the places that each command got to, in their order, and leaves beside the ledger how it
  /// was before each command.
  private func trace(_ place: LedgerPlace) throws -> [[String]] {
    try Self.scenario.enumerated().map { index, words in
      try place.copy(to: place.folder.appending(path: "before\(index)"))
      let file = place.folder.appending(path: "trace\(index)").path
      let outcome = try place.execute(words, ["FARTHING_FAILPOINT_TRACE": file])
      #expect(outcome.status == (index == 5 ? 1 : 0), "\(words): \(outcome.error)")
      return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }
  }

  @Test func everyStatementIsReachedAndEveryKillIsSurvived() throws {
    let whole = try prepared()
    let traces = try trace(whole)
    let reached = Set(traces.joined())
    // The making of a ledger has a test of its own below.
    let missing = Statement.allCases.map(\.name).filter { !reached.contains($0) && $0 != "setJournalMode" }
    #expect(missing == [], "statements that no command of the scenario gets to")
    for place in ["sync", "checkpoint", "progress", "progressFile", "clearProjections"] {
      #expect(reached.contains(place) && reached.contains(place + ".done"), "\(place)")
    }
    var kills = 0
    for (index, names) in traces.enumerated() where Self.isSlow || [4, 19].contains(index) {
      let places = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +).sorted(by: { $0.key < $1.key })
      // Each takes two runs of the binary: in a usual test run every second one.
      for (name, turns) in Self.isSlow ? places : stride(from: 0, to: places.count, by: 2).map({ places[$0] }) {
        // How often the log is synced depends on how long the run takes; at least once at its end.
        let turns = name.hasPrefix("sync.") || name == "sync" ? 1 : turns
        for turn in Self.isSlow ? Array(Set([1, (turns + 1) / 2, turns])) : [turns] {
          try kill(index, at: "\(name):\(turn)", startingFrom: whole)
          kills += 1
        }
      }
    }
    print("killed at \(kills) places of \(reached.count)")
    #expect(kills > 60)
  }

  @Test func theMakingOfALedgerSurvivesEveryKill() throws {
    let first = try LedgerPlace()
    let file = first.folder.appending(path: "trace").path
    _ = try first.execute(["ledger"], ["FARTHING_FAILPOINT_TRACE": file])
    let names = try Set(String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init))
    #expect(names.isSuperset(of: ["setJournalMode", "migration1", "migration2.done", "migration3"]))
    for name in names.sorted() {
      let place = try LedgerPlace()
      let outcome = try place.execute(["ledger"], ["FARTHING_FAILPOINT": name])
      #expect(outcome.status == 128 + 9, "\(name)")
      let ledger = try Ledger(path: place.path)
      try ledger.verify()
      #expect(try ledger.identity().count == 32, "\(name)")
    }
  }

  /// Runs one command as it was run in the scenario, and kills it; then everything must be whole and accounted for.
  private func kill(_ index: Int, at failpoint: String, startingFrom whole: LedgerPlace) throws {
    let place = try LedgerPlace(copying: whole.folder.appending(path: "before\(index)"))
    let outcome = try place.execute(Self.scenario[index], ["FARTHING_FAILPOINT": failpoint])
    #expect(outcome.status == 128 + 9, "\(failpoint): \(outcome.status) \(outcome.error)")
    let survivor = LedgerWriter(try Ledger(path: place.path))
    try survivor.recover()
    let verified = try survivor.ledger.verify()
    let summary = try survivor.ledger.summary()
    #expect(summary.open == 0, "\(failpoint)")
    for cap in try survivor.ledger.caps(at: Files.unixNanos()) {
      #expect(cap.heldPicos == 0 && cap.spentPicos <= cap.amountPicos, "\(failpoint): \(cap)")
    }
    guard index == 4 else { return }
    // Each token's text is at least one byte here, so that a token that was shown but not counted would tell.
    let completions = try survivor.ledger.report(ReportQuery()).lines.map(\.figures.totals.completion).reduce(0, +)
    let shown = outcome.output.isEmpty ? 0 : 1
    #expect(completions >= 3 + Int64(shown), "\(failpoint): \(completions), '\(outcome.output)'")
    #expect(verified.requests == (shown == 1 ? 3 : verified.requests), "\(failpoint)")
  }
}
