extension Projector {
  func apply(_ event: MachineAdded, id: Int64) throws(LedgerError) {
    let record = event.record
    try connection.run(
      .setMachine, .integer(id), .text(record.machine), .text(record.type), .text(record.currency),
      .integer(record.provisionedAt), .optional(record.retiredAt), .integer(record.vcpus), .integer(record.picos),
      .integer(record.per), .text(record.commitment))
  }

  func apply(_ event: IntervalRecorded, id: Int64) throws(LedgerError) {
    let time = event.time
    try connection.run(
      .insertInterval, .integer(id), .text(event.machine), .text(Hex.text(event.boot)), .integer(event.start),
      .integer(event.stop), .integer(event.vcpus), .integer(time.requests), .integer(time.overhead),
      .integer(time.other), .integer(time.wasted), .integer(time.idle), .integer(time.stolen))
    for share in event.shares {
      // A request that retention has cut has no share any more.
      guard let row = try request(share.request) else { continue }
      try connection.run(.insertShare, .integer(id), .integer(row.id), .integer(share.cpuNanos))
    }
  }

  func apply(_ event: InvoiceImported, id: Int64) throws(LedgerError) {
    let line = event.line
    try connection.run(
      .insertInvoice, .integer(id), .text(line.invoice), .text(line.line), .optional(line.machine),
      .text(line.currency), .integer(line.start), .integer(line.stop), .integer(line.picos))
  }
}

extension MachineRecord {
  init(_ row: Row) {
    self.init(
      machine: row.text(0), type: row.text(1), currency: row.text(2), provisionedAt: row.integer(3),
      retiredAt: row.optionalInteger(4), vcpus: row.integer(5), picos: row.integer(6), per: row.integer(7),
      commitment: row.text(8))
  }
}

extension InvoiceLine {
  init(_ row: Row) {
    self.init(
      invoice: row.text(0), line: row.text(1), machine: row.optionalText(2), currency: row.text(3),
      start: row.integer(4), stop: row.integer(5), picos: row.integer(6))
  }
}
