/// Whom or what to forget.
public enum PersonalValue: Sendable, Hashable {
  case user(String)
  case tag(key: String, value: String)

  var field: String {
    switch self {
    case .user: PersonalFields.user
    case .tag(let key, _): PersonalFields.tag(key)
    }
  }

  var value: String {
    switch self {
    case .user(let value), .tag(_, let value): value
    }
  }
}

extension LedgerWriter {
  /// Deletes a person's name or a tag's value, and the salt that leads from it to its hash. Every event stays as it is,
  /// so the chains stay whole; what they hold of the value can no longer be tied to it, not even by guessing it.
  ///
  /// The stored texts of a user's requests are deleted with the name.
  ///
  /// The pages that held it are overwritten in the file, and the log is started anew. Backups and exports made earlier
  /// are out of reach.
  /// - Throws: `invalid` where it is not known, or where a cap is set on it.
  public func forget(_ personal: PersonalValue) throws(LedgerError) {
    try transaction { (appender) throws(LedgerError) in
      let connection = appender.connection
      guard let hash = try PersonalFields(connection: connection).find(personal.field, personal.value) else {
        throw .invalid("the ledger knows no such \(personal.field == PersonalFields.user ? "user" : "tag")")
      }
      var capped: String?
      try connection.each(.caps) { (row) throws(LedgerError) in
        let cap = try Cap(row)
        if cap.scope.value == hash { capped = cap.name }
      }
      if let capped { throw .invalid("the cap '\(capped)' is set on it; remove that first") }
      if personal.field == PersonalFields.user { try connection.run(.deleteTextsOfUser, .blob(hash)) }
      try connection.run(.deletePersonal, .blob(hash))
      try appender.append(ValueForgotten(hash: hash))
    }
    try ledger.clearLog()
  }
}

extension Ledger {
  /// Moves the log into the file and lets the next commit begin the log anew, cut to its own length, so that no old page
  /// stays in it. Where another process reads just now, the next one to move the log does it.
  func clearLog() throws(LedgerError) {
    guard try Checkpointer(path: path, vfs: vfs).checkpoint() else { return }
    try locked { () throws(LedgerError) in
      try connection.run(.cutLogOnReset)
      try connection.transaction { () throws(LedgerError) in
        try connection.run(.setMeta, .text("cleared"), .integer(Files.unixNanos()))
      }
    }
  }
}
