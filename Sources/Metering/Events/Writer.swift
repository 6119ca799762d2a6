import Synchronization
import Usage

/// One process's hand in a ledger: its chain of events, and the progress file that tells others that it lives.
///
/// - Threads: any; one transaction at a time, under the ledger's lock.
public final class LedgerWriter: @unchecked Sendable {
  public let ledger: Ledger
  /// 16 random bytes.
  let name: [UInt8]
  /// Commands to run when a threshold of a cap is crossed; see `AlertRunner`.
  public var onAlert: String?

  /// With it texts of requests are stored, sealed; nil: none is.
  public var textKey: TextKey?

  /// Row, length and head of the chain; nil until its first event. Guarded by the ledger's lock.
  private var chain: (row: Int64, length: Int64, head: [UInt8])?
  var progress: ProgressFile?
  /// CPU time of the requests that were closed, and what of it and of the process is written down. Guarded likewise.
  var requestNanos: Int64 {
    get { charged.withLock { $0 } }
    set { charged.withLock { $0 = newValue } }
  }
  private let charged = Mutex<Int64>(0)
  var accounted = ProcessTime()
  private let clock: @Sendable () -> Int64
  /// Requests that can be under way at once.
  let slots: Int
  private let syncer: Syncer

  /// - Parameters:
  ///   - slots: requests that can be under way at once; 1 to 4,096.
  ///   - clock: nanoseconds since 1970; tests give their own.
  public init(_ ledger: Ledger, slots: Int = 64, clock: (@Sendable () -> Int64)? = nil) {
    self.ledger = ledger
    self.slots = slots
    syncer = Syncer(ledger.path + "-wal")
    self.clock = clock ?? { Files.unixNanos() }
    name = Hashing.random(16)
  }

  func now() -> Int64 { clock() }

  /// Runs a transaction of this writer: what it reads, appends and changes happens at once or not at all.
  @discardableResult
  func transaction<Result>(
    _ body: (inout Appender) throws(LedgerError) -> Result
  ) throws(LedgerError) -> Result {
    try ledger.checkWritable()
    let result = try ledger.locked { () throws(LedgerError) in
      let before = chain
      do throws(LedgerError) {
        return try ledger.connection.transaction { () throws(LedgerError) in
          var appender = Appender(connection: ledger.connection, name: name, chain: chain, at: now())
          let result = try body(&appender)
          chain = appender.chain
          return result
        }
      } catch {
        chain = before
        throw error
      }
    }
    if ledger.durability == .normal { syncer.committed() }
    ledger.tidy()
    return result
  }

  /// Waits until everything committed is on the disk. Called when the work is done, so that no token waits for it.
  public func finish() throws(LedgerError) { try ledger.sync() }
}

/// Appends events within a transaction.
struct Appender {
  let connection: Connection
  let name: [UInt8]
  fileprivate(set) var chain: (row: Int64, length: Int64, head: [UInt8])?
  /// When this transaction's events happen.
  let at: Int64

  fileprivate init(
    connection: Connection, name: [UInt8], chain: (row: Int64, length: Int64, head: [UInt8])?, at: Int64
  ) {
    self.connection = connection
    self.name = name
    self.chain = chain
    self.at = at
  }

  /// Appends an event to this writer's chain and brings the tables up to date with it.
  /// - Returns: the event's number in the ledger.
  @discardableResult
  mutating func append(_ payload: some EventPayload) throws(LedgerError) -> Int64 {
    if chain == nil { try begin() }
    return try store(payload)
  }

  private mutating func begin() throws(LedgerError) {
    var heads: [Head] = []
    try connection.each(.tips) { row in
      heads.append(Head(writer: row.blob(1), length: row.integer(2), hash: row.blob(3)))
    }
    try connection.run(.insertWriter, .blob(name), .blob(Hashing.zero))
    chain = (connection.lastRow, 0, Hashing.zero)
    try store(ChainBegun(heads: heads))
  }

  @discardableResult
  private mutating func store<Payload: EventPayload>(_ payload: Payload) throws(LedgerError) -> Int64 {
    guard let (row, length, head) = chain else { preconditionFailure("an event before its chain") }
    let body = StoredEvent.body(Payload.kind, writer: name, position: length, at: at, payload.fields)
    let hash = StoredEvent.hash(after: head, body)
    try connection.run(
      .insertEvent, .integer(row), .integer(length), .text(Payload.kind.rawValue), .integer(at), .blob(body),
      .blob(hash))
    let id = connection.lastRow
    try connection.run(.advanceWriter, .integer(length + 1), .blob(hash), .integer(row))
    chain = (row, length + 1, hash)
    try Projector(connection).apply(payload, id: id, writer: row, at: at)
    return id
  }
}

/// Personal values and the hashes that stand for them in events.
///
/// A value gets a random salt when it is first seen, and is the same hash from then on, so that a report can group by
/// it. `forget` deletes salt and value: what stays in the events is a hash that nobody can test a guess against.
struct PersonalFields {
  static let user = "user"
  static func tag(_ key: String) -> String { "tag:" + key }

  let connection: Connection

  /// The hash of a value, made if it has none. Within a transaction.
  func hash(_ field: String, _ value: String) throws(LedgerError) -> [UInt8] {
    if let known = try find(field, value) { return known }
    let salt = Hashing.random(16)
    let hash = Self.hash(salt: salt, field: field, value: value)
    try connection.run(.insertPersonal, .blob(hash), .blob(salt), .text(field), .text(value))
    return hash
  }

  func find(_ field: String, _ value: String) throws(LedgerError) -> [UInt8]? {
    try connection.first(.personalHash, .text(field), .text(value)) { $0.blob(0) }
  }

  static func hash(salt: [UInt8], field: String, value: String) -> [UInt8] {
    Hashing.sha256(salt, Array(field.utf8), [0], Array(value.utf8))
  }
}
