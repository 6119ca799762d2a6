import Usage

/// What a budget is charged for a token: whole pico-units, posted before the request and never changed by it.
///
/// Because every price is a whole number, the charge for any split of a request into chunks adds up to the charge for
/// the whole, and what was reserved for unused tokens is given back exactly. A changed price is a new version; an old
/// version stays, since requests were charged by it.
public struct Tariff: Sendable, Hashable {
  /// The model's name as usage records have it.
  public var model: String
  /// The machine's name; empty: every machine without a tariff of its own.
  public var machine: String
  /// 1 for the first, ascending for the same model and machine.
  public var version: Int
  /// The first day on which it holds.
  public var from: CivilDate
  public var currency: Currency
  /// Pico-units for a prompt token that is computed; zero or above, like the others.
  public var promptPicos: Int64
  /// For a prompt token whose keys and values were found in a cache.
  public var cachedPromptPicos: Int64
  public var completionPicos: Int64
  /// Who set it, or what it was derived from.
  public var source: String

  /// - Throws: `negative` for a price below zero; `notATariff` for a version below one.
  public init(
    model: String, machine: String = "", version: Int = 1, from: CivilDate, currency: Currency = .usd,
    promptPicos: Int64, cachedPromptPicos: Int64, completionPicos: Int64, source: String
  ) throws(PricingError) {
    for picos in [promptPicos, cachedPromptPicos, completionPicos] where picos < 0 { throw .negative("\(picos)") }
    guard version >= 1 else { throw .notATariff("version \(version)") }
    self.model = model
    self.machine = machine
    self.version = version
    self.from = from
    self.currency = currency
    self.promptPicos = promptPicos
    self.cachedPromptPicos = cachedPromptPicos
    self.completionPicos = completionPicos
    self.source = source
  }

  /// The charge for so many tokens.
  /// - Throws: `negative` for a count below zero; `overflow`.
  public func charge(uncachedPrompt: Int, cachedPrompt: Int, completion: Int) throws(PricingError) -> Money {
    var total: Int128 = 0
    for (count, picos) in [
      (uncachedPrompt, promptPicos), (cachedPrompt, cachedPromptPicos), (completion, completionPicos),
    ] {
      guard count >= 0 else { throw .negative("\(count)") }
      total += Int128(count) * Int128(picos)
    }
    guard let picos = Int64(exactly: total) else { throw .overflow("the charge for a request") }
    return Money(picos: picos, currency: currency)
  }

  public func charge(_ tokens: TokenCounts) throws(PricingError) -> Money {
    try charge(
      uncachedPrompt: tokens.uncachedPrompt, cachedPrompt: tokens.cached, completion: tokens.completion)
  }

  /// The most that a prompt can be charged, before it is known what the cache holds: what admission reserves.
  public func reservation(promptTokens: Int) throws(PricingError) -> Money {
    let picos = max(promptPicos, cachedPromptPicos)
    guard promptTokens >= 0 else { throw .negative("\(promptTokens)") }
    guard let total = Int64(exactly: Int128(promptTokens) * Int128(picos)) else {
      throw .overflow("the charge for \(promptTokens) tokens")
    }
    return Money(picos: total, currency: currency)
  }

  /// How many completion tokens an amount pays for; nil where they cost nothing.
  public func completionTokens(for amount: Money) throws(PricingError) -> Int64? {
    guard amount.currency == currency else { throw .currencies(currency, amount.currency) }
    return completionPicos == 0 ? nil : max(0, amount.picos) / completionPicos
  }
}

extension Sequence<Tariff> {
  /// The tariff of a model on a machine on that day: one that names the machine comes before one for every machine;
  /// then the latest first day, then the highest version.
  public func inForce(model: String, machine: String, on day: CivilDate) -> Tariff? {
    var best: Tariff?
    for tariff in self where tariff.from <= day && tariff.model.utf8.elementsEqual(model.utf8) {
      guard tariff.machine.isEmpty || tariff.machine.utf8.elementsEqual(machine.utf8) else { continue }
      guard let known = best else {
        best = tariff
        continue
      }
      let key = (tariff.machine.isEmpty ? 0 : 1, tariff.from.dayNumber, tariff.version)
      if key > (known.machine.isEmpty ? 0 : 1, known.from.dayNumber, known.version) { best = tariff }
    }
    return best
  }
}
