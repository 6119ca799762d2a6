import Usage

/// Reads and checks tables of machines, one line each.
enum MachineTable {
  static let columns = [
    "provider", "region", "type", "vcpus", "memory_gib", "arch", "cpu_family", "isa", "currency", "on_demand_per_hour",
    "one_year_per_hour", "spot_per_hour", "spot_min_per_hour", "spot_max_per_hour", "burst_baseline_percent",
    "surplus_per_vcpu_hour", "billed_vcpus", "as_of", "stale", "allowance", "note", "source",
  ]
  static let required = ["provider", "region", "type", "vcpus", "source"]

  /// - Throws: `table` with line and column.
  static func read(_ bytes: some Sequence<UInt8>, file: String) throws(PricingError) -> [Machine] {
    let table = try CSVTable(bytes, file: file, columns: columns, required: required)
    var machines: [Machine] = []
    var seen: Set<[UInt8]> = []
    for row in table.rows {
      let machine = try machine(row)
      guard seen.insert(Array(machine.id.utf8)).inserted else {
        throw row.error("type", "\(machine.id) is there twice")
      }
      machines.append(machine)
    }
    return machines
  }

  private static func machine(_ row: CSVRow) throws(PricingError) -> Machine {
    let currency = try row.currency("currency")
    guard let vcpus = try row.integer("vcpus", in: 1...4096) else { throw row.error("vcpus", "a value is missing") }
    return Machine(
      provider: try row.required("provider"), region: try row.required("region"), type: try row.required("type"),
      vcpus: vcpus, memoryGiB: try positive(row, "memory_gib") ?? ExactDecimal(0), arch: row.text("arch") ?? "",
      cpuFamily: row.text("cpu_family") ?? "",
      isa: (row.text("isa") ?? "").split(separator: " ").map { String($0) },
      onDemand: try perHour(row, "on_demand_per_hour", currency),
      oneYear: try perHour(row, "one_year_per_hour", currency), spot: try spot(row, currency),
      burst: try burst(row, currency), billedVCPUs: try positive(row, "billed_vcpus"), readOn: try row.date("as_of"),
      stale: try row.flag("stale") ?? false, allowance: try row.flag("allowance") ?? false, note: row.text("note"),
      source: try row.required("source"))
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
    switch (baseline, surplus) {
    case (nil, nil): return nil
    case (let baseline?, let surplus?): return Machine.Burst(baselinePercent: baseline, surplus: surplus)
    default: throw row.error("burst_baseline_percent", "baseline and surplus price belong together")
    }
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
