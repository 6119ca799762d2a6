/// What a token of a model is charged to budgets from now on.
struct TariffPosted: EventPayload {
  static let kind = EventKind.tariff

  /// `*` is every model that has no tariff of its own.
  var model: String
  var tariff: TokenTariff

  var fields: [String: CanonicalJSON] { ["model": .text(model), "tariff": tariff.json] }

  init(model: String, tariff: TokenTariff) {
    self.model = model
    self.tariff = tariff
  }

  init(_ fields: EventFields) throws(LedgerError) {
    model = try fields.text("model")
    tariff = try TokenTariff(try fields.object("tariff"))
  }
}

/// A cap is set, or one that is there gets another amount.
struct CapSet: EventPayload {
  static let kind = EventKind.cap

  var name: String
  var scope: CapScope
  var period: CapPeriod
  /// A name of the time zone database, or `UTC`.
  var zone: String
  var currency: String
  var picos: Int64

  var fields: [String: CanonicalJSON] {
    [
      "name": .text(name), "scope": .text(scope.word), "period": .text(period.rawValue), "zone": .text(zone),
      "currency": .text(currency), "amount": .amount(picos), "key": .optional(scope.key),
      "value": .optionalHex(scope.value),
    ]
  }

  init(name: String, scope: CapScope, period: CapPeriod, zone: String, currency: String, picos: Int64) {
    self.name = name
    self.scope = scope
    self.period = period
    self.zone = zone
    self.currency = currency
    self.picos = picos
  }

  init(_ fields: EventFields) throws(LedgerError) {
    name = try fields.text("name")
    scope = try CapScope(
      word: try fields.text("scope"), key: try fields.optionalText("key"),
      value: try fields.optionalHex("value", count: Hashing.size))
    guard let period = CapPeriod(rawValue: try fields.text("period")) else {
      throw .unreadableEvent("a cap of an unknown period")
    }
    self.period = period
    zone = try fields.text("zone")
    currency = try fields.text("currency")
    picos = try fields.amount("amount")
  }
}

struct CapRemoved: EventPayload {
  static let kind = EventKind.uncapped
  var name: String
  var fields: [String: CanonicalJSON] { ["name": .text(name)] }
  init(name: String) { self.name = name }
  init(_ fields: EventFields) throws(LedgerError) { name = try fields.text("name") }
}

/// Spending of a cap's period reached a threshold; said once.
struct AlertFired: EventPayload {
  static let kind = EventKind.alert

  var cap: Int64
  var period: Int64
  var percent: Int64

  var fields: [String: CanonicalJSON] {
    ["cap": .integer(cap), "period": .integer(period), "percent": .integer(percent)]
  }

  init(cap: Int64, period: Int64, percent: Int64) {
    self.cap = cap
    self.period = period
    self.percent = percent
  }

  init(_ fields: EventFields) throws(LedgerError) {
    cap = try fields.integer("cap")
    period = try fields.integer("period")
    percent = try fields.integer("percent")
  }
}

/// Whose requests a cap covers.
enum CapScope: Sendable, Hashable {
  case all
  case model(String)
  /// The hash that stands for a user.
  case user([UInt8])
  /// A tag's key and the hash that stands for its value.
  case tag(String, [UInt8])

  var word: String {
    switch self {
    case .all: "all"
    case .model: "model"
    case .user: "user"
    case .tag: "tag"
    }
  }

  var key: String? {
    switch self {
    case .tag(let key, _), .model(let key): key
    default: nil
    }
  }

  var value: [UInt8]? {
    switch self {
    case .user(let value), .tag(_, let value): value
    default: nil
    }
  }

  init(word: String, key: String?, value: [UInt8]?) throws(LedgerError) {
    switch (word, key, value) {
    case ("all", _, _): self = .all
    case ("model", let model?, _): self = .model(model)
    case ("user", _, let user?): self = .user(user)
    case ("tag", let key?, let value?): self = .tag(key, value)
    default: throw .unreadableEvent("a cap of an unknown scope '\(word)'")
    }
  }

  func covers(_ request: RequestOpened) -> Bool {
    switch self {
    case .all: true
    case .model(let name): Array(name.utf8) == Array(request.model.name.utf8)
    case .user(let hash): request.user == hash
    case .tag(let key, let hash): request.tags.contains { Array($0.key.utf8) == Array(key.utf8) && $0.value == hash }
    }
  }
}

public enum CapPeriod: String, CaseIterable, Sendable { case day, month }
