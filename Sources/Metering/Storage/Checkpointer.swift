/// Moves the write-ahead log of a ledger into its file, one process at a time and with every writer held off.
///
/// SQLite up to 3.51.2 (Debian 12 has 3.40.1) can lose committed pages here, which its page on WAL mode calls the
/// WAL-reset bug: after one checkpoint has copied the whole log, a second one starts; while it does, another connection
/// commits and thereby starts the log anew; the second checkpoint does not notice, and marks pages of the new log as
/// copied that are not. Two things rule that out:
/// - automatic checkpoints and the one on closing are off in every connection, and whoever checkpoints holds
///   `LEDGER.checkpoint`, so that there is never more than one;
/// - it also holds SQLite's write lock, through a second connection, so that nobody commits meanwhile: a passive
///   checkpoint needs no write lock of its own.
///
/// The price is that writers wait for it, some milliseconds for every 4 MB of log.
struct Checkpointer {
  /// The log is moved when it has so many pages: 4 MB.
  static let limitPages = 1000

  let path: String
  let vfs: String?

  /// - Returns: false where another process is at it.
  @discardableResult
  func checkpoint() throws(LedgerError) -> Bool {
    guard let lock = FileLock(trying: path + ".checkpoint") else { return false }
    defer { withExtendedLifetime(lock) {} }
    let (guardian, worker) = (
      try Connection(path: path, mode: .readWrite, vfs: vfs), try Connection(path: path, mode: .readWrite, vfs: vfs)
    )
    // A connection that has not read yet does not know that the file has a log, and would move nothing.
    _ = try worker.first(.schemaVersion) { $0.integer(0) }
    try guardian.transaction { () throws(LedgerError) in try worker.checkpointPassively() }
    return true
  }
}
