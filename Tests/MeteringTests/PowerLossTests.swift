import Foundation
import PowerLoss
import Testing

@testable import Metering

/// The power fails between any two requests: writes since the last sync are kept, lost or torn.
@Suite(.serialized) struct PowerLossTests {
  init() throws {
    try #require(powerloss_register() == 0)
    powerloss_reset()
  }

  private func open(_ bench: Bench, _ durability: Durability) throws -> LedgerWriter {
    let ledger = try Ledger(
      path: bench.path, create: true, durability: durability, upTo: Migrations.newest, vfs: "powerloss")
    return LedgerWriter(ledger, clock: { [clock = bench.clock] in clock.now })
  }

  /// Requests that the ledger holds as settled, by the order of their opening.
  private func settled(_ bench: Bench) throws -> [String] {
    let ledger = try open(bench, .normal).ledger
    try ledger.verify()
    var names: [String] = []
    try ledger.connection.each(.endingsAfter, .integer(0)) { (row) throws(LedgerError) in
      names.append(Hex.text(try Closing(try StoredEvent(row).fields()).request))
    }
    return names
  }

  @Test(arguments: 0..<(slowTests ? 200 : 25))
  func fullDurabilityLosesNothingThatWasCommitted(seed: Int) throws {
    let bench = try Bench()
    var expected: [String] = []
    do {
      let writer = try open(bench, .full)
      for _ in 0..<seed % 7 + 1 { expected.append(try Sample.request(writer).description) }
      if seed % 3 == 0 { try Checkpointer(path: bench.path, vfs: "powerloss").checkpoint() }
      if seed % 2 == 0 {
        // The power fails within a transaction.
        _ = try? writer.transaction { (appender) throws(LedgerError) in
          try appender.append(MonthClosed(month: 1))
          throw .invalid("the power fails here")
        }
      }
    }
    _ = powerloss_strike(UInt64(seed))
    #expect(try settled(bench) == expected)
  }

  @Test(arguments: 0..<(slowTests ? 200 : 25))
  func normalDurabilityLosesOnlyWhatWasNotSynced(seed: Int) throws {
    let bench = try Bench()
    var all: [String] = []
    var synced = 0
    do {
      let writer = try open(bench, .normal)
      for index in 0..<12 {
        all.append(try Sample.request(writer).description)
        if index == seed % 12 {
          try writer.ledger.sync()
          powerloss_synced(bench.path + "-wal")
          synced = all.count
        }
        if index == 8, seed % 4 == 0 {
          try Checkpointer(path: bench.path, vfs: "powerloss").checkpoint()
          synced = all.count
        }
      }
    }
    _ = powerloss_strike(UInt64(seed) &* 31)
    let kept = try settled(bench)
    #expect(
      kept.count >= synced && kept == Array(all.prefix(kept.count)), "\(kept.count) of \(all.count), \(synced) synced")
  }

  /// The file system itself: without a sync something is lost at times, and after one never.
  @Test func theStrikeIsReal() throws {
    var lost = 0
    for seed in 0..<20 {
      let bench = try Bench()
      do { for _ in 0..<3 { try Sample.request(try open(bench, .normal)) } }
      lost += Int(powerloss_strike(UInt64(seed)))
      powerloss_reset()
    }
    #expect(lost > 20)
  }
}
