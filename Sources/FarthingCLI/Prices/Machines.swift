import Pricing
import Usage

/// `vms` and `vms show`: what machines cost.
enum Machines {
  static let commands: [Command] = [list, show] + PriceEdits.commands(.machines)

  private static let region = Option.text(
    "--region", value: "NAME", help: "only rows of regions with this in their name")
  private static let minimumVCPUs = Option<Int>.integer(
    "--min-vcpus", in: 1...4096, default: 1, help: "only machines with at least so many virtual CPUs")
  private static let provisionedAt = Option.text(
    "--provisioned-at", value: "DATE", help: "for a machine made on that day (default: as --as-of)")

  private static let list = Command(
    name: "vms", summary: "list what machines cost", operands: .optional("FILTER"),
    about: """
      Per hour, the best first: prices that are dated and current before those that are not. "saturated" is the price \
      with every virtual CPU busy and burst credits spent. FILTER is part of a name. A dash is a price that no source \
      states.
      """,
    options: [
      PriceCommands.asOf, PriceCommands.all, PriceCommands.provider, region, minimumVCPUs,
    ],
    run: { (arguments, console) throws(CommandFailure) in
      let day = try PriceCommands.day(arguments[PriceCommands.asOf])
      let book = try PriceCommands.book()
      let chosen = book.machines.filter { machine in
        (arguments[PriceCommands.all] || machine.holds(on: day))
          && PriceCommands.contains(machine.id, arguments.operands.first)
          && (arguments[PriceCommands.provider].map { machine.provider == $0 } ?? true)
          && PriceCommands.contains(machine.region, arguments[region]) && machine.vcpus >= arguments[minimumVCPUs]
      }
      let ranked = ranked(chosen, on: day)
      if arguments[Command.json] {
        return try console.json { json in
          json.field("as_of", day.description)
          json.array("machines") { json in
            for machine in ranked { json.object { json in members(machine, on: day, to: &json) } }
          }
        }
      }
      var table = Table(columns: [
        .init(title: "machine", flexible: true), .init(title: "vCPU", right: true), .init(title: "GiB", right: true),
        .init(title: "on demand", right: true), .init(title: "1 year", right: true), .init(title: "spot", right: true),
        .init(title: "saturated", right: true), .init(title: "marks"),
      ])
      for machine in ranked {
        let price = try? machine.price(at: PriceCommands.nanos(day))
        table.rows.append([
          printable(machine.id), String(machine.vcpus), machine.memoryGiB.description,
          PriceCommands.hour(machine.onDemand), PriceCommands.hour(machine.oneYear),
          PriceCommands.hour(machine.spot?.median), PriceCommands.hour(price?.saturated),
          PriceCommands.marks(machine.rowMarks(on: day)),
        ])
      }
      try console.print(table)
      try console.out.line("\n\(ranked.count) of \(book.machines.count) machines on \(day), per hour")
    })

  /// Sound prices first, then the cheapest by what an hour costs with every virtual CPU busy.
  private static func ranked(_ machines: [Machine], on day: CivilDate) -> [Machine] {
    let keyed = machines.map { machine -> (trust: Int, currency: String, rate: Rate?, machine: Machine) in
      let price = try? machine.price(at: PriceCommands.nanos(day))
      let marks = price?.marks ?? machine.rowMarks(on: day)
      return (marks.trust.rawValue, machine.currency.description, price?.saturated ?? price?.hourly, machine)
    }
    return keyed.sorted { left, right in
      if (left.trust, left.currency) != (right.trust, right.currency) {
        return (left.trust, left.currency) < (right.trust, right.currency)
      }
      switch (left.rate, right.rate) {
      case (let first?, let second?):
        if (try? first.isLess(than: second)) ?? false { return true }
        if (try? second.isLess(than: first)) ?? false { return false }
      case (_?, nil): return true
      case (nil, _?): return false
      case (nil, nil): break
      }
      return left.machine.id.utf8.lexicographicallyPrecedes(right.machine.id.utf8)
    }.map(\.machine)
  }

  private static let show = Command(
    name: "vms show", summary: "show all that is known about a machine's prices", operands: .one("TYPE"),
    options: [PriceCommands.asOf, provisionedAt],
    run: { (arguments, console) throws(CommandFailure) in
      let day = try PriceCommands.day(arguments[PriceCommands.asOf])
      let made = try PriceCommands.day(
        arguments[provisionedAt] ?? arguments[PriceCommands.asOf], option: "--provisioned-at")
      let book = try PriceCommands.book()
      let machine = try failing { () throws(PricingError) in
        try book.machine(arguments.operands[0], on: day, provisionedAt: made)
      }
      if arguments[Command.json] { return try console.json { json in members(machine, on: day, to: &json) } }
      for line in lines(machine, on: day) { try console.out.line(printable(line)) }
    })

