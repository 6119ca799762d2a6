import Testing
import Usage

@testable import Pricing

@Suite struct MachineCostTests {
  let book: PriceBook

  init() throws {
    book = PriceBook(machines: try PriceBook.shippedMachines())
  }

  private func usage(
    cpu: Int64, load: Int64 = 0, total: Int64 = 0, run: Int64? = nil, prefill: Int64 = 0, decode: Int64 = 0,
    tokens: TokenCounts = TokenCounts()
  ) -> UsageRecord {
    UsageRecord(
      tokens: tokens,
      timings: RequestTimings(loadNanos: load, prefillNanos: prefill, decodeNanos: decode, totalNanos: total),
      cpu: CPUTime(processNanos: cpu, requestNanos: cpu, threadNanos: cpu), memory: MemoryUse(), finish: .tokenLimit,
      model: ModelIdentity(name: "m", quantization: "Q4_1"), execution: ExecutionIdentity(threads: 2, isa: "avx2"),
      text: TextSize(), startedAtUnixNanos: 0, runNanos: run)
  }

  private func hourly(_ rate: Rate?) -> String? { rate?.decimalText(per: Rate.nanosPerHour) }

  @Test func saturatedPriceOfABurstableMachine() throws {
    let now = try Moment.at("2026-11-24")
    let price = try book.machine("t4g.small@us-east-1").price(at: now)
    // 0.0168 + 2 x 0.8 x 0.04: more than a c7g.large, which is not burstable.
    #expect(hourly(price.hourly) == "0.0168")
    #expect(hourly(price.saturated) == "0.0808")
    let large = try book.machine("c7g.large@us-east-1").price(at: now)
    #expect(hourly(large.hourly) == "0.0725")
    #expect(large.saturated == nil)
    #expect(price.marks == [.undated])
  }

  @Test func aSharedCoreHasTheTimeThatItsPriceCovers() throws {
    let price = try book.machine("gcp:e2-micro@us-central1").price(at: Moment.at("2026-11-24"))
    #expect(hourly(price.hourly) == "0.0083764275")
    #expect(price.vcpus.description == "0.25")
    // A quarter of an hour of CPU is all that an hour of this machine sustains.
    let cost = try price.cost(of: usage(cpu: Rate.nanosPerHour / 4))
    #expect(cost.marginal.total.description == "$0.0083764275")
    #expect(price.marks.isEmpty)
  }

  @Test func marginalIsTheShareOfTheMachinesCPUTime() throws {
    let price = try HourlyPrice.given(Rate.perHour("0.0168"), vcpus: 2)
    let cost = try price.cost(of: usage(cpu: Rate.nanosPerHour))
    #expect(cost.marginal.total.description == "$0.0084")
    #expect(cost.allocated == nil)
    #expect(cost.marginal.input == nil && cost.marginal.outputPerMillion == nil)
  }

  @Test func allocatedIsTheWholeRunInPartsThatAddUp() throws {
    let price = try HourlyPrice.given(Rate.perHour("3.6"), vcpus: 2)
    // 3.6 an hour is a pico-unit per nanosecond.
    let cost = try price.cost(of: usage(cpu: 5, load: 20, total: 70, run: 100))
    let allocated = try #require(cost.allocated)
    #expect(allocated.whole.total.picos == 100)
    #expect(allocated.load.picos == 20)
    #expect(allocated.request.picos == 70)
    #expect(allocated.rest.picos == 10)
    #expect(allocated.restNanos == 10)
    // A clock that began late does not make the whole smaller than its parts.
    let late = try #require(try price.cost(of: usage(cpu: 5, load: 20, total: 70, run: 3)).allocated)
    #expect(late.whole.total.picos == 90 && late.rest.isZero)
    let negative = try #require(try price.cost(of: usage(cpu: -5, load: -20, total: -70, run: -3)).allocated)
    #expect(negative.whole.total.isZero)
    #expect(throws: PricingError.self) { try price.cost(of: usage(cpu: 0, load: .max, total: .max, run: 0)) }
    let dear = try HourlyPrice.given(Rate.perHour("36"), vcpus: 2)
    #expect(throws: PricingError.self) { try dear.cost(of: usage(cpu: .max)) }
  }

