import Foundation
import Testing
import Usage

@testable import Metering

/// The real binary, killed at each place of the ledger's code: every statement, script, sync, checkpoint and progress
/// write, before it and after it.
///
/// A usual run kills at some of the places of two commands. With FARTHING_SLOW_TESTS=1 every command that has to do with
/// a ledger is killed at every place that it gets to, the first and the last time; FARTHING_MODEL then names the model to
/// run, such as a real one, and FARTHING_SHARE=2/8 takes every eighth command only, from the second one on.
@Suite struct FailpointTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isSlow = environment["FARTHING_SLOW_TESTS"] == "1"
  private static let model = (isSlow ? environment["FARTHING_MODEL"] : nil) ?? LedgerPlace.model
  /// Which commands are killed: those whose number has this remainder.
  private static let share: (remainder: Int, of: Int) = {
    let parts = (isSlow ? environment["FARTHING_SHARE"] : nil)?.split(separator: "/").compactMap { Int($0) } ?? []
    return parts.count == 2 && parts[1] > 0 ? ((parts[0] - 1) % parts[1], parts[1]) : (0, 1)
  }()
  private static let fixtures = BuiltBinary.root.appending(path: "Tests/Fixtures/ledger")
  /// Stands in words for the folder of the ledger.
  private static let here = "@"

  /// A command line of the scenario.
  private struct Step {
    let words: [String]
    /// It is refused.
    var fails = false
    /// Also a usual run kills it.
    var isUsual = false
  }

  private static func run(_ words: String..., fails: Bool = false, isUsual: Bool = false) -> Step {
    let start = ["run", "-m", model, "--raw", "--temp", "0", "-t", "1", "-n", "6"]
    return Step(words: start + words + ["hello"], fails: fails, isUsual: isUsual)
  }

  private static func step(_ words: String..., isUsual: Bool = false) -> Step { Step(words: words, isUsual: isUsual) }

  /// Commands that together get to every statement, in an order in which each finds what it needs.
  /// - Parameter name: of the model, in the ledger.
  private static func scenario(_ name: String) -> [Step] {
    [
      step("budget", "tariff", "*", "--prompt", "1", "--completion", "2"),
      step("budget", "set", "all", "--usd", "1", "--per", "day"),
      step("budget", "set", "all", "--usd", "2", "--per", "day"),
      step("budget", "set", "tight", "--usd", "0.000150", "--per", "month", "--user", "ada"),
      run("--user", "ada", "--tag", "team=blue", "-n", "90", "--ignore-eos", isUsual: true),
      // The cap is used up: this one is refused.
      run("--user", "ada", fails: true),
      run("--user", "bob", "--tag", "team=blue", "--usd-per-hour", "0.02", "--durability", "full"),
      run("--user", "eve", "--store-text"),
      step("batch", "-m", model, "-np", "2", "--store-text", "@/in.jsonl", "@/out.jsonl"),
      step(
        "bench", "-m", model, "-t", "1", "-p", "16", "-n", "8", "-np", "1", "-r", "1", "--cold-starts", "0", "--json"),
      step("ledger", "text"), step("ledger", "text", "last"), step("ledger", "forget", "--text", "last"),
      step("budget", "--json"), step("budget", "--history"), step("budget", "tariff"),
      step("budget", "tariff", name, "--from-ledger"), step("budget", "remove", "tight"),
      step("report", "--by", "day,user,tag:team"), step("report", "--since", "2026-01-01"), step("ledger"),
      step("ledger", "head"),
      step("cost", "--from-ledger", "--usd-per-hour", "0.02", "--equivalent", "openai/gpt-4o-mini", "--model", name),
      step("ledger", "verify"), step("ledger", "export"), step("ledger", "backup", "@/copy.db"),
      step("ledger", "rebuild", isUsual: true), step("ledger", "forget", "ada"),
      step("ledger", "prune", "--before", "2026-01-01"), step("ledger", "close", "2025-11"),
      step("ledger", "tags", "team", "--allow", "blue,red"), step("ledger", "tags", "team", "--remove"),
      step("ledger", "adjust", "--usd", "-0.5", "--reason", "a credit"),
      step("machine", "add", "box", "--usd-per-hour", "0.02", "--vcpus", "2"), step("machine"),
      step("machine", "record", "box"), step("machine", "cost", "box"), step("report", "--by", "month"),
      step("invoice", "import", fixtures.appending(path: "invoice.csv").path),
    ]
  }

  /// A ledger with a request from long ago, so that there is something to prune, and one whose process is gone.
  private func prepared() throws -> LedgerPlace {
    let place = try LedgerPlace()
    let line = { (index: Int) in
      let body = "{\"prompt\": \"words \(index)\", \"max_tokens\": 4, \"ignore_eos\": true}"
      return "{\"custom_id\": \"r\(index)\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": \(body)}\n"
    }
    try Data((0..<3).map(line).joined().utf8).write(to: place.folder.appending(path: "in.jsonl"))
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

  private func execute(_ step: Step, _ place: LedgerPlace, _ environment: [String: String]) throws -> Outcome {
    let words = step.words.map { $0.hasPrefix("@/") ? place.folder.path + $0.dropFirst() : $0 }
    return try place.execute(words, environment)
  }

  /// Runs the scenario; returns the places that each command got to, in their order, and leaves beside the ledger how it
  /// was before each command.
  private func trace(_ scenario: [Step], _ place: LedgerPlace) throws -> [[String]] {
    try scenario.enumerated().map { index, step in
      try place.copy(to: place.folder.appending(path: "before\(index)"))
      let file = place.folder.appending(path: "trace\(index)").path
      let outcome = try execute(step, place, ["FARTHING_FAILPOINT_TRACE": file])
      #expect(outcome.status == (step.fails ? 1 : 0), "\(step.words): \(outcome.error)")
      return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }
  }

  @Test func everyStatementIsReachedAndEveryKillIsSurvived() throws {
    let whole = try prepared()
    let plain = try whole.execute(
      ["run", "-m", Self.model, "--raw", "-t", "1", "-n", "1", "--no-ledger", "--json", "hello"])
    let scenario = Self.scenario(try #require(try plain.json()["model"] as? String))
    let traces = try trace(scenario, whole)
    try isComplete(scenario, reached: Set(traces.joined()))
    var (kills, commands) = (0, 0)
    for (index, names) in traces.enumerated() where Self.isSlow || scenario[index].isUsual {
      guard index % Self.share.of == Self.share.remainder else { continue }
      let places = Dictionary(names.map { ($0, 1) }, uniquingKeysWith: +).sorted(by: { $0.key < $1.key })
      commands += 1
      // Each is a run of the binary: in a usual test run every eighth one.
      for (name, turns) in Self.isSlow ? places : stride(from: 0, to: places.count, by: 8).map({ places[$0] }) {
        // How often the log is synced depends on how long the run takes; at least once at its end.
        let turns = name.hasPrefix("sync.") || name == "sync" ? 1 : turns
        for turn in Self.isSlow ? Array(Set([1, turns])) : [turns] {
          try kill(scenario[index], at: "\(name):\(turn)", startingFrom: "before\(index)", of: whole)
          kills += 1
        }
      }
    }
    let reached = Set(traces.joined()).count
    print("killed at \(kills) places of \(commands) commands; \(scenario.count) commands get to \(reached) places")
    #expect(kills >= (Self.isSlow && Self.share.of == 1 ? 1_000 : 15))
  }

  /// No statement that no command gets to, no place that no list names, no command of a ledger that is not run.
  private func isComplete(_ scenario: [Step], reached: Set<String>) throws {
    let statements = Statement.allCases.map(\.name)
    // The making of a ledger has a test of its own below.
    let missing = statements.filter { !reached.contains($0) && $0 != "setJournalMode" }
    #expect(missing == [], "statements that no command of the scenario gets to")
    let others = ["sync", "checkpoint", "progress", "progressFile", "clearProjections"]
    for place in others { #expect(reached.contains(place) && reached.contains(place + ".done"), "\(place)") }
    let known = Set((statements + others).flatMap { [$0, $0 + ".done"] })
    #expect(reached.subtracting(known) == [], "places that no list names")
    let help = try BuiltBinary.farthing("help").output
    let first = ["run", "batch", "bench", "cost", "report", "ledger", "budget", "machine", "invoice"]
    let commands = help.split(separator: "\n").filter { $0.hasPrefix("  ") }.map { line in
      line.dropFirst(2).components(separatedBy: "  ")[0].split(separator: " ").prefix {
        $0.allSatisfy { $0.isLowercase }
      }.map(String.init)
    }.filter { $0.first.map { first.contains($0) } ?? false }
    // The longest name that a line begins with is its command.
    let run = Set(
      scenario.map { step in commands.filter { step.words.starts(with: $0) }.max { $0.count < $1.count } ?? [] })
    #expect(commands.filter { !run.contains($0) } == [], "commands that the scenario does not run")
    #expect(commands.count > 20)
  }

  @Test func theMakingOfALedgerSurvivesEveryKill() throws {
    let first = try LedgerPlace()
    let file = first.folder.appending(path: "trace").path
    _ = try first.execute(["ledger"], ["FARTHING_FAILPOINT_TRACE": file])
    let names = try Set(String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)).sorted()
    let migrations = (1...Migrations.steps.count).flatMap { ["migration\($0)", "migration\($0).done"] }
    #expect(Set(names).isSuperset(of: migrations + ["setJournalMode"]))
    let killed = Self.isSlow ? names : stride(from: 0, to: names.count, by: 5).map { names[$0] }
    for name in killed {
      let place = try LedgerPlace()
      let outcome = try place.execute(["ledger"], ["FARTHING_FAILPOINT": name])
      #expect(outcome.status == 128 + 9, "\(name)")
      let ledger = try Ledger(path: place.path)
      try ledger.verify()
      #expect(try ledger.identity().count == 32, "\(name)")
    }
    print("killed at \(killed.count) of the \(names.count) places where a ledger is made")
  }

  /// Runs one command as it was run in the scenario, and kills it; then everything must be whole and accounted for.
  private func kill(_ step: Step, at failpoint: String, startingFrom before: String, of whole: LedgerPlace) throws {
    let place = try LedgerPlace(copying: whole.folder.appending(path: before))
    try? FileManager.default.copyItem(
      at: whole.folder.appending(path: "in.jsonl"), to: place.folder.appending(path: "in.jsonl"))
    let outcome = try execute(step, place, ["FARTHING_FAILPOINT": failpoint])
    let command = step.words.prefix(2).joined(separator: " ")
    #expect(outcome.status == 128 + 9, "\(command) \(failpoint): \(outcome.status) \(outcome.error)")
    let survivor = LedgerWriter(try Ledger(path: place.path))
    try survivor.recover()
    let verified = try survivor.ledger.verify()
    let summary = try survivor.ledger.summary()
    #expect(summary.open == 0, "\(command) \(failpoint)")
    for cap in try survivor.ledger.caps(at: Files.unixNanos()) {
      #expect(cap.heldPicos == 0 && cap.spentPicos <= cap.amountPicos, "\(command) \(failpoint): \(cap)")
    }
    // A stored text is whole or not there.
    for text in try survivor.ledger.texts() {
      #expect(throws: Never.self, "\(command) \(failpoint)") {
        try survivor.ledger.text(of: text.request.description) { () throws(LedgerError) in
          try TextKey(path: FileManager.default.fileExists(atPath: place.keyPath) ? place.keyPath : whole.keyPath)
        }
      }
    }
    guard step.words.contains("90") else { return }
    // Each token's text is at least one byte here, so that a token that was shown but not counted would tell.
    let completions = try survivor.ledger.report(ReportQuery()).lines.map(\.figures.totals.completion).reduce(0, +)
    let shown = outcome.output.isEmpty ? 0 : 1
    #expect(completions >= 3 + Int64(shown), "\(failpoint): \(completions), '\(outcome.output)'")
    #expect(verified.requests == (shown == 1 ? 3 : verified.requests), "\(failpoint)")
  }
}
