import Compute
import Glibc
import Metering
import Pricing
import Usage

/// `machine` and `invoice`: what is paid for, where its time goes, and what was really billed.
enum MachineCommands {
  static let all = [show, add, record, allocate, importInvoice]

  private static let show = Command(
    name: "machine", summary: "list the machines that are paid for",
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try LedgerCommands.reading(console)
      let machines = try failing { () throws(LedgerError) in try ledger.machines() }
      if arguments[Command.json] {
        return try console.json { json in
          json.array("machines") { json in
            for machine in machines { json.object { write(machine, to: &$0) } }
          }
        }
      }
      guard !machines.isEmpty else { return try console.out.line("no machines (see `farthing help machine add`)") }
      var table = Table(columns: [
        .init(title: "machine"), .init(title: "type"), .init(title: "vCPUs", right: true),
        .init(title: "per hour", right: true), .init(title: "commitment"), .init(title: "from"), .init(title: "to"),
      ])
      for machine in machines {
        table.rows.append([
          printable(machine.machine), printable(machine.type), String(machine.vcpus), hourly(machine),
          printable(machine.commitment), UTCTime.text(unixNanos: machine.provisionedAt),
          machine.retiredAt.map { UTCTime.text(unixNanos: $0) } ?? "",
        ])
      }
      try console.print(table)
    })

  private static let type = Option.text("--type", value: "TYPE", help: "as its provider calls it")
  private static let usdPerHour = Option.text("--usd-per-hour", value: "X", help: "its price in dollars an hour")
  private static let vcpus = Option<Int?>.integer(
    "--vcpus", in: 1...4096, help: "its virtual CPUs (default: those of this machine)")
  private static let since = Option.text(
    "--since", value: "TIME", help: "paid for from this day or hour (UTC) on (default: the present hour)")
  private static let until = Option.text("--until", value: "TIME", help: "paid for until this day or hour (UTC)")
  private static let commitment = Option.text(
    "--commitment", value: "WORD", help: "on-demand, 1-year, 3-years, spot (default: on-demand)")

  private static let add = Command(
    name: "machine add", summary: "add a machine that is paid for, or change what is known of it",
    operands: .one("NAME"), options: [type, usdPerHour, vcpus, since, until, commitment],
    run: { (arguments, console) throws(CommandFailure) in
      guard let price = arguments[usdPerHour] else { throw .usage("give its price with --usd-per-hour") }
      let rate: Rate
      do { rate = try Rate.perHour(price) } catch { throw .usage("option --usd-per-hour: \(error)") }
      let hour = Rate.nanosPerHour
      let now = Clock.unixNanos() / hour * hour
      let record = MachineRecord(
        machine: arguments.operands[0], type: arguments[type] ?? "unknown", currency: rate.currency.description,
        provisionedAt: try moment(arguments[since], "--since") ?? now,
        retiredAt: try moment(arguments[until], "--until"), vcpus: Int64(arguments[vcpus] ?? Host().processors),
        picos: rate.picos, per: rate.quantity, commitment: arguments[commitment] ?? "on-demand")
      let writer = try LedgerCommands.open()
      try failing { () throws(LedgerError) in
        try writer.addMachine(record)
        try writer.finish()
      }
      if arguments[Command.json] { return try console.json { write(record, to: &$0) } }
      try console.out.line("\(printable(record.machine)): \(hourly(record)) an hour for \(record.vcpus) vCPUs")
    })

  private static let record = Command(
    name: "machine record", summary: "write down where this machine's time goes, until Ctrl-C", operands: .one("NAME"),
    about: """
      One recorder works for each machine and ledger; another one waits and takes over. Hours without a recorder are \
      shown as unobserved. Run it as a service.
      """,
    run: { (arguments, console) throws(CommandFailure) in
      let writer = try LedgerCommands.open()
      Interrupt.watch()
      var recorder: MachineRecorder?
      var hasWaited = false
      while !Interrupt.requested {
        if recorder == nil {
          recorder = try failing { () throws(LedgerError) in
            try MachineRecorder.begin(writer, machine: arguments.operands[0])
          }
          if recorder != nil { console.note("recording \(arguments.operands[0])") }
          if recorder == nil, !hasWaited {
            console.note("another process records; waiting to take over")
            hasWaited = true
          }
        }
        sleep(1)
        try failing { () throws(LedgerError) in
          try recorder?.look()
          try writer.recover()
        }
      }
      try failing { () throws(LedgerError) in try recorder?.finish() }
      if arguments[Command.json] { try console.json { $0.field("recorded", recorder != nil) } }
    })

  private static let allocate = Command(
    name: "machine cost", summary: "what a machine cost in a period, and where that money went", operands: .one("NAME"),
    about: """
      The parts add up exactly to what was billed for the machine's time, or to what is expected where no invoice was \
      imported. Hours without a recorder are unobserved and are never spread over requests.
      """,
    options: [since, until],
    run: { (arguments, console) throws(CommandFailure) in
      let today = CivilDate(unixNanos: Clock.unixNanos())
      let first = CivilDate(year: today.year, month: today.month, day: 1) ?? today
      let hour = Rate.nanosPerHour
      let from = try moment(arguments[since], "--since") ?? Int64(first.dayNumber) * 24 * hour
      let to = try moment(arguments[until], "--until") ?? (Clock.unixNanos() / hour + 1) * hour
      let ledger = try LedgerCommands.reading(console)
      let allocation = try failing { () throws(LedgerError) in
        try ledger.allocation(machine: arguments.operands[0], from: from, to: to)
      }
      let burst = try burst(of: allocation, in: ledger)
      if arguments[Command.json] {
        return try console.json { json in
          write(allocation, to: &json)
          if let burst { json.object("burst") { write(burst, to: &$0) } }
        }
      }
      try show(allocation, console)
      if let burst { try console.out.line(words(burst)) }
    })

  /// Burst credits of a machine whose type the price book knows, without doubt, to have them.
  private static func burst(
    of allocation: Allocation, in ledger: Ledger
  ) throws(CommandFailure) -> (row: Machine, spending: BurstSpending)? {
    let day = CivilDate(unixNanos: allocation.start)
    guard let row = try? PriceCommands.book().machine(allocation.machine.type, on: day),
      Int64(row.vcpus) == allocation.machine.vcpus
    else { return nil }
    let spending = try failing { () throws(LedgerError) in
      try ledger.burstSpending(
        machine: allocation.machine.machine, as: row, from: allocation.start,
        to: min(allocation.stop, Clock.unixNanos()))
    }
    return spending.map { (row, $0) }
  }

  private static func words(_ burst: (row: Machine, spending: BurstSpending)) -> String {
    func hours(_ nanos: Int64) -> String { FixedPoint.quotient(nanos, by: Rate.nanosPerHour, decimals: 3) }
    let spending = burst.spending
    let surplus =
      burst.row.burst?.surplus == nil
      ? ""
      : "\(money(spending.picos, burst.row.currency.description).text()) for \(hours(spending.chargedNanos)) vCPU hours beyond them, "
    let unseen =
      spending.unobservedNanos > 0 ? "; \(hours(spending.unobservedNanos)) unobserved hours taken as idle" : ""
    return
      "burst credits as \(burst.row.id) has them (modelled): \(surplus)balance \(hours(spending.balanceNanos)) and "
      + "debt \(hours(spending.debtNanos)) vCPU hours" + unseen
  }

  private static func write(_ burst: (row: Machine, spending: BurstSpending), to json: inout JSONWriter) {
    json.field("row", burst.row.id)
    json.field("modelled", true)
    json.field("currency", burst.row.currency.description)
    json.field("surplus", Money(picos: burst.spending.picos).decimalText)
    json.field("surplus_vcpu_nanos", burst.spending.chargedNanos)
    json.field("balance_vcpu_nanos", burst.spending.balanceNanos)
    json.field("debt_vcpu_nanos", burst.spending.debtNanos)
    json.field("unobserved_nanos", burst.spending.unobservedNanos)
  }

  private static func show(_ allocation: Allocation, _ console: Console) throws(CommandFailure) {
    func text(_ picos: Int64) -> String { money(picos, allocation.machine.currency).text() }
    try console.out.line(
      "\(printable(allocation.machine.machine)), \(UTCTime.text(unixNanos: allocation.start)) to "
        + UTCTime.text(unixNanos: allocation.stop))
    try console.out.line("expected  \(text(allocation.expectedPicos))")
    if let actual = allocation.actualPicos, let variance = allocation.variancePicos {
      let isWhole = allocation.billedHours >= allocation.paidHours
      let rest = isWhole ? "" : "; \(allocation.billedHours) of \(allocation.paidHours) hours, the others as expected"
      try console.out.line("billed    \(text(actual)), \(text(variance)) off" + rest)
    } else {
      try console.out.line("billed    no invoice imported: the parts below add up to what is expected")
    }
    var table = Table(columns: [
      .init(title: "where it went"), .init(title: "vCPU hours", right: true), .init(title: "amount", right: true),
    ])
    for (part, amount) in zip(MachineTime.parts, allocation.amounts) {
      let hours = FixedPoint.quotient(allocation.time[keyPath: part.path], by: Rate.nanosPerHour, decimals: 3)
      table.rows.append([part.name, hours, text(amount)])
    }
    for line in allocation.otherLines {
      table.rows.append(["\(printable(line.invoice)) \(printable(line.line))", "", text(line.picos)])
    }
    try console.print(table)
  }

  private static let importInvoice = Command(
    name: "invoice import", summary: "import what was really billed", operands: .one("FILE"),
    about: """
      A CSV table with the columns invoice, line, machine, start, end, currency, amount; machine is empty for a disk, an \
      address, traffic or tax. All lines are imported or none; lines that are there already are passed over.
      """,
    run: { (arguments, console) throws(CommandFailure) in
      let bytes = try System.readAll(arguments.operands[0])
      let writer = try LedgerCommands.open()
      let (count, total) = try failing { () throws(LedgerError) in
        let lines = try InvoiceCSV.read(bytes)
        let count = try writer.importInvoice(lines)
        try writer.finish()
        return (count, lines.count)
      }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("imported", count)
          json.field("known", total - count)
        }
      }
      try console.out.line("\(count) lines imported, \(total - count) known already")
    })

  private static func moment(_ text: String?, _ option: String) throws(CommandFailure) -> Int64? {
    guard let text else { return nil }
    guard let moment = InvoiceCSV.moment(text) else {
      throw .usage("option \(option): '\(text)' is neither a day (2026-11-01) nor a time (2026-11-01T05:00:00Z)")
    }
    return moment
  }

  private static func money(_ picos: Int64, _ code: String) -> Money {
    Money(picos: picos, currency: (try? Currency(code)) ?? .usd)
  }

  private static func hourly(_ machine: MachineRecord) -> String {
    let picos = Int128(machine.picos) * Int128(Rate.nanosPerHour) / Int128(machine.per)
    return money(Int64(clamping: picos), machine.currency).text(significant: 5)
  }

  private static func write(_ machine: MachineRecord, to json: inout JSONWriter) {
    json.field("machine", machine.machine)
    json.field("type", machine.type)
    json.field("vcpus", machine.vcpus)
    json.field("currency", machine.currency)
    json.field("price_pico", machine.picos)
    json.field("price_per_nanos", machine.per)
    json.field("commitment", machine.commitment)
    json.field("since", UTCTime.text(unixNanos: machine.provisionedAt))
    json.field("until", machine.retiredAt.map { UTCTime.text(unixNanos: $0) })
  }

  private static func basis(_ allocation: Allocation) -> String {
    if allocation.billedHours == 0 { return "expected" }
    return allocation.billedHours >= allocation.paidHours ? "invoice" : "invoice, expected where none"
  }

  private static func write(_ allocation: Allocation, to json: inout JSONWriter) {
    func text(_ picos: Int64) -> String { Money(picos: picos).decimalText }
    json.field("machine", allocation.machine.machine)
    json.field("since", UTCTime.text(unixNanos: allocation.start))
    json.field("until", UTCTime.text(unixNanos: allocation.stop))
    json.field("currency", allocation.machine.currency)
    json.field("basis", basis(allocation))
    json.field("paid_hours", allocation.paidHours)
    json.field("billed_hours", allocation.billedHours)
    json.field("expected", text(allocation.expectedPicos))
    json.field("actual", allocation.actualPicos.map { text($0) })
    json.field("variance", allocation.variancePicos.map { text($0) })
    json.object("parts") { json in
      for (part, amount) in zip(MachineTime.parts, allocation.amounts) {
        json.object(part.name) { json in
          json.field("vcpu_nanos", allocation.time[keyPath: part.path])
          json.field("amount", text(amount))
        }
      }
    }
    json.array("other_lines") { json in
      for line in allocation.otherLines {
        json.object { json in
          json.field("invoice", line.invoice)
          json.field("line", line.line)
          json.field("amount", text(line.picos))
        }
      }
    }
  }
}
