import Generation
import Metering
import Pricing
import Usage

/// Brings requests into the ledger: the seam between what computes and what accounts.
public final class Meter {
  public struct Options: Sendable {
    /// The ledger's file; nil for the usual place.
    public var path: String?
    public var durability = Durability.normal
    /// A command for the shell, run when spending crosses a threshold of a cap.
    public var onAlert: String?
    public var user: String?
    public var tags: [(key: String, value: String)] = []
    /// Requests that can be under way at once.
    public var slots = 64
    /// What asks: `run`, `batch`, `bench`.
    public var command = "run"
    /// Prompts and answers are stored too, sealed with the key in the usual place, which is made where it is missing.
    public var storesText = false

    public init() {}
  }

  private let writer: LedgerWriter
  private let options: Options
  /// The rows of the last prices, which most requests of a process share.
  private var rows: (price: HourlyPrice?, compared: [HostedModel], rows: PriceRows)?

  /// Opens the ledger and closes what processes that are gone have left open.
  /// - Throws: `LedgerError`; no request may be run then, unless the person wants it unmetered.
  public init(_ options: Options) throws(LedgerError) {
    self.options = options
    let path = if let given = options.path { given } else { try LedgerLocation.path() }
    writer = LedgerWriter(try Ledger(path: path, durability: options.durability), slots: options.slots)
    writer.onAlert = options.onAlert
    if options.storesText { writer.textKey = try TextKey.made(at: try TextKey.location()) }
    try writer.recover()
  }

  /// Puts a request into the ledger, before its first token.
  /// - Parameters:
  ///   - price: of the machine; nil where nobody said.
  ///   - compared: the hosted models of its receipt.
  public func open(
    model: ModelIdentity, promptTokens: Int, tokenLimit: Int?, price: HourlyPrice?, compared: [HostedModel] = []
  ) throws(LedgerError) -> MeteredRequest {
    let request = try writer.open(
      RequestOpening(
        model: model, promptTokens: promptTokens, user: options.user, tags: options.tags, tokenLimit: tokenLimit,
        command: options.command, price: price.flatMap { RequestPrice($0) },
        prices: rows(price, compared)))
    return request
  }

  private func rows(_ price: HourlyPrice?, _ compared: [HostedModel]) -> PriceRows? {
    guard price != nil || !compared.isEmpty else { return nil }
    if let rows, rows.price == price, rows.compared == compared { return rows.rows }
    let made = PriceRows(price: price, hosted: compared)
    rows = (price, compared, made)
    return made
  }

  /// What is stored of a request's text; nil for nothing.
  public func text(prompt: Prompt, answer: [UInt8]) -> RequestText? {
    options.storesText ? RequestText(prompt: prompt.text, answer: answer) : nil
  }

  /// What the ledger holds of the day of a request that is closed, for its receipt.
  public func entry(of request: MeteredRequest, at unixNanos: Int64) throws(LedgerError) -> LedgerEntry {
    LedgerEntry(
      request: request.identity.description, day: CivilDate(unixNanos: unixNanos),
      totals: try writer.totals(ofDayAt: unixNanos))
  }

  /// The work is done: waits for the disk, so that no token had to.
  public func close() throws(LedgerError) { try writer.close() }
}

/// What a receipt says of the ledger.
public struct LedgerEntry: Sendable, Hashable {
  /// The request's name in the ledger.
  public var request: String
  /// The day of UTC on which it arrived.
  public var day: CivilDate
  /// What that day's requests add up to so far, by currency; `""` for those without a price.
  public var totals: [String: Totals]

  public init(request: String, day: CivilDate, totals: [String: Totals]) {
    self.request = request
    self.day = day
    self.totals = totals
  }

  /// All currencies together, without amounts.
  public var requests: Int64 { totals.values.reduce(0) { $0 &+ $1.requests } }
  public var promptTokens: Int64 { totals.values.reduce(0) { $0 &+ $1.prompt } }
  public var cachedTokens: Int64 { totals.values.reduce(0) { $0 &+ $1.cached } }
  public var completionTokens: Int64 { totals.values.reduce(0) { $0 &+ $1.completion } }
  public var unpriced: Int64 { totals.values.reduce(0) { $0 &+ $1.unpriced } }

  /// The marginal cost of the day in each currency.
  public var amounts: [Money] {
    totals.sorted { $0.key < $1.key }.compactMap { code, total in
      (try? Currency(code)).map { Money(picos: total.marginalPicos, currency: $0) }
    }
  }
}

extension RequestPrice {
  /// The price of one vCPU-nanosecond; nil where it is no exact rate.
  init?(_ price: HourlyPrice) {
    guard let rate = try? price.hourly.divided(by: price.vcpus, unit: .vcpuNanosecond) else { return nil }
    self.init(currency: rate.currency.description, picos: rate.picos, per: rate.quantity)
  }
}

/// Tells the ledger how far a request is before anybody else sees it, and asks it before each token.
public final class MeteredObserver<Inner: GenerationObserver>: GenerationObserver {
  private let inner: Inner
  private let request: MeteredRequest
  /// Tokens of the prompt that a cache held: what is done when the prompt begins.
  private var cached: Int?
  /// Why the ledger could take no more, if that happened.
  public private(set) var failure: LedgerError?

  public init(_ inner: Inner, request: MeteredRequest) {
    self.inner = inner
    self.request = request
  }

  public var isCancelled: Bool { inner.isCancelled }

  public func prefilled(_ done: Int, of total: Int) {
    let cached = cached ?? done
    self.cached = cached
    request.computed(prompt: done, cached: min(cached, done))
    inner.prefilled(done, of: total)
  }

  public func received(_ text: [UInt8]) { inner.received(text) }

  public func limit(after chosen: Int) -> FinishReason? {
    do throws(LedgerError) {
      return try request.admit(after: chosen) ? inner.limit(after: chosen) : .budget
    } catch {
      failure = error
      return .failed(error.description)
    }
  }

  public func chose(_ count: Int) {
    request.chose(count)
    inner.chose(count)
  }
}
