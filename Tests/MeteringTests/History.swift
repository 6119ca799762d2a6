import Foundation
import Pricing
import Usage

@testable import Metering

/// A random history of a ledger: caps that come and go, tariffs, requests of all fates, machines, recorders and invoices.
/// The same seed gives the same history, but for names and salts.
struct History {
  static let hour = Ledger.hourNanos
  /// 2026-10-24 18:00 UTC: a night on which clocks in Europe are set back is ahead.
  static let begin: Int64 = 1_792_864_800_000_000_000

  let bench: Bench
  private var random: SplitMix
  private var writers: [LedgerWriter]
  /// For requests that stay open while others come and go.
  private var open: [(request: MeteredRequest, prompt: Int, chosen: Int)] = []
  private var invoices = 0
  /// Prices that requests are priced with, as they come and go.
  private let prices: [(price: HourlyPrice, rows: PriceRows)]
  /// Every request so far.
  private var names: [[UInt8]] = []

  init(seed: UInt64) throws {
    bench = try Bench()
    bench.clock.set(Self.begin)
    random = SplitMix(state: seed)
    prices = try (0..<3).map { try Self.prices(seed: seed &* 3 &+ UInt64($0)) }
    writers = []
    for _ in 0..<3 { writers.append(try bench.writer()) }
    try writers[0].addMachine(
      MachineRecord(
        machine: "box", type: "t3.small", currency: "USD", provisionedAt: Self.begin - 5 * Self.hour, retiredAt: nil,
        vcpus: 2, picos: 13, per: 2250, commitment: "spot"))
  }

  private mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

  mutating func run(steps: Int) throws {
    for _ in 0..<steps {
      bench.clock.advance(seconds: Int64(below(2_000)))
      switch below(20) {
      case 0...11: try request()
      case 12: try cap()
      case 13: try tariff()
      case 14: try closeOne()
      case 15: try writers.append(bench.writer())
      case 16: try death()
      case 17...18: try interval()
      default: try invoice()
      }
    }
    while !open.isEmpty { try closeOne() }
    for writer in writers { try writer.close() }
    _ = try bench.writer().recover()
  }

  private mutating func request() throws {
    let writer = writers[below(writers.count)]
    let prompt = below(40) + 1
    var opening = Sample.opening(
      prompt: prompt, user: below(3) == 0 ? nil : "user \(below(3))",
      tags: below(2) == 0 ? [] : [("team", "\(below(2))"), ("job\u{e9}", "x\"\\\u{1}\(below(4))")],
      limit: below(4) == 0 ? nil : below(200) + 1,
      model: ModelIdentity(name: below(3) == 0 ? "other" : "tiny", sha256: nil, quantization: "Q\(below(2) + 4)_0"))
    if below(5) > 0 {
      let (price, rows) = prices[below(prices.count)]
      opening.price = try price.perVCPUNano
      opening.prices = rows
    } else if below(2) == 0 {
      opening.price = nil
    } else {
      opening.price = RequestPrice(currency: "EUR", picos: Int64(below(1_000_000)), per: 777)
    }
    guard let request = try writer.openIfAffordable(opening) else { return }
    names.append(request.identity.bytes)
    let cached = below(3) == 0 ? below(prompt) : 0
    request.computed(prompt: prompt, cached: cached)
    var chosen = 0
    let wanted = min(opening.tokenLimit ?? 150, below(220))
    while chosen < wanted, try request.admit(after: chosen) {
      chosen += 1
      request.chose(chosen)
      if chosen % 50 == 0 { bench.clock.advance(seconds: Int64(below(4_000))) }
    }
    switch below(6) {
    case 0: open.append((request, prompt, chosen))
    case 1: try request.fail()
    default:
      try request.settle(
        Sample.usage(prompt: prompt, cached: cached, completion: chosen, cpuNanos: Int64(below(1 << 40))))
    }
  }

