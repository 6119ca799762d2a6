import Testing
import Usage

@testable import Pricing

@Suite struct DocumentTests {
  private func same(_ left: PriceBook, _ right: PriceBook) -> Bool {
    left.hosted == right.hosted && left.machines == right.machines && left.tariffs == right.tariffs
      && left.exchange == right.exchange
  }

  /// A row with something in every column.
  private static let machine = """
    provider,region,type,vcpus,memory_gib,arch,cpu_family,isa,currency,on_demand_per_hour,one_year_per_hour,\
    spot_per_hour,spot_min_per_hour,spot_max_per_hour,burst_baseline_percent,surplus_per_vcpu_hour,billed_vcpus,as_of,\
    stale,allowance,note,source,kind,from,until,status,provisioned_from,provisioned_until,three_year_per_hour,billing,\
    minimum_seconds,monthly_cap,billed_while_stopped,jurisdiction,disk_per_gib_month,address_per_month,egress_per_gib,\
    burst_mode,balance_hours,launch_minutes,allowance_hours,accelerator,accelerators,accelerator_memory_gib
    p,r,t,4,15.5,x86_64,"a, b",avx2 fma,EUR,0.0083764275,0.005,0.004,0.003,0.006,25,0.05,1.5,2026-11-01,true,true,\
    "says ""so"", twice",somewhere,accelerator,2026-01-01,2026-12-31,confirmed,2025-01-01,2026-04-01,0.001,hour,60,\
    3.99,true,EU,0.04,3.6,0.09,unlimited,12,30,6,A100,2,40

    """

  private func book() throws -> PriceBook {
    var book = try PriceBook.shipped()
    book.machines += try MachineTable.read(Self.machine.utf8, file: "t")
    let header = "provider,region,type,vcpus,memory_gib,kind,per_gib_second,per_request,source\n"
    book.machines += try MachineTable.read(
      (header + "q,r,f,2,1.7,serverless,0.0000166667,0.0000002,s\n").utf8, file: "t")
    book.tariffs = [
      try Tariff(
        model: "m", machine: "x", version: 3, from: #require(CivilDate("2026-05-01")), promptPicos: 20_000,
        cachedPromptPicos: 1, completionPicos: 60_000, source: "by hand")
    ]
    book.exchange = [try ExchangeRate("EUR=1.0821@2026-11-24")]
    return book
  }

  @Test func aBookReadsBackTheSame() throws {
    let book = try book()
    #expect(try same(book, PriceDocument.read(PriceDocument.json(book), file: "t")))
    var parts = PriceBook()
    for part in PriceDocument.Part.allCases {
      let read = try PriceDocument.read(PriceDocument.csv(part, of: book), file: "t")
      parts = PriceBook(
        hosted: parts.hosted + read.hosted, machines: parts.machines + read.machines,
        tariffs: parts.tariffs + read.tariffs, exchange: parts.exchange + read.exchange)
    }
    #expect(same(book, parts))
    #expect(book.machines.suffix(2).map(\.kind) == [.accelerator, .serverless])
    #expect(book.machines.dropLast().last?.billing.monthlyCap == (try Money("3.99", currency: Currency("EUR"))))
  }

  /// Numbers may be written as numbers too, and never pass through floating point.
  @Test func rowsByHand() throws {
    let text = """
      {"schema": "farthing prices 1", "machines": [{"provider": "p", "region": "r", "type": "t", "vcpus": 2,
      "on_demand_per_hour": 0.0083764275, "source": "s"}]}
      """
    let machine = try PriceDocument.read(Array(text.utf8), file: "t").machines[0]
    #expect(machine.onDemand == (try Rate.perHour("0.0083764275")))
    #expect(machine.onDemand?.decimalText(per: Rate.nanosPerHour) == "0.0083764275")
  }

