import Testing

@testable import Pricing

@Suite struct TableTests {
  private static let hosted = "line,provider,model,input_per_mtok,output_per_mtok,source"

  private func hosted(_ lines: String...) throws(PricingError) -> [HostedModel] {
    try HostedTable.read(([Self.hosted] + lines).joined(separator: "\n").utf8, file: "t")
  }

  private func full(_ lines: [String]) throws(PricingError) -> [HostedModel] {
    try HostedTable.read(
      ([HostedTable.columns.prefix(21).joined(separator: ",")] + lines).joined(separator: "\n").utf8, file: "t")
  }

  private func error(_ text: String) -> PricingError? {
    do {
      _ = try CSVTable(text.utf8, file: "t", columns: ["a", "b"], required: ["a"])
      return nil
    } catch {
      return error
    }
  }

  @Test func fieldsQuotesAndNotes() throws {
    let table = try CSVTable(
      "# one\r\n#two \nb,a\r\n\r\n1,\"x,\"\"y\"\"\nz\"\n,\n".utf8, file: "t", columns: ["a", "b"], required: ["a"])
    #expect(table.notes == ["one", "two"])
    #expect(table.rows.map { $0.text("a") } == ["x,\"y\"\nz", nil])
    #expect(table.rows.map { $0.text("b") } == ["1", nil])
    #expect(table.rows.map(\.line) == [5, 7])
  }

  @Test func aByteOrderMarkIsNoPartOfTheTable() throws {
    for text in ["\u{FEFF}a\n1\n", "\u{FEFF}# note\na\n1\n"] {
      let table = try CSVTable(text.utf8, file: "t", columns: ["a"], required: ["a"])
      #expect(table.columns == ["a"] && table.rows.count == 1)
    }
    #expect(throws: PricingError.self) { try CSVTable([0xEF, 0xBB, 97, 10], file: "t", columns: ["a"], required: []) }
  }

