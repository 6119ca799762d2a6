import Foundation
import Testing

@testable import Metering

/// A ledger that is only looked at: nothing in its folder may change, whatever lies there.
@Suite struct ReadOnlyTests {
  /// Every file of a folder with its bytes.
  private func content(_ folder: URL) throws -> [String: Data] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).reduce(into: [:]) { files, name in
      let file = folder.appending(path: name)
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: file.path, isDirectory: &isFolder), !isFolder.boolValue else {
        return
      }
      files[name] = try Data(contentsOf: file)
    }
  }

  /// What reading commands do, on a ledger with `requests` requests.
  private func readsAll(_ path: String, requests: Int, heads: [Head]) throws {
    let ledger = try Ledger(reading: path)
    #expect(ledger.isReadOnly)
    #expect(try ledger.heads() == heads)
    #expect(try ledger.verify(heads: heads).requests == requests)
    #expect(try ledger.report(ReportQuery()).lines.map(\.figures.totals.requests).reduce(0, +) == Int64(requests))
    var lines = 0
    try ledger.export { _ in lines += 1 }
    #expect(lines > 2 * requests)
    let copy = FileManager.default.temporaryDirectory.appending(path: "farthing-copy-" + UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: copy) }
    try ledger.backup(to: copy)
    #expect(try Ledger(path: copy, create: false).heads() == heads)
    let refused = LedgerError.unwritable(path: path, reason: "it is open for reading only")
    #expect(throws: refused) { try LedgerWriter(ledger).open(Sample.opening()) }
    #expect(throws: refused) { try ledger.rebuild() }
  }

  @Test(arguments: ["log and index", "log alone", "neither", "an empty log"])
  func whateverLiesBesideItIsRead(beside: String) throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for _ in 0..<3 { try Sample.request(writer) }
    try writer.close()
    let heads = try writer.ledger.heads()
    let other = try Bench()
    switch beside {
    case "log and index", "log alone":
      for suffix in beside == "log alone" ? ["", "-wal"] : ["", "-wal", "-shm"] {
        try FileManager.default.copyItem(atPath: bench.path + suffix, toPath: other.path + suffix)
      }
    default:
      try FileManager.default.removeItem(at: other.folder)
      try FileManager.default.createDirectory(at: other.folder, withIntermediateDirectories: true)
      try writer.ledger.backup(to: other.path)
      if beside == "an empty log" { try Data().write(to: URL(filePath: other.path + "-wal")) }
    }
    let before = try content(other.folder).filter { !$0.key.hasSuffix("-shm") }
    try readsAll(other.path, requests: 3, heads: heads)
    #expect(try content(other.folder).filter { !$0.key.hasSuffix("-shm") } == before)
  }

  @Test func itIsReadWhileOthersWrite() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer)
    let reader = try Ledger(reading: bench.path)
    #expect(try reader.verify().requests == 1)
    for _ in 0..<4 { try Sample.request(writer) }
    #expect(try reader.verify().requests == 5)
  }

  @Test func anOlderSchemaIsBroughtUpToDateInACopy() throws {
    let bench = try Bench()
    do {
      let old = try Ledger(path: bench.path, create: true, durability: .full, upTo: 3, vfs: nil)
      try LedgerWriter(old).transaction { (appender) throws(LedgerError) in
        try appender.append(MonthClosed(month: 24_310))
      }
    }
    let before = try Data(contentsOf: URL(filePath: bench.path))
    let reader = try Ledger(reading: bench.path)
    #expect(try reader.summary().events == 2)
    #expect(try reader.verify().chains == 1)
    #expect(try Data(contentsOf: URL(filePath: bench.path)) == before)
    #expect(try Connection(path: bench.path, mode: .readOnly).first(.schemaVersion) { $0.integer(0) } == 3)
  }

  @Test func whatCannotBeReadSaysWhy() throws {
    let bench = try Bench()
    #expect(throws: LedgerError.invalid("there is no ledger at \(bench.path)")) { try Ledger(reading: bench.path) }
    do { try Sample.request(try bench.writer()) }
    // Everything still stands in the log, which was not copied along.
    let alone = bench.folder.appending(path: "alone ?#%.db").path
    try FileManager.default.copyItem(atPath: bench.path, toPath: alone)
    #expect {
      try Ledger(reading: alone)
    } throws: { error in
      guard case .unreadable(alone, let reason)? = error as? LedgerError else { return false }
      return reason.contains("-wal")
    }
    // Nor is it taken for a ledger without requests where it could be written.
    let bytes = try Data(contentsOf: URL(filePath: alone))
    #expect(throws: LedgerError.self) { try Ledger.forReading(path: alone) }
    #expect(try Data(contentsOf: URL(filePath: alone)) == bytes)
    let target = bench.folder.appending(path: "whole ?#%.db").path
    try bench.ledger().backup(to: target)
    #expect(try Ledger(reading: target).verify().requests == 1)
    try Data(repeating: 7, count: 9000).write(to: URL(filePath: alone))
    #expect(throws: LedgerError.notALedger(path: alone)) { try Ledger(reading: alone) }
    try bench.ledger().connection.script("PRAGMA user_version = 99", name: "newer")
    #expect(throws: LedgerError.newer(path: bench.path, schema: 99, supported: Migrations.newest)) {
      try Ledger(reading: bench.path)
    }
  }

  @Test func aLedgerThatCanBeWrittenIsRecoveredFirst() throws {
    let bench = try Bench()
    do { try bench.writer().open(Sample.opening()).chose(2) }
    let ledger = try Ledger.forReading(path: bench.path)
    #expect(try !ledger.isReadOnly && !ledger.hasOpenRequests() && ledger.summary().lost == 1)
  }
}
