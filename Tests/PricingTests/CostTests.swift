import Testing
import Usage

@testable import Pricing

/// Scenarios for the tests of `cost`.
struct CostCase {
  var requests = "1000"
  var prompt = "1000"
  var completion = "200"
  var cached = "0"
  var peak = "10"
  var prefill: Int64 = 200_000
  var decode: Int64 = 40_000
  var batch = 1
  var limits = LatencyLimits()
  var hourly = "0.05"
  var vcpus = 2
  var burst: (percent: String, surplus: String)?
  var labour = "0"
  var machineLimit: Int?
  var error: Int64 = 0
  var readOn = "2026-11-01"
  /// Dollars per million tokens.
  var input = "1"
  var output = "4"

  static let day = CivilDate(year: 2026, month: 11, day: 24) ?? CivilDate(unixNanos: 0)
  static let noon = Int64(day.dayNumber) * 86_400_000_000_000 + 43_200_000_000_000

  func workload() throws -> Workload {
    try Workload(
      requestsPerDay: ExactDecimal(requests), prompt: SizeDistribution(prompt),
      completion: SizeDistribution(completion), cachedPercent: ExactDecimal(cached), peakPercent: ExactDecimal(peak))
  }

  func own() throws -> SelfHosting {
    let row =
      "provider,region,type,vcpus,on_demand_per_hour,burst_baseline_percent,surplus_per_vcpu_hour,as_of,source\n"
      + "p,r,t,\(vcpus),\(hourly),\(burst?.percent ?? ""),\(burst?.surplus ?? ""),\(readOn),s\n"
    let machine = try MachineTable.read(row.utf8, file: "t")[0]
    return SelfHosting(
      price: try machine.price(at: Self.noon),
      speed: try MeasuredSpeed(
        prefillMilli: prefill, decodeMilli: decode, batch: batch, errorMillionths: error, source: "test"),
      limits: limits, machineLimit: machineLimit,
      extras: SelfHosting.Extras(once: labour == "0" ? [] : [try .amount("labour", Money(labour))]))
  }

  func hosted(cachedInput: String = "", tier: (above: Int, input: String, cached: String, output: String)? = nil)
    throws -> HostedModel
  {
    var text =
      "line,provider,model,above_input_tokens,input_per_mtok,cached_input_per_mtok,output_per_mtok,as_of,source\n"
    text += "model,v,m,,\(input),\(cachedInput),\(output),2026-11-01,s\n"
    if let tier { text += "tier,v,m,\(tier.above),\(tier.input),\(tier.cached),\(tier.output),,s\n" }
    return try HostedTable.read(text.utf8, file: "t")[0]
  }

  func scenario() throws -> Scenario {
    let expectation = try hosted().expectation(for: workload(), on: Self.day)
    return Scenario(
      workload: try workload(), own: try own(), apiPerRequest: try #require(expectation.perRequest))
  }

  func answer(apiMarks: [PriceMark] = []) throws -> CostAnswer { try CostAnswer(scenario(), apiMarks: apiMarks) }
}

@Suite struct CostTests {
  // MARK: The four verdicts, by hand

  /// A machine for $36.50 a month; 1,000 requests a day of 1,000 + 200 tokens at $1 and $4 cost $0.0018 each, so
  /// 1,000 x 365/12 x 0.0018 = $54.75 a month. One request takes 1000/200 + 200/40 = 10 s, so a tenth of 1,000 in the
  /// peak hour is 1,000 s of 3,600: 27.8 %.
  @Test func selfHost() throws {
    let answer = try CostCase().answer()
    #expect(answer.verdict == .selfHost && answer.standing == .firm)
    #expect(try answer.selfHosted?.perMonth == Money("36.5") && answer.selfHosted?.machines == 1)
    #expect(answer.api.perMonth == (try Money("54.75")))
    // $54.75 for 36.5 million tokens.
    #expect(try answer.api.perMillion == Money("1.5") && answer.selfHosted?.perMillion == Money("1"))
    // Reading and writing take five seconds each: half of $36.50 for 30.4 million prompt tokens, half for 6.08 million.
    #expect(answer.selfHosted?.inputPerMillion == (try Money("0.6")))
    #expect(answer.selfHosted?.outputPerMillion == (try Money("3")))
    #expect(answer.busy.secondsPerRequest == Fraction(10))
    #expect(answer.busy.peakShare.text(decimals: 4) == "0.2778")
    // 36.5 / (0.0018 x 365/12) = 666.67 requests a day.
    #expect(answer.breakEven?.requestsPerDay.text(decimals: 3) == "666.667" && answer.breakEven?.feasible == true)
    // Fewer requests than break even: a factor of two thirds, in the shortest form that flips.
    #expect(answer.flip?.verdict == .api)
    let flip = try #require(answer.flip)
    #expect(flip.lever == .requests || flip.lever == .apiPrice || flip.lever == .machinePrice)
    #expect(flip.millionths < 666_667 || flip.millionths >= 1_500_000)
  }

