import Usage

/// The part of the projection that keeps, for each cap and period, what is spent and what requests under way hold.
///
/// ```
///           lease               used up, or the request ends
///  free ------------> held --------------------------------> spent
///    ^                  |
///    +------------------+  the request ends with tokens unused
/// ```
extension Projector {
  func open(_ tariff: TokenTariff, request: Int64) throws(LedgerError) {
    try connection.run(
      .insertRequestTariff, .integer(request), .text(tariff.currency), .integer(tariff.uncached),
      .integer(tariff.cached), .integer(tariff.completion))
  }

  func tariff(ofRequest request: Int64) throws(LedgerError) -> TokenTariff? {
    try connection.first(.requestTariff, .integer(request)) { (row) throws(LedgerError) in try TokenTariff(row) }
  }

  func holds(ofRequest request: Int64) throws(LedgerError) -> [Lease.Hold] {
    var holds: [Lease.Hold] = []
    try connection.each(.holds, .integer(request)) { row in
      holds.append(
        Lease.Hold(
          cap: row.integer(0), period: row.integer(3), first: row.integer(1), tokens: row.integer(2),
          amount: row.integer(4)))
    }
    return holds
  }

  func spending(cap: Int64, period: Int64) throws(LedgerError) -> (spent: Int64, held: Int64) {
    try connection.first(.spending, .integer(cap), .integer(period)) { ($0.integer(0), $0.integer(1)) } ?? (0, 0)
  }

  func hold(_ lease: Lease, request: Int64) throws(LedgerError) {
    for hold in lease.holds {
      try connection.run(
        .insertHold, .integer(request), .integer(hold.cap), .integer(hold.first), .integer(hold.tokens),
        .integer(hold.period), .integer(hold.amount))
      try move(hold, held: hold.amount, spent: 0)
    }
  }

  /// A request that leases from token `first` on has used what it held for the tokens before.
  func useUp(request: Int64, before first: Int64) throws(LedgerError) {
    for hold in try holds(ofRequest: request) where hold.first >= 0 && hold.first + hold.tokens <= first {
      try connection.run(.deleteHold, .integer(request), .integer(hold.cap), .integer(hold.first))
      try move(hold, held: -hold.amount, spent: hold.amount)
    }
  }

  /// The request ends: what it used of its holds is spent, the rest is free again.
  func release(_ closing: Closing, request: Int64) throws(LedgerError) {
    guard let tariff = try tariff(ofRequest: request) else { return }
    for hold in try holds(ofRequest: request) {
      try connection.run(.deleteHold, .integer(request), .integer(hold.cap), .integer(hold.first))
      try move(hold, held: -hold.amount, spent: try used(hold, closing.tokens, tariff))
    }
    try connection.run(.deleteRequestTariff, .integer(request))
  }

  private func used(_ hold: Lease.Hold, _ tokens: TokenCounts, _ tariff: TokenTariff) throws(LedgerError) -> Int64 {
    if hold.first == Lease.promptPlace {
      return min(hold.amount, try tariff.prompt(Int64(tokens.prompt), cached: Int64(tokens.cached)))
    }
    return try tariff.completion(min(hold.tokens, max(0, Int64(tokens.completion) - hold.first)))
  }

  private func move(_ hold: Lease.Hold, held: Int64, spent: Int64) throws(LedgerError) {
    let now = try spending(cap: hold.cap, period: hold.period)
    let (nextSpent, nextHeld) = (
      try Amount.sum(now.spent, spent, "what is spent of a cap"),
      try Amount.sum(now.held, held, "what is held of a cap")
    )
    guard nextHeld >= 0 else { throw .unreadableEvent("a cap from which more is released than was held") }
    try connection.run(
      .setSpending, .integer(hold.cap), .integer(hold.period), .integer(nextSpent), .integer(nextHeld))
  }

  // MARK: Caps and tariffs

  func apply(_ event: TariffPosted, id: Int64, at: Int64) throws(LedgerError) {
    try connection.run(
      .insertTariff, .integer(id), .text(event.model), .text(event.tariff.currency), .integer(event.tariff.uncached),
      .integer(event.tariff.cached), .integer(event.tariff.completion), .integer(at))
  }

  func apply(_ event: CapSet, id: Int64) throws(LedgerError) {
    if try connection.first(.cap, .text(event.name), body: { _ in true }) != nil {
      return try connection.run(.changeCap, .integer(event.picos), .text(event.name))
    }
    try connection.run(
      .insertCap, .integer(id), .text(event.name), .text(event.scope.word), .optional(event.scope.key),
      .optional(event.scope.value), .text(event.period.rawValue), .text(event.zone), .text(event.currency),
      .integer(event.picos))
  }

  func apply(_ event: CapRemoved) throws(LedgerError) {
    try connection.run(.deleteCap, .text(event.name))
  }

  func apply(_ event: AlertFired, at: Int64) throws(LedgerError) {
    try connection.run(
      .insertAlert, .integer(event.cap), .integer(event.period), .integer(event.percent), .integer(at))
  }
}

extension TokenTariff {
  init(_ row: Row) throws(LedgerError) {
    try self.init(
      currency: row.text(0), uncached: row.integer(1), cached: row.integer(2), completion: row.integer(3))
  }
}
