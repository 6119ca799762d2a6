import Usage

/// What a ledger holds, in numbers.
public struct LedgerSummary: Sendable {
  public var identity = ""
  public var schema: Int64 = 0
  /// Of the file and its log.
  public var bytes = 0
  public var events: Int64 = 0
  public var writers: Int64 = 0
  public var requests: Int64 = 0
  public var open: Int64 = 0
  public var lost: Int64 = 0
  public var heads: [Head] = []
}

extension Ledger {
  public func summary() throws(LedgerError) -> LedgerSummary {
    var summary = LedgerSummary()
    summary.identity = try identity()
    summary.heads = try heads()
    summary.schema = Migrations.newest
    summary.bytes = (Files.size(path) ?? 0) + (Files.size(path + "-wal") ?? 0)
    try locked { () throws(LedgerError) in
      try connection.each(.counts) { row in
        (summary.events, summary.writers) = (row.integer(0), row.integer(1))
        (summary.requests, summary.open, summary.lost) = (row.integer(2), row.integer(3), row.integer(4))
      }
    }
    return summary
  }
}

/// A calendar month of UTC.
public struct Month: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let year: Int
  /// 1 to 12.
  public let month: Int

  /// Reads `2026-10`.
  public init?(_ text: String) {
    guard let date = CivilDate(text + "-01") else { return nil }
    (year, month) = (date.year, date.month)
  }

  public init(unixNanos: Int64) {
    let date = CivilDate(unixNanos: unixNanos)
    (year, month) = (date.year, date.month)
  }

  /// Months since year zero.
  var number: Int64 { Int64(year) * 12 + Int64(month) - 1 }

  init(number: Int64) { (year, month) = (Int(number / 12), Int(number % 12) + 1) }

  /// When it begins, nanoseconds since 1970.
  var start: Int64 { Int64(CivilDate(year: year, month: month, day: 1)?.dayNumber ?? 0) * UTCDay.nanos }
  var end: Int64 { Month(number: number + 1).start }

  public static func < (left: Month, right: Month) -> Bool { left.number < right.number }

  public var description: String { String(CivilDate(year: year, month: month, day: 1)?.description.prefix(7) ?? "") }
}

extension LedgerWriter {
  /// Freezes a month of UTC.
  /// - Throws: `invalid` where it is not over, is closed already, or has requests under way.
  public func closeMonth(_ month: Month) throws(LedgerError) {
    try transaction { (appender) throws(LedgerError) in
      guard appender.at >= month.end else { throw .invalid("\(month) is not over (UTC)") }
      let connection = appender.connection
      guard try connection.first(.closedMonth, .integer(month.number), body: { _ in true }) == nil else {
        throw .invalid("\(month) is closed already")
      }
      let open =
        try connection.first(.openBetween, .integer(month.start), .integer(month.end)) { $0.integer(0) } ?? 0
      guard open == 0 else { throw .invalid("\(open) requests of \(month) are still under way") }
      try appender.append(MonthClosed(month: month.number))
    }
  }
}