  /// The same at $0.10 and $0.40: $5.475 a month.
  @Test func api() throws {
    let answer = try CostCase(input: "0.1", output: "0.4").answer()
    #expect(try answer.verdict == .api && answer.api.perMonth == Money("5.475"))
    #expect(answer.breakEven?.requestsPerDay.text(decimals: 3) == "6666.667")
    // One machine does at most 0.95 x 3600 / 10 / 0.1 = 3,420 requests a day.
    #expect(answer.breakEven?.feasible == false)
    #expect(try CostCase(input: "0.1", output: "0.4").scenario().terms().capacity == Fraction(3420))
    // The change that is named leads to machines, not to machines that could do even less.
    #expect(answer.flip?.verdict == .selfHost || answer.flip?.verdict == .hybrid)
  }

  /// 4,000 requests a day need two machines, $73; the API costs $219. The last 580 cost $31.755 at the API, less than a
  /// second machine: $36.50 + $31.755 = $68.255.
  @Test func hybrid() throws {
    let answer = try CostCase(requests: "4000").answer()
    #expect(answer.verdict == .hybrid)
    #expect(answer.best.machines == 1 && answer.best.served == Fraction(3420))
    #expect(try answer.best.cost.money(.usd) == Money("68.255"))
    #expect(try answer.selfHosted?.machines == 2 && answer.selfHosted?.perMonth == Money("73"))
    #expect(answer.api.perMonth == (try Money("219")))
    #expect(answer.other?.verdict == .selfHost)
  }

  /// A prompt takes five seconds, and the first token must be there after two.
  @Test func infeasible() throws {
    let answer = try CostCase(limits: LatencyLimits.Preset.server.limits).answer()
    #expect(answer.verdict == .infeasible && answer.selfHosted == nil)
    let flip = try #require(answer.flip)
    #expect(flip.lever == .speed || flip.lever == .latency)
    #expect(flip.millionths >= 2_500_000)
    // Tokens that come too slowly: 25 ms at 40 a second, 200 ms with a batch of 8.
    let slow = LatencyLimits(perTokenMillis: 100)
    #expect(try CostCase(limits: slow).answer().verdict == .selfHost)
    #expect(try CostCase(batch: 8, limits: slow).answer().verdict == .infeasible)
  }

  @Test func labourIsALineOfItsOwn() throws {
    let answer = try CostCase(labour: "20").answer()
    #expect(try answer.verdict == .api && answer.selfHosted?.perMonth == Money("56.5"))
  }

  @Test func aLimitOfMachinesIsKept() throws {
    let answer = try CostCase(requests: "40000", machineLimit: 2).answer()
    #expect(answer.verdict == .hybrid && answer.best.machines == 2 && answer.selfHosted == nil)
  }

