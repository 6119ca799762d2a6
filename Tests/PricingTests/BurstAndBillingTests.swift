import Testing
import Usage

@testable import Pricing

@Suite struct BurstMeterTests {
  private static let second: Int64 = 1_000_000_000
  private static let hour: Int64 = 3_600_000_000_000

  private func burst(
    _ mode: Machine.Burst.Mode = .unlimited, percent: Int, surplus: String? = "0.04", balance: Int = 24,
    launch: Int = 0, allowance: Int = 24
  ) throws -> Machine.Burst {
    Machine.Burst(
      mode: mode, baselinePercent: percent,
      surplus: try surplus.map { try Rate($0, per: Rate.nanosPerHour, of: .vcpuNanosecond) }, balanceHours: balance,
      launchMinutes: launch, allowanceHours: allowance)
  }

  /// By hand, a t4g.small: 2 vCPUs, 20 % each, so 0.4 vCPU-hours are earned in an hour and a day's earnings are 9.6.
  /// Both vCPUs busy use 2, so 1.6 an hour are owed; after six hours that is 9.6, the whole allowance, and nothing has
  /// been charged. The seventh hour costs 1.6 x $0.04 = $0.064. Stopped then, the 9.6 are due: $0.384.
  @Test func unlimitedRunsIntoDebtAndThenPays() throws {
    var meter = try BurstMeter(burst(percent: 20), vcpus: 2)
    for _ in 0..<6 {
      let stretch = try meter.run(nanos: Self.hour, demand: 2 * Self.hour)
      #expect(stretch.used == 2 * Self.hour && stretch.unmet == 0 && stretch.charged.isZero)
    }
    #expect(meter.debt == Self.hour * 96 / 10)
    #expect(try meter.run(nanos: Self.hour, demand: 2 * Self.hour).charged == Money("0.064"))
    #expect(try meter.stop() == Money("0.384"))
    #expect(meter.debt == 0)
  }

  /// By hand: 30 launch minutes are half a vCPU-hour. One vCPU at 50 % of a baseline of 10 %: 0.4 an hour beyond, so
  /// the credits last 1.25 hours, and of the second hour 0.75 x 0.4 = 0.3 vCPU-hours are not to be had.
  @Test func throttledGetsWhatItEarns() throws {
    var meter = try BurstMeter(burst(.throttled, percent: 10, surplus: nil, launch: 30), vcpus: 1)
    #expect(try meter.run(nanos: Self.hour, demand: Self.hour / 2).unmet == 0)
    #expect(meter.balance == Self.hour / 10)
    let second = try meter.run(nanos: Self.hour, demand: Self.hour / 2)
    #expect(second.unmet == Self.hour * 3 / 10 && second.used == Self.hour / 5 && second.charged.isZero)
    // Idle for two days: no more than a day's earnings are kept.
    _ = try meter.run(nanos: 48 * Self.hour, demand: 0)
    #expect(meter.balance == meter.balanceCap)
    #expect(meter.balance == Self.hour * 24 / 10)
  }

  /// A shared core: the price is for 0.25 of 2 vCPUs, nothing is saved, the rest is not counted on.
  @Test func sharedFractionSavesNothing() throws {
    let table = "provider,region,type,vcpus,on_demand_per_hour,billed_vcpus,source\ngcp,r,e2-micro,2,0.008,0.25,s\n"
    let machine = try MachineTable.read(table.utf8, file: "t")[0]
    var meter = try #require(try machine.burstMeter())
    _ = try meter.run(nanos: 10 * Self.hour, demand: 0)
    let stretch = try meter.run(nanos: 4 * Self.hour, demand: 4 * Self.hour)
    #expect(stretch.used == Self.hour && stretch.unmet == 3 * Self.hour)
  }

  @Test func wrongStretchesAreRefused() throws {
    var meter = try BurstMeter(burst(percent: 20), vcpus: 2)
    #expect(throws: PricingError.negative("-1")) { try meter.run(nanos: -1, demand: 0) }
    #expect(throws: PricingError.negative("-2")) { try meter.run(nanos: 1, demand: -2) }
    // More than all virtual CPUs give is not to be had.
    #expect(try meter.run(nanos: 10, demand: 25).unmet == 5)
  }

  /// What the script followed second by second.
  @Test func agreesWithTheScript() throws {
    let lines = try Golden.lines("bursts.tsv")
    #expect(lines.count == 120)
    for fields in lines {
      let numbers = try fields.enumerated().filter { $0.offset != 2 && $0.offset != 6 }.map {
        try Golden.integers($0.1)[0]
      }
      let surplus = fields[2] == "none" ? nil : fields[2]
      var meter = try BurstMeter(
        burst(
          surplus == nil ? .throttled : .unlimited, percent: Int(numbers[1]), surplus: surplus,
          balance: Int(numbers[2]),
          launch: Int(numbers[3]), allowance: Int(numbers[4])), vcpus: Int(numbers[0]))
      var charged: [Money] = []
      var unmet: Int64 = 0
      for stretch in fields[6].split(separator: ",") {
        let parts = try stretch.split(separator: ":").map { try Golden.integers(String($0))[0] }
        let result = try meter.run(nanos: parts[0] * Self.second, demand: parts[0] * parts[1] * Self.second / 100)
        charged.append(result.charged)
        unmet += result.unmet
      }
      #expect(meter.balance == numbers[5] && meter.debt == numbers[6], "\(fields)")
      #expect(try Money.sum(charged).picos == numbers[7] && unmet == numbers[8], "\(fields)")
      charged.append(try meter.stop())
      #expect(try Money.sum(charged).picos == numbers[9], "\(fields)")
    }
  }

