import Glibc

/// A ledger's file that cannot be written, opened to be read.
///
/// SQLite reads a file in WAL mode through an index beside it (`-shm`) and adds what is in its log (`-wal`). Where these
/// two cannot be made there are four cases:
/// 1. Both are there: they are read as they are, also while others write.
/// 2. There is no log, or an empty one and no index: nobody has the file open, and it is whole by itself.
/// 3. There is a log but no index, since both were copied from elsewhere: they are copied once more to where they can be
///    written, and read there.
/// 4. There is an index that may not be read: others may be writing, so no copy would be whole; that is an error.
///
/// A file of an older schema is copied too, and brought up to date in the copy.
struct ReadOnlySource {
  let connection: Connection
  let scratch: ScratchFolder?

  init(_ path: String) throws(LedgerError) {
    guard Files.exists(path) else { throw .invalid("there is no ledger at \(path)") }
    guard Files.isReadable(path) else { throw .unreadable(path: path, reason: Files.lastReason()) }
    try Self.checkLog(path)
    do throws(LedgerError) {
      let (opened, scratch) = try Self.open(path)
      let schema = try Self.check(opened, path)
      guard schema < Migrations.newest, scratch == nil else {
        (connection, self.scratch) = (opened, scratch)
        return
      }
      let folder = try ScratchFolder()
      let copy = try Connection(path: folder.file, mode: .create)
      try opened.copy(to: copy)
      _ = try copy.first(.rollbackJournal) { $0.text(0) }
      (connection, self.scratch) = (copy, folder)
    } catch .unwritable(let place, let reason) where place == path {
      throw .unreadable(path: path, reason: reason)
    }
  }

  /// A file in WAL mode of one page, with neither log nor index beside it, was most likely copied without its log, in which
  /// everything stood. A reader must not take it for a ledger without requests. (It may also be one whose making was broken
  /// off in its first moment; whoever writes makes it whole.)
  /// - Throws: `unreadable`.
  static func checkLog(_ path: String) throws(LedgerError) {
    guard let head = Files.read(path, limit: 32), head.count == 32, head[18] == 2,
      head[28..<32].elementsEqual([0, 0, 0, 1]), !Files.exists(path + "-wal"), !Files.exists(path + "-shm")
    else { return }
    throw .unreadable(
      path: path,
      reason: "there is nothing in it; a ledger is copied together with its -wal file, or by `farthing ledger backup`")
  }

  private static func open(_ path: String) throws(LedgerError) -> (Connection, ScratchFolder?) {
    let log = Files.size(path + "-wal")
    let hasIndex = Files.exists(path + "-shm")
    if hasIndex, log != nil {
      guard Files.isReadable(path + "-shm"), Files.isReadable(path + "-wal") else {
        throw .unreadable(
          path: path,
          reason: "its log beside it may not be read; `farthing ledger backup` makes a copy that stands alone")
      }
      return (try Connection(path: path, mode: .readOnly), nil)
    }
    if log ?? 0 == 0 { return (try Connection(path: path, mode: .immutable), nil) }
    let folder = try ScratchFolder()
    for suffix in ["", "-wal"] { try Files.copy(path + suffix, to: folder.file + suffix) }
    return (try Connection(path: folder.file, mode: .readWrite), folder)
  }

  /// - Returns: the schema; whether it is too new, the ledger finds as it does of any other file.
  private static func check(_ connection: Connection, _ path: String) throws(LedgerError) -> Int64 {
    let identity = try connection.first(.applicationIdentity) { $0.integer(0) } ?? 0
    guard identity == Migrations.applicationIdentity else { throw .notALedger(path: path) }
    return try connection.first(.schemaVersion) { $0.integer(0) } ?? 0
  }
}

/// A folder for copies, in the system's place for temporary files, that only this user may enter; gone with this object.
final class ScratchFolder: Sendable {
  let path: String
  var file: String { path + "/ledger.db" }

  init() throws(LedgerError) {
    let parent = Files.environment("TMPDIR") ?? "/tmp"
    path = parent + "/farthing-" + Hex.text(Hashing.random(8))
    guard unsafe mkdir(path, 0o700) == 0 else { throw Files.failure("mkdir", path) }
  }

  deinit {
    for name in Files.names(in: path) { Files.remove(path + "/" + name) }
    _ = unsafe rmdir(path)
  }
}

extension Files {
  /// Copies a file's bytes into a new file that only this user may read.
  static func copy(_ path: String, to target: String) throws(LedgerError) {
    let source = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard source >= 0 else { throw failure("open", path) }
    defer { close(source) }
    let copy = unsafe open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard copy >= 0 else { throw failure("open", target) }
    defer { close(copy) }
    while true {
      let count = sendfile(copy, source, nil, 1 << 30)
      if count == 0 { return }
      guard count > 0 else { throw failure("sendfile", target) }
    }
  }
}

extension Ledger {
  /// A copy that is read in place of the file would take what is written, and lose it.
  func checkWritable() throws(LedgerError) {
    guard !isReadOnly else { throw .unwritable(path: path, reason: "it is open for reading only") }
  }

  /// Opens a ledger for somebody who only looks: where it can be written, after what the dead have left open is closed;
  /// else as it is. It is made where it is missing.
  public static func forReading(path: String) throws(LedgerError) -> Ledger {
    try ReadOnlySource.checkLog(path)
    if Files.exists(path), !Files.isWritable(path) || !Files.isWritable(Files.directory(of: path)) {
      return try Ledger(reading: path)
    }
    do throws(LedgerError) {
      let writer = LedgerWriter(try Ledger(path: path))
      try writer.recover()
      return writer.ledger
    } catch .unwritable(let place, let reason) {
      // A full disk, for one.
      guard Files.exists(path), let ledger = try? Ledger(reading: path) else {
        throw .unwritable(path: place, reason: reason)
      }
      return ledger
    }
  }

  /// Whether requests are open: under way, or left by a process that is gone.
  public func hasOpenRequests() throws(LedgerError) -> Bool {
    try locked { () throws(LedgerError) in
      try connection.first(.writersWithOpenRequests) { _ in true } ?? false
    }
  }
}
