import CSQLite

/// A value that goes into a statement.
enum SQLValue: Sendable, Equatable {
  case null
  case integer(Int64)
  case text(String)
  case blob([UInt8])

  static func optional(_ value: Int64?) -> SQLValue { value.map { .integer($0) } ?? .null }
  static func optional(_ value: String?) -> SQLValue { value.map { .text($0) } ?? .null }
  static func optional(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
}

/// One connection to a SQLite file, and the only place where SQLite is called.
///
/// It executes nothing but the cases of `Statement` and the scripts of `Migrations` (and, to compare copies, reads whole
/// tables), so that both can be enumerated: the tests kill a process at each of them.
/// - Threads: one at a time; whoever shares a connection holds a lock.
@safe final class Connection: @unchecked Sendable {
  enum Mode {
    case readWrite, create, readOnly
    /// Nobody has it open and nobody will change it: it is read without locks and without a log.
    case immutable
  }

  let path: String
  private let handle: OpaquePointer
  private var prepared: [Statement: OpaquePointer] = unsafe [:]
  private(set) var isInTransaction = false
  private let logCounter: UnsafeMutablePointer<Int32>

  /// How long a statement waits for another process. Transactions of a ledger take milliseconds; one that waits for
  /// minutes waits for a process that is stopped, which the message then says.
  static let busyMilliseconds: Int32 = 60_000

  /// - Parameter vfs: the name of a registered file system of SQLite's; nil for the usual one. Tests of power loss.
  init(path: String, mode: Mode, vfs: String? = nil) throws(LedgerError) {
    self.path = path
    unsafe logCounter = .allocate(capacity: 1)
    unsafe logCounter.initialize(to: 0)
    let access =
      switch mode {
      case .readWrite: SQLITE_OPEN_READWRITE
      case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
      case .readOnly: SQLITE_OPEN_READONLY
      case .immutable: SQLITE_OPEN_READONLY | SQLITE_OPEN_URI
      }
    let name = mode == .immutable ? Self.address(path) + "?immutable=1" : path
    var opened: OpaquePointer?
    let code = unsafe sqlite3_open_v2(name, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, vfs)
    guard let opened = unsafe opened else {
      unsafe logCounter.deallocate()
      throw .system(call: "sqlite3_open", path: path, reason: "out of memory")
    }
    unsafe handle = opened
    // From here on `deinit` closes it, also where this throws.
    guard code == SQLITE_OK else { throw failure(code, "open") }
    unsafe sqlite3_busy_timeout(handle, Self.busyMilliseconds)
    _ = unsafe csqlite_no_checkpoint_on_close(handle)
    _ = unsafe csqlite_defensive(handle)
  }

  /// A path as an address, in which some characters mean something else.
  private static func address(_ path: String) -> String {
    "file:"
      + path.utf8.reduce(into: "") { text, byte in
        let isPlain = (0x21..<0x7F).contains(byte) && !"?#%".utf8.contains(byte)
        text += isPlain ? String(UnicodeScalar(byte)) : "%" + Hex.text([byte])
      }
  }

  deinit {
    while let entry = unsafe prepared.popFirst() { unsafe sqlite3_finalize(entry.value) }
    unsafe sqlite3_close_v2(handle)
    unsafe logCounter.deallocate()
  }

  /// Rows that the last statement changed.
  var changes: Int { unsafe Int(sqlite3_changes(handle)) }
  var lastRow: Int64 { unsafe sqlite3_last_insert_rowid(handle) }

  /// Runs a statement whose rows, if any, do not matter.
  func run(_ statement: Statement, _ values: SQLValue...) throws(LedgerError) {
    try step(statement, values) { (_) throws(LedgerError) in true }
  }

  /// Calls `body` for each row.
  func each(
    _ statement: Statement, _ values: SQLValue..., body: (Row) throws(LedgerError) -> Void
  ) throws(LedgerError) {
    try step(statement, values) { (row) throws(LedgerError) in
      try body(row)
      return true
    }
  }

  /// The first row, read by `body`; nil where there is none.
  func first<Result>(
    _ statement: Statement, _ values: SQLValue..., body: (Row) throws(LedgerError) -> Result
  ) throws(LedgerError) -> Result? {
    var result: Result?
    try step(statement, values) { (row) throws(LedgerError) in
      result = try body(row)
      return false
    }
    return result
  }