  /// However a stretch is cut, the machine ends in the same state and is charged the same.
  @Test func cuttingAStretchChangesNothing() throws {
    var random = SplitMix(printing: "cuttingAStretchChangesNothing")
    for _ in 0..<200 {
      let rules = try burst(
        percent: .random(in: 1...99, using: &random), balance: .random(in: 0...2, using: &random),
        launch: .random(in: 0...90, using: &random), allowance: .random(in: 0...2, using: &random))
      let vcpus = Int.random(in: 1...7, using: &random)
      var whole = try BurstMeter(rules, vcpus: vcpus)
      var cut = whole
      var totals: (Int64, Int64) = (0, 0)
      for _ in 0..<4 {
        // Whole hundredths of a virtual CPU, so that each piece asks for whole nanoseconds.
        let (pieces, piece) = (
          Int64.random(in: 1...9, using: &random), 100 * Int64.random(in: 1...9_999, using: &random)
        )
        let busy = Int64.random(in: 0...Int64(vcpus * 100), using: &random)
        totals.0 += try whole.run(nanos: pieces * piece, demand: pieces * piece / 100 * busy).charged.picos
        for _ in 0..<pieces { totals.1 += try cut.run(nanos: piece, demand: piece / 100 * busy).charged.picos }
      }
      #expect(whole == cut && totals.0 == totals.1)
    }
  }

  /// Over a long time an unlimited machine pays for what it uses beyond what it earns, whatever the hours of the day:
  /// what the monthly cost of `cost` stands on.
  @Test func aLongRunPaysForTheExcessOfTheDay() throws {
    var meter = try BurstMeter(burst(percent: 20), vcpus: 2)
    var lastDay = Money(picos: 0)
    for _ in 0..<60 {
      lastDay = Money(picos: 0)
      for hour in 0..<24 {
        let busy: Int64 = hour < 8 ? 100 : 0
        lastDay = try lastDay.adding(
          meter.run(nanos: Self.hour, demand: 2 * Self.hour * busy / 100).charged)
      }
    }
    // 8 hours x 2 used, 24 x 0.4 earned: 6.4 vCPU-hours at $0.04.
    #expect(lastDay == (try Money("0.256")))
  }
}

@Suite struct BillingTests {
  private static let hour = Rate.nanosPerHour

  /// By hand, at $0.01 an hour.
  @Test func rulesByHand() throws {
    let price = try Rate.perHour("0.01")
    var billing = Machine.Billing()
    // 90 minutes and 1 nanosecond: 5,401 seconds are $0.0150027777...
    #expect(try billing.bill(runs: [5_400_000_000_001], at: price).picos == 15_002_777_777)
    billing.quantum = .hour
    #expect(try billing.bill(runs: [5_400_000_000_001], at: price) == Money("0.02"))
    // Two runs of a minute are two hours.
    #expect(try billing.bill(runs: [60_000_000_000, 60_000_000_000], at: price) == Money("0.02"))
    billing.billedWhileStopped = true
    // A minute running and an hour stopped: one stretch of 61 minutes, two hours.
    #expect(try billing.bill(runs: [60_000_000_000], stoppedNanos: Self.hour, at: price) == Money("0.02"))
    // A month of 730 hours would be $7.30; the cap is $6.
    billing.monthlyCap = try Money("6")
    #expect(try billing.bill(runs: [730 * Self.hour], at: price) == Money("6"))
    #expect(try billing.bill(runs: [599 * Self.hour], at: price) == Money("5.99"))
    // At least a minute.
    let short = Machine.Billing(minimumSeconds: 60)
    #expect(try short.bill(runs: [1], at: price).picos == 166_666_666)
    #expect(throws: PricingError.negative("-1")) { try short.bill(runs: [-1], at: price) }
  }

  @Test func agreesWithTheScript() throws {
    let lines = try Golden.lines("bills.tsv")
    #expect(lines.count == 200)
    for fields in lines {
      let billing = Machine.Billing(
        quantum: try #require(Machine.Billing.Quantum(rawValue: fields[1])),
        minimumSeconds: try #require(Int(fields[2])), monthlyCap: fields[3].isEmpty ? nil : try Money(fields[3]),
        billedWhileStopped: fields[4] == "1")
      let bill = try billing.bill(
        runs: Golden.integers(fields[5]), stoppedNanos: #require(Int64(fields[6])), at: Rate.perHour(fields[0]))
      #expect(String(bill.picos) == fields[7], "\(fields)")
    }
  }
}
