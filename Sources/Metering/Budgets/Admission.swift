import Usage

/// Tokens are paid for before they are computed, in chunks.
enum TokenLease {
  /// Completion tokens of a lease. Fewer where a cap has room for fewer.
  static let chunk: Int64 = 64
}

/// A cap as it stands in the table.
struct Cap: Sendable {
  let id: Int64
  let name: String
  let scope: CapScope
  let period: CapPeriod
  let zone: String
  let currency: String
  let picos: Int64

  init(_ row: Row) throws(LedgerError) {
    id = row.integer(0)
    name = row.text(1)
    scope = try CapScope(word: row.text(2), key: row.optionalText(3), value: row.optionalBlob(4))
    guard let period = CapPeriod(rawValue: row.text(5)) else { throw .unreadableEvent("a cap of an unknown period") }
    self.period = period
    zone = row.text(6)
    currency = row.text(7)
    picos = row.integer(8)
  }

  /// When the period began that holds a moment.
  func periodStart(at unixNanos: Int64) throws(LedgerError) -> Int64 {
    try TimeZoneRules.named(zone).start(of: period, holding: unixNanos)
  }
}

/// The caps that cover one request and what a token of it is charged: looked up and used within one transaction.
private struct Coverage {
  let connection: Connection
  let caps: [(cap: Cap, period: Int64)]
  let tariff: TokenTariff

  /// Nil where no cap covers the request. Caps come in the order of their numbers, which is the order in which every
  /// process holds money of them.
  init?(_ request: RequestOpened, at: Int64, _ connection: Connection) throws(LedgerError) {
    var caps: [Cap] = []
    try connection.each(.caps) { (row) throws(LedgerError) in
      let cap = try Cap(row)
      if cap.scope.covers(request) { caps.append(cap) }
    }
    guard let first = caps.first else { return nil }
    self.connection = connection
    // A request keeps the tariff that it was opened with.
    var posted = request.tariff
    if posted == nil { posted = try Self.posted(for: request.model.name, connection) }
    guard let tariff = posted else { throw .noTariff(model: request.model.name, cap: first.name) }
    self.tariff = tariff
    var dated: [(cap: Cap, period: Int64)] = []
    for cap in caps {
      guard cap.currency == tariff.currency else {
        throw .invalid("the cap '\(cap.name)' is in \(cap.currency), the tariff of the model in \(tariff.currency)")
      }
      dated.append((cap, try cap.periodStart(at: at)))
    }
    self.caps = dated
  }

  private static func posted(for model: String, _ connection: Connection) throws(LedgerError) -> TokenTariff? {
    for name in [model, "*"] {
      let found = try connection.first(.tariff, .text(name)) { (row) throws(LedgerError) in try TokenTariff(row) }
      if let found { return found }
    }
    return nil
  }

  /// How many completion tokens, of those wanted, every cap has room for beside `reserve`; and the cap that has least.
  func room(for wanted: Int64, reserve: Int64) throws(LedgerError) -> (tokens: Int64, narrowest: Refusal?) {
    var tokens = wanted
    var narrowest: Refusal?
    for (cap, period) in caps {
      let now = try Projector(connection).spending(cap: cap.id, period: period)
      let free = cap.picos - now.spent - now.held - reserve
      let fits = free < 0 ? -1 : tariff.completion == 0 ? wanted : min(wanted, free / tariff.completion)
      if fits < wanted, narrowest == nil || fits < tokens {
        narrowest = Refusal(
          cap: cap, period: period, spent: now.spent, held: now.held, tokenPrice: max(1, tariff.completion))
      }
      tokens = min(tokens, fits)
    }
    return (tokens, narrowest)
  }

  func holds(first: Int64, tokens: Int64, amount: Int64) -> [Lease.Hold] {
    caps.map { Lease.Hold(cap: $0.cap.id, period: $0.period, first: first, tokens: tokens, amount: amount) }
  }
}

/// A cap that has no room.
struct Refusal {
  let cap: Cap
  let period: Int64
  let spent: Int64
  let held: Int64
  /// Of one completion token.
  let tokenPrice: Int64

  /// Whether nothing is left of the cap: not even a token fits, and nobody holds what could come back.
  var isExhausted: Bool { held == 0 && cap.picos - spent < tokenPrice }

  var text: String {
    let held = self.held > 0 ? ", \(Amount.text(self.held)) held by requests under way" : ""
    return "the cap '\(cap.name)' of \(Amount.text(cap.picos)) \(cap.currency) a \(cap.period.rawValue) has no room: "
      + "\(Amount.text(spent)) spent" + held
  }
}

