/// A day of the Gregorian calendar, in UTC. Years 1 to 9999.
public struct CivilDate: Sendable, Hashable, Comparable, CustomStringConvertible {
  public let year: Int
  public let month: Int
  public let day: Int

  /// Nil where there is no such day.
  public init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month), day >= 1, day <= Self.days(in: month, of: year) else {
      return nil
    }
    self.year = year
    self.month = month
    self.day = day
  }

  /// Reads `2026-11-23` and nothing else; nil otherwise.
  public init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == 10, bytes[4] == 0x2D, bytes[7] == 0x2D,
      let year = Self.number(bytes[0..<4]), let month = Self.number(bytes[5..<7]), let day = Self.number(bytes[8..<10])
    else { return nil }
    self.init(year: year, month: month, day: day)
  }

  /// The UTC day that holds this moment. Every `Int64` of nanoseconds lies between the years 1677 and 2262.
  public init(unixNanos: Int64) {
    self.init(dayNumber: Int(unixNanos.flooredQuotient(by: UTCTime.nanosPerDay)))
  }

  /// Days since 1970-01-01, which is day zero.
  ///
  /// Years are counted from March, so that a leap day is the last day of its year and the months before it need no
  /// correction; 400 such years hold 146,097 days.
  public var dayNumber: Int {
    let marchYear = month <= 2 ? year - 1 : year
    let monthFromMarch = (month + 9) % 12
    let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
    return marchYear * 365 + leapDays + (monthFromMarch * 153 + 2) / 5 + day - 1 - 719_468
  }

  /// - Precondition: the day lies in the years 1 to 9999.
  private init(dayNumber: Int) {
    let fromMarchOfYearZero = dayNumber + 719_468
    let (cycle, dayOfCycle) = fromMarchOfYearZero.quotientAndRemainder(dividingBy: 146_097)
    // The day of the cycle without its leap days gives the year: one every 4, none every 100, one every 400 years.
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (dayOfYear * 5 + 2) / 153
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    day = dayOfYear - (monthFromMarch * 153 + 2) / 5 + 1
    year = cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
  }

  public static func < (left: CivilDate, right: CivilDate) -> Bool {
    (left.year, left.month, left.day) < (right.year, right.month, right.day)
  }

  /// `2026-11-23`.
  public var description: String {
    UTCTime.padded(year, to: 4) + "-" + UTCTime.padded(month, to: 2) + "-" + UTCTime.padded(day, to: 2)
  }

  private static func days(in month: Int, of year: Int) -> Int {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x39 else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }
}

/// A moment on the clock of UTC, from nanoseconds since 1970-01-01 00:00.
public enum UTCTime {
  static let nanosPerDay: Int64 = 86_400_000_000_000

  /// Seconds since midnight, 0 to 86,399.
  public static func secondOfDay(unixNanos: Int64) -> Int {
    let remainder = unixNanos % nanosPerDay
    return Int((remainder < 0 ? remainder + nanosPerDay : remainder) / 1_000_000_000)
  }

  /// `2026-11-23T14:05:59Z`, seconds floored.
  public static func text(unixNanos: Int64) -> String {
    let second = secondOfDay(unixNanos: unixNanos)
    let clock = [second / 3600, second / 60 % 60, second % 60].map { padded($0, to: 2) }.joined(separator: ":")
    return CivilDate(unixNanos: unixNanos).description + "T" + clock + "Z"
  }

  static func padded(_ value: Int, to width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}

extension Int64 {
  /// Rounded towards minus infinity. `divisor` is above zero.
  func flooredQuotient(by divisor: Int64) -> Int64 {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}