  @Test(arguments: [
    "{}", "{\"schema\": \"other\"}", "{\"schema\": \"farthing prices 1\", \"shops\": []}",
    "{\"schema\": \"farthing prices 1\", \"machines\": {}}", "{\"schema\": \"farthing prices 1\", \"machines\": [1]}",
    "{\"schema\": \"farthing prices 1\", \"machines\": [{\"provider\": []}]}",
    "{\"schema\": \"farthing prices 1\", \"machines\": [{\"colour\": \"red\"}]}",
    "{\"schema\": \"farthing prices 1\", \"tariffs\": [{\"model\": \"m\"}]}", "a,b\n1,2\n", "", "{", "{\"a\": 1,}",
    "{\"a\": 1} x", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\\ud800\"}", "{\"a\": \"\\x\"}", "{\"a\": 1-2}", "{\"a\": tru}",
    "{\"a\": \"\n\"}", "{\"a\"",
  ])
  func whatIsNoBookIsRefused(text: String) {
    #expect(throws: PricingError.self) { try PriceDocument.read(Array(text.utf8), file: "t") }
  }

  @Test func deepNestingEnds() {
    let text = String(repeating: "[", count: 100_000)
    #expect(throws: PricingError.self) { try JSONText(Array(text.utf8), file: "t") }
  }

