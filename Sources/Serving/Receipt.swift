import Pricing
import Usage

/// What one request took, what that cost on this machine, and what hosted APIs would have charged for the same tokens.
/// A value that only puts together what the modules below have measured and computed.
public struct Receipt: Sendable, Hashable {
  /// The cost on the machine that ran the request.
  public enum CostHere: Sendable, Hashable {
    case known(MachineCost)
    /// Nobody said what this machine costs.
    case noPrice
    /// A price was given, but the cost could not be computed from it.
    case failed(PricingError)
  }

  public var usage: UsageRecord
  public var cost: CostHere
  public var hosted: [HostedQuote]
  /// Nil where the request was not brought into a ledger.
  public var ledger: LedgerEntry?

  /// What to do about `noPrice`.
  static let noPriceAdvice =
    "no price known for this machine; give --usd-per-hour 0.0168 or --vm TYPE, or set FARTHING_VM"

  public init(
    usage: UsageRecord, cost: CostHere = .noPrice, hosted: [HostedQuote] = [], ledger: LedgerEntry? = nil
  ) {
    self.usage = usage
    self.cost = cost
    self.hosted = hosted
    self.ledger = ledger
  }
}

/// What a person said about prices, as text from the command line and the environment.
public struct PriceChoice: Sendable, Hashable {
  /// `--usd-per-hour`: decimal text.
  public var usdPerHour: String?
  /// `--vm`: `t4g.small`, `aws:t4g.small@us-east-1`.
  public var vm: String?
  /// `FARTHING_VM`; `vm` comes before it.
  public var environmentVM: String?
  /// `--against`: names with commas between them, or `none`; nil for the default list.
  public var against: String?
  /// Virtual CPUs of the machine at hand, for a price without a machine type.
  public var localVCPUs: Int

  public init(
    usdPerHour: String? = nil, vm: String? = nil, environmentVM: String? = nil, against: String? = nil,
    localVCPUs: Int
  ) {
    self.usdPerHour = usdPerHour
    self.vm = vm
    self.environmentVM = environmentVM
    self.against = against
    self.localVCPUs = localVCPUs
  }
}

/// The prices that a receipt will use. Made before the run, so that a wrong name is refused before it costs anything.
public struct ReceiptPricing: Sendable {
  /// Nil: no price known.
  public let machine: HourlyPrice?
  public let compared: [HostedModel]

  /// Looks up what the choice names; only the parts of the price book that it needs are read.
  /// - Parameters:
  ///   - unixNanos: now; it decides what is retired and what is stale.
  ///   - own: a person's own rows, which stand in front of the shipped ones.
  /// - Throws: `option`, which names the option or the variable and holds `notADecimal`, `unknownName`,
  ///   `ambiguousName`, `noPrice` or their like.
  public init(
    _ choice: PriceChoice, at unixNanos: Int64, own: PriceBook = PriceBook()
  ) throws(PricingError) {
    machine = try Self.hourlyPrice(choice, own, at: unixNanos)
    compared = try Self.comparedModels(choice.against, own, at: unixNanos)
  }

  public init(machine: HourlyPrice?, compared: [HostedModel]) {
    self.machine = machine
    self.compared = compared
  }

  /// A given price comes before the price of a row; the row then still says which machine it is.
  private static func hourlyPrice(
    _ choice: PriceChoice, _ own: PriceBook, at unixNanos: Int64
  ) throws(PricingError) -> HourlyPrice? {
    let name = choice.vm ?? choice.environmentVM ?? ""
    let vmOption = choice.vm == nil ? "FARTHING_VM" : "--vm"
    var row: Machine?
    if !name.isEmpty {
      row = try named(vmOption) { () throws(PricingError) in
        try PriceBook(machines: PriceBook.shippedMachines()).overridden(by: own)
          .machine(name, on: CivilDate(unixNanos: unixNanos))
      }
    }
    if let given = choice.usdPerHour {
      return try named("--usd-per-hour") { () throws(PricingError) in
        try .given(Rate.perHour(given), vcpus: choice.localVCPUs, machine: row)
      }
    }
    return try named(vmOption) { () throws(PricingError) in try row?.price(.onDemand, at: unixNanos) }
  }

  /// Says in an error which option it is about.
  private static func named<Value>(
    _ option: String, _ body: () throws(PricingError) -> Value
  ) throws(PricingError) -> Value {
    do { return try body() } catch { throw .option(option, error) }
  }

  /// Without a list of the person's own, a receipt shows the models that every comparison starts from, marked where
  /// they are historic by now, and then today's.
  private static func comparedModels(
    _ against: String?, _ own: PriceBook, at unixNanos: Int64
  ) throws(PricingError) -> [HostedModel] {
    let names = against.map { $0.split(separator: ",").map { trimmed($0) }.filter { !$0.isEmpty } }
    if let names, names.isEmpty || names == ["none"] { return [] }
    let book = PriceBook(hosted: try PriceBook.shippedHosted()).overridden(by: own)
    guard let names else {
      let references = PriceBook.referenceModels.compactMap { name in book.hosted.first { $0.id == name } }
      return references + book.comparison(at: unixNanos).filter { !references.contains($0) }
    }
    var models: [HostedModel] = []
    for name in names {
      let model = try named("--against") { () throws(PricingError) in try book.hostedModel(name) }
      if !models.contains(model) { models.append(model) }
    }
    return models
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }

  /// The receipt of a request; never fails, since the request has already been served.
  public func receipt(for usage: UsageRecord) -> Receipt {
    Receipt(usage: usage, cost: cost(of: usage), hosted: quotes(usage))
  }

  /// The receipt of a batch: hosted prices are the sum of each request's.
  public func receipt(forBatch usage: UsageRecord, requests: [TokenCounts]) -> Receipt {
    Receipt(
      usage: usage, cost: cost(of: usage),
      hosted: compared.compactMap { try? $0.quote(batchOf: requests, at: usage.startedAtUnixNanos) })
  }

  private func cost(of usage: UsageRecord) -> Receipt.CostHere {
    guard let machine else { return .noPrice }
    do {
      return .known(try machine.cost(of: usage))
    } catch {
      return .failed(error)
    }
  }

  private func quotes(_ usage: UsageRecord) -> [HostedQuote] {
    let request = HostedRequest(tokens: usage.tokens)
    return compared.compactMap { model in
      // Only more tokens than any request can have make an amount too large.
      try? model.quote(request, at: usage.startedAtUnixNanos)
    }
  }
}
