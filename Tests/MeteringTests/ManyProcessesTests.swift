import Foundation
import Testing

@testable import Metering

/// Real processes on stacked caps, over the end of a day in two time zones.
@Suite struct ManyProcessesTests {
  private static let caps: [(name: String, scope: BudgetScope, period: CapPeriod, zone: String, picos: Int64)] = [
    ("all", .all, .day, "UTC", 120_000), ("blue", .tag(key: "team", value: "blue"), .day, "UTC", 50_001),
    ("u0", .user("u0"), .day, "Asia/Kathmandu", 30_003), ("u1", .user("u1"), .month, "UTC", 40_000),
    ("tiny", .model("tiny"), .month, "Europe/Berlin", 150_007), ("u2", .user("u2"), .day, "UTC", 200),
  ]
  private static let midnight: Int64 = 1_795_651_200_000_000_000  // 2026-11-26

  private struct Worker {
    let process: Process

    /// - Parameters:
    ///   - failpoint: where it is killed, or empty.
    init(_ bench: Bench, seed: Int, clock: [Int64], failpoint: String) throws {
      process = Process()
      process.executableURL = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(
        path: "LedgerWorker")
      process.arguments = [bench.path, String(seed)] + clock.map { String($0) }
      process.environment = failpoint.isEmpty ? [:] : ["FARTHING_FAILPOINT": failpoint]
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.run()
    }
  }

  @Test func capsHoldAcrossMidnightWhateverHappensToWhom() throws {
    let bench = try Bench()
    bench.clock.set(Self.midnight - 60_000_000_000)
    let writer = try bench.writer()
    try writer.postTariff(TokenTariff(currency: "USD", uncached: 3, cached: 1, completion: 7), model: "*")
    try writer.postTariff(TokenTariff(currency: "USD", uncached: 2, cached: 2, completion: 9), model: "other")
    for cap in Self.caps {
      try writer.setCap(
        cap.name, scope: cap.scope, period: cap.period, zone: cap.zone, currency: "USD", amountPicos: cap.picos)
    }
    // A real second is ten of the ledger's: midnight comes halfway.
    let (count, half, factor) = (slowTests ? 50 : 8, Int64(slowTests ? 20 : 2), Int64(10))
    let start = Files.unixNanos()
    let begin = Self.midnight - half * factor * 1_000_000_000
    let clock = [start, begin, factor, Self.midnight + half * factor * 1_000_000_000]
    let places = ["insertHold", "commit", "setSpending.done", "advanceWriter", "closeRequest", "deleteHold.done"]
    var killed = 0
    var seed = 0
    try withWorkers(count) { slot in
      seed += 1
      // Every third is killed within a transaction; others kill themselves between two tokens.
      let failpoint = seed % 3 == 0 ? "\(places[seed / 3 % places.count]):\(seed * 7 % 40 + 1)" : ""
      return try Worker(bench, seed: seed, clock: clock, failpoint: failpoint).process
    } ended: { process in
      if process.terminationReason == .uncaughtSignal { killed += 1 }
      #expect(process.terminationReason == .uncaughtSignal || process.terminationStatus == 0)
      return Files.unixNanos() < start + 2 * half * 1_000_000_000
    }
    bench.clock.set(Self.midnight + half * factor * 1_000_000_000)
    try writer.recover()
    let history = try writer.ledger.capHistory()
    for cap in Self.caps {
      let rows = history.filter { $0.cap == cap.name }
      #expect(!rows.isEmpty && rows.allSatisfy { $0.heldPicos == 0 && $0.spentPicos <= cap.picos }, "\(rows)")
    }
    #expect(history.filter { $0.cap == "all" }.map(\.since) == [Self.midnight - UTCDay.nanos, Self.midnight])
    let summary = try writer.ledger.summary()
    print("\(summary.requests) requests of \(seed) processes, \(killed) of them killed, \(summary.lost) requests lost")
    #expect(summary.open == 0 && summary.requests > Int64(count) && killed > 0 && summary.lost > 0)
    // At least 99 % of the day's cap could be used: whoever asks finds the rest. No other cap covers this one.
    let rest = Sample.opening(prompt: 1, model: Sample.unlimited)
    while (try? Sample.request(writer, rest, Sample.usage(prompt: 1, completion: 64))) != nil {}
    let now = try #require(try writer.ledger.caps(at: writer.now()).first { $0.name == "all" })
    #expect(now.heldPicos == 0 && now.spentPicos * 100 >= now.amountPicos * 99, "\(now)")
    try writer.ledger.verify()
    _ = try CheckerTests.check(bench, allocations: [])
  }

  /// Keeps `count` processes running, each replaced when it ends as long as `ended` says so.
  private func withWorkers(
    _ count: Int, start: (Int) throws -> Process, ended: (Process) -> Bool
  ) throws {
    var running = try (0..<count).map { try start($0) }
    while !running.isEmpty {
      usleep(10_000)
      for index in running.indices.reversed() where !running[index].isRunning {
        if ended(running[index]) { running[index] = try start(index) } else { running.remove(at: index) }
      }
    }
  }
}