  /// Runs a script of several statements: migrations only.
  func script(_ text: String, name: String) throws(LedgerError) {
    Failpoint.reach(name)
    let code = unsafe sqlite3_exec(handle, text, nil, nil, nil)
    guard code == SQLITE_OK else { throw failure(code, name) }
    Failpoint.reach(name + ".done")
  }

  /// Runs `body` in a transaction that holds the write lock from its start, so that what it reads is what it changes.
  /// An error, also one of the commit, undoes everything.
  func transaction<Result>(_ body: () throws(LedgerError) -> Result) throws(LedgerError) -> Result {
    precondition(!isInTransaction, "transactions do not nest")
    try run(.begin)
    isInTransaction = true
    defer { isInTransaction = false }
    do {
      let result = try body()
      try run(.commit)
      return result
    } catch {
      // After some errors SQLite has rolled back by itself; then there is nothing to do.
      if unsafe sqlite3_get_autocommit(handle) == 0 { try? run(.rollback) }
      throw error
    }
  }

  /// Compiles a statement without running it: its names of tables and columns are checked.
  func explain(_ statement: Statement) throws(LedgerError) { _ = unsafe try compile(statement) }

  private func step(
    _ statement: Statement, _ values: [SQLValue], body: (Row) throws(LedgerError) -> Bool
  ) throws(LedgerError) {
    let compiled = unsafe try compile(statement)
    defer {
      unsafe sqlite3_reset(compiled)
      unsafe sqlite3_clear_bindings(compiled)
    }
    for (index, value) in values.enumerated() { unsafe try bind(value, at: Int32(index + 1), of: compiled, statement) }
    Failpoint.reach(statement.name)
    while true {
      let code = unsafe sqlite3_step(compiled)
      if code == SQLITE_DONE { break }
      guard code == SQLITE_ROW else { throw failure(code, statement.name) }
      if try !body(unsafe Row(statement: compiled)) { break }
    }
    Failpoint.reach(statement.name + ".done")
  }

  private func compile(_ statement: Statement) throws(LedgerError) -> OpaquePointer {
    if let ready = unsafe prepared[statement] { return unsafe ready }
    var compiled: OpaquePointer?
    let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
    let code = unsafe sqlite3_prepare_v3(handle, statement.sql, -1, flags, &compiled, nil)
    guard code == SQLITE_OK, let compiled = unsafe compiled else { throw failure(code, statement.name) }
    unsafe prepared[statement] = compiled
    return unsafe compiled
  }

  private func bind(
    _ value: SQLValue, at index: Int32, of compiled: OpaquePointer, _ statement: Statement
  ) throws(LedgerError) {
    let code: Int32
    switch value {
    case .null: code = unsafe sqlite3_bind_null(compiled, index)
    case .integer(let number): code = unsafe sqlite3_bind_int64(compiled, index, number)
    case .text(let text):
      var text = text
      code = text.withUTF8 { bytes in
        unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
          unsafe csqlite_bind_text(compiled, index, characters.baseAddress, Int32(characters.count))
        }
      }
    case .blob(let bytes):
      code = unsafe bytes.withUnsafeBytes { unsafe csqlite_bind_blob(compiled, index, $0.baseAddress, Int32($0.count)) }
    }
    guard code == SQLITE_OK else { throw failure(code, statement.name) }
  }

  /// The typed error of a result code.
  private func failure(_ code: Int32, _ statement: String) -> LedgerError {
    let reason = unsafe String(cString: sqlite3_errmsg(handle))
    switch code & 0xFF {
    case SQLITE_FULL: return .unwritable(path: path, reason: "the disk is full")
    case SQLITE_READONLY: return .unwritable(path: path, reason: "it is read-only")
    case SQLITE_PERM: return .unwritable(path: path, reason: "permission denied")
    case SQLITE_CANTOPEN: return .unwritable(path: path, reason: "it cannot be opened (\(Files.lastReason()))")
    case SQLITE_IOERR: return .unwritable(path: path, reason: "input or output error (\(reason), code \(code))")
    case SQLITE_BUSY, SQLITE_LOCKED: return .busy(path: path)
    case SQLITE_CORRUPT: return .corrupt(path: path, detail: reason)
    case SQLITE_NOTADB: return .notALedger(path: path)
    default: return .database(path: path, statement: statement, code: code, reason: reason)
    }
  }

