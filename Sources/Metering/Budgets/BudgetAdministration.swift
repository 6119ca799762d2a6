import Usage

/// Whose requests a cap covers, in a person's words.
public enum BudgetScope: Sendable, Hashable {
  case all
  case model(String)
  case user(String)
  case tag(key: String, value: String)
}

/// A cap and how far it is used in the period that holds a moment.
public struct CapStatus: Sendable {
  public var name: String
  public var scope: BudgetScope
  public var period: CapPeriod
  public var zone: String
  public var currency: String
  public var amountPicos: Int64
  /// When the present period began, nanoseconds since 1970.
  public var since: Int64
  public var spentPicos: Int64
  /// By requests under way.
  public var heldPicos: Int64
  /// Thresholds announced in this period, in per cent.
  public var announced: [Int64]
}

/// What was spent of a cap in one of its periods.
public struct CapPeriodSpending: Sendable {
  public var cap: String
  public var currency: String
  /// When the period began, nanoseconds since 1970.
  public var since: Int64
  public var spentPicos: Int64
  public var heldPicos: Int64
}

/// A tariff and the model that it is for.
public struct PostedTariff: Sendable {
  public var model: String
  public var tariff: TokenTariff
  public var since: Int64
}

extension LedgerWriter {
  /// Sets a cap, or gives the one of that name another amount. It counts what is spent from its setting on.
  /// - Throws: `invalid` for an unknown time zone, an amount that is not above zero, or another scope or period than the
  ///   cap of that name has.
  public func setCap(
    _ name: String, scope: BudgetScope, period: CapPeriod, zone: String, currency: String, amountPicos: Int64
  ) throws(LedgerError) {
    guard amountPicos > 0 else { throw .invalid("a cap must be above zero") }
    _ = try TimeZoneRules.named(zone)
    try transaction { (appender) throws(LedgerError) in
      let connection = appender.connection
      let set = CapSet(
        name: name, scope: try resolved(scope, connection), period: period, zone: zone, currency: currency,
        picos: amountPicos)
      let existing = try connection.first(.cap, .text(name)) { (row) throws(LedgerError) in try Cap(row) }
      if let existing {
        guard existing.scope == set.scope, existing.period == period, existing.zone == zone,
          existing.currency == currency
        else {
          throw .invalid("the cap '\(name)' is there with another scope, period, zone or currency; remove it first")
        }
      }
      try appender.append(set)
    }
  }

  private func resolved(_ scope: BudgetScope, _ connection: Connection) throws(LedgerError) -> CapScope {
    let personal = PersonalFields(connection: connection)
    switch scope {
    case .all: return .all
    case .model(let name): return .model(name)
    case .user(let name): return .user(try personal.hash(PersonalFields.user, name))
    case .tag(let key, let value): return .tag(key, try personal.hash(PersonalFields.tag(key), value))
    }
  }

  /// Removes a cap. Requests under way end as if it were there no more.
  public func removeCap(_ name: String) throws(LedgerError) {
    try transaction { (appender) throws(LedgerError) in
      guard try appender.connection.first(.cap, .text(name), body: { _ in true }) != nil else {
        throw .invalid("there is no cap '\(name)'")
      }
      try appender.append(CapRemoved(name: name))
    }
  }

  /// Posts what budgets are charged for a token of a model (`*`: of all that have no tariff of their own) from now on.
  public func postTariff(_ tariff: TokenTariff, model: String) throws(LedgerError) {
    try transaction { (appender) throws(LedgerError) in
      _ = try appender.append(TariffPosted(model: model, tariff: tariff))
    }
  }
}

extension Ledger {
  /// Every cap, in the order of their setting.
  public func caps(at unixNanos: Int64) throws(LedgerError) -> [CapStatus] {
    try locked { () throws(LedgerError) in
      var caps: [Cap] = []
      try connection.each(.caps) { (row) throws(LedgerError) in caps.append(try Cap(row)) }
      var result: [CapStatus] = []
      for cap in caps {
        let since = try cap.periodStart(at: unixNanos)
        let now = try Projector(connection).spending(cap: cap.id, period: since)
        var announced: [Int64] = []
        try connection.each(.alerts, .integer(cap.id), .integer(since)) { announced.append($0.integer(0)) }
        result.append(
          CapStatus(
            name: cap.name, scope: try words(for: cap.scope), period: cap.period, zone: cap.zone,
            currency: cap.currency, amountPicos: cap.picos, since: since, spentPicos: now.spent, heldPicos: now.held,
            announced: announced))
      }
      return result
    }
  }

