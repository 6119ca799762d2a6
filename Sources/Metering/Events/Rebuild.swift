import Usage

extension Ledger {
  /// Empties every table that is made of events and makes it again from them, in one transaction.
  /// - Returns: how many events there are.
  @discardableResult
  public func rebuild() throws(LedgerError) -> Int {
    try checkWritable()
    return try locked { () throws(LedgerError) in
      try connection.transaction { () throws(LedgerError) in try Rebuilder(connection).rebuild() }
    }
  }
}

/// Makes the projections of a connection's ledger again. Within a transaction.
struct Rebuilder {
  private let connection: Connection

  init(_ connection: Connection) { self.connection = connection }

  private static let page: Int64 = 1000

  func rebuild() throws(LedgerError) -> Int {
    let clear = Migrations.projections.map { "DELETE FROM \($0);" }.joined(separator: "\n")
    try connection.script(clear, name: "clearProjections")
    try connection.run(.resetWriters)
    // After retention a request may be cut whose end another chain still holds.
    var hasCut = false
    try connection.each(.allWriters) { row in hasCut = hasCut || row.integer(4) > 0 }
    let projector = Projector(connection, toleratesCutRequests: hasCut)
    var (last, count): (Int64, Int) = (0, 0)
    while true {
      var events: [StoredEvent] = []
      try connection.each(.eventsFrom, .integer(last), .integer(Self.page)) { (row) throws(LedgerError) in
        events.append(try StoredEvent(row))
      }
      for event in events {
        try connection.run(
          .advanceWriter, .integer(event.position + 1), .blob(event.hash), .integer(event.writer))
        try projector.apply(try Projector.payload(of: event), id: event.id, writer: event.writer, at: event.at)
        (last, count) = (event.id, count + 1)
      }
      if events.count < Int(Self.page) { return count }
    }
  }
}

extension LedgerWriter {
  /// Cuts closed requests from before a moment out of the events, at the beginnings of their chains, and appends a
  /// checkpoint that holds what they add up to and a hash over the heads of what was cut.
  ///
  /// A chain is cut up to its first event that must stay: one that is not about requests, one that is not old enough,
  /// or one of a request that ended later or in another chain.
  /// - Parameter before: nanoseconds since 1970; not later than a day before the present month, so that no cap forgets
  ///   what was spent of it.
  /// - Returns: how many events and requests were cut.
  @discardableResult
  public func prune(before: Int64) throws(LedgerError) -> (events: Int, requests: Int) {
    let today = CivilDate(unixNanos: now())
    guard let monthStart = CivilDate(year: today.year, month: today.month, day: 1),
      before <= Int64(monthStart.dayNumber - 1) * UTCDay.nanos
    else { throw .invalid("what is pruned must be older than the present month, whose caps still count it") }
    return try transaction { (appender) throws(LedgerError) in
      try Pruner(connection: appender.connection, before: before).prune(&appender)
    }
  }
}

private struct Pruner {
  let connection: Connection
  let before: Int64

  func prune(_ appender: inout Appender) throws(LedgerError) -> (events: Int, requests: Int) {
    var writers: [Int64] = []
    try connection.each(.allWriters) { row in writers.append(row.integer(0)) }
    let prices = try connection.priceVersions()
    var events = 0
    for writer in writers { events += try cut(writer) }
    guard events > 0 else { return (0, 0) }
    let (lines, requests) = try cutTotals()
    var processes = ProcessTime()
    try connection.each(.processesToCut) { (row) throws(LedgerError) in
      var one = ProcessTime()
      (one.cpuNanos, one.requestNanos) = (row.integer(0), row.integer(1))
      try processes.add(one)
    }
    let (digest, chains) = try Self.digest(connection)
    try appender.append(
      Checkpoint(
        before: before, digest: digest, chains: chains, requests: requests, totals: lines, processes: processes))
    _ = try Rebuilder(connection).rebuild()
    try keep(prices, &appender)
    // What was said goes with the request that it was said in.
    try connection.run(.deleteCutTexts)
    return (events, Int(requests))
  }

