import Testing

@testable import Pricing

/// Energy and carbon: by hand, from rows, and unknown.
@Suite struct PowerModelTests {
  private func machine(_ family: String, _ region: String = "us-east-1") throws -> Machine {
    let row = "provider,region,type,vcpus,cpu_family,source\nv,\(region),t,2,\(family),s\n"
    return try MachineTable.read(row.utf8, file: "t")[0]
  }

  /// An hour of a virtual CPU that draws 2 W is 2 Wh; at 500 g a kilowatt-hour, 1 g.
  @Test func aWorkedExample() throws {
    let model = try PowerModel(watts: "2", grams: "500", machine: nil)
    let hour = Int64(3_600_000_000_000)
    #expect(model.microWattHours(ofCPUNanos: hour) == 2_000_000 && model.micrograms(ofCPUNanos: hour) == 1_000_000)
    // A second: 0.000556 Wh, 0.000278 g.
    #expect(model.microWattHours(ofCPUNanos: hour / 3600) == 556 && model.micrograms(ofCPUNanos: hour / 3600) == 278)
    #expect(model.microWattHours(ofCPUNanos: 0) == 0)
    // A thousand virtual CPUs for a year.
    let much = hour * 24 * 365
    let expected: Int64 = 2_000_000 * 24 * 365 * 100
    #expect(model.microWattHours(ofCPUNanos: much * 100) == expected)
  }

  @Test func rowsAreUsedWhereTheyAreAboutThisMachine() throws {
    let milan = try PowerModel(
      watts: nil, grams: nil, machine: machine("AMD EPYC Milan (1 vCPU = 1 core)", "eu-north-1"))
    #expect(milan.power?.milli == 1_957 && milan.grid?.milli == 8_000)
    #expect(milan.power?.source == "Milan, Cloud Carbon Footprint coefficients, April 2026")
    #expect(
      try PowerModel(watts: nil, grams: nil, machine: machine("AWS Graviton3 (Neoverse V1)")).power?.milli == 1_693)
    let own = try PowerModel(watts: "3.5", grams: nil, machine: machine("Intel Sapphire Rapids"))
    #expect(own.power == .init(milli: 3_500, source: "given") && own.grid?.milli == 416_000)
  }

  @Test func whatNobodyStatesIsUnknown() throws {
    for family in [
      "AMD EPYC Rome/Milan", "mixed Skylake/Broadwell/Haswell/Rome (scheduler picks)", "AMD EPYC shared", "AmpereOne",
    ] {
      let model = try PowerModel(watts: nil, grams: "100", machine: machine(family))
      #expect(
        model.power == nil && model.microWattHours(ofCPUNanos: 5) == nil && model.micrograms(ofCPUNanos: 5) == nil)
    }
    let nowhere = try PowerModel(watts: "1", grams: nil, machine: machine("Intel Sapphire Rapids", "nyc1"))
    #expect(nowhere.grid == nil && nowhere.microWattHours(ofCPUNanos: 3_600_000_000) == 1_000)
    #expect(nowhere.micrograms(ofCPUNanos: 5) == nil)
    #expect(throws: PricingError.self) { try PowerModel(watts: "-1", grams: nil, machine: nil) }
    #expect(throws: PricingError.self) { try PowerModel(watts: "much", grams: nil, machine: nil) }
  }
}