  /// A hash over every row of a table in the order of its key, each value with its type: for comparing two copies.
  func content(of table: String) throws(LedgerError) -> [UInt8] {
    var compiled: OpaquePointer?
    let code = unsafe sqlite3_prepare_v3(handle, "SELECT * FROM \(table)", -1, 0, &compiled, nil)
    guard code == SQLITE_OK, let compiled = unsafe compiled else { throw failure(code, "content") }
    defer { unsafe sqlite3_finalize(compiled) }
    let row = unsafe Row(statement: compiled)
    let columns = unsafe sqlite3_column_count(compiled)
    var hash = Hashing.zero
    while true {
      let code = unsafe sqlite3_step(compiled)
      if code == SQLITE_DONE { return hash }
      guard code == SQLITE_ROW else { throw failure(code, "content") }
      var bytes: [UInt8] = []
      for column in 0..<columns {
        // Asked first: reading a number as bytes turns it into text.
        let type = UInt8(truncatingIfNeeded: unsafe sqlite3_column_type(compiled, column))
        let value = row.blob(column)
        bytes.append(type)
        bytes += Array("\(value.count):".utf8) + value
      }
      hash = Hashing.sha256(hash, bytes)
    }
  }

  // MARK: The log and its checkpoints

  /// Pages in the log after this connection's last commit, all processes' together.
  var logPages: Int { unsafe Int(logCounter.pointee) }

  /// Lets `logPages` count. After automatic checkpoints are off, since SQLite counts for them the same way.
  func watchLog() {
    unsafe sqlite3_wal_hook(
      handle,
      { counter, _, _, pages in
        unsafe counter?.storeBytes(of: pages, as: Int32.self)
        return SQLITE_OK
      }, logCounter)
  }

  /// Moves what no reader still needs from the log into the file, without waiting for anybody.
  func checkpointPassively() throws(LedgerError) {
    Failpoint.reach("checkpoint")
    let code = unsafe sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { throw failure(code, "checkpoint") }
    Failpoint.reach("checkpoint.done")
  }

  /// Copies the whole database into a new file, as it is at this moment.
  func copy(to target: Connection) throws(LedgerError) {
    guard let backup = unsafe sqlite3_backup_init(target.handle, "main", handle, "main") else {
      throw target.failure(unsafe sqlite3_errcode(target.handle), "backup")
    }
    let code = unsafe sqlite3_backup_step(backup, -1)
    unsafe sqlite3_backup_finish(backup)
    guard code == SQLITE_DONE else { throw failure(code, "backup") }
  }
}

/// One row of a result, valid while the body that got it runs.
@safe struct Row {
  fileprivate let statement: OpaquePointer

  fileprivate init(statement: OpaquePointer) { unsafe self.statement = statement }

  func isNull(_ column: Int32) -> Bool { unsafe sqlite3_column_type(statement, column) == SQLITE_NULL }
  func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(statement, column) }
  func count(_ column: Int32) -> Int { Int(integer(column)) }
  func optionalInteger(_ column: Int32) -> Int64? { isNull(column) ? nil : integer(column) }

  func text(_ column: Int32) -> String { String(decoding: blob(column), as: UTF8.self) }
  func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }
  func optionalBlob(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : blob(column) }

  /// Whether a text has these bytes, without making one of it.
  func matches(_ column: Int32, _ text: [UInt8]) -> Bool {
    let bytes = unsafe sqlite3_column_blob(statement, column)
    let count = Int(unsafe sqlite3_column_bytes(statement, column))
    guard count == text.count else { return false }
    guard let bytes = unsafe bytes else { return count == 0 }
    return unsafe UnsafeRawBufferPointer(start: bytes, count: count).elementsEqual(text)
  }

  /// The bytes of a blob or a text.
  func blob(_ column: Int32) -> [UInt8] {
    let bytes = unsafe sqlite3_column_blob(statement, column)
    let count = Int(unsafe sqlite3_column_bytes(statement, column))
    guard let bytes = unsafe bytes, count > 0 else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }
}