  private mutating func closeOne() throws {
    guard !open.isEmpty else { return }
    let (request, prompt, chosen) = open.remove(at: below(open.count))
    try request.settle(Sample.usage(prompt: prompt, completion: chosen, cpuNanos: Int64(below(1 << 33))))
  }

  /// A process dies with a request under way.
  private mutating func death() throws {
    let gone = try bench.writer()
    guard let request = try gone.openIfAffordable(Sample.opening(user: "user 1")) else { return }
    request.computed(prompt: 10, cached: below(10))
    request.chose(below(60))
  }

  private mutating func cap() throws {
    // Caps come once tariffs for everything are posted.
    try writers[0].postTariff(TokenTariff(currency: "USD", uncached: 3, cached: 1, completion: 7), model: "*")
    let scopes: [BudgetScope] = [
      .all, .model("tiny"), .user("user \(below(3))"), .tag(key: "team", value: "\(below(2))"),
    ]
    let name = "cap \(below(6))"
    if below(4) == 0, try writers[0].ledger.caps(at: bench.clock.now).contains(where: { $0.name == name }) {
      return try writers[0].removeCap(name)
    }
    do {
      try writers[0].setCap(
        name, scope: scopes[below(4)], period: below(2) == 0 ? .day : .month,
        zone: ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York"][below(4)], currency: "USD",
        amountPicos: Int64(below(6_000) + 500))
    } catch {
      // A cap of that name may be there with another scope.
      guard case .invalid = error else { throw error }
    }
  }

  private mutating func tariff() throws {
    try writers[0].postTariff(
      TokenTariff(
        currency: "USD", uncached: Int64(below(9)), cached: Int64(below(4)), completion: Int64(below(12) + 1)),
      model: below(2) == 0 ? "tiny" : "*")
  }

  private mutating func interval() throws {
    let start = bench.clock.now
    let length = min(Int64(below(60) + 1) * 1_000_000_007, Self.hour - start % Self.hour)
    let time = MachineTime(
      total: 2 * length, stolen: Int64(below(1 << 30)), requests: Int64(below(1 << 35)),
      overhead: Int64(below(1 << 33)),
      other: Int64(below(1 << 34)), wasted: Int64(below(1 << 34)))
    var shares: [(request: [UInt8], cpuNanos: Int64)] = []
    for name in Set((0..<below(4)).compactMap { _ in names.isEmpty ? nil : names[below(names.count)] }) {
      shares.append((name, Int64(below(1 << 34) + 1)))
    }
    let event = IntervalRecorded(
      machine: "box", boot: Hashing.random(16), start: start, stop: start + length, vcpus: 2, time: time,
      shares: shares)
    try writers[0].transaction { (appender) throws(LedgerError) in try appender.append(event) }
    bench.clock.set(start + length)
  }

  private mutating func invoice() throws {
    invoices += 1
    guard invoices < 4 else { return }
    let start = Self.begin + Int64(invoices * 3) * Self.hour
    // The second line of an hour is a credit; one line is for days, which no period of the test takes whole.
    try writers[0].importInvoice([
      InvoiceLine(
        invoice: "A", line: "\(invoices)", machine: "box", currency: "USD", start: start,
        stop: start + (invoices == 3 ? 1000 : 4) * Self.hour, picos: Int64(below(1 << 40)) - 1000),
      InvoiceLine(
        invoice: "A", line: "\(invoices) credit", machine: "box", currency: "USD", start: start,
        stop: start + Self.hour, picos: -Int64(below(1 << 38))),
    ])
  }

  // MARK: What the product makes of it, in the form of the independent checker

  static func periods() -> [(Int64, Int64)] {
    var periods: [(Int64, Int64)] = [(begin - 12 * hour, begin + 24 * 30 * hour)]
    for index in Int64(0)..<8 {
      let start: Int64 = begin + index * 3 * hour
      periods.append((start, start + 3 * hour))
    }
    return periods
  }

