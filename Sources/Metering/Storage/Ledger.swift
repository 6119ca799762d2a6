/// When a commit counts as done.
public enum Durability: String, CaseIterable, Sendable {
  /// When it is on the disk.
  case full
  /// When it is with the kernel: `kill -9` loses nothing, a power cut at most the last 50 ms.
  case normal
}

/// A ledger: one SQLite file in WAL mode that several processes share, with its writers' progress files beside it.
///
/// Invariants, each with a test in `Tests/MeteringTests`:
/// 1. Every change is an event, appended in the transaction that changes the tables made of it; `rebuild` makes the same
///    tables again.
/// 2. The events of one writer are a chain of hashes, and a new chain names the heads of those that nobody has named.
/// 3. A request is open exactly while its writer lives and has not closed it, and it is closed once.
/// 4. What is spent and held of a cap never exceeds it.
///
/// - Threads: any; one statement at a time, under a lock.
public final class Ledger: @unchecked Sendable {
  public let path: String
  public let durability: Durability
  let connection: Connection
  let lock = Lock()
  let vfs: String?
  /// Nothing can be written: see `init(reading:)`.
  public let isReadOnly: Bool
  /// Holds the copy that is read in place of the file, where there is one.
  private let scratch: ScratchFolder?
  /// Pages of the log at which it is to be moved into the file.
  private var checkpointPages = Checkpointer.limitPages

  /// Opens the ledger at `path`; with `create`, makes it where it is missing, with the folder that holds it.
  /// - Throws: `notALedger`, `newer`, `unwritable`, `corrupt`, `busy`, `system`, `database`.
  public convenience init(path: String, create: Bool = true, durability: Durability = .normal) throws(LedgerError) {
    try self.init(path: path, create: create, durability: durability, upTo: Migrations.newest, vfs: nil)
  }

  /// - Parameters:
  ///   - upTo: the schema to make of the file; tests make old ones.
  ///   - vfs: a registered file system of SQLite's.
  init(
    path: String, create: Bool, durability: Durability, upTo schema: Int64, vfs: String?
  ) throws(LedgerError) {
    self.path = path
    self.durability = durability
    self.vfs = vfs
    isReadOnly = false
    scratch = nil
    if create {
      try Files.makeDirectories(Files.directory(of: path))
    } else if !Files.exists(path) {
      throw .invalid("there is no ledger at \(path)")
    }
    connection = try Connection(path: path, mode: create ? .create : .readWrite, vfs: vfs)
    try configure()
    try migrate(to: schema)
  }

  /// Opens a ledger that this user cannot write: a file or a folder without write access, a read-only disk, a copy.
  /// Reports, `verify`, `heads`, `export` and `backup` work; whatever changes it throws `unwritable`.
  /// - Throws: `unreadable`, `notALedger`, `newer`, `corrupt`, `busy`, `system`, `database`; `invalid` where there is none.
  public init(reading path: String) throws(LedgerError) {
    self.path = path
    durability = .normal
    vfs = nil
    isReadOnly = true
    let source = try ReadOnlySource(path)
    (connection, scratch) = (source.connection, source.scratch)
    try connection.run(.secureDelete)
    // A copy that was made for it may have an older schema.
    try migrate(to: Migrations.newest)
  }

  private func configure() throws(LedgerError) {
    // In this order: another process may be making the ledger just now, tables and mark in one transaction.
    let isEmpty = try connection.first(.schemaIsEmpty) { $0.integer(0) == 0 } ?? true
    let identity = try connection.first(.applicationIdentity) { $0.integer(0) } ?? 0
    guard identity == Migrations.applicationIdentity || (identity == 0 && isEmpty) else {
      throw .notALedger(path: path)
    }
    let mode = try connection.first(.journalMode) { $0.text(0) } ?? ""
    if mode != "wal" { try setWAL() }
    // One lock holder checkpoints (see `Checkpointer`), so no connection may do so by itself.
    try connection.run(.noAutomaticCheckpoint)
    try connection.run(durability == .full ? .synchronousFull : .synchronousNormal)
    // What was forgotten must not stay readable in free pages.
    try connection.run(.secureDelete)
    connection.watchLog()
  }

