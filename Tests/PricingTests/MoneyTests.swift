import Testing

@testable import Pricing

@Suite struct MoneyTests {
  @Test func oneCheapToken() throws {
    let rate = try Rate.perMillionTokens("0.02")
    #expect(try rate.cost(of: 1).picos == 20_000)
    #expect(try rate.cost(of: 1).description == "$0.00000002")
    #expect(try rate.cost(of: 1).text() == "$0.00000002")
  }

  @Test func hourlyPriceIsExact() throws {
    let rate = try Rate.perHour("0.0083764275")
    #expect(rate.decimalText(per: Rate.nanosPerHour) == "0.0083764275")
    #expect(try rate.cost(of: Rate.nanosPerHour).picos == 8_376_427_500)
    // 8,376,427,500 picos in 3600 * 10^9 ns, in lowest terms.
    #expect(rate.picos == 1_116_857 && rate.quantity == 480_000_000)
    #expect(try rate.cost(of: 1, rounding: .down).picos == 0)
    #expect(try rate.cost(of: 1, rounding: .up).picos == 1)
  }

  @Test func readsDecimalText() throws {
    let expected: [(String, Int64)] = [
      ("0", 0), ("-0", 0), ("0.0125", 12_500_000_000), ("1e-07", 100_000), ("2.5E-7", 250_000), (".5", 500_000_000_000),
      ("5.", 5_000_000_000_000), ("+3", 3_000_000_000_000), ("1e3", 1_000_000_000_000_000), ("-0.000000000001", -1),
      ("0.50000000000000000000000000000000000000000", 500_000_000_000),
      (
        "000000000000000000000000000000000001",
        1_000_000_000_000
      ), ("9223372.036854775807", .max), ("-9223372.036854775807", -.max), ("0e9999", 0),
      ("-9223372.036854775808", .min),
    ]
    for (text, picos) in expected { #expect(try Money(text).picos == picos, "\(text)") }
  }

  @Test(arguments: [
    "", "-", "+", ".", "1.2.3", "1,5", " 1", "1 ", "0x10", "nan", "inf", "1e", "1e+", "1e1.5", "1e99999", "--1", "1-",
    "\u{0661}", "1_000", "$1", String(repeating: "1", count: 65),
  ])
  func refusesWhatIsNoDecimal(_ text: String) {
    #expect(throws: PricingError.notADecimal(text)) { try Money(text) }
  }

  @Test(arguments: [
    "0.0000000000001", "1e-13", "0.1234567890123456789", "12345678901234567890", "1e9999", "1e-9999", "0.1e-40",
    "99999999999999999999", "1000000000000000000000000000000000000000",
  ])
  func refusesWhatItCannotHoldExactly(_ text: String) {
    #expect(throws: PricingError.tooPrecise(text)) { try Money(text) }
  }

  @Test func refusesAmountsTooLarge() {
    #expect(throws: PricingError.overflow("9223373")) { try Money("9223373") }
    #expect(throws: PricingError.overflow("-1e10")) { try Money("-1e10") }
  }

  @Test func arithmeticNeverWraps() throws {
    let most = Money(picos: .max)
    let least = Money(picos: .min)
    let one = Money(picos: 1)
    #expect(throws: PricingError.self) { try most.adding(one) }
    #expect(throws: PricingError.self) { try least.subtracting(one) }
    #expect(throws: PricingError.self) { try Money(picos: 0).subtracting(least) }
    #expect(throws: PricingError.self) { try Money.sum([most, one]) }
    // The order does not matter: only the total has to fit.
    #expect(try Money.sum([most, one, least]).picos == 0)
    #expect(try Money.sum([most, most, least, least]).picos == -2)
    #expect(throws: PricingError.self) { try Rate.perHour("9000000").cost(of: 2 * Rate.nanosPerHour) }
    #expect(throws: PricingError.self) { try most.perMillion(of: 1) }
    #expect(try most.perMillion(of: 0) == nil)
    #expect(try most.perMillion(of: -1) == nil)
  }

  @Test func currenciesDoNotMix() throws {
    let euro = try Currency("EUR")
    let one = Money(picos: 1)
    let other = Money(picos: 1, currency: euro)
    #expect(throws: PricingError.currencies(.usd, euro)) { try one.adding(other) }
    #expect(throws: PricingError.currencies(.usd, euro)) { try one.isLess(than: other) }
    #expect(throws: PricingError.currencies(.usd, euro)) { try Money.sum([one, other]) }
    #expect(try Money("1.5", currency: euro).description == "EUR 1.5")
    #expect(try Money("-1.5", currency: euro).text() == "-EUR 1.50")
    for wrong in ["", "eur", "EURO", "EU", "E\u{DC}R", "US1"] {
      #expect(throws: PricingError.notACurrency(wrong)) { try Currency(wrong) }
    }
    #expect(Currency.usd.description == "USD")
    #expect(try Currency("USD") == .usd)
  }

  @Test func amountsForPeople() throws {
    let expected: [(String, String)] = [
      ("0", "$0.00"), ("0.0125", "$0.0125"), ("0.04", "$0.04"), ("0.0000123456", "$0.0000123"), ("5", "$5.00"),
      ("0.1", "$0.10"), ("0.000000000001", "$0.000000000001"), ("-0.5", "-$0.50"), ("12.345", "$12.35"),
      ("0.99999", "$1.00"), ("9223372.036854775807", "$9223372.04"), ("0.0009995", "$0.001"), ("1.004", "$1.00"),
    ]
    for (amount, text) in expected { #expect(try Money(amount).text() == text) }
    #expect(try Money("0.0000123").decimalText == "0.0000123")
    #expect(Money(picos: .min).decimalText == "-9223372.036854775808")
    #expect(Money(picos: .min).text() == "-$9223372.04")
    #expect(Money(picos: -1).description == "-$0.000000000001")
  }

  @Test func printedAmountsReadBackAndAreNeverShownAsZero() throws {
    var random = SplitMix(printing: "MoneyTests.printedAmountsReadBack")
    for _ in 0..<5000 {
      let money = Money(picos: random.anyInt64())
      #expect(try Money(money.decimalText) == money)
      let text = money.text(significant: Int(random.next() % 6) + 1)
      let isShownAsZero = !text.utf8.contains { (UInt8(ascii: "1")...UInt8(ascii: "9")).contains($0) }
      #expect(isShownAsZero == money.isZero, "\(money) as \(text)")
    }
  }

  @Test func decimalsReadBack() throws {
    var random = SplitMix(printing: "MoneyTests.decimalsReadBack")
    for _ in 0..<5000 {
      let coefficient = random.anyInt64()
      let scale = Int(random.next() % 19)
      let text = DecimalText.text(Int128(coefficient), scale: scale)
      let number = try ExactDecimal(text)
      #expect(number.description == text)
      #expect(Int128(number.coefficient) * .powerOfTen(scale - number.scale) == Int128(coefficient))
    }
  }
}