  /// $4,608 a month against $10 per million: 460.8 million tokens, and not 0.46 as a course page has it.
  @Test func theWorkedCheckOfBreakEven() throws {
    let hour = try Rate("4608", per: 730 * Rate.nanosPerHour, of: .machineNanosecond)
    var own = try CostCase().own()
    own.price = try .given(hour, vcpus: 2)
    let workload = try CostCase(prompt: "500", completion: "500").workload()
    let model = try CostCase(input: "10", output: "10").hosted()
    let expectation = try model.expectation(for: workload, on: CostCase.day)
    let answer = try CostAnswer(
      Scenario(workload: workload, own: own, apiPerRequest: #require(expectation.perRequest)))
    #expect(answer.breakEven?.tokensPerMonth.text(decimals: 0) == "460800000")
  }

  // MARK: Burst

  /// A t4g.small that is always busy pays 2 x 0.8 x $0.04 beside its $0.0168: $0.0808 an hour, $58.984 a month. 8,640
  /// requests of 10 s fill a day.
  @Test func aSaturatedBurstableMachineCostsItsSurplus() throws {
    let terms = try CostCase(hourly: "0.0168", burst: ("20", "0.04")).scenario().terms()
    #expect(terms.free == Fraction(1728))
    #expect(try terms.cost(machines: 1, load: Fraction(8640)).money(.usd) == Money("58.984"))
    #expect(try terms.cost(machines: 1, load: Fraction(1728)).money(.usd) == Money("12.264"))
  }

  /// A throttled machine is held to its baseline in the busiest hour.
  @Test func aThrottledMachineServesItsBaseline() throws {
    var own = try CostCase().own()
    let row = "provider,region,type,vcpus,on_demand_per_hour,burst_baseline_percent,burst_mode,as_of,source\n"
    own.price = try MachineTable.read((row + "p,r,t,2,0.05,20,throttled,2026-11-01,s\n").utf8, file: "t")[0]
      .price(at: CostCase.noon)
    let scenario = Scenario(workload: try CostCase().workload(), own: own, apiPerRequest: Fraction(1))
    #expect(try scenario.terms().allowedMillionths == 200_000)
    #expect(try scenario.terms().capacity == Fraction(720))
  }

  /// A function with 2 GiB at $0.00001 a GiB-second and $0.0000002 a request: ten seconds cost $0.0002002, a thousand a
  /// day for a month $6.0894166..., and nothing where nobody asks.
  @Test func aFunctionCostsWhatItRuns() throws {
    var own = try CostCase().own()
    let row = "provider,region,type,vcpus,memory_gib,kind,per_gib_second,per_request,as_of,source\n"
    let machine = try MachineTable.read(
      (row + "p,r,f,2,2,serverless,0.00001,0.0000002,2026-11-01,s\n").utf8, file: "t")[0]
    own.price = .serverless(machine, marks: machine.rowMarks(on: CostCase.day))
    var scenario = try CostCase().scenario()
    scenario.own = own
    let answer = try CostAnswer(scenario)
    #expect(answer.verdict == .selfHost && answer.selfHosted?.perMonth.picos == 6_089_416_666_666)
    #expect(answer.breakEven?.requestsPerDay == .zero)
    scenario.apiPerRequest = Fraction(100_000_000)
    #expect(try CostAnswer(scenario).breakEven == nil)
  }

  // MARK: Ties and prices that nobody vouches for

  /// $36.50 against $36.50 and a little: within 5 %.
  @Test func aTieIsCalledATie() throws {
    let near = try CostCase(requests: "680", error: 50_000).answer()
    #expect(near.verdict == .selfHost && near.standing == .tie(with: .api))
    #expect(try CostCase(requests: "680").answer().standing == .firm)
    #expect(try CostCase(requests: "900", error: 50_000).answer().standing == .firm)
    // Exactly equal: the API, and a tie without any error.
    var scenario = try CostCase().scenario()
    scenario.apiPerRequest = try Fraction(36_500_000_000_000).over(Fraction(1000)).over(Workload.daysPerMonth)
    let equal = try CostAnswer(scenario)
    #expect(equal.verdict == .api && equal.standing == .tie(with: .selfHost))
  }

  /// An undated price decides only where half and twice of it would say the same.
  @Test func aWeakPriceNeverDecidesAlone() throws {
    let near = try CostCase(readOn: "").answer()
    #expect(near.standing == .undecided(because: [.undated]) && near.verdict == .selfHost)
    #expect(try CostCase(requests: "3000", readOn: "").answer().standing == .firm)
    #expect(try CostCase(readOn: "2026-01-01").answer().standing == .undecided(because: [.stale(days: 327)]))
    let weakAPI = try CostCase().answer(apiMarks: [.undated, .disputed])
    #expect(weakAPI.standing == .undecided(because: [.undated]))
    #expect(try CostCase().answer(apiMarks: [.disputed]).standing == .firm)
  }

  // MARK: The flip

  /// Over random scenarios: the printed change gives another verdict, half of it does not.
  @Test func theFlipFlipsAndHalfOfItDoesNot() throws {
    var random = SplitMix(printing: "theFlipFlipsAndHalfOfItDoesNot")
    var verdicts: Set<Verdict> = []
    var found = 0
    for _ in 0..<40 {
      let some = try Self.random(&random)
      let scenario = try some.scenario()
      let answer = try CostAnswer(scenario)
      verdicts.insert(answer.verdict)
      guard let flip = answer.flip else { continue }
      found += 1
      let changed = try scenario.scaled(flip.lever, millionths: flip.millionths).verdict()
      #expect(changed != answer.verdict && changed == flip.verdict, "\(some) \(flip)")
      let half = 1_000_000 + (flip.millionths - 1_000_000) / 2
      #expect(try scenario.scaled(flip.lever, millionths: half).verdict() == answer.verdict, "\(some) \(flip)")
    }
    // Nearly every scenario has one within a factor of a thousand.
    #expect(verdicts.count >= 3 && found >= 32)
  }

  /// A workload that was tried out with two requests a day flips with more of them, not with a machine that cannot run.
  @Test func aTinyWorkloadFlipsByMoreRequests() throws {
    for requests in ["0.05", "2", "30"] {
      let some = CostCase(requests: requests, prefill: 5_000_000, decode: 400_000, input: "0.1", output: "0.4")
      let answer = try some.answer()
      let flip = try #require(answer.flip)
      #expect(answer.verdict == .api && flip.verdict != .infeasible, "\(flip)")
      #expect(flip.millionths >= 1_000, "\(flip)")
    }
  }

  private static func random(_ random: inout SplitMix) throws -> CostCase {
    func pick<T>(_ values: [T]) -> T { values[Int.random(in: 0..<values.count, using: &random)] }
    return CostCase(
      requests: String(Int.random(in: 1...20_000, using: &random)),
      prompt: pick(["500", "p50=300,p90=1200,p99=4000"]), completion: pick(["50", "200", "p50=100,p95=600"]),
      cached: "0", peak: pick(["5", "10", "20"]), prefill: Int64.random(in: 50_000...2_000_000, using: &random),
      decode: Int64.random(in: 5_000...200_000, using: &random), batch: pick([1, 4]),
      limits: pick([
        LatencyLimits(), LatencyLimits.Preset.server.limits,
        LatencyLimits(firstTokenMillis: 20_000, perTokenMillis: 300),
      ]), hourly: pick(["0.0168", "0.0725", "0.3"]), burst: pick([nil, ("20", "0.04")]),
      machineLimit: pick([nil, nil, 1]), input: pick(["0.02", "0.1", "2.5"]), output: pick(["0.02", "0.5", "10"]))
  }

  // MARK: The script

  /// What make_cost_golden.py worked out by trying every number of machines.
  @Test func agreesWithTheScript() throws {
    let lines = try Golden.lines("costs.tsv")
    #expect(lines.count == 150)
    var compared = 0
    for fields in lines {
      let some = try Self.golden(fields)
      let workload = try some.workload()
      let half = ["0.02": "0.01", "0.1": "0.05", "2.5": "1.25"]
      let twice = ["0.02": "0.04", "0.1": "0.2", "2.5": "5", "0.5": "1", "10": "20"]
      let tier = fields[18] == "0" ? nil : Int(fields[18])
      let model = try some.hosted(
        cachedInput: half[some.input] ?? "",
        tier: tier.map { ($0, twice[some.input] ?? "", some.input, twice[some.output] ?? "") })
      let perRequest = try #require(try model.expectation(for: workload, on: CostCase.day).perRequest)
      #expect("\(perRequest.numerator)/\(perRequest.denominator)" == fields[19], "\(fields)")
      let scenario = Scenario(workload: workload, own: try some.own(), apiPerRequest: perRequest)
      let allowed = try scenario.terms().allowedMillionths
      let expected = try #require(Int64(fields[20]))
      #expect(abs(allowed - expected) <= 1, "\(fields)")
      // A millionth of the allowed share moves the cost of a plan that fills its machines.
      guard allowed == expected else { continue }
      compared += 1
      let best = try scenario.plans().best
      #expect(best.verdict.rawValue == fields[21], "\(fields)")
      #expect("\(best.cost.numerator)/\(best.cost.denominator)" == fields[22], "\(fields)")
      let even = try CostAnswer.breakEven(scenario, scenario.terms())?.requestsPerDay
      #expect(even.map { "\($0.numerator)/\($0.denominator)" } ?? "none" == fields[23], "\(fields)")
    }
    #expect(compared >= 140)
  }

  private static func golden(_ fields: [String]) throws -> CostCase {
    func number(_ index: Int) throws -> Int { try #require(Int(fields[index])) }
    func limit(_ index: Int) throws -> Int? { try number(index) == 0 ? nil : number(index) }
    return CostCase(
      requests: fields[0], prompt: fields[1], completion: fields[2], cached: fields[3], peak: fields[4],
      prefill: Int64(try number(5)), decode: Int64(try number(6)), batch: try number(7),
      limits: LatencyLimits(firstTokenMillis: try limit(8), perTokenMillis: try limit(9)), hourly: fields[10],
      vcpus: try number(11), burst: fields[12] == "0" ? nil : (fields[12], fields[13]), labour: fields[14],
      machineLimit: try limit(15), input: fields[16], output: fields[17])
  }
}
