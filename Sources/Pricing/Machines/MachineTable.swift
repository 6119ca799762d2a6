import Usage

/// Reads and checks tables of machines, one line each.
enum MachineTable {
  static let columns = [
    "provider", "region", "type", "vcpus", "memory_gib", "arch", "cpu_family", "isa", "currency", "on_demand_per_hour",
    "one_year_per_hour", "spot_per_hour", "spot_min_per_hour", "spot_max_per_hour", "burst_baseline_percent",
    "surplus_per_vcpu_hour", "billed_vcpus", "as_of", "stale", "allowance", "note", "source",
    "kind", "from", "until", "status", "provisioned_from", "provisioned_until", "three_year_per_hour", "billing",
    "minimum_seconds", "monthly_cap", "billed_while_stopped", "jurisdiction", "disk_per_gib_month",
    "address_per_month", "egress_per_gib", "burst_mode", "balance_hours", "launch_minutes", "allowance_hours",
    "per_gib_second", "per_request", "accelerator", "accelerators", "accelerator_memory_gib",
  ]
  static let required = ["provider", "region", "type", "vcpus", "source"]

  /// - Throws: `table` with line and column.
  static func read(_ bytes: some Sequence<UInt8>, file: String) throws(PricingError) -> [Machine] {
    try read(CSVTable(bytes, file: file, columns: columns, required: required).rows)
  }

  /// - Throws: `table` with line and column.
  static func read(_ rows: [CSVRow]) throws(PricingError) -> [Machine] {
    var machines: [Machine] = []
    var seen: Set<[UInt8]> = []
    for row in rows {
      let machine = try machine(row)
      guard seen.insert(Array((machine.id + " " + (machine.from?.description ?? "")).utf8)).inserted else {
        throw row.error("type", "\(machine.id) is there twice")
      }
      machines.append(machine)
    }
    return machines
  }

  private static func machine(_ row: CSVRow) throws(PricingError) -> Machine {
    let currency = try row.currency("currency")
    guard let vcpus = try row.integer("vcpus", in: 1...4096) else { throw row.error("vcpus", "a value is missing") }
    var machine = Machine(
      provider: try row.required("provider"), region: try row.required("region"), type: try row.required("type"),
      vcpus: vcpus, memoryGiB: try positive(row, "memory_gib") ?? ExactDecimal(0), arch: row.text("arch") ?? "",
      cpuFamily: row.text("cpu_family") ?? "",
      isa: (row.text("isa") ?? "").split(separator: " ").map { String($0) },
      onDemand: try perHour(row, "on_demand_per_hour", currency),
      oneYear: try perHour(row, "one_year_per_hour", currency), spot: try spot(row, currency),
      burst: try burst(row, currency), billedVCPUs: try positive(row, "billed_vcpus"), readOn: try row.date("as_of"),
      stale: try row.flag("stale") ?? false, allowance: try row.flag("allowance") ?? false, note: row.text("note"),
      source: try row.required("source"))
    machine.threeYear = try perHour(row, "three_year_per_hour", currency)
    machine.jurisdiction = row.text("jurisdiction")
    try readValidity(row, of: &machine)
    machine.billing = try billing(row, currency)
    machine.extras = Machine.Extras(
      disk: try row.rate("disk_per_gib_month", per: 1, of: .gibibyteMonth, currency: currency),
      address: try row.rate("address_per_month", per: 1, of: .month, currency: currency),
      egress: try row.rate("egress_per_gib", per: 1, of: .gibibyte, currency: currency))
    try readKind(row, of: &machine, currency)
    return machine
  }

  private static func readValidity(_ row: CSVRow, of machine: inout Machine) throws(PricingError) {
    machine.from = try row.date("from")
    machine.until = try row.date("until")
    guard let status = HostedPrice.Status(rawValue: row.text("status") ?? "") else {
      throw row.error("status", "expected announced, confirmed, cancelled or nothing")
    }
    machine.status = status
    machine.vintage = Machine.Vintage(
      from: try row.date("provisioned_from"), until: try row.date("provisioned_until"))
    for (start, end, column) in [
      (machine.from, machine.until, "until"), (machine.vintage.from, machine.vintage.until, "provisioned_until"),
    ] {
      if let start, let end, end <= start { throw row.error(column, "this ends before it begins") }
    }
  }