extension LedgerWriter {
  /// Opens a request in the ledger, its prompt and its first tokens paid for from every cap that covers it.
  /// - Returns: completion tokens that may be chosen; nil where no cap applies.
  func admitted(_ opening: RequestOpening, _ request: [UInt8]) throws(LedgerError) -> Int64? {
    var refusal: Refusal?
    if let leased = try admitOnce(opening, request, &refusal) { return leased.tokens }
    // Money may be held by processes that are gone.
    if try recover() > 0, let leased = try admitOnce(opening, request, &refusal) { return leased.tokens }
    guard let refusal else { throw .overBudget("a cap has no room") }
    try fireExhausted(refusal)
    throw .overBudget(refusal.text)
  }

  /// Nil where a cap has no room; then nothing has changed.
  private func admitOnce(
    _ opening: RequestOpening, _ request: [UInt8], _ refusal: inout Refusal?
  ) throws(LedgerError) -> (tokens: Int64?, Void)? {
    var refused: Refusal?
    do throws(LedgerError) {
      return try transaction { (appender) throws(LedgerError) -> (tokens: Int64?, Void) in
        try appender.connection.checkTags(opening.tags)
        let personal = PersonalFields(connection: appender.connection)
        var tags: [(key: String, value: [UInt8])] = []
        for tag in opening.tags { tags.append((tag.key, try personal.hash(PersonalFields.tag(tag.key), tag.value))) }
        if let prices = opening.prices { try appender.record(prices) }
        var opened = RequestOpened(
          request: request, model: opening.model,
          user: try opening.user.map { (user) throws(LedgerError) in try personal.hash(PersonalFields.user, user) },
          tags: tags, promptTokens: Int64(opening.promptTokens), command: opening.command, price: opening.price,
          prices: opening.prices?.version)
        guard let coverage = try Coverage(opened, at: appender.at, appender.connection) else {
          try appender.append(opened)
          return (nil, ())
        }
        let prompt = try coverage.tariff.promptBound(opened.promptTokens)
        let wanted = min(TokenLease.chunk, opening.tokenLimit.map { Int64($0) } ?? TokenLease.chunk)
        let (tokens, narrowest) = try coverage.room(for: wanted, reserve: prompt)
        guard tokens > 0 || (wanted <= 0 && tokens == wanted) else {
          refused = narrowest
          // Takes back what the lines above may have written.
          throw .overBudget("")
        }
        opened.tariff = coverage.tariff
        let cost = try coverage.tariff.completion(tokens)
        let holds =
          coverage.holds(first: Lease.promptPlace, tokens: opened.promptTokens, amount: prompt)
          + coverage.holds(first: 0, tokens: tokens, amount: cost)
        opened.lease = Lease(holds: holds.sorted { ($0.cap, $0.first) < ($1.cap, $1.first) })
        try appender.append(opened)
        return (tokens, ())
      }
    } catch .overBudget where refused != nil {
      refusal = refused
      return nil
    }
  }

  /// Pays for up to `tokens` more completion tokens from number `first` on, from every cap that covers the request, in
  /// one transaction and in the order of the caps.
  /// - Returns: how many; zero where a cap has no room.
  func lease(_ request: [UInt8], from first: Int64, tokens: Int64) throws(LedgerError) -> Int64 {
    var refusal: Refusal?
    var leased = try leaseOnce(request, first, tokens, &refusal)
    if leased == 0, try recover() > 0 { leased = try leaseOnce(request, first, tokens, &refusal) }
    if leased == 0, let refusal { try fireExhausted(refusal) }
    return leased
  }

  private func leaseOnce(
    _ request: [UInt8], _ first: Int64, _ wanted: Int64, _ refusal: inout Refusal?
  ) throws(LedgerError) -> Int64 {
    var refused: Refusal?
    let (leased, fired) = try transaction { (appender) throws(LedgerError) -> (Int64, [FiredAlert]) in
      guard let opened = try opening(of: request, appender.connection),
        let coverage = try Coverage(opened, at: appender.at, appender.connection)
      else { return (wanted, []) }
      let (tokens, narrowest) = try coverage.room(for: wanted, reserve: 0)
      guard tokens > 0 else {
        refused = narrowest
        return (0, [])
      }
      let holds = coverage.holds(first: first, tokens: tokens, amount: try coverage.tariff.completion(tokens))
      try appender.append(TokensLeased(request: request, lease: Lease(holds: holds)))
      return (tokens, try alerts(coverage.caps.map { ($0.cap.id, $0.period) }, &appender))
    }
    refusal = refused
    run(fired)
    return leased
  }
}
