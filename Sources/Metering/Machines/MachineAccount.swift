import Pricing

/// One hour of a machine: what it cost and where its time went.
struct MachineHour {
  var start: Int64
  var isPaid: Bool
  var expectedPicos: Int64
  /// The part of invoice lines that falls into the hour; nil where none does.
  var actualPicos: Int64?
  var time: MachineTime
  /// In the order of `MachineTime.parts`; they add up to `basisPicos`.
  var amounts: [Int64]

  var basisPicos: Int64 { actualPicos ?? expectedPicos }

  func amount(of part: String) -> Int64 {
    zip(MachineTime.parts, amounts).first { $0.0.name == part }?.1 ?? 0
  }

  /// What serving requests cost: everything but what other programs used and what nobody saw.
  var servingPicos: Int64 { basisPicos - amount(of: "other") - amount(of: "unobserved") }
}

/// The hours of a machine within a period, from its price, what was billed for it, and what recorders saw.
struct MachineAccount {
  let machine: MachineRecord
  private(set) var hours: [MachineHour] = []
  /// Lines that name no machine, with the part of their amounts that falls into the period.
  private(set) var others: [InvoiceLine] = []

  /// - Parameters:
  ///   - start: and `stop`: whole hours, nanoseconds since 1970.
  init(
    _ machine: MachineRecord, _ start: Int64, _ stop: Int64, _ connection: Connection
  ) throws(LedgerError) {
    self.machine = machine
    var billed: [InvoiceLine] = []
    var others: [InvoiceLine] = []
    try connection.each(.invoiceLines, .integer(start), .integer(stop), .text(machine.currency)) { row in
      let line = InvoiceLine(row)
      if line.machine == machine.machine { billed.append(line) }
      if line.machine == nil { others.append(line) }
    }
    for var line in others {
      line.picos = try line.picos(from: start, to: stop)
      self.others.append(line)
    }
    var times: [Int64: MachineTime] = [:]
    try connection.each(.intervals, .text(machine.machine), .integer(start), .integer(stop)) {
      (row) throws(LedgerError) in
      var one = MachineTime()
      (one.requests, one.overhead, one.other) = (row.integer(0), row.integer(1), row.integer(2))
      (one.wasted, one.idle, one.stolen) = (row.integer(3), row.integer(4), row.integer(5))
      try times[row.integer(6) / Ledger.hourNanos, default: MachineTime()].add(one)
    }
    for start in stride(from: start, to: stop, by: Int(Ledger.hourNanos)) {
      let lines = billed.filter { $0.start < start + Ledger.hourNanos && $0.stop > start }
      hours.append(try hour(start, lines, times[start / Ledger.hourNanos] ?? MachineTime()))
    }
  }

  private func hour(
    _ start: Int64, _ lines: [InvoiceLine], _ seen: MachineTime
  ) throws(LedgerError) -> MachineHour {
    let stop = start + Ledger.hourNanos
    let isPaid = start >= machine.provisionedAt && stop <= machine.retiredAt ?? .max
    let expected = isPaid ? try Amount.sum(due(until: stop), -due(until: start), "a machine's price") : 0
    var actual: Int64?
    for line in lines {
      actual = try Amount.sum(actual ?? 0, line.picos(from: start, to: stop), "a sum of invoice lines")
    }
    var time = seen
    let owed = isPaid ? try Amount.product(Ledger.hourNanos, machine.vcpus, "the time of a machine") : 0
    time.unobserved = max(0, owed - time.total)
    return MachineHour(
      start: start, isPaid: isPaid, expectedPicos: expected, actualPicos: actual, time: time,
      amounts: try Self.divide(actual ?? expected, by: time))
  }

  /// By the machine's price, floored: what hours cost is a difference of such sums, so that they always add up.
  private func due(until moment: Int64) throws(LedgerError) -> Int64 {
    let nanos = Int128(max(0, moment - machine.provisionedAt))
    return try Amount.narrowed(nanos * Int128(machine.picos) / Int128(machine.per), "a machine's price")
  }

  /// With no time at all to hang the money on, all of it is unobserved.
  private static func divide(_ basis: Int64, by time: MachineTime) throws(LedgerError) -> [Int64] {
    guard time.total > 0 else { return MachineTime.parts.map { $0.name == "unobserved" ? basis : 0 } }
    return try signed(basis) { (money) throws(PricingError) in
      try Apportionment.largestRemainder(money, weights: time.values)
    }
  }

  /// Divides an amount that may be a credit.
  static func signed(
    _ picos: Int64, _ divide: (Money) throws(PricingError) -> [Money]
  ) throws(LedgerError) -> [Int64] {
    guard picos > .min else { throw .overflow("what a machine costs") }
    do throws(PricingError) {
      return try divide(Money(picos: abs(picos))).map { picos < 0 ? -$0.picos : $0.picos }
    } catch {
      throw .overflow("the time of a machine")
    }
  }
}

