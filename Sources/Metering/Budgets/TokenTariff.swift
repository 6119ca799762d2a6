/// What budgets are charged for a token: whole pico-units, so that any number of tokens costs exactly its sum.
public struct TokenTariff: Sendable, Hashable {
  public let currency: String
  /// For a token of the prompt that has to be computed.
  public let uncached: Int64
  /// For a token of the prompt that a cache holds.
  public let cached: Int64
  public let completion: Int64

  /// - Throws: `invalid` for a price below zero.
  public init(currency: String, uncached: Int64, cached: Int64, completion: Int64) throws(LedgerError) {
    guard uncached >= 0, cached >= 0, completion >= 0 else { throw .invalid("a tariff has no price below zero") }
    self.currency = currency
    self.uncached = uncached
    self.cached = cached
    self.completion = completion
  }

  /// What a prompt costs at most, before it is known how much of it a cache holds.
  func promptBound(_ tokens: Int64) throws(LedgerError) -> Int64 {
    try Amount.product(tokens, max(uncached, cached), "the price of \(tokens) prompt tokens")
  }

  func prompt(_ tokens: Int64, cached hits: Int64) throws(LedgerError) -> Int64 {
    try Amount.narrowed(
      Int128(tokens - hits) * Int128(uncached) + Int128(hits) * Int128(cached), "the price of \(tokens) prompt tokens")
  }

  func completion(_ tokens: Int64) throws(LedgerError) -> Int64 {
    try Amount.product(tokens, completion, "the price of \(tokens) completion tokens")
  }

  var json: CanonicalJSON {
    .object([
      "currency": .text(currency), "uncached": .amount(uncached), "cached": .amount(cached),
      "completion": .amount(completion),
    ])
  }

  init(_ fields: EventFields) throws(LedgerError) {
    try self.init(
      currency: try fields.text("currency"), uncached: try fields.amount("uncached"),
      cached: try fields.amount("cached"), completion: try fields.amount("completion"))
  }
}

/// Tokens paid for in advance: what is held of each cap for completion tokens `first ..< first + tokens`. The prompt's
/// hold has `first` = -1.
struct Lease: Sendable, Equatable {
  struct Hold: Sendable, Equatable {
    var cap: Int64
    /// Start of the cap's period, nanoseconds since 1970.
    var period: Int64
    var first: Int64
    var tokens: Int64
    var amount: Int64
  }

  /// Holds in the order of their caps.
  var holds: [Hold]

  static let promptPlace: Int64 = -1

  init(holds: [Hold]) { self.holds = holds }

  init(_ fields: [EventFields]) throws(LedgerError) {
    holds = []
    for hold in fields {
      holds.append(
        Hold(
          cap: try hold.integer("cap"), period: try hold.integer("period"), first: try hold.integer("first"),
          tokens: try hold.integer("tokens"), amount: try hold.amount("amount")))
    }
  }

  var json: CanonicalJSON {
    .list(
      holds.map {
        .object([
          "cap": .integer($0.cap), "period": .integer($0.period), "first": .integer($0.first),
          "tokens": .integer($0.tokens), "amount": .amount($0.amount),
        ])
      })
  }
}
