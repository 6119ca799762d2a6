import Usage

extension MachineTable {
  /// The rows that read back as the same machines, as exact decimal text.
  static func write(_ machines: [Machine]) -> TableText {
    var text = TableText(columns: columns)
    for machine in machines {
      let fields = identity(machine).merging(prices(machine)) { first, _ in first }
        .merging(conditions(machine)) { first, _ in first }
      text.rows.append(columns.map { fields[$0] ?? nil })
    }
    return text
  }

  private static func identity(_ machine: Machine) -> [String: String?] {
    [
      "provider": machine.provider, "region": machine.region, "type": machine.type, "vcpus": String(machine.vcpus),
      "memory_gib": machine.memoryGiB == ExactDecimal(0) ? nil : machine.memoryGiB.description,
      "arch": nonEmpty(machine.arch), "cpu_family": nonEmpty(machine.cpuFamily),
      "isa": nonEmpty(machine.isa.joined(separator: " ")), "currency": machine.currency.description,
      "as_of": machine.readOn?.description, "stale": machine.stale ? "true" : nil,
      "allowance": machine.allowance ? "true" : nil, "note": machine.note, "source": machine.source,
      "kind": machine.kind == .vm ? nil : machine.kind.rawValue, "jurisdiction": machine.jurisdiction,
      "accelerator": machine.accelerator?.name, "accelerators": machine.accelerator.map { String($0.count) },
      "accelerator_memory_gib": machine.accelerator?.memoryGiB?.description,
    ]
  }

  private static func prices(_ machine: Machine) -> [String: String?] {
    let hour = Rate.nanosPerHour
    return [
      "on_demand_per_hour": machine.onDemand.field(per: hour), "one_year_per_hour": machine.oneYear.field(per: hour),
      "three_year_per_hour": machine.threeYear.field(per: hour), "spot_per_hour": machine.spot?.median.field(per: hour),
      "spot_min_per_hour": machine.spot?.range?.low.field(per: hour),
      "spot_max_per_hour": machine.spot?.range?.high.field(per: hour),
      "disk_per_gib_month": machine.extras.disk.field(per: 1),
      "address_per_month": machine.extras.address.field(per: 1),
      "egress_per_gib": machine.extras.egress.field(per: 1),
      "per_gib_second": machine.serverless?.perGiBSecond.field(per: 1),
      "per_request": machine.serverless?.perRequest.field(per: 1),
    ]
  }

  private static func conditions(_ machine: Machine) -> [String: String?] {
    let burst = machine.burst
    let billing = machine.billing
    return [
      "from": machine.from?.description, "until": machine.until?.description,
      "status": nonEmpty(machine.status.rawValue), "provisioned_from": machine.vintage.from?.description,
      "provisioned_until": machine.vintage.until?.description,
      "billing": billing.quantum == .second ? nil : billing.quantum.rawValue,
      "minimum_seconds": billing.minimumSeconds == 0 ? nil : String(billing.minimumSeconds),
      "monthly_cap": billing.monthlyCap?.decimalText,
      "billed_while_stopped": billing.billedWhileStopped ? "true" : nil,
      "burst_mode": burst.map { $0.mode.rawValue }, "burst_baseline_percent": burst.map { String($0.baselinePercent) },
      "surplus_per_vcpu_hour": burst?.surplus.field(per: Rate.nanosPerHour),
      "balance_hours": burst.map { String($0.balanceHours) }, "launch_minutes": burst.map { String($0.launchMinutes) },
      "allowance_hours": burst.map { String($0.allowanceHours) }, "billed_vcpus": machine.billedVCPUs?.description,
    ]
  }

  private static func nonEmpty(_ text: String) -> String? { text.isEmpty ? nil : text }
}