  private static func billing(_ row: CSVRow, _ currency: Currency) throws(PricingError) -> Machine.Billing {
    var billing = Machine.Billing()
    let quantum = row.text("billing") ?? billing.quantum.rawValue
    guard let quantum = Machine.Billing.Quantum(rawValue: quantum) else {
      throw row.error("billing", "expected second or hour, found '\(quantum)'")
    }
    billing.quantum = quantum
    billing.minimumSeconds = try row.integer("minimum_seconds", in: 0...86_400) ?? 0
    billing.billedWhileStopped = try row.flag("billed_while_stopped") ?? false
    if let cap = row.text("monthly_cap") {
      do {
        billing.monthlyCap = try Money(cap, currency: currency)
      } catch {
        throw row.error("monthly_cap", error.description)
      }
      if cap.hasPrefix("-") { throw row.error("monthly_cap", "below zero") }
    }
    return billing
  }

  private static func readKind(
    _ row: CSVRow, of machine: inout Machine, _ currency: Currency
  ) throws(PricingError) {
    let kind = row.text("kind") ?? Machine.Kind.vm.rawValue
    guard let kind = Machine.Kind(rawValue: kind) else { throw row.error("kind", "unknown kind '\(kind)'") }
    machine.kind = kind
    let second = try row.rate("per_gib_second", per: 1, of: .gibibyteSecond, currency: currency)
    let request = try row.rate("per_request", per: 1, of: .request, currency: currency)
    switch (kind, second) {
    case (.serverless, let second?): machine.serverless = Machine.Serverless(perGiBSecond: second, perRequest: request)
    case (.serverless, nil): throw row.error("per_gib_second", "a value is missing")
    default:
      guard second == nil, request == nil else { throw row.error("kind", "only serverless is priced by the request") }
    }
    if let name = row.text("accelerator") {
      machine.accelerator = Machine.Accelerator(
        name: name, count: try row.integer("accelerators", in: 1...64) ?? 1,
        memoryGiB: try positive(row, "accelerator_memory_gib"))
    } else if kind == .accelerator {
      throw row.error("accelerator", "a value is missing")
    }
  }

  private static func spot(_ row: CSVRow, _ currency: Currency) throws(PricingError) -> Machine.Spot? {
    let low = try perHour(row, "spot_min_per_hour", currency)
    let high = try perHour(row, "spot_max_per_hour", currency)
    guard let median = try perHour(row, "spot_per_hour", currency) else {
      guard low == nil, high == nil else { throw row.error("spot_per_hour", "a range without a price") }
      return nil
    }
    guard let low, let high else {
      guard low == nil, high == nil else { throw row.error("spot_min_per_hour", "half a range") }
      return Machine.Spot(median: median, range: nil)
    }
    return Machine.Spot(median: median, range: Machine.ClosedRangeOfRates(low: low, high: high))
  }

  private static func burst(_ row: CSVRow, _ currency: Currency) throws(PricingError) -> Machine.Burst? {
    let surplus = try row.rate(
      "surplus_per_vcpu_hour", per: Rate.nanosPerHour, of: .vcpuNanosecond, currency: currency)
    let baseline = try row.integer("burst_baseline_percent", in: 1...100)
    let mode = row.text("burst_mode") ?? Machine.Burst.Mode.unlimited.rawValue
    guard let mode = Machine.Burst.Mode(rawValue: mode) else { throw row.error("burst_mode", "unknown mode '\(mode)'") }
    guard let baseline else {
      guard surplus == nil else { throw row.error("burst_baseline_percent", "a surplus price without a baseline") }
      return nil
    }
    guard (mode == .unlimited) == (surplus != nil) else {
      throw row.error("surplus_per_vcpu_hour", "a surplus price belongs to burst_mode unlimited, and to no other")
    }
    var burst = Machine.Burst(mode: mode, baselinePercent: baseline, surplus: surplus)
    burst.balanceHours = try row.integer("balance_hours", in: 0...720) ?? burst.balanceHours
    burst.launchMinutes = try row.integer("launch_minutes", in: 0...100_000) ?? burst.launchMinutes
    burst.allowanceHours = try row.integer("allowance_hours", in: 0...720) ?? burst.allowanceHours
    return burst
  }

  private static func perHour(_ row: CSVRow, _ column: String, _ currency: Currency) throws(PricingError) -> Rate? {
    try row.rate(column, per: Rate.nanosPerHour, of: .machineNanosecond, currency: currency)
  }

  private static func positive(_ row: CSVRow, _ column: String) throws(PricingError) -> ExactDecimal? {
    guard let value = try row.decimal(column) else { return nil }
    guard value.coefficient > 0, value.scale <= 9, value.coefficient < 1_000_000_000_000 else {
      throw row.error(column, "expected a number above zero with at most 9 decimals")
    }
    return value
  }
}
