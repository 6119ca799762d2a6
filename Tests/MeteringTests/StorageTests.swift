import Foundation
import Testing

@testable import Metering

@Suite struct StorageTests {
  @Test func aNewLedgerIsInWALModeAndKeepsItsName() throws {
    let bench = try Bench()
    let ledger = try bench.ledger()
    let name = try ledger.identity()
    #expect(name.count == 32)
    #expect(try bench.ledger().identity() == name)
    #expect(try ledger.connection.first(.journalMode) { $0.text(0) } == "wal")
    #expect(try ledger.connection.first(.schemaVersion) { $0.integer(0) } == Migrations.newest)
  }

  @Test func everyStatementIsUnderstoodBySQLite() throws {
    let bench = try Bench()
    let connection = try bench.ledger().connection
    for statement in Statement.allCases {
      #expect(throws: Never.self, "\(statement)") { try connection.explain(statement) }
    }
  }

  /// Tests kill a process at every case of `Statement`. That is every statement only as long as nothing else reaches SQLite
  /// or the disk, which the sources show.
  @Test func nothingElseCallsSQLiteOrSyncs() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources")
    let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
    var calls: [String: [String: Int]] = [:]
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      for call in [
        "sqlite3_prepare", "sqlite3_exec(", "sqlite3_step(", "sqlite3_wal_checkpoint", "sqlite3_backup_step",
        "import CSQLite",
      ] {
        let count = text.components(separatedBy: call).count - 1
        if count > 0 { calls[file.lastPathComponent, default: [:]][call] = count }
      }
      guard file.path.contains("/Metering/") else { continue }
      for call in ["fdatasync(", "fsync(", "MAP_SHARED"] where text.contains(call) {
        calls[file.lastPathComponent, default: [:]][call, default: 0] += 1
      }
    }
    // Compiled: statements and, to compare copies, whole tables; stepped likewise.
    #expect(
      calls == [
        "Connection+C.swift": [
          "sqlite3_prepare": 2, "sqlite3_exec(": 1, "sqlite3_step(": 2, "sqlite3_wal_checkpoint": 1,
          "sqlite3_backup_step": 1, "import CSQLite": 1,
        ],
        "Files+C.swift": ["fdatasync(": 1], "TextKey+C.swift": ["fsync(": 1], "ProgressFile+C.swift": ["MAP_SHARED": 1],
      ])
  }

  @Test func placesComeInOrder() throws {
    func path(_ variables: [String: String], machine: Bool) throws -> String {
      try LedgerLocation.path(environment: { variables[$0] }, machineWideExists: machine)
    }
    let all = ["FARTHING_LEDGER": "a.db", "XDG_DATA_HOME": "/data", "HOME": "/h"]
    #expect(try path(all, machine: true) == "a.db")
    #expect(try path(["XDG_DATA_HOME": "/data", "HOME": "/h"], machine: true) == LedgerLocation.machineWide)
    #expect(try path(["XDG_DATA_HOME": "/data", "HOME": "/h"], machine: false) == "/data/farthing/ledger.db")
    #expect(try path(["XDG_DATA_HOME": "data", "HOME": "/h"], machine: false) == "/h/.local/share/farthing/ledger.db")
    #expect(throws: LedgerError.self) { try path([:], machine: false) }
  }

  @Test func otherFilesAreRefusedAndLeftAlone() throws {
    let bench = try Bench()
    for content in [Data("SQLite format 4, or what".utf8), Data(repeating: 7, count: 9000)] {
      try content.write(to: URL(filePath: bench.path))
      #expect(throws: LedgerError.notALedger(path: bench.path)) { try bench.ledger() }
      #expect(try Data(contentsOf: URL(filePath: bench.path)) == content)
    }
    try FileManager.default.removeItem(atPath: bench.path)
    try Connection(path: bench.path, mode: .create).script("CREATE TABLE others (x)", name: "foreign")
    #expect(throws: LedgerError.notALedger(path: bench.path)) { try bench.ledger() }
  }

  @Test func aNewerSchemaIsRefused() throws {
    let bench = try Bench()
    try bench.ledger().connection.script("PRAGMA user_version = 99", name: "newer")
    #expect(throws: LedgerError.newer(path: bench.path, schema: 99, supported: Migrations.newest)) {
      try bench.ledger()
    }
  }

  @Test(arguments: 1...Migrations.steps.count - 1)
  func everyEarlierSchemaIsBroughtUpToDate(schema: Int) throws {
    let bench = try Bench()
    let name: String
    do {
      let old = try Ledger(path: bench.path, create: true, durability: .full, upTo: Int64(schema), vfs: nil)
      #expect(try old.connection.first(.schemaVersion) { $0.integer(0) } == Int64(schema))
      name = try old.identity()
      let writer = LedgerWriter(old, clock: { [clock = bench.clock] in clock.now })
      // What schema 1 could hold: a chain with an event that needs no later table.
      try writer.transaction { (appender) throws(LedgerError) in
        try appender.append(MonthClosed(month: 24_310))
      }
    }
    if schema == 4 { try writeOldEvents(bench) }
    let writer = try bench.writer()
    #expect(try writer.ledger.identity() == name)
    try Sample.request(writer)
    let verified = try writer.ledger.verify()
    #expect(verified.chains == (schema == 4 ? 3 : 2) && verified.events == (schema == 4 ? 10 : 5))
    if schema == 4 {
      let shares = try #require(
        try writer.ledger.connection.first(.shares, .text("box"), .integer(0), .integer(.max)) { $0.integer(2) })
      #expect(shares == 55)
    }
    #expect(try tables(writer.ledger) == tables(Bench().ledger()))
  }

  /// Events as schema 4 had them: without what was noted later.
  private func writeOldEvents(_ bench: Bench) throws {
    let connection = try Connection(path: bench.path, mode: .readWrite)
    let (name, request) = (Hashing.random(16), CanonicalJSON.hex(Hashing.random(16)))
    try connection.transaction { () throws(LedgerError) in
      try connection.run(.insertWriter, .blob(name), .blob(Hashing.zero))
      let row = connection.lastRow
      var (hash, position) = (Hashing.zero, Int64(0))
      for (kind, fields) in [
        (EventKind.chain, ["heads": .list([])]),
        (.machine, MachineAdded(MachineTests.record()).fields),
        (
          .opened,
          [
            "request": request, "model": .text("tiny"), "quantization": .text("Q4_0"), "sha256": .null, "user": .null,
            "prompt": .integer(3), "tags": .list([]), "price": .null,
          ]
        ),
        (
          .settled,
          [
            "request": request, "prompt": .integer(3), "cached": .integer(0), "completion": .integer(2),
            "finish": .text("length"), "stopped_by": .text("limit"), "cpu_nanos": .integer(70), "exact": .bool(true),
            "price": .null, "marginal": .null,
          ]
        ),
        (
          .interval,
          IntervalRecorded(
            machine: "box", boot: name, start: bench.clock.now, stop: bench.clock.now + 100, vcpus: 2,
            time: MachineTime(total: 200, stolen: 0, requests: 55, overhead: 0, other: 0, wasted: 0), shares: []
          ).fields.merging(["shares": .list([.list([request, .text("55")])])]) { $1 }
        ),
      ] as [(EventKind, [String: CanonicalJSON])] {
        let body = StoredEvent.body(kind, writer: name, position: position, at: bench.clock.now, fields)
        hash = StoredEvent.hash(after: hash, body)
        try connection.run(
          .insertEvent, .integer(row), .integer(position), .text(kind.rawValue), .integer(bench.clock.now),
          .blob(body), .blob(hash))
        position += 1
      }
      try connection.run(.advanceWriter, .integer(position), .blob(hash), .integer(row))
    }
  }

  private func tables(_ ledger: Ledger) throws -> [UInt8] {
    try ledger.connection.content(of: "(SELECT type, name, sql FROM sqlite_schema)")
  }

  @Test func severalProcessesMakeOneLedgerAtOnce() throws {
    let bench = try Bench()
    let names = Collected<String>()
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      if let name = try? Ledger(path: bench.path).identity() { names.add(name) }
    }
    #expect(names.all.count == 8 && Set(names.all).count == 1)
  }

  @Test func damageIsFound() throws {
    let bench = try Bench()
    do {
      let writer = try bench.writer()
      for _ in 0..<200 { try Sample.request(writer) }
      try writer.close()
      #expect(try Checkpointer(path: bench.path, vfs: nil).checkpoint())
    }
    try FileManager.default.removeItem(atPath: bench.path + "-wal")
    let file = try FileHandle(forUpdating: URL(filePath: bench.path))
    let size = try file.seekToEnd()
    for page in stride(from: UInt64(8), to: size / 4096, by: 3) {
      try file.seek(toOffset: page * 4096)
      try file.write(contentsOf: Data(repeating: 0xA5, count: 64))
    }
    try file.close()
    #expect(throws: LedgerError.self) { try bench.ledger().verify() }
  }

  @Test func aBackupIsALedgerOfItsOwn() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for _ in 0..<5 { try Sample.request(writer) }
    let target = bench.folder.appending(path: "copy.db").path
    try writer.ledger.backup(to: target)
    // Alone: without log and index beside it.
    #expect(!FileManager.default.fileExists(atPath: target + "-wal"))
    let copy = try Ledger(path: target, create: false)
    #expect(try copy.heads() == writer.ledger.heads())
    #expect(try copy.verify().requests == 5)
    #expect(throws: LedgerError.invalid("\(target) exists; a backup overwrites nothing")) {
      try writer.ledger.backup(to: target)
    }
  }

  @Test func aFullDiskRefusesNewWorkAndKeepsTheOld() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer)
    let heads = try writer.ledger.heads()
    // SQLite says the same when its file may not grow as when its disk is full.
    try writer.ledger.connection.script("PRAGMA max_page_count = 1", name: "full")
    let user = String(repeating: "u", count: 20_000)
    #expect(throws: LedgerError.unwritable(path: bench.path, reason: "the disk is full")) {
      try writer.open(Sample.opening(user: user))
    }
    #expect(try writer.ledger.heads() == heads)
    #expect(try bench.ledger().verify().requests == 1)
  }

  @Test func aPlaceThatTakesNoFileIsRefused() throws {
    #expect {
      try Ledger(path: "/proc/farthing-ledger.db")
    } throws: { error in
      guard case .unwritable? = error as? LedgerError else { return false }
      return String(describing: error).contains("--no-ledger")
    }
    #expect(throws: LedgerError.invalid("there is no ledger at /proc/none.db")) {
      try Ledger(path: "/proc/none.db", create: false)
    }
  }

  @Test func theLogIsMovedByOneHolderWhileNobodyCommits() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    for _ in 0..<20 { try Sample.request(writer) }
    let log = Files.size(bench.path + "-wal") ?? 0
    #expect(log > 0)
    do {
      let held = FileLock(trying: bench.path + ".checkpoint")
      #expect(held != nil)
      #expect(try !Checkpointer(path: bench.path, vfs: nil).checkpoint())
    }
    #expect(try Checkpointer(path: bench.path, vfs: nil).checkpoint())
    // All of it was copied, so the next commit begins the log anew and it does not grow.
    for _ in 0..<5 { try Sample.request(writer) }
    #expect(Files.size(bench.path + "-wal") == log)
    #expect(try writer.ledger.verify().requests == 25)
  }

  @Test func closingTheLastConnectionLeavesTheLog() throws {
    let bench = try Bench()
    do { try Sample.request(try bench.writer()) }
    #expect(Files.size(bench.path + "-wal") ?? 0 > 0)
    #expect(try bench.ledger().verify().requests == 1)
  }
}

/// Values that threads put together.
final class Collected<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Value] = []
  func add(_ value: Value) { lock.withLock { values.append(value) } }
  var all: [Value] { lock.withLock { values } }
}
