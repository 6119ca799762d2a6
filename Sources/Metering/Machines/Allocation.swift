import Pricing

/// What a machine cost in a period, and where its time and that money went. The law that every test holds it to: the
/// parts and the other invoice lines add up to what is owed, exactly.
public struct Allocation: Sendable {
  public var machine: MachineRecord
  public var start: Int64
  public var stop: Int64
  /// By the machine's price; the hours before it was provisioned and after it was retired cost nothing.
  public var expectedPicos: Int64
  /// What was billed for this machine's time; nil where no invoice covers any of the period.
  public var actualPicos: Int64?
  /// Other lines of invoices in the period, in the machine's currency, that name this machine's invoices or none.
  public var otherLines: [InvoiceLine]
  public var time: MachineTime
  /// In the order of `MachineTime.parts`; they add up to `basisPicos`.
  public var amounts: [Int64]

  /// What the parts add up to: what was billed where that is known, else what is expected.
  public var basisPicos: Int64 { actualPicos ?? expectedPicos }
  /// What was billed less what was expected.
  public var variancePicos: Int64? { actualPicos.map { $0 &- expectedPicos } }
}

extension Ledger {
  public static let hourNanos: Int64 = 3_600_000_000_000

  public func machines() throws(LedgerError) -> [MachineRecord] {
    try locked { () throws(LedgerError) in
      var machines: [MachineRecord] = []
      try connection.each(.machines) { machines.append(MachineRecord($0)) }
      return machines
    }
  }

  /// Allocates what a machine cost in a period of whole hours.
  /// - Throws: `invalid` where the machine is unknown, the period is not of whole hours, or an invoice line for the machine
  ///   reaches over its ends.
  public func allocation(
    machine name: String, from start: Int64, to stop: Int64
  ) throws(LedgerError) -> Allocation {
    guard start < stop, start % Self.hourNanos == 0, stop % Self.hourNanos == 0 else {
      throw .invalid("a period of a machine is made of whole hours")
    }
    return try locked { () throws(LedgerError) in
      guard let machine = try connection.first(.machine, .text(name), body: { MachineRecord($0) }) else {
        throw .invalid("the ledger knows no machine '\(name)' (see `farthing help machine add`)")
      }
      var (billed, others): ([InvoiceLine], [InvoiceLine]) = ([], [])
      try connection.each(.invoiceLines, .integer(start), .integer(stop), .text(machine.currency)) { row in
        let line = InvoiceLine(row)
        if line.machine == name { billed.append(line) }
        if line.machine == nil { others.append(line) }
      }
      if let line = billed.first(where: { $0.start < start || $0.stop > stop }) {
        throw .invalid("line \(line.line) of the invoice \(line.invoice) reaches over the period; take all of it")
      }
      let actual = try Amount.narrowed(billed.reduce(Int128(0)) { $0 + Int128($1.picos) }, "a sum of invoice lines")
      return try allocate(machine, start, stop, actual: billed.isEmpty ? nil : actual, others)
    }
  }

  private func allocate(
    _ machine: MachineRecord, _ start: Int64, _ stop: Int64, actual: Int64?, _ others: [InvoiceLine]
  ) throws(LedgerError) -> Allocation {
    // Paid from its provisioning on, so that expected costs of consecutive periods add up: differences of floored sums.
    let (paidFrom, paidTo) = (
      min(max(start, machine.provisionedAt), stop), max(start, min(stop, machine.retiredAt ?? stop))
    )
    let paid = max(0, paidTo - paidFrom)
    func due(until moment: Int64) throws(LedgerError) -> Int64 {
      let nanos = Int128(max(0, moment - machine.provisionedAt))
      return try Amount.narrowed(nanos * Int128(machine.picos) / Int128(machine.per), "a machine's price")
    }
    let expected = paid == 0 ? 0 : try due(until: paidTo) - due(until: paidFrom)
    var time = MachineTime()
    try connection.each(.intervals, .text(machine.machine), .integer(start), .integer(stop)) {
      (row) throws(LedgerError) in
      var one = MachineTime()
      (one.requests, one.overhead, one.other) = (row.integer(0), row.integer(1), row.integer(2))
      (one.wasted, one.idle, one.stolen) = (row.integer(3), row.integer(4), row.integer(5))
      try time.add(one)
    }
    let owed = try Amount.product(paid, machine.vcpus, "the time of a machine")
    time.unobserved = max(0, owed - time.total)
    let basis = Money(picos: (actual ?? expected).magnitude > Int64.max ? 0 : abs(actual ?? expected))
    let isCredit = (actual ?? expected) < 0
    var amounts: [Int64]
    // With no time at all to hang the money on, all of it is unobserved.
    if time.total == 0 {
      amounts = MachineTime.parts.map { $0.name == "unobserved" ? basis.picos : 0 }
    } else {
      do {
        amounts = try Apportionment.largestRemainder(basis, weights: time.values).map(\.picos)
      } catch {
        throw .overflow("the time of a machine")
      }
    }
    if isCredit { amounts = amounts.map { -$0 } }
    return Allocation(
      machine: machine, start: start, stop: stop, expectedPicos: expected, actualPicos: actual, otherLines: others,
      time: time, amounts: amounts)
  }
}

extension LedgerWriter {
  /// Adds a machine, or replaces what is known of the one of that name.
  public func addMachine(_ record: MachineRecord) throws(LedgerError) {
    guard record.vcpus > 0, record.vcpus <= 4096, record.picos >= 0 else {
      throw .invalid("a machine has 1 to 4096 virtual CPUs and a price that is zero or above")
    }
    guard record.provisionedAt % Ledger.hourNanos == 0, (record.retiredAt ?? 0) % Ledger.hourNanos == 0 else {
      throw .invalid("a machine is paid for from a whole hour to a whole hour")
    }
    try transaction { (appender) throws(LedgerError) in try appender.append(MachineAdded(record)) }
  }

  /// Imports lines of invoices, all of them or none. Lines that are there already are passed over, so that an import can
  /// be repeated.
  /// - Returns: how many were new.
  /// - Throws: `invalid` where a line is there with other contents, names an unknown machine or no whole hours, or is in
  ///   another currency than its machine.
  @discardableResult
  public func importInvoice(_ lines: [InvoiceLine]) throws(LedgerError) -> Int {
    try transaction { (appender) throws(LedgerError) in
      var count = 0
      for line in lines where try isNew(line, appender.connection) {
        try appender.append(InvoiceImported(line))
        count += 1
      }
      return count
    }
  }

  private func isNew(_ line: InvoiceLine, _ connection: Connection) throws(LedgerError) -> Bool {
    let place = "line \(line.line) of the invoice \(line.invoice)"
    guard line.start < line.stop else { throw .invalid("\(place) ends before it begins") }
    if let name = line.machine {
      guard let machine = try connection.first(.machine, .text(name), body: { MachineRecord($0) }) else {
        throw .invalid("\(place) names the machine '\(name)', which is unknown (see `farthing help machine add`)")
      }
      guard machine.currency == line.currency else {
        throw .invalid("\(place) is in \(line.currency), its machine in \(machine.currency)")
      }
      guard line.start % Ledger.hourNanos == 0, line.stop % Ledger.hourNanos == 0 else {
        throw .invalid("\(place) is not for whole hours")
      }
    }
    let known = try connection.first(.invoiceLine, .text(line.invoice), .text(line.line)) { InvoiceLine($0) }
    guard let known else { return true }
    guard known == line else { throw .invalid("\(place) was imported before with other contents") }
    return false
  }
}
