/// What a machine cost in a period, and where its time and that money went. The law that every test holds it to: the
/// parts and the other invoice lines add up to what is owed, exactly. It is the sum of its hours, so that periods add up
/// too.
public struct Allocation: Sendable {
  public var machine: MachineRecord
  public var start: Int64
  public var stop: Int64
  /// By the machine's price; the hours before it was provisioned and after it was retired cost nothing.
  public var expectedPicos: Int64
  /// What was billed for this machine's time; nil where no invoice covers any hour of the period.
  public var actualPicos: Int64?
  /// What was billed less what was expected for the hours that were billed.
  public var variancePicos: Int64?
  /// Hours that an invoice covers, and hours that are paid for in all.
  public var billedHours: Int
  public var paidHours: Int
  /// What the parts add up to: for each hour what was billed where that is known, else what is expected.
  public var basisPicos: Int64
  /// Other lines of invoices in the machine's currency that name no machine, with the part of their amounts that falls
  /// into the period.
  public var otherLines: [InvoiceLine]
  public var time: MachineTime
  /// In the order of `MachineTime.parts`; they add up to `basisPicos`.
  public var amounts: [Int64]
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
  /// - Throws: `invalid` where the machine is unknown or the period is not of whole hours.
  public func allocation(
    machine name: String, from start: Int64, to stop: Int64
  ) throws(LedgerError) -> Allocation {
    guard start < stop, start % Self.hourNanos == 0, stop % Self.hourNanos == 0 else {
      throw .invalid("a period of a machine is made of whole hours")
    }
    guard (stop - start) / Self.hourNanos <= Self.mostHours else { throw .invalid("a period of more than 50 years") }
    return try locked { () throws(LedgerError) in
      guard let machine = try connection.first(.machine, .text(name), body: { MachineRecord($0) }) else {
        throw .invalid("the ledger knows no machine '\(name)' (see `farthing help machine add`)")
      }
      let account = try MachineAccount(machine, start, stop, connection)
      return try allocation(of: account, start, stop)
    }
  }

  private static let mostHours: Int64 = 50 * 366 * 24

  private func allocation(
    of account: MachineAccount, _ start: Int64, _ stop: Int64
  ) throws(LedgerError) -> Allocation {
    var allocation = Allocation(
      machine: account.machine, start: start, stop: stop, expectedPicos: 0, billedHours: 0, paidHours: 0, basisPicos: 0,
      otherLines: account.others, time: MachineTime(), amounts: MachineTime.parts.map { _ in 0 })
    for hour in account.hours {
      func sum(_ left: Int64, _ right: Int64) throws(LedgerError) -> Int64 {
        try Amount.sum(left, right, "what a machine costs")
      }
      allocation.expectedPicos = try sum(allocation.expectedPicos, hour.expectedPicos)
      allocation.basisPicos = try sum(allocation.basisPicos, hour.basisPicos)
      if let actual = hour.actualPicos {
        allocation.actualPicos = try sum(allocation.actualPicos ?? 0, actual)
        allocation.variancePicos = try sum(allocation.variancePicos ?? 0, sum(actual, -hour.expectedPicos))
        allocation.billedHours += 1
      }
      if hour.isPaid { allocation.paidHours += 1 }
      try allocation.time.add(hour.time)
      for index in allocation.amounts.indices {
        allocation.amounts[index] = try sum(allocation.amounts[index], hour.amounts[index])
      }
    }
    return allocation
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
