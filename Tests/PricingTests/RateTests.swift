import Testing

@testable import Pricing

@Suite struct RateTests {
  @Test func agreesWithExactFractions() throws {
    var counts: [String: Int] = [:]
    for fields in try Golden.lines("arithmetic.tsv") {
      counts[fields[0], default: 0] += 1
      switch fields[0] {
      case "amount": #expect(result { try Money(fields[1]) } == fields[2], "\(fields)")
      case "cost":
        let rate = try Rate(fields[1], per: try #require(Int64(fields[2])), of: .token)
        let units = try #require(Int64(fields[3]))
        for (rounding, expected) in zip([Rounding.down, .up, .nearestEven], fields[4...6]) {
          #expect(result { try rate.cost(of: units, rounding: rounding) } == expected, "\(fields)")
        }
      case "total":
        let prices = fields[1].split(separator: ",").map { String($0) }
        var lines: [(units: Int64, rate: Rate)] = []
        for (index, (per, units)) in zip(try Golden.integers(fields[2]), try Golden.integers(fields[3])).enumerated() {
          lines.append((units, try Rate(prices[index], per: per, of: .token)))
        }
        #expect(result { try Rate.total(lines) } == fields[4], "\(fields)")
      case "million":
        let money = Money(picos: try #require(Int64(fields[1])))
        let count = try #require(Int(fields[2]))
        #expect(result { try #require(try money.perMillion(of: count)) } == fields[3], "\(fields)")
      case "shown":
        let money = Money(picos: try #require(Int64(fields[1])))
        #expect(money.decimalText == fields[3])
        #expect(money.text(significant: try #require(Int(fields[2]))) == fields[4], "\(fields)")
      case "shares":
        let amount = Money(picos: try #require(Int64(fields[1])))
        let shares = try Apportionment.largestRemainder(amount, weights: try Golden.integers(fields[2]))
        #expect(shares.map(\.picos) == (try Golden.integers(fields[3])), "\(fields)")
      default: Issue.record("unknown case \(fields[0])")
      }
    }
    #expect(counts == ["amount": 300, "cost": 400, "total": 200, "million": 200, "shown": 400, "shares": 200])
  }

  /// Pico-units as text, or the error as the golden file names it.
  private func result(_ body: () throws -> Money) -> String {
    do {
      return String(try body().picos)
    } catch PricingError.overflow {
      return "overflow"
    } catch PricingError.tooPrecise {
      return "precise"
    } catch {
      return "\(error)"
    }
  }

  @Test func roundingOfNegativeQuotients() {
    let expected: [(Int128, Int128, Int128, Int128)] = [
      // value / 4: down, up, nearest even
      (-7, -2, -1, -2), (-6, -2, -1, -2), (-5, -2, -1, -1), (-4, -1, -1, -1), (-2, -1, 0, 0), (-1, -1, 0, 0),
      (0, 0, 0, 0), (1, 0, 1, 0), (2, 0, 1, 0), (3, 0, 1, 1), (6, 1, 2, 2), (7, 1, 2, 2),
    ]
    for (value, down, up, even) in expected {
      #expect(value.divided(by: 4, rounding: .down) == down)
      #expect(value.divided(by: 4, rounding: .up) == up)
      #expect(value.divided(by: 4, rounding: .nearestEven) == even)
    }
  }

  @Test func rejectsWhatIsNoPrice() {
    #expect(throws: PricingError.negative("-1")) { try Rate.perHour("-1") }
    #expect(throws: PricingError.notADecimal("free")) { try Rate.perHour("free") }
    #expect(throws: PricingError.self) { try Rate.perHour("1e-30") }
    #expect(throws: PricingError.self) { try Rate.perMillionTokens("1e17") }
    #expect(throws: PricingError.self) { try Rate("0.000000000000000000000000000000000001", per: .max, of: .token) }
  }

  @Test func sharesOfAMachine() throws {
    let machine = try Rate.perHour("0.0083764275")
    let quarter = try machine.divided(by: ExactDecimal("0.25"), unit: .vcpuNanosecond)
    #expect(quarter.decimalText(per: Rate.nanosPerHour) == "0.03350571")
    #expect(quarter.unit == .vcpuNanosecond)
    let third = try machine.divided(by: ExactDecimal("3"), unit: .vcpuNanosecond)
    #expect(third.decimalText(per: 3 * Rate.nanosPerHour) == "0.0083764275")
    #expect(throws: PricingError.negative("0")) { try machine.divided(by: ExactDecimal(0), unit: .vcpuNanosecond) }
    #expect(try Rate.perHour("1").divided(by: ExactDecimal("3"), unit: .vcpuNanosecond).decimalText(per: 1) == nil)
  }

  @Test func sumsOfRatesAreExact() throws {
    var random = SplitMix(printing: "RateTests.sumsOfRatesAreExact")
    for _ in 0..<2000 {
      let left = Money(picos: Int64(random.next() % 1_000_000_000_000))
      let right = Money(picos: Int64(random.next() % 1_000_000_000_000))
      let (perLeft, perRight) = (Int64(random.next() % 1_000_000) + 1, Int64(random.next() % 1_000_000) + 1)
      let sum = try Rate(left.decimalText, per: perLeft, of: .token)
        .adding(Rate(right.decimalText, per: perRight, of: .token))
      // a/b + c/d = (ad + cb) / bd
      let top = Int128(left.picos) * Int128(perRight) + Int128(right.picos) * Int128(perLeft)
      let bottom = Int128(perLeft) * Int128(perRight)
      #expect(Int128(sum.picos) * bottom == top * Int128(sum.quantity))
    }
    let euro = try Currency("EUR")
    #expect(throws: PricingError.currencies(.usd, euro)) {
      try Rate.perHour("1").adding(Rate.perHour("1", currency: euro))
    }
    #expect(throws: PricingError.currencies(.usd, euro)) {
      try Rate.total([(1, Rate.perHour("1", currency: euro))])
    }
  }

  /// Extreme quantities give the exact result or a typed error, never a trap.
  @Test func extremesNeverTrap() throws {
    var random = SplitMix(printing: "RateTests.extremesNeverTrap")
    for _ in 0..<5000 {
      let price = ExactDecimal(Int64(random.next() >> (1 + random.next() % 60)))
      let per = max(1, random.anyInt64())
      guard let rate = try? Rate(price, per: per, of: .token) else { continue }
      let units = random.anyInt64()
      for rounding in [Rounding.down, .up, .nearestEven] { _ = try? rate.cost(of: units, rounding: rounding) }
      _ = rate.decimalText(per: max(1, units))
      _ = try? rate.adding(rate)
      _ = try? rate.divided(by: ExactDecimal(max(1, random.anyInt64())), unit: .vcpuNanosecond)
      _ = try? Rate.total([(units, rate), (random.anyInt64(), rate)])
      _ = try? Rate.total([(units, rate), (units, Rate(ExactDecimal(1), per: max(1, random.anyInt64()), of: .token))])
    }
  }
}
