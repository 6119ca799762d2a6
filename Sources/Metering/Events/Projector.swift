import Usage

/// Makes the tables that reports read out of events. The same code runs when an event is appended and when everything is
/// made again from the events, so that the two cannot differ.
struct Projector {
  let connection: Connection
  /// Ends of requests that retention has cut are passed over; else the end of an unknown request is an error.
  private let toleratesCutRequests: Bool

  init(_ connection: Connection, toleratesCutRequests: Bool = false) {
    self.connection = connection
    self.toleratesCutRequests = toleratesCutRequests
  }

  /// Brings the tables up to date with an event that is stored.
  func apply(_ payload: some EventPayload, id: Int64, writer: Int64, at: Int64) throws(LedgerError) {
    switch payload {
    case let event as ChainBegun: try apply(event, writer: writer)
    case let event as RequestOpened: try apply(event, id: id, writer: writer, at: at)
    case let event as TokensLeased: try apply(event)
    case let event as RequestSettled: try close(event.closing, lost: false, at: at)
    case let event as RequestLost: try close(event.closing, lost: true, at: at)
    case let event as MonthClosed:
      try connection.run(.insertClosedMonth, .integer(event.month), .integer(at), .integer(id))
    case let event as Checkpoint: try apply(event, id: id)
    case let event as TariffPosted: try apply(event, id: id, at: at)
    case let event as CapSet: try apply(event, id: id)
    case let event as CapRemoved: try apply(event)
    case let event as AlertFired: try apply(event, at: at)
    case let event as MachineAdded: try apply(event, id: id)
    case let event as IntervalRecorded: try apply(event, id: id)
    case let event as InvoiceImported: try apply(event, id: id)
    case let event as AdjustmentMade: try apply(event, id: id)
    case let event as TagRuleSet: try apply(event)
    case let event as PricesRecorded: try apply(event, id: id)
    case let event as ProcessEnded: try apply(event, id: id, at: at)
    default: break
    }
  }

  /// Reads a stored event as its kind.
  static func payload(of event: StoredEvent) throws(LedgerError) -> any EventPayload {
    let fields = try event.fields()
    switch event.kind {
    case .chain: return try ChainBegun(fields)
    case .opened: return try RequestOpened(fields)
    case .leased: return try TokensLeased(fields)
    case .settled: return try RequestSettled(fields)
    case .lost: return try RequestLost(fields)
    case .text: return try TextStored(fields)
    case .forgotten: return try ValueForgotten(fields)
    case .checkpoint: return try Checkpoint(fields)
    case .closed: return try MonthClosed(fields)
    case .tariff: return try TariffPosted(fields)
    case .cap: return try CapSet(fields)
    case .uncapped: return try CapRemoved(fields)
    case .alert: return try AlertFired(fields)
    case .machine: return try MachineAdded(fields)
    case .interval: return try IntervalRecorded(fields)
    case .invoice: return try InvoiceImported(fields)
    case .adjustment: return try AdjustmentMade(fields)
    case .tagrule: return try TagRuleSet(fields)
    case .prices: return try PricesRecorded(fields)
    case .process: return try ProcessEnded(fields)
    }
  }

  private func apply(_ event: ChainBegun, writer: Int64) throws(LedgerError) {
    for head in event.heads { try connection.run(.nameWriter, .integer(head.length), .blob(head.writer)) }
  }

  // MARK: Requests

  private func apply(_ event: RequestOpened, id: Int64, writer: Int64, at: Int64) throws(LedgerError) {
    try connection.run(
      .insertRequest, .integer(id), .blob(event.request), .integer(writer), .integer(at),
      .integer(try model(event.model)), .optional(event.user), .integer(event.promptTokens),
      .optional(event.command))
    for tag in event.tags {
      try connection.run(.insertRequestTag, .integer(id), .integer(try self.tag(tag.key, tag.value)))
    }
    if let tariff = event.tariff { try open(tariff, request: id) }
    if let lease = event.lease { try hold(lease, request: id) }
  }

  private func apply(_ event: TokensLeased) throws(LedgerError) {
    guard let row = try request(event.request) else {
      if toleratesCutRequests { return }
      throw .unreadableEvent("a lease for an unknown request")
    }
    try useUp(request: row.id, before: event.lease.holds.first?.first ?? 0)
    try hold(event.lease, request: row.id)
  }

  func request(_ name: [UInt8]) throws(LedgerError) -> (id: Int64, state: Int64, openedAt: Int64, model: Int64)? {
    try connection.first(.request, .blob(name)) { ($0.integer(0), $0.integer(1), $0.integer(2), $0.integer(3)) }
  }