  private func setWAL() throws(LedgerError) {
    var mode = ""
    // SQLite does not wait here for another process that does the same.
    for attempt in 1... {
      do throws(LedgerError) {
        mode = try connection.first(.setJournalMode) { $0.text(0) } ?? ""
        break
      } catch .busy where attempt < 500 {
        Files.pause(milliseconds: 10)
      }
    }
    // SQLite answers with the old mode where the file or its folder cannot be written.
    guard mode == "wal" else {
      throw .unwritable(path: path, reason: "it cannot be put into WAL mode (it stays in \(mode))")
    }
  }

  private func migrate(to target: Int64) throws(LedgerError) {
    func schema() throws(LedgerError) -> Int64 { try connection.first(.schemaVersion) { $0.integer(0) } ?? 0 }
    var current = try schema()
    guard current <= Migrations.newest else {
      throw .newer(path: path, schema: current, supported: Migrations.newest)
    }
    while current < target {
      current = try connection.transaction { () throws(LedgerError) in
        // Another process may have been faster.
        let found = try schema()
        guard found == current else { return found }
        let next = current + 1
        let identity = current == 0 ? "PRAGMA application_id = \(Migrations.applicationIdentity);" : ""
        try connection.script(
          Migrations.steps[Int(current)] + identity + "PRAGMA user_version = \(next);", name: "migration\(next)")
        // Tables that are new are made of events that are not.
        if current > 0, next == Migrations.newest { _ = try Rebuilder(connection).rebuild() }
        if current == 0 { try connection.run(.setMeta, .text("ledger"), .text(Hex.text(Hashing.random(16)))) }
        return next
      }
    }
  }

  /// The name that this ledger was born with: 32 hexadecimal digits.
  public func identity() throws(LedgerError) -> String {
    try locked { () throws(LedgerError) in try connection.first(.meta, .text("ledger")) { $0.text(0) } ?? "" }
  }

  func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try lock.withLock(body)
  }

  /// The folder of the writers' progress files.
  var writersDirectory: String { path + ".writers" }

  // MARK: Care

  /// SQLite's own check of the whole file.
  /// - Throws: `corrupt` with the first thing found.
  public func checkIntegrity() throws(LedgerError) {
    try locked { () throws(LedgerError) in
      var findings: [String] = []
      try connection.each(.integrityCheck) { findings.append($0.text(0)) }
      guard findings == ["ok"] else {
        throw .corrupt(path: path, detail: findings.first ?? "the check said nothing")
      }
    }
  }

  /// Copies the ledger, as it is now, into a new file that is whole by itself.
  /// - Throws: `invalid` where `target` exists.
  public func backup(to target: String) throws(LedgerError) {
    guard !Files.exists(target) else { throw .invalid("\(target) exists; a backup overwrites nothing") }
    do {
      let copy = try Connection(path: target, mode: .create)
      try locked { () throws(LedgerError) in try connection.copy(to: copy) }
      // The copy has the mode of its source in its header; alone it needs no log beside it.
      _ = try copy.first(.rollbackJournal) { $0.text(0) }
    } catch {
      Files.remove(target)
      throw error
    }
    try Files.sync(target)
  }

  /// Sees to it that everything committed so far is on the disk.
  public func sync() throws(LedgerError) {
    // With `full` each commit has waited for the disk already.
    if durability == .normal { try Files.sync(path + "-wal") }
  }

  /// Moves the log into the file when it has grown; called after a commit, off the path of tokens.
  func tidy() {
    let pages = locked { connection.logPages }
    if pages < Checkpointer.limitPages { checkpointPages = Checkpointer.limitPages }
    guard pages >= checkpointPages else { return }
    // A log that stays large, since somebody reads in it, is no failure of the commit that came before; it is tried again
    // when it has grown by half.
    checkpointPages = pages + pages / 2
    _ = try? Checkpointer(path: path, vfs: vfs).checkpoint()
  }
}