  @Test func brokenTables() {
    let expected: [(String, Int, String)] = [
      ("", 1, "no header line"), ("# only notes", 1, "no header line"), ("a,c\n", 1, "unknown column 'c'"),
      ("a,a\n", 1, "this column is there twice"), ("b\n", 1, "this column is missing"),
      ("a,b\n1,2\n1\n", 3, "expected 2 fields, found 1"), ("a,b\n1,\"x\n", 2, "a quote is not closed"),
      ("a,b\n1,\"x\"y\n", 2, "text after a closing quote"),
      ("a\n" + String(repeating: ",", count: 100), 2, "more than 64 columns"),
      ("a\n" + String(repeating: "x", count: 5000), 2, "a field of over 4096 bytes"),
    ]
    for (text, line, reason) in expected {
      guard case .table("t", line, _, reason) = error(text) else {
        Issue.record("\(text.prefix(40)): \(String(describing: error(text)))")
        continue
      }
    }
    #expect(throws: PricingError.self) {
      try CSVTable([97, 10, 255, 10], file: "t", columns: ["a"], required: ["a"])
    }
  }

  @Test func brokenHostedTables() throws {
    #expect(try hosted("model,p,m,1,2,s").count == 1)
    for lines in [
      ["model,p,m,-1,2,s"], ["model,p,m,one,2,s"], ["model,p,m,1e-40,2,s"], ["model,,m,1,2,s"], ["model,p,,1,2,s"],
      ["model,p,m,1,2,"], ["price,p,m,1,2,s"], ["model,p,m,1,2,s", "model,p,m,1,2,s"], ["tariff,p,m,1,2,s"],
      ["model,p,m,1,2,s", "model,p,n,1,2,s", "price,p,m,1,2,s"], ["model,p,m,1,2,s", "price,p,m,1,2,s"],
    ] {
      #expect(throws: PricingError.self, "\(lines)") {
        try HostedTable.read(([Self.hosted] + lines).joined(separator: "\n").utf8, file: "t")
      }
    }
  }

  /// line,provider,model,mode,currency,from,status,above,start,end,input,cached,output,batch in,batch out,context,
  /// retires,deprecated,single,as_of,source
  @Test func conditionsAreChecked() throws {
    let model = "model,p,m,chat,USD,2026-01-01,,,,,1,,2,,,,,,,2026-06-01,s"
    #expect(try full([model, "tier,p,m,,,2026-01-01,,100,,,3,,4,,,,,,,,"])[0].prices[0].tiers.count == 1)
    for line in [
      "tier,p,m,,,,,100,,,3,,4,,,,,,,,", "tier,p,m,,,2026-01-01,,,,,3,,4,,,,,,,,",
      "tier,p,m,,,2026-01-01,,0,,,3,,4,,,,,,,,", "tier,p,m,,,2026-01-01,,x,,,3,,4,,,,,,,,",
      "price,p,m,,,2026-01-01,,,,,3,,4,,,,,,,,", "price,p,m,,,2026-02-30,,,,,3,,4,,,,,,,,",
      "price,p,m,,,2026-02-01,maybe,,,,3,,4,,,,,,,,", "hours,p,m,,,2026-01-01,,,01:00,01:00,3,,4,,,,,,,,",
      "hours,p,m,,,2026-01-01,,,1:00,02:00,3,,4,,,,,,,,", "hours,p,m,,,2026-01-01,,,01:00,24:01,3,,4,,,,,,,,",
      "hours,p,m,,,2026-01-01,,,24:00,01:00,3,,4,,,,,,,,", "hours,p,m,,,2026-01-01,,,01:60,02:00,3,,4,,,,,,,,",
      "hours,p,m,,,2026-01-01,,,-1:00,02:00,3,,4,,,,,,,,", "stated,p,m,,,,,,,,3,,4,,,,,,,,",
    ] {
      #expect(throws: PricingError.self, "\(line)") { try full([model, line]) }
    }
    let first = "hours,p,m,,,2026-01-01,,,22:00,02:00,3,,4,,,,,,,,"
    #expect(throws: PricingError.self) {
      try full([model, first, "hours,p,m,,,2026-01-01,,,01:59,03:00,3,,4,,,,,,,,"])
    }
    #expect(
      try full([model, first, "hours,p,m,,,2026-01-01,,,02:00,03:00,3,,4,,,,,,,,"])[0].prices[0].hours.count == 2)
  }

  @Test func hoursOverMidnightAndCancelledPrices() throws {
    let models = try full([
      "model,p,m,chat,USD,2026-01-01,,,,,1,,2,,,,,,,2026-06-01,s",
      "hours,p,m,,,2026-01-01,,,22:00,02:00,10,,20,,,,,,,,",
      "price,p,m,,,2026-08-01,cancelled,,,,5,,5,,,,,,,,",
      "price,p,m,,,2026-09-01,confirmed,,,,7,,7,,,,,,,,",
      "price,p,m,,,2026-10-01,announced,,,,9,,9,,,,,,,,",
      "tier,p,m,,,2026-10-01,,100,,,11,,11,,,,,,,,",
      "hours,p,m,,,2026-10-01,,,00:00,24:00,3,,4,,,,,,,,",
    ])
    let request = HostedRequest(tokens: .init(prompt: 1, completion: 1))
    func picos(_ moment: Int64, _ request: HostedRequest = request) throws -> Int64? {
      try models[0].quote(request, at: moment).money?.picos
    }
    #expect(try picos(Moment.at("2025-12-31")) == nil)
    #expect(try models[0].quote(request, at: Moment.at("2025-12-31")).total == .unknown(.date))
    #expect(try picos(Moment.at("2026-01-01", 21, 59, 59)) == 3_000_000)
    #expect(try picos(Moment.at("2026-01-01", 22)) == 30_000_000)
    #expect(try picos(Moment.at("2026-01-01", 1, 59, 59)) == 30_000_000)
    #expect(try picos(Moment.at("2026-01-01", 2)) == 3_000_000)
    // A rise that was taken back never held.
    #expect(try picos(Moment.at("2026-08-15")) == 3_000_000)
    #expect(try picos(Moment.at("2026-09-15")) == 14_000_000)
    #expect(try models[0].quote(request, at: Moment.at("2026-09-15")).marks.isEmpty)
    #expect(try picos(Moment.at("2026-10-15")) == 7_000_000)
    // Where a tier and special hours meet, no source states the price.
    #expect(try picos(Moment.at("2026-10-15"), HostedRequest(tokens: .init(prompt: 101, completion: 1))) == nil)
  }

  @Test func brokenMachineTables() throws {
    let header =
      "provider,region,type,vcpus,source,on_demand_per_hour,spot_per_hour,spot_min_per_hour,"
      + "spot_max_per_hour,burst_baseline_percent,surplus_per_vcpu_hour,billed_vcpus,memory_gib"
    func read(_ line: String) throws -> [Machine] { try MachineTable.read((header + "\n" + line).utf8, file: "t") }
    #expect(try read("p,r,t,2,s,0.1,,,,,,,0.5")[0].memoryBytes == 536_870_912)
    for line in [
      "p,r,t,0,s,0.1,,,,,,,", "p,r,t,,s,0.1,,,,,,,", "p,r,t,5000,s,0.1,,,,,,,", "p,r,t,2,,0.1,,,,,,,",
      "p,r,t,2,s,-0.1,,,,,,,", "p,r,t,2,s,0.1,,0.1,0.2,,,,", "p,r,t,2,s,0.1,0.1,0.1,,,,,", "p,r,t,2,s,0.1,,,,20,,,",
      "p,r,t,2,s,0.1,,,,,0.04,,", "p,r,t,2,s,0.1,,,,0,0.04,,", "p,r,t,2,s,0.1,,,,101,0.04,,", "p,r,t,2,s,0.1,,,,,,0,",
      "p,r,t,2,s,0.1,,,,,,-1,", "p,r,t,2,s,0.1,,,,,,1e-12,", "p,r,t,2,s,0.1,,,,,,,-3",
      "p,r,t,2,s,0.1,,,,,,,\np,r,t,2,s,0.1,,,,,,,",
    ] {
      #expect(throws: PricingError.self, "\(line)") { try read(line) }
    }
  }

  /// Any damage to a real table gives rows or a typed error.
  @Test func damagedTablesNeverTrap() throws {
    var random = SplitMix(printing: "TableTests.damagedTables")
    let hosted = Array(ShippedTables.hosted.utf8.prefix(6_000))
    let machines = Array(ShippedTables.machines.utf8.prefix(6_000))
    let spice = Array("\",\n#\r-.e0999:\u{FF}".utf8)
    var failures = 0
    for round in 0..<300 {
      var bytes = round % 2 == 0 ? hosted : machines
      for _ in 0..<Int(random.next() % 6 + 1) {
        let place = Int(random.next() % UInt64(bytes.count))
        switch random.next() % 3 {
        case 0: bytes[place] = spice.randomElement(using: &random) ?? 0
        case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        default: bytes.removeSubrange(place..<min(bytes.count, place + Int(random.next() % 40)))
        }
      }
      do {
        if round % 2 == 0 {
          for model in try HostedTable.read(bytes, file: "t") {
            _ = try model.quote(HostedRequest(tokens: .init(prompt: .max, completion: .max)), at: .max)
          }
        } else {
          for machine in try MachineTable.read(bytes, file: "t") { _ = try machine.price(at: .min) }
        }
      } catch {
        failures += 1
      }
    }
    #expect(failures > 100)
  }
}