extension InvoiceLine {
  /// The part of its amount that falls into a span: a difference of floored running sums, so that the parts of spans that
  /// cover the line add up to it.
  func picos(from: Int64, to: Int64) throws(LedgerError) -> Int64 {
    func floored(_ moment: Int64) -> Int128 {
      let nanos = Int128(min(max(moment, start), stop) - start)
      let (quotient, remainder) = (Int128(picos) * nanos).quotientAndRemainder(dividingBy: Int128(stop - start))
      return remainder < 0 ? quotient - 1 : quotient
    }
    return try Amount.narrowed(floored(to) - floored(from), "a part of an invoice line")
  }
}

/// What requests cost with everything that serving them takes: of each hour the cost of all parts but other programs' and
/// what nobody saw, divided by the CPU time that each request used in that hour. Provisional until the hour is over.
struct LoadedCosts {
  struct Share {
    var picos: [String: Int64] = [:]
    var isProvisional = false
  }

  /// By the request's row.
  private(set) var shares: [Int64: Share] = [:]
  private(set) var machines: [MachineSpending] = []

  /// - Parameters:
  ///   - from: and `to`: nanoseconds since 1970. Requests that arrived in between have shares also in later hours.
  ///   - now: the hour that holds it is the last one.
  init(_ connection: Connection, from: Int64, to: Int64, now: Int64) throws(LedgerError) {
    var records: [MachineRecord] = []
    try connection.each(.machines) { records.append(MachineRecord($0)) }
    let hour = Ledger.hourNanos
    for machine in records {
      let end = min((now / hour + 1) * hour, machine.retiredAt ?? .max)
      let start = max(from == .min ? .min : from / hour * hour, machine.provisionedAt)
      guard start < end else { continue }
      let account = try MachineAccount(machine, start, end, connection)
      var used: [Int64: [Int64: Int64]] = [:]
      try connection.each(.shares, .text(machine.machine), .integer(start), .integer(end)) { row in
        used[row.integer(0) / hour, default: [:]][row.integer(1), default: 0] &+= row.integer(2)
      }
      var spending = MachineSpending(machine: machine)
      for each in account.hours {
        let rows = (used[each.start / hour] ?? [:]).map { (id: $0.key, weight: $0.value) }
        if each.start < to { try spending.add(each, isAsked: !rows.isEmpty) }
        try add(each, rows, currency: machine.currency, isOver: each.start + hour <= now)
      }
      machines.append(spending)
    }
  }

  private mutating func add(
    _ hour: MachineHour, _ rows: [(id: Int64, weight: Int64)], currency: String, isOver: Bool
  ) throws(LedgerError) {
    guard !rows.isEmpty else { return }
    let parts = try MachineAccount.signed(hour.servingPicos) { (money) throws(PricingError) in
      try Apportionment.largestRemainder(money, rows: rows)
    }
    for (row, part) in zip(rows, parts) {
      let sum = try Amount.sum(shares[row.id]?.picos[currency] ?? 0, part, "the cost of a request")
      shares[row.id, default: Share()].picos[currency] = sum
      if !isOver { shares[row.id]?.isProvisional = true }
    }
  }
}

/// Where the money of a machine went in the hours of a report: the four parts add up to what is owed, exactly.
public struct MachineSpending: Sendable {
  public var machine: MachineRecord
  /// What is owed: what was billed where that is known, else what is expected.
  public var basisPicos: Int64 = 0
  public var hours = 0
  public var billedHours = 0
  /// Serving, in hours in which requests used CPU time: what their fully loaded costs add up to.
  public var requestPicos: Int64 = 0
  /// Serving, in hours without any request.
  public var unaskedPicos: Int64 = 0
  public var otherPicos: Int64 = 0
  public var unobservedPicos: Int64 = 0

  init(machine: MachineRecord) { self.machine = machine }

  fileprivate mutating func add(_ hour: MachineHour, isAsked: Bool) throws(LedgerError) {
    func sum(_ left: Int64, _ right: Int64) throws(LedgerError) -> Int64 {
      try Amount.sum(left, right, "what a machine costs")
    }
    hours += 1
    if hour.actualPicos != nil { billedHours += 1 }
    basisPicos = try sum(basisPicos, hour.basisPicos)
    otherPicos = try sum(otherPicos, hour.amount(of: "other"))
    unobservedPicos = try sum(unobservedPicos, hour.amount(of: "unobserved"))
    if isAsked {
      requestPicos = try sum(requestPicos, hour.servingPicos)
    } else {
      unaskedPicos = try sum(unaskedPicos, hour.servingPicos)
    }
  }
}