  /// Records anew the prices that requests name which stay, where the event that held them was cut.
  private func keep(_ prices: [PriceRows], _ appender: inout Appender) throws(LedgerError) {
    let kept = try Set(connection.priceVersions().map(\.version))
    let lost = prices.filter { !kept.contains($0.version) }
    guard !lost.isEmpty else { return }
    var named: Set<[UInt8]> = []
    try connection.each(.eventsInOrder) { (row) throws(LedgerError) in
      let event = try StoredEvent(row)
      guard event.kind == .opened, let version = try RequestOpened(try event.fields()).prices else { return }
      named.insert(version)
    }
    for version in lost where named.contains(version.version) { try appender.append(PricesRecorded(version)) }
  }

  /// - Returns: the number of events cut from this chain.
  private func cut(_ writer: Int64) throws(LedgerError) -> Int {
    var end: (position: Int64, hash: [UInt8])?
    var isStopped = false
    var count = 0
    try connection.each(.keptEvents, .integer(writer)) { row in
      isStopped = isStopped || !isOld(row)
      if isStopped { return }
      end = (row.integer(0) + 1, row.blob(3))
      count += 1
    }
    guard let end else { return 0 }
    try connection.run(.cutEvents, .integer(writer), .integer(end.position))
    try connection.run(.cutWriter, .integer(writer), .integer(end.position), .blob(end.hash))
    return count
  }

  private func isOld(_ row: Row) -> Bool {
    guard row.integer(2) < before, let kind = EventKind(rawValue: row.text(1)) else { return false }
    switch kind {
    case .chain, .leased, .settled, .text, .process, .prices: return true
    case .opened: return row.integer(4) > 0 && row.integer(5) < before
    default: return false
    }
  }

  private func cutTotals() throws(LedgerError) -> (lines: [Checkpoint.Line], requests: Int64) {
    struct Key: Hashable {
      let day: Int64
      let model: ModelIdentity
      let currency: String
    }
    var sums: [Key: Totals] = [:]
    var requests: Int64 = 0
    try connection.each(.requestsToCut) { (row) throws(LedgerError) in
      let sha256 = row.text(3)
      let key = Key(
        day: UTCDay.number(of: row.integer(0)),
        model: ModelIdentity(name: row.text(1), sha256: sha256.isEmpty ? nil : sha256, quantization: row.text(2)),
        currency: row.text(8))
      var one = Totals()
      one.requests = 1
      (one.prompt, one.cached, one.completion) = (row.integer(4), row.integer(5), row.integer(6))
      one.cpuNanos = row.integer(7)
      one.unpriced = row.isNull(9) ? 1 : 0
      one.marginalPicos = row.integer(9)
      try sums[key, default: Totals()].add(one)
      requests += 1
    }
    let lines = sums.map {
      Checkpoint.Line(day: $0.key.day, model: $0.key.model, currency: $0.key.currency, totals: $0.value)
    }
    return (
      lines.sorted {
        ($0.day, $0.model.name, $0.model.quantization, $0.currency) < (
          $1.day, $1.model.name, $1.model.quantization, $1.currency
        )
      },
      requests
    )
  }

  static func digest(_ connection: Connection) throws(LedgerError) -> (digest: [UInt8], chains: Int64) {
    var lines: [String] = []
    try connection.each(.allWriters) { row in
      guard let hash = row.optionalBlob(5), row.integer(4) > 0 else { return }
      lines.append(Head(writer: row.blob(1), length: row.integer(4), hash: hash).description)
    }
    let text = lines.sorted().map { $0 + "\n" }.joined()
    return (Hashing.sha256(Array(text.utf8)), Int64(lines.count))
  }
}

/// What every chain's cut adds up to, for `verify`.
enum CutDigest {
  static func of(_ connection: Connection) throws(LedgerError) -> [UInt8] { try Pruner.digest(connection).digest }
}
