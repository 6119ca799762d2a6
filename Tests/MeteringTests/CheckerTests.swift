import Foundation
import Testing

@testable import Metering

/// The product against `Tests/Fixtures/ledger/check_ledger.py`, which recomputes everything from exported events in exact
/// fractions and shares no code with it.
@Suite struct CheckerTests {
  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/ledger")

  private func same(_ left: Any, _ right: Any) throws -> Bool {
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .fragmentsAllowed]
    return try JSONSerialization.data(withJSONObject: left, options: options)
      == JSONSerialization.data(withJSONObject: right, options: options)
  }

  /// A ledger made of the lines of an export.
  private func ledger(of export: Data, _ bench: Bench) throws -> Ledger {
    let ledger = try bench.ledger()
    let connection = ledger.connection
    var writers: [String: Int64] = [:]
    try connection.transaction { () throws(LedgerError) in
      for line in export.split(separator: UInt8(ascii: "\n")).dropFirst().dropLast() {
        guard let marker = line.range(of: Data("\"event\":".utf8)), let hash = hash(Array(line)) else {
          throw .invalid("a line of the export")
        }
        let body = Array(line[marker.upperBound..<line.endIndex - 1])
        guard case .object(let members)? = CanonicalJSON(body), case .text(let writer)? = members["writer"],
          case .integer(let position)? = members["n"], case .integer(let at)? = members["at"],
          case .text(let kind)? = members["kind"], let name = Hex.bytes(writer, count: 16),
          let digest = Hex.bytes(hash, count: 32)
        else { throw .invalid("an event of the export") }
        if writers[writer] == nil {
          try connection.run(.insertWriter, .blob(name), .blob(Hashing.zero))
          writers[writer] = connection.lastRow
        }
        try connection.run(
          .insertEvent, .integer(writers[writer] ?? 0), .integer(position), .text(kind), .integer(at), .blob(body),
          .blob(digest))
      }
    }
    try ledger.rebuild()
    return ledger
  }

  /// The hash that stands before a line's event: `{"id":1,"hash":"…"`.
  private func hash(_ line: [UInt8]) -> String? {
    let text = String(decoding: line, as: UTF8.self)
    guard let start = text.range(of: "\"hash\":\""), let end = text.range(of: "\",\"event\"") else { return nil }
    return String(text[start.upperBound..<end.lowerBound])
  }

  @Test func theGoldenHistoryGivesWhatTheCheckerComputed() throws {
    let bench = try Bench()
    let ledger = try ledger(of: try Data(contentsOf: Self.fixtures.appending(path: "history.jsonl")), bench)
    try ledger.verify()
    let expected = try Data(contentsOf: Self.fixtures.appending(path: "expected.json"))
    #expect(try same(try History.results(ledger), try JSONSerialization.jsonObject(with: expected)))
  }

  /// With FARTHING_WRITE_LEDGER_HISTORY set to a file, writes the export of the history that the golden files hold.
  @Test func aHistoryOfTheSameKindIsWhole() throws {
    var history = try History(seed: 2026)
    try history.run(steps: 90)
    try history.bench.ledger().verify()
    guard let target = ProcessInfo.processInfo.environment["FARTHING_WRITE_LEDGER_HISTORY"] else { return }
    try Self.export(history.bench).write(to: URL(filePath: target))
  }

  private static func export(_ bench: Bench) throws -> Data {
    var text: [UInt8] = []
    try bench.ledger().export { text += $0 }
    return Data(text)
  }

  /// What the checker computes from a ledger's export; a rule that does not hold is a failure.
  static func check(_ bench: Bench, allocations: [String]) throws -> Any {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", fixtures.appending(path: "check_ledger.py").path] + allocations
    let (input, output) = (bench.folder.appending(path: "export"), Pipe())
    try export(bench).write(to: input)
    process.standardInput = try FileHandle(forReadingFrom: input)
    process.standardOutput = output
    try process.run()
    let result = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try JSONSerialization.jsonObject(with: result)
  }

  /// Random histories against the checker itself, which needs Python 3.9 or later, which the launcher installs too.
  @Test(arguments: slowTests ? 1...40 : 1...3)
  func randomHistoriesAgreeWithTheChecker(seed: Int) throws {
    var history = try History(seed: UInt64(seed))
    try history.run(steps: slowTests ? 400 : 200)
    let periods = History.periods().flatMap { ["--allocate", "box", String($0.0), String($0.1)] }
    let computed = try Self.check(history.bench, allocations: periods)
    let ours = try History.results(try history.bench.ledger())
    #expect(try same(ours, computed), "seed \(seed)")
    // What is compared is something: surplus was charged, and prices of tiers and hours were applied.
    let burst = try #require(ours["burst"] as? [String: [String: Any]])
    let surplus = burst.values.flatMap(\.values).compactMap { ($0 as? [String: Any])?["surplus"] as? String }
    #expect(surplus.contains { $0 != "0" }, "seed \(seed)")
    let hosted = try #require(ours["hosted"] as? [String: [String: [String: Any]]])
    #expect(hosted.values.flatMap(\.values).flatMap(\.values).contains { $0 is String }, "seed \(seed)")
  }
}