  @Test func jsonIsReadAsWritten() throws {
    let json = try JSONText(
      Array("{\"a\": [1.50, -2e-07, true, null, \"\\u00e9\\ud83d\\ude00\\n\"], \"b\": {}}".utf8), file: "t")
    #expect(
      json["a"]?.elements == [.number("1.50"), .number("-2e-07"), .bool(true), .null, .string("\u{e9}\u{1F600}\n")])
    #expect(json["b"]?.members?.isEmpty == true && json["c"] == nil)
  }

  @Test func ownRowsStandInFront() throws {
    let own = try PriceDocument.row(
      [
        ("line", "model"), ("provider", "openai"), ("model", "gpt-4o"), ("input_per_mtok", "1"),
        ("output_per_mtok", "2"), ("source", "my contract"),
      ], of: .hosted, file: "t")
    let book = try PriceBook.shipped().overridden(by: own)
    #expect(book.hosted.count == 89)
    let model = try book.hostedModel("gpt-4o")
    #expect(model.source == "my contract" && model.prices[0].base.batchInput == nil)
    #expect(book.hosted.firstIndex(of: model) == 3)
    #expect(throws: PricingError.self) { try PriceDocument.row([("colour", "red")], of: .hosted, file: "t") }
  }

  @Test func addingToWhatIsThere() throws {
    let shipped = try PriceBook.shipped()
    let price = try PriceBook().adding(
      [
        ("line", "price"), ("provider", "openai"), ("model", "gpt-4o"), ("from", "2027-01-01"),
        ("status", "announced"), ("input_per_mtok", "2"), ("output_per_mtok", "8"),
      ], of: .hosted, to: shipped)
    #expect(price.id == "openai:gpt-4o" && price.own.hosted.count == 1)
    #expect(price.own.hosted[0].prices.map(\.status) == [.stated, .announced])
    let tier = try price.own.adding(
      [
        ("line", "tier"), ("provider", "openai"), ("model", "gpt-4o"), ("above_input_tokens", "1000"),
        ("input_per_mtok", "5"),
      ], of: .hosted, to: shipped)
    #expect(tier.own.hosted[0].prices.map(\.tiers.count) == [1, 0])
    #expect(throws: PricingError.self) {
      try PriceBook().adding(
        [("line", "price"), ("provider", "p"), ("model", "nobody"), ("from", "2027-01-01")], of: .hosted, to: shipped)
    }
    // A machine's price from a day on leaves the one before it.
    let machine = try PriceBook().adding(
      [
        ("provider", "aws"), ("region", "us-east-1"), ("type", "t4g.small"), ("vcpus", "2"), ("from", "2027-01-01"),
        ("on_demand_per_hour", "0.02"), ("source", "s"),
      ], of: .machines, to: shipped)
    #expect(machine.own.machines.map(\.onDemand) == [try Rate.perHour("0.0168"), try Rate.perHour("0.02")])
    for (day, row) in [("2026-12-31", 0), ("2027-01-01", 1)] {
      #expect(try machine.own.machine("t4g.small", on: CivilDate(day)) == machine.own.machines[row])
    }
  }

  // MARK: Vintage and validity

  /// A price that holds for old machines only, and one that held until a day.
  @Test func theRowOfTheDayAndTheVintage() throws {
    let table = """
      provider,region,type,vcpus,on_demand_per_hour,from,until,provisioned_from,provisioned_until,as_of,source
      h,fsn1,CX22,2,0.006,,,,2026-04-01,2026-11-01,s
      h,fsn1,CX22,2,0.008,,2026-06-15,2026-04-01,,2026-11-01,s
      h,fsn1,CX22,2,0.009,2026-06-15,,2026-04-01,,2026-11-01,s
      """
    let book = PriceBook(machines: try MachineTable.read(table.utf8, file: "t"))
    func price(_ day: String, made: String? = nil) throws -> String? {
      let made = try made.map { try #require(CivilDate($0)) }
      return try book.machine("CX22", on: CivilDate(day), provisionedAt: made).onDemand?
        .decimalText(per: Rate.nanosPerHour)
    }
    #expect(try price("2026-11-01") == "0.009")
    #expect(try price("2026-06-14") == "0.008")
    #expect(try price("2026-11-01", made: "2026-03-31") == "0.006")
    #expect(try price("2026-11-01", made: "2026-04-01") == "0.009")
    #expect(book.machines[0].id == "h:CX22@fsn1/..2026-04-01")
    #expect(try book.machine("h:CX22@fsn1/..2026-04-01") == book.machines[0])
    #expect(try book.findings(on: #require(CivilDate("2026-11-01"))).isEmpty)
    // Without a day nothing tells the three apart.
    #expect(throws: PricingError.self) { try book.machine("CX22") }
  }

  @Test func cancelledAndAnnouncedMachinePrices() throws {
    let table = """
      provider,region,type,vcpus,on_demand_per_hour,from,until,status,as_of,source
      h,r,A,2,0.01,,,,2026-11-01,s
      h,r,B,2,0.01,,2026-12-01,,2026-11-01,s
      h,r,B,2,0.02,2026-12-01,,announced,2026-11-01,s
      h,r,A,2,0.05,2026-11-10,,cancelled,2026-11-01,s
      """
    let book = PriceBook(machines: try MachineTable.read(table.utf8, file: "t"))
    let day = try #require(CivilDate("2026-12-02"))
    #expect(try book.machine("A", on: day).onDemand == Rate.perHour("0.01"))
    let later = try book.machine("B", on: day)
    #expect(later.onDemand == (try Rate.perHour("0.02")))
    #expect(later.rowMarks(on: day) == [.announced(try #require(CivilDate("2026-12-01")))])
  }

  @Test func currencies() throws {
    let rates = [try ExchangeRate("EUR=1.10@2026-01-01"), try ExchangeRate("EUR=1.0821@2026-11-24")]
    let euro = try Currency("EUR")
    #expect(
      rates.rate(from: euro, to: .usd, on: try #require(CivilDate("2026-11-23")))?.rate == (try ExactDecimal("1.1")))
    #expect(rates.rate(from: euro, to: .usd, on: try #require(CivilDate("2025-11-23"))) == nil)
    let price = try Rate.perHour("0.01", currency: euro).converted(by: rates[1])
    #expect(price == (try Rate.perHour("0.010821")))
    for text in ["EUR", "EUR=1", "EUR=0@2026-01-01", "EUR=-1@2026-01-01", "eur=1@2026-01-01", "USD=1@2026-01-01"] {
      #expect(throws: PricingError.self, "\(text)") { try ExchangeRate(text) }
    }
    let machines = try MachineTable.read(
      "provider,region,type,vcpus,currency,on_demand_per_hour,monthly_cap,source\nh,r,A,2,EUR,0.01,3.5,s\n".utf8,
      file: "t")
    let dollars = try machines[0].converted(by: rates[1])
    #expect(try dollars.onDemand == price && dollars.billing.monthlyCap == Money("3.78735"))
    #expect(throws: PricingError.currencies(euro, .usd)) { try dollars.converted(by: rates[1]) }
  }
}
