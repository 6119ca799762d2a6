/// What `verify` found to be true.
public struct Verification: Sendable {
  public var events = 0
  public var chains = 0
  /// Chains whose beginning retention has cut.
  public var cutChains = 0
  public var requests = 0
  /// Heads given from outside that are in the ledger.
  public var provenHeads = 0
}

extension Ledger {
  /// Recomputes every hash, looks for gaps, for heads that chains name and do not have, for personal values that do not
  /// match, and for tables that are not what the events say.
  /// - Parameter heads: heads that were noted earlier; each must be in the ledger, so that nothing before it was cut
  ///   or changed.
  /// - Throws: `corrupt` with the first thing that is wrong.
  @discardableResult
  public func verify(heads: [Head] = []) throws(LedgerError) -> Verification {
    try checkIntegrity()
    return try locked { () throws(LedgerError) in
      // One reading transaction, so that others may go on writing meanwhile.
      try connection.run(.beginReading)
      defer { try? connection.run(.commit) }
      var check = ChainCheck(connection: connection, path: path)
      try check.run()
      try check.prove(heads)
      try checkProjections()
      return check.result
    }
  }

  /// The heads that together stand for the whole ledger: every chain that no other has named at its present length.
  public func heads() throws(LedgerError) -> [Head] {
    try locked { () throws(LedgerError) in
      var heads: [Head] = []
      try connection.each(.tips) { row in
        heads.append(Head(writer: row.blob(1), length: row.integer(2), hash: row.blob(3)))
      }
      return heads
    }
  }

  /// Makes the projections again in a copy and compares them.
  private func checkProjections() throws(LedgerError) {
    let folder = isReadOnly ? try ScratchFolder() : nil
    defer { withExtendedLifetime(folder) {} }
    let copyPath = folder?.file ?? path + ".verify-" + Hex.text(Hashing.random(6))
    defer { for suffix in ["", "-wal", "-shm", "-journal"] { Files.remove(copyPath + suffix) } }
    let copy = try Connection(path: copyPath, mode: .create)
    try connection.copy(to: copy)
    _ = try copy.first(.rollbackJournal) { $0.text(0) }
    try copy.transaction { () throws(LedgerError) in _ = try Rebuilder(copy).rebuild() }
    for table in Migrations.projections + ["writers"] {
      guard try connection.content(of: table) == (try copy.content(of: table)) else {
        throw .corrupt(
          path: path,
          detail: "the table '\(table)' is not what the events say (`farthing ledger rebuild` makes it anew)")
      }
    }
  }
}

/// Walks all events in the order of their commits.
private struct ChainCheck {
  private struct Chain {
    let name: [UInt8]
    let length: Int64
    let head: [UInt8]
    let cut: Int64
    let cutHead: [UInt8]
    var next: Int64
    var hash: [UInt8]
  }

  let connection: Connection
  let path: String
  var result = Verification()
  private var chains: [Int64: Chain] = [:]
  private var rows: [[UInt8]: Int64] = [:]
  private var lastDigest: [UInt8]?
  /// Hashes of sealed texts, by their requests.
  private var texts: [[UInt8]: [UInt8]] = [:]

  init(connection: Connection, path: String) {
    self.connection = connection
    self.path = path
  }

  private func broken(_ detail: String) -> LedgerError { .corrupt(path: path, detail: detail) }

  mutating func run() throws(LedgerError) {
    try readChains()
    var named: [Head] = []
    try connection.each(.eventsInOrder) { (row) throws(LedgerError) in
      let event = try StoredEvent(row)
      try check(event)
      if event.kind == .chain { named += try ChainBegun(try event.fields()).heads }
      if event.kind == .checkpoint { lastDigest = try Checkpoint(try event.fields()).digest }
      if event.kind == .opened { result.requests += 1 }
      if event.kind == .text {
        let text = try TextStored(try event.fields())
        texts[text.request] = text.digest
      }
      result.events += 1
    }
    for chain in chains.values where chain.next != chain.length || chain.hash != chain.head {
      throw broken("chain \(Hex.text(chain.name)) ends after \(chain.next) events, not after \(chain.length)")
    }
    for head in named {
      if let reason = try missing(head) { throw broken("a chain names the head \(head), but \(reason)") }
    }
    try checkCuts()
    try checkPersonal()
    try checkTexts()
  }