  /// What was spent of each cap that is set in each of its periods, earliest first.
  public func capHistory() throws(LedgerError) -> [CapPeriodSpending] {
    try locked { () throws(LedgerError) in
      var names: [Int64: Cap] = [:]
      try connection.each(.caps) { (row) throws(LedgerError) in
        let cap = try Cap(row)
        names[cap.id] = cap
      }
      var history: [CapPeriodSpending] = []
      try connection.each(.allSpending) { row in
        guard let cap = names[row.integer(0)] else { return }
        history.append(
          CapPeriodSpending(
            cap: cap.name, currency: cap.currency, since: row.integer(1), spentPicos: row.integer(2),
            heldPicos: row.integer(3)))
      }
      return history
    }
  }

  private func words(for scope: CapScope) throws(LedgerError) -> BudgetScope {
    func value(_ hash: [UInt8]) throws(LedgerError) -> String {
      try connection.first(.personalValue, .blob(hash)) { $0.text(1) } ?? "(forgotten)"
    }
    switch scope {
    case .all: return .all
    case .model(let name): return .model(name)
    case .user(let hash): return .user(try value(hash))
    case .tag(let key, let hash): return .tag(key: key, value: try value(hash))
    }
  }

  /// Every tariff ever posted; of a model's, the last one holds.
  public func tariffs() throws(LedgerError) -> [PostedTariff] {
    try locked { () throws(LedgerError) in
      var tariffs: [PostedTariff] = []
      try connection.each(.tariffs) { (row) throws(LedgerError) in
        let tariff = try TokenTariff(
          currency: row.text(1), uncached: row.integer(2), cached: row.integer(3), completion: row.integer(4))
        tariffs.append(PostedTariff(model: row.text(0), tariff: tariff, since: row.integer(5)))
      }
      return tariffs
    }
  }

  /// A tariff that covers what a model's requests have cost at the margin: their cost, split by prefill and decode time,
  /// over the tokens that were computed; rounded up to a pico-unit. Tokens from a cache cost nothing here.
  /// - Throws: `invalid` where no closed request of the model has a price and latencies, or they have several currencies.
  public func measuredTariff(model: String) throws(LedgerError) -> TokenTariff {
    try locked { () throws(LedgerError) in
      var (input, output): (Int128, Int128) = (0, 0)
      var (uncached, completion): (Int128, Int128) = (0, 0)
      var currencies: Set<String> = []
      try connection.each(.measuredRows, .text(model)) { row in
        let (prefill, decode) = (Int128(max(0, row.integer(3))), Int128(max(0, row.integer(4))))
        let cost = Int128(row.integer(6))
        let part = prefill + decode > 0 ? cost * prefill / (prefill + decode) : 0
        input += part
        output += cost - part
        uncached += Int128(max(0, row.integer(0) - row.integer(1)))
        completion += Int128(row.integer(2))
        currencies.insert(row.text(5))
      }
      guard let currency = currencies.first, currencies.count == 1 else {
        throw .invalid(
          currencies.isEmpty
            ? "the ledger holds no request of '\(model)' with a price (see --vm and --usd-per-hour of `run`)"
            : "the requests of '\(model)' have prices in several currencies")
      }
      func perToken(_ cost: Int128, _ tokens: Int128) throws(LedgerError) -> Int64 {
        guard tokens > 0 else { return 0 }
        return try Amount.narrowed((cost + tokens - 1) / tokens, "the cost of a token")
      }
      return try TokenTariff(
        currency: currency, uncached: try perToken(input, uncached), cached: 0,
        completion: try perToken(output, completion))
    }
  }
}
