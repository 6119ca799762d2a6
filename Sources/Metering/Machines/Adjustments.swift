/// A correction of what a closed month said, counted in the month in which it is made.
public struct Adjustment: Sendable, Hashable {
  /// The month that counts it.
  public var month: Month
  public var currency: String
  public var picos: Int64
  public var reason: String
}

struct AdjustmentMade: EventPayload {
  static let kind = EventKind.adjustment

  var adjustment: Adjustment

  var fields: [String: CanonicalJSON] {
    [
      "month": .integer(adjustment.month.number), "currency": .text(adjustment.currency),
      "amount": .amount(adjustment.picos), "reason": .text(adjustment.reason),
    ]
  }

  init(_ adjustment: Adjustment) { self.adjustment = adjustment }

  init(_ fields: EventFields) throws(LedgerError) {
    adjustment = Adjustment(
      month: Month(number: try fields.integer("month")), currency: try fields.text("currency"),
      picos: try fields.amount("amount"), reason: try fields.text("reason"))
  }
}

extension Projector {
  func apply(_ event: AdjustmentMade, id: Int64) throws(LedgerError) {
    let adjustment = event.adjustment
    try connection.run(
      .insertAdjustment, .integer(id), .integer(adjustment.month.number), .text(adjustment.currency),
      .integer(adjustment.picos), .text(adjustment.reason))
  }
}

extension LedgerWriter {
  /// Counts a correction in the present month.
  /// - Throws: `invalid` where that month is closed, or no reason is given.
  public func adjust(picos: Int64, currency: String, reason: String) throws(LedgerError) {
    guard !reason.isEmpty else { throw .invalid("an adjustment needs a reason") }
    try transaction { (appender) throws(LedgerError) in
      let month = Month(unixNanos: appender.at)
      guard try appender.connection.first(.closedMonth, .integer(month.number), body: { _ in true }) == nil else {
        throw .invalid("\(month) is closed")
      }
      try appender.append(
        AdjustmentMade(Adjustment(month: month, currency: currency, picos: picos, reason: reason)))
    }
  }
}

extension Ledger {
  /// Every correction, in the order of their making.
  public func adjustments() throws(LedgerError) -> [Adjustment] {
    try locked { () throws(LedgerError) in
      var adjustments: [Adjustment] = []
      try connection.each(.adjustments) { row in
        adjustments.append(
          Adjustment(
            month: Month(number: row.integer(0)), currency: row.text(1), picos: row.integer(2), reason: row.text(3)))
      }
      return adjustments
    }
  }
}
