import Pricing

/// Amounts in pico-units (10^-12 of a currency) as the ledger writes them: exact decimal text, without exponents. This
/// and `RequestPrice` are all that the ledger knows of `Pricing`.
enum Amount {
  static func text(_ picos: Int64) -> String { Money(picos: picos).decimalText }

  /// Nil unless the text is one that `text` writes.
  static func picos(_ text: String) -> Int64? {
    guard let money = try? Money(text), money.decimalText == text else { return nil }
    return money.picos
  }

  /// - Throws: `overflow`.
  static func sum(_ left: Int64, _ right: Int64, _ what: @autoclosure () -> String) throws(LedgerError) -> Int64 {
    let (sum, overflow) = left.addingReportingOverflow(right)
    guard !overflow else { throw .overflow(what()) }
    return sum
  }

  /// - Throws: `overflow`.
  static func product(_ left: Int64, _ right: Int64, _ what: @autoclosure () -> String) throws(LedgerError) -> Int64 {
    let (product, overflow) = left.multipliedReportingOverflow(by: right)
    guard !overflow else { throw .overflow(what()) }
    return product
  }

  static func narrowed(_ total: Int128, _ what: @autoclosure () -> String) throws(LedgerError) -> Int64 {
    guard let picos = Int64(exactly: total) else { throw .overflow(what()) }
    return picos
  }
}

/// The price that a request's CPU time is charged at: so many pico-units for so many vCPU-nanoseconds, exactly.
public struct RequestPrice: Sendable, Hashable {
  public let currency: String
  public let picos: Int64
  public let per: Int64

  public init(currency: String, picos: Int64, per: Int64) {
    precondition(per > 0, "a price is for a positive quantity")
    self.currency = currency
    self.picos = picos
    self.per = per
  }

  /// What CPU time costs, floored to a pico-unit.
  func cost(ofNanos nanos: Int64) throws(LedgerError) -> Int64 {
    let (quotient, remainder) = (Int128(nanos) * Int128(picos)).quotientAndRemainder(dividingBy: Int128(per))
    return try Amount.narrowed(remainder < 0 ? quotient - 1 : quotient, "the cost of \(nanos) ns")
  }

  var json: CanonicalJSON {
    .object(["currency": .text(currency), "picos": .integer(picos), "per": .integer(per)])
  }

  init(_ fields: EventFields) throws(LedgerError) {
    currency = try fields.text("currency")
    picos = try fields.integer("picos")
    per = try fields.integer("per")
    guard per > 0 else { throw .unreadableEvent("a price for \(per) units") }
  }
}