  private func close(_ closing: Closing, lost: Bool, at: Int64) throws(LedgerError) {
    guard let row = try request(closing.request), row.state == 0 else {
      if toleratesCutRequests { return }
      throw .unreadableEvent("the end of a request that is not open")
    }
    let detail = closing.detail
    try connection.run(
      .closeRequest, .integer(row.id), .integer(lost ? 2 : 1), .integer(closing.isExact ? 1 : 0), .integer(at),
      .integer(Int64(closing.tokens.prompt)), .integer(Int64(closing.tokens.cached)),
      .integer(Int64(closing.tokens.completion)), .text(closing.finish), .text(closing.stoppedBy),
      .integer(closing.cpuNanos), .optional(detail?.timings.firstTokenNanos), .optional(detail?.timings.prefillNanos),
      .optional(detail?.timings.decodeNanos), .optional(detail?.timings.totalNanos),
      .optional(detail?.memory.kvBytes), .optional(detail?.text.promptBytes), .optional(detail?.text.answerBytes),
      .text(closing.price?.currency ?? ""), .optional(closing.marginalPicos), .optional(closing.chargePicos),
      .optional(closing.promptCPUNanos))
    try release(closing, request: row.id)
    try add(closing, day: Int64(UTCDay.number(of: row.openedAt)), model: row.model)
  }

  private func model(_ model: ModelIdentity) throws(LedgerError) -> Int64 {
    let key: [SQLValue] = [.text(model.name), .text(model.quantization), .text(model.sha256 ?? "")]
    if let known = try connection.first(.modelNumber, key[0], key[1], key[2], body: { $0.integer(0) }) { return known }
    try connection.run(.insertModel, key[0], key[1], key[2])
    return connection.lastRow
  }

  private func tag(_ key: String, _ value: [UInt8]) throws(LedgerError) -> Int64 {
    if let known = try connection.first(.tagNumber, .text(key), .blob(value), body: { $0.integer(0) }) { return known }
    try connection.run(.insertTag, .text(key), .blob(value))
    return connection.lastRow
  }

  private func add(_ closing: Closing, day: Int64, model: Int64) throws(LedgerError) {
    var total = Totals()
    try total.add(closing)
    try add(total, day: day, model: model, currency: closing.price?.currency ?? "", cut: false)
  }

  private func apply(_ event: Checkpoint, id: Int64) throws(LedgerError) {
    if event.processes != ProcessTime() {
      try insert(event.processes, of: 0, id: id, at: event.before - 1, isExact: true)
    }
    for line in event.totals {
      try add(line.totals, day: line.day, model: try model(line.model), currency: line.currency, cut: true)
    }
  }

  /// Adds to a line of the totals.
  func add(_ sum: Totals, day: Int64, model: Int64, currency: String, cut: Bool) throws(LedgerError) {
    let key: [SQLValue] = [.integer(day), .integer(model), .text(currency), .integer(cut ? 1 : 0)]
    var total = try connection.first(.addTotal, key[0], key[1], key[2], key[3]) { Totals($0, from: 0) } ?? Totals()
    try total.add(sum)
    try connection.run(
      .insertTotal, key[0], key[1], key[2], key[3], .integer(total.requests), .integer(total.prompt),
      .integer(total.cached),
      .integer(total.completion), .integer(total.cpuNanos), .integer(total.unpriced), .integer(total.marginalPicos))
  }
}

/// Sums over requests. Amounts are added in Swift, where leaving 64 bits is an error, and never by SQL.
public struct Totals: Sendable, Hashable {
  public var requests: Int64 = 0
  public var prompt: Int64 = 0
  public var cached: Int64 = 0
  public var completion: Int64 = 0
  public var cpuNanos: Int64 = 0
  /// Requests for which no price was known.
  public var unpriced: Int64 = 0
  public var marginalPicos: Int64 = 0

  public init() {}

  init(_ row: Row, from column: Int32) {
    requests = row.integer(column)
    prompt = row.integer(column + 1)
    cached = row.integer(column + 2)
    completion = row.integer(column + 3)
    cpuNanos = row.integer(column + 4)
    unpriced = row.integer(column + 5)
    marginalPicos = row.integer(column + 6)
  }

  mutating func add(_ closing: Closing) throws(LedgerError) {
    var one = Totals()
    one.requests = 1
    one.prompt = Int64(closing.tokens.prompt)
    one.cached = Int64(closing.tokens.cached)
    one.completion = Int64(closing.tokens.completion)
    one.cpuNanos = closing.cpuNanos
    one.unpriced = closing.marginalPicos == nil ? 1 : 0
    one.marginalPicos = closing.marginalPicos ?? 0
    try add(one)
  }

  mutating func add(_ other: Totals) throws(LedgerError) {
    requests = try Amount.sum(requests, other.requests, "a total of requests")
    prompt = try Amount.sum(prompt, other.prompt, "a total of tokens")
    cached = try Amount.sum(cached, other.cached, "a total of tokens")
    completion = try Amount.sum(completion, other.completion, "a total of tokens")
    cpuNanos = try Amount.sum(cpuNanos, other.cpuNanos, "a total of CPU time")
    unpriced = try Amount.sum(unpriced, other.unpriced, "a total of requests")
    marginalPicos = try Amount.sum(marginalPicos, other.marginalPicos, "a total of costs")
  }
}

/// Days and months of UTC, from nanoseconds since 1970.
enum UTCDay {
  static let nanos: Int64 = 86_400_000_000_000

  static func number(of unixNanos: Int64) -> Int64 {
    let (quotient, remainder) = unixNanos.quotientAndRemainder(dividingBy: nanos)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