  static func results(_ ledger: Ledger) throws -> [String: Any] {
    var days: [String: Any] = [:]
    var query = ReportQuery()
    query.dimensions = [.day, .model, .quantization]
    for line in try ledger.report(query).lines where line.figures.totals.requests > 0 {
      let totals = line.figures.totals
      days[(line.labels + [line.currency]).joined(separator: "|")] = [
        "requests": totals.requests, "prompt": totals.prompt, "cached": totals.cached, "completion": totals.completion,
        "cpu_nanos": totals.cpuNanos, "unpriced": totals.unpriced, "marginal": Amount.text(totals.marginalPicos),
      ]
    }
    var caps: [String: Any] = [:]
    for row in try ledger.capHistory() {
      caps["\(row.cap)|\(row.since)"] = ["spent": Amount.text(row.spentPicos), "held": Amount.text(row.heldPicos)]
    }
    var allocations: [String: Any] = [:]
    for (start, stop) in periods() {
      let allocation = try ledger.allocation(machine: "box", from: start, to: stop)
      let names = MachineTime.parts.map(\.name)
      allocations["box|\(start)|\(stop)"] = [
        "expected": Amount.text(allocation.expectedPicos),
        "actual": allocation.actualPicos.map { Amount.text($0) } as Any? ?? NSNull(),
        "time": Dictionary(uniqueKeysWithValues: zip(names, allocation.time.values)),
        "amounts": Dictionary(uniqueKeysWithValues: zip(names, allocation.amounts.map { Amount.text($0) })),
      ]
    }
    let (from, to) = periods()[0]
    let costs = try LoadedCosts(ledger.connection, from: from, to: to, now: to - 1)
    var requests: [String: Any] = [:]
    for (row, share) in costs.shares {
      let event = try ledger.connection.first(.event, .integer(row)) { (row) throws(LedgerError) in
        try RequestOpened(try StoredEvent(row).fields())
      }
      requests[Hex.text(event?.request ?? [])] = Amount.text(share.picos["USD"] ?? 0)
    }
    var hosted: [String: Any] = [:]
    query.keepsSizes = true
    let report = try ledger.report(query)
    let lines = report.lines.filter { $0.figures.totals.requests > 0 }
    for version in try ledger.connection.priceVersions() {
      let models = try Self.models(version)
      hosted[Hex.text(version.version)] = Dictionary(
        uniqueKeysWithValues: lines.map { line in
          let amounts = models.map { model in
            (model.id, report.hosted(HostedCounting(model), for: line.figures).amount?.decimalText as Any? ?? NSNull())
          }
          return ((line.labels + [line.currency]).joined(separator: "|"), Dictionary(uniqueKeysWithValues: amounts))
        })
    }
    var burst: [String: Any] = [:]
    for version in try ledger.connection.priceVersions() {
      guard let machine = try machine(version) else { continue }
      var spans: [String: Any] = [:]
      for (start, stop) in periods() {
        let spending = try ledger.burstSpending(machine: "box", as: machine, from: start, to: stop)
        spans["box|\(start)|\(stop)"] =
          spending.map {
            [
              "surplus": Amount.text($0.picos), "nanos": $0.chargedNanos, "balance": $0.balanceNanos,
              "debt": $0.debtNanos, "unobserved": $0.unobservedNanos,
            ] as [String: Any]
          } ?? NSNull()
      }
      burst[Hex.text(version.version)] = spans
    }
    let serving = costs.machines.reduce(Int64(0)) { $0 + $1.requestPicos }
    return [
      "requests": requests, "loaded": ["box|\(from)|\(to)": Amount.text(serving)],
      "heads": try ledger.heads().map(\.description).sorted(), "open": [String](), "days": days, "caps": caps,
      "hosted": hosted, "burst": burst,
      "allocations": allocations,
    ]
  }
}