  private static func lines(_ machine: Machine, on day: CivilDate) -> [String] {
    var lines = ["\(machine.id) (\(machine.kind.rawValue), \(machine.currency))"]
    let memory = machine.memoryGiB == ExactDecimal(0) ? "memory unknown" : "\(machine.memoryGiB) GiB"
    let processor = [machine.arch, machine.cpuFamily, machine.isa.joined(separator: " ")].filter { !$0.isEmpty }
    lines.append("\(machine.vcpus) vCPU, \(memory)")
    if !processor.isEmpty {
      lines.append("processor: \(processor.joined(separator: ", ")) (inferred: detect at run time)")
    }
    for (name, rate) in [
      ("on demand", machine.onDemand), ("one year", machine.oneYear), ("three years", machine.threeYear),
      ("spot", machine.spot?.median), ("spot from", machine.spot?.range?.low), ("spot to", machine.spot?.range?.high),
    ] {
      if let rate { lines.append("\(name): \(PriceCommands.hour(rate)) an hour") }
    }
    let price = try? machine.price(at: PriceCommands.nanos(day))
    if let saturated = price?.saturated { lines.append("saturated: \(PriceCommands.hour(saturated)) an hour") }
    if let burst = machine.burst {
      lines.append(
        "burst: \(burst.mode.rawValue), baseline \(burst.baselinePercent) % of each vCPU"
          + (burst.surplus.map { ", \(PriceCommands.hour($0)) for a vCPU-hour beyond" } ?? ""))
    }
    if let billed = machine.billedVCPUs { lines.append("shared: the price is for \(billed) vCPU") }
    if let serverless = machine.serverless {
      lines.append(
        "serverless: \(serverless.perGiBSecond.decimalText(per: 1) ?? "") a GiB-second"
          + (serverless.perRequest.flatMap { $0.decimalText(per: 1) }.map { ", \($0) a request" } ?? ""))
    }
    if let accelerator = machine.accelerator { lines.append("accelerator: \(accelerator.count) x \(accelerator.name)") }
    lines.append(billing(machine.billing))
    for (name, rate) in [
      ("disk, a GiB and month", machine.extras.disk), ("address, a month", machine.extras.address),
      ("egress, a GiB", machine.extras.egress),
    ] {
      lines.append("\(name): " + (rate?.decimalText(per: 1) ?? "no price known"))
    }
    if let jurisdiction = machine.jurisdiction { lines.append("jurisdiction: \(jurisdiction)") }
    lines.append("read on: \(machine.readOn?.description ?? "nobody noted when")")
    lines.append("source: \(machine.source)")
    if let note = machine.note { lines.append("note: \(note)") }
    let marks = machine.rowMarks(on: day)
    if !marks.isEmpty { lines.append("marks on \(day): " + PriceCommands.marks(marks)) }
    return lines
  }

  private static func billing(_ billing: Machine.Billing) -> String {
    var parts = [billing.quantum == .hour ? "every hour begun" : "by the second"]
    if billing.minimumSeconds > 0 { parts.append("at least \(billing.minimumSeconds) s") }
    if let cap = billing.monthlyCap { parts.append("at most \(cap) a month") }
    if billing.billedWhileStopped { parts.append("while stopped too") }
    return "billed: " + parts.joined(separator: ", ")
  }

  private static func members(_ machine: Machine, on day: CivilDate, to json: inout JSONWriter) {
    json.field("id", machine.id)
    json.field("provider", machine.provider)
    json.field("region", machine.region)
    json.field("type", machine.type)
    json.field("kind", machine.kind.rawValue)
    json.field("vcpus", machine.vcpus)
    json.field("memory_gib", machine.memoryGiB.description)
    json.field("arch", machine.arch)
    json.field("currency", machine.currency.description)
    let price = try? machine.price(at: PriceCommands.nanos(day))
    for (name, rate) in [
      ("on_demand", machine.onDemand), ("one_year", machine.oneYear), ("three_year", machine.threeYear),
      ("spot", machine.spot?.median), ("spot_min", machine.spot?.range?.low), ("spot_max", machine.spot?.range?.high),
      ("saturated", price?.saturated),
    ] {
      json.field(name + "_per_hour", rate?.decimalText(per: Rate.nanosPerHour))
    }
    json.field("burst_mode", machine.burst?.mode.rawValue)
    json.field("burst_baseline_percent", machine.burst?.baselinePercent)
    json.field("billed_vcpus", machine.billedVCPUs?.description)
    json.field("from", machine.from?.description)
    json.field("until", machine.until?.description)
    json.field("provisioned_from", machine.vintage.from?.description)
    json.field("provisioned_until", machine.vintage.until?.description)
    json.field("billing", machine.billing.quantum.rawValue)
    json.field("monthly_cap", machine.billing.monthlyCap?.decimalText)
    json.field("billed_while_stopped", machine.billing.billedWhileStopped)
    json.field("jurisdiction", machine.jurisdiction)
    json.field("read_on", machine.readOn?.description)
    json.field("source", machine.source)
    PriceCommands.write(machine.rowMarks(on: day), to: &json)
  }
}