  @Test func pricePerMillionFollowsPrefillAndDecodeTime() throws {
    let price = try HourlyPrice.given(Rate.perHour("3.6"), vcpus: 1)
    let usage = usage(
      cpu: 1_000, total: 1_000, run: 1_000, prefill: 300, decode: 700,
      tokens: TokenCounts(prompt: 60, cached: 10, completion: 70))
    let figure = try #require(try price.cost(of: usage).allocated).whole
    // 1,000 picos: 30 % over 50 computed prompt tokens, 70 % over 70.
    #expect(figure.input?.picos == 300)
    #expect(figure.output?.picos == 700)
    #expect(figure.inputPerMillion?.picos == 6_000_000)
    #expect(figure.outputPerMillion?.picos == 10_000_000)
  }

  @Test func partsAlwaysAddUp() throws {
    var random = SplitMix(printing: "MachineCostTests.partsAlwaysAddUp")
    let now = try Moment.at("2026-11-24")
    for _ in 0..<2000 {
      let machine = try #require(book.machines.randomElement(using: &random))
      let price = try machine.price(at: now)
      let times = (0..<6).map { _ in Int64(random.next() >> (22 + random.next() % 42)) }
      let usage = usage(
        cpu: times[0], load: times[1], total: times[2], run: times[1] + times[2] + times[3], prefill: times[4],
        decode: times[5], tokens: TokenCounts(prompt: 7, cached: 0, completion: 9))
      let cost = try price.cost(of: usage)
      let allocated = try #require(cost.allocated)
      #expect(try Money.sum([allocated.load, allocated.request, allocated.rest]) == allocated.whole.total)
      for figure in [allocated.whole, cost.marginal] {
        if let input = figure.input, let output = figure.output {
          #expect(try input.adding(output) == figure.total)
        } else {
          #expect(times[4] == 0 && times[5] == 0)
        }
      }
    }
  }

  @Test func agreesWithExactFractions() throws {
    let lines = try Golden.lines("machines.tsv")
    var priced = 0
    for fields in lines {
      let kind = try #require(MachinePriceKind(rawValue: fields[1]))
      let machine = try book.machine(fields[0])
      guard fields[2] != "unknown" else {
        #expect(throws: PricingError.noPrice(name: machine.id, kind: fields[1])) { try machine.price(kind, at: 0) }
        continue
      }
      priced += 1
      let price = try machine.price(kind, at: 0)
      #expect(hourly(price.hourly) == fields[2])
      #expect(hourly(price.saturated) ?? "none" == fields[3])
      let times = try fields[4...7].map { try #require(Int64($0)) }
      let cost = try price.cost(of: usage(cpu: times[0], load: times[1], total: times[2], run: times[3]))
      let allocated = try #require(cost.allocated)
      let amounts = [cost.marginal.total, allocated.whole.total, allocated.load, allocated.request, allocated.rest]
      #expect(amounts.map { String($0.picos) } == Array(fields[8...12]), "\(fields)")
      #expect(String(machine.vcpus) == fields[13])
    }
    #expect(lines.count == 282 && priced == 170)
  }

  @Test func marksOfAPrice() throws {
    let free = try book.machine("oci:VM.Standard.A1.Flex")
    #expect(try free.price(at: Moment.at("2026-11-24")).marks == [.allowance])
    #expect(try free.price(at: Moment.at("2027-11-24")).marks == [.stale(days: 444), .allowance])
    let hetzner = try #require(book.machines.first { $0.provider == "hetzner" })
    #expect(try hetzner.price(at: 0).marks == [.undated, .outdated])
    #expect(try HourlyPrice.given(Rate.perHour("0"), vcpus: 2).marks == [.zero])
    #expect(try HourlyPrice.given(Rate.perHour("1"), vcpus: 0).vcpus == ExactDecimal(1))
    let given = try HourlyPrice.given(
      Rate.perHour("0.01"), vcpus: 64, machine: book.machine("t4g.small@us-east-1"))
    #expect(given.vcpus == ExactDecimal(2))
    #expect(hourly(given.saturated) == "0.074")
  }
}
