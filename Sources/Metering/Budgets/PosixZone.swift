import Usage

/// A zone's rule for all years, as POSIX writes it in `TZ`: `CET-1CEST,M3.5.0,M10.5.0/3`.
///
/// Of the three forms of a date only `Mmonth.week.day` is read, and `Jn`, which the database uses where no daylight time
/// ever ends.
struct PosixZone: Sendable, Equatable {
  private struct Change: Sendable, Equatable {
    enum Day: Sendable, Equatable {
      case weekday(month: Int, week: Int, day: Int)
      /// Day of the year from 1, February 29 not counted.
      case julian(Int)
    }

    let day: Day
    /// Seconds after midnight by the clock before the change; may be negative or above a day.
    let second: Int64

    /// Local seconds since 1970 of the change in a year.
    func local(year: Int) -> Int64 {
      switch day {
      case .weekday(let month, let week, let weekday):
        let first = CivilDate(year: year, month: month, day: 1)?.dayNumber ?? 0
        // 1970-01-01 was a Thursday, day 4.
        let firstWeekday = ((first + 4) % 7 + 7) % 7
        var number = first + (weekday - firstWeekday + 7) % 7 + (week - 1) * 7
        let next =
          month == 12 ? CivilDate(year: year + 1, month: 1, day: 1) : CivilDate(year: year, month: month + 1, day: 1)
        while let next, number >= next.dayNumber { number -= 7 }
        return Int64(number) * 86_400 + second
      case .julian(let day):
        let isLeap = CivilDate(year: year, month: 2, day: 29) != nil
        let start = CivilDate(year: year, month: 1, day: 1)?.dayNumber ?? 0
        return Int64(start + day - 1 + (isLeap && day >= 60 ? 1 : 0)) * 86_400 + second
      }
    }
  }

  private let standard: Int64
  private let daylight: (offset: Int64, start: Change, end: Change)?

  static func == (left: PosixZone, right: PosixZone) -> Bool {
    left.standard == right.standard && left.daylight?.offset == right.daylight?.offset
      && left.daylight?.start == right.daylight?.start && left.daylight?.end == right.daylight?.end
  }

  func offset(at second: Int64) -> Int64 {
    guard let daylight else { return standard }
    let days = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
    let year = CivilDate(unixNanos: days * UTCDay.nanos).year
    // The local year may be the one before or after; a year's two changes and those around it decide.
    var best: (at: Int64, offset: Int64)?
    for year in year - 1...year + 1 where year >= 1 {
      let start = daylight.start.local(year: year) - standard
      let end = daylight.end.local(year: year) - daylight.offset
      for change in [(start, daylight.offset), (end, standard)] where change.0 <= second {
        if best.map({ $0.at <= change.0 }) ?? true { best = change }
      }
    }
    return best?.offset ?? standard
  }

  /// Nil where the text is not such a rule.
  init?(_ text: String) {
    var reader = Reader(rest: Array(text.utf8)[...])
    guard reader.name(), let offset = reader.time() else { return nil }
    standard = -offset
    guard !reader.rest.isEmpty else {
      daylight = nil
      return
    }
    guard reader.name() else { return nil }
    let daylightOffset: Int64
    if reader.rest.first == UInt8(ascii: ",") {
      daylightOffset = standard + 3600
    } else if let given = reader.time() {
      daylightOffset = -given
    } else {
      return nil
    }
    guard reader.take(","), let start = reader.change(), reader.take(","), let end = reader.change(),
      reader.rest.isEmpty
    else { return nil }
    daylight = (daylightOffset, start, end)
  }

  private struct Reader {
    var rest: ArraySlice<UInt8>

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard rest.first == UInt8(ascii: character) else { return false }
      rest.removeFirst()
      return true
    }

    /// Letters, or anything in angle brackets.
    mutating func name() -> Bool {
      if take("<") {
        guard let end = rest.firstIndex(of: UInt8(ascii: ">")) else { return false }
        rest = rest[(end + 1)...]
        return true
      }
      let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20) }
      rest = rest.dropFirst(letters.count)
      return letters.count >= 3
    }

    mutating func number() -> Int64? {
      let digits = rest.prefix { (0x30...0x39).contains($0) }
      rest = rest.dropFirst(digits.count)
      return digits.count <= 4 ? Int64(String(decoding: digits, as: UTF8.self)) : nil
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    mutating func time() -> Int64? {
      let isNegative = take("-")
      if !isNegative { _ = take("+") }
      guard var seconds = number().map({ $0 * 3600 }) else { return nil }
      for unit in [Int64(60), 1] {
        guard take(":") else { break }
        guard let part = number() else { return nil }
        seconds += part * unit
      }
      return isNegative ? -seconds : seconds
    }

    mutating func change() -> Change? {
      let day: Change.Day
      if take("M") {
        guard let month = number(), take("."), let week = number(), take("."), let weekday = number(),
          (1...12).contains(month), (1...5).contains(week), (0...6).contains(weekday)
        else { return nil }
        day = .weekday(month: Int(month), week: Int(week), day: Int(weekday))
      } else if take("J") {
        guard let number = number(), (1...365).contains(number) else { return nil }
        day = .julian(Int(number))
      } else {
        return nil
      }
      guard take("/") else { return Change(day: day, second: 7200) }
      return time().map { Change(day: day, second: $0) }
    }
  }
}