  private mutating func readChains() throws(LedgerError) {
    try connection.each(.allWriters) { row in
      let (cut, cutHead) = (row.integer(4), row.optionalBlob(5) ?? Hashing.zero)
      chains[row.integer(0)] = Chain(
        name: row.blob(1), length: row.integer(2), head: row.blob(3), cut: cut, cutHead: cutHead, next: cut,
        hash: cutHead)
      rows[row.blob(1)] = row.integer(0)
      result.chains += 1
      result.cutChains += cut > 0 ? 1 : 0
    }
  }

  private mutating func check(_ event: StoredEvent) throws(LedgerError) {
    guard var chain = chains[event.writer] else { throw broken("event \(event.id) has an unknown writer") }
    guard event.position == chain.next else {
      throw broken("chain \(Hex.text(chain.name)): after event \(chain.next - 1) comes event \(event.position)")
    }
    guard StoredEvent.hash(after: chain.hash, event.body) == event.hash else {
      throw broken("the hash of event \(event.id) does not fit its text and the event before it")
    }
    let fields = try event.fields()
    guard try fields.text("kind") == event.kind.rawValue, try fields.integer("n") == event.position,
      try fields.integer("at") == event.at, try fields.hex("writer", count: 16) == chain.name
    else { throw broken("the columns of event \(event.id) do not say what its text says") }
    chain.next += 1
    chain.hash = event.hash
    chains[event.writer] = chain
  }

  /// Why a head is not in the ledger; nil where it is, or lies before what retention has kept.
  private func missing(_ head: Head) throws(LedgerError) -> String? {
    guard let row = rows[head.writer], let chain = chains[row] else { return "there is no such chain" }
    guard head.length <= chain.length else { return "that chain has only \(chain.length) events" }
    if head.length < chain.cut { return nil }
    if head.length == chain.cut { return head.hash == chain.cutHead ? nil : "that chain was cut at another hash" }
    let hash = try connection.first(.eventHash, .integer(row), .integer(head.length - 1)) { $0.blob(0) }
    return hash == head.hash ? nil : "that chain has another hash there"
  }

  mutating func prove(_ heads: [Head]) throws(LedgerError) {
    for head in heads {
      if let reason = try missing(head) { throw broken("it does not hold the head \(head): \(reason)") }
      if let row = rows[head.writer], let chain = chains[row], head.length < chain.cut {
        throw .invalid("the head \(head) lies before what retention has cut; it can be proved no more")
      }
      result.provenHeads += 1
    }
  }

  private func checkCuts() throws(LedgerError) {
    guard result.cutChains > 0 || lastDigest != nil else { return }
    guard lastDigest == (try CutDigest.of(connection)) else {
      throw broken("what was cut from the chains is not what the last checkpoint says")
    }
  }

  /// Texts may have been deleted, but those that are there are those that were stored.
  private func checkTexts() throws(LedgerError) {
    try connection.each(.textRows) { (row) throws(LedgerError) in
      guard texts[row.blob(0)] == Hashing.sha256(row.blob(1)) else {
        throw broken("the stored text of the request \(Hex.text(row.blob(0))) is not the one that was stored")
      }
    }
  }

  private func checkPersonal() throws(LedgerError) {
    var wrong = 0
    try connection.each(.personalRows) { row in
      let hash = PersonalFields.hash(salt: row.blob(1), field: row.text(2), value: row.text(3))
      if hash != row.blob(0) { wrong += 1 }
    }
    if wrong > 0 { throw broken("\(wrong) personal values do not match the hashes that stand for them") }
  }
}
