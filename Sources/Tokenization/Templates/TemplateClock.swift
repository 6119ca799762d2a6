/// Where `strftime_now` of a template takes the time from.
public enum TemplateClock: Sendable {
  /// The machine's clock and time zone.
  case system
  /// A time that stands still, so that the same conversation gives the same text.
  case fixed(LocalTime)

  public struct LocalTime: Equatable, Sendable {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    public let secondsSinceEpoch: Int64
    /// Seconds that the local time is ahead of UTC.
    public let offsetFromUTC: Int64

    public init(secondsSinceEpoch: Int64, offsetFromUTC: Int64 = 0) {
      self.secondsSinceEpoch = secondsSinceEpoch
      self.offsetFromUTC = offsetFromUTC
    }
  }

  func now() -> LocalTime {
    switch self {
    case .system: Self.systemTime()
    case .fixed(let time): time
    }
  }
}

extension TemplateClock.LocalTime {
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// Fields of the calendar. Months and days of the month from 1, weekdays from 0 for Sunday, days of the year from 1.
  private struct Fields {
    var year = 0
    var month = 0
    var day = 0
    var weekday = 0
    var yearDay = 0
    var hour = 0
    var minute = 0
    var second = 0
  }

  private var fields: Fields {
    // A clamp keeps the arithmetic below within range: 1 January of the year 1 to the end of the year 9999.
    let local = min(max(secondsSinceEpoch, -62_135_596_800), 253_402_300_799) + min(max(offsetFromUTC, -86400), 86400)
    let dayNumber = Int((Double(local) / 86400).rounded(.down))
    let second = Int(local) - dayNumber * 86400
    // Days since 1 March of the year 0, in eras of 400 years: the leap day then ends a year.
    let shifted = dayNumber + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayFromMarch + 2) / 153
    var out = Fields()
    out.day = dayFromMarch - (153 * monthFromMarch + 2) / 5 + 1
    out.month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    out.year = yearOfEra + era * 400 + (out.month <= 2 ? 1 : 0)
    out.weekday = ((dayNumber + 4) % 7 + 7) % 7
    let isLeap = out.year % 4 == 0 && (out.year % 100 != 0 || out.year % 400 == 0)
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][out.month - 1]
    out.yearDay = before + out.day + (isLeap && out.month > 2 ? 1 : 0)
    (out.hour, out.minute, out.second) = (second / 3600, second / 60 % 60, second % 60)
    return out
  }

  /// C's `strftime` in the C locale, with the GNU flags `-` and `_`. Nil at a conversion that is left out.
  func formatted(_ format: [UInt8]) -> [UInt8]? {
    let fields = self.fields
    var out: [UInt8] = []
    var at = 0
    while at < format.count {
      let byte = format[at]
      at += 1
      guard byte == UInt8(ascii: "%") else {
        out.append(byte)
        continue
      }
      var pad: Character? = "0"
      var hasFlag = false
      if at < format.count, format[at] == UInt8(ascii: "-") || format[at] == UInt8(ascii: "_") {
        pad = format[at] == UInt8(ascii: "-") ? nil : " "
        hasFlag = true
        at += 1
      }
      guard at < format.count, let text = convert(format[at], fields, pad: pad, hasFlag: hasFlag) else { return nil }
      at += 1
      out.append(contentsOf: text.utf8)
    }
    return out
  }

  private func convert(_ letter: UInt8, _ fields: Fields, pad: Character?, hasFlag: Bool) -> String? {
    func number(_ value: Int, _ width: Int, _ standard: Character = "0") -> String {
      let digits = String(value)
      guard let fill = hasFlag ? pad : standard else { return digits }
      return String(repeating: fill, count: max(0, width - digits.count)) + digits
    }
    func all(_ format: String) -> String? { formatted(Array(format.utf8)).map { String(decoding: $0, as: UTF8.self) } }
    let hour12 = fields.hour % 12 == 0 ? 12 : fields.hour % 12
    switch letter {
    case UInt8(ascii: "Y"): return number(fields.year, 1)
    case UInt8(ascii: "C"): return number(fields.year / 100, 2)
    case UInt8(ascii: "y"): return number(fields.year % 100, 2)
    case UInt8(ascii: "m"): return number(fields.month, 2)
    case UInt8(ascii: "d"): return number(fields.day, 2)
    case UInt8(ascii: "e"): return number(fields.day, 2, " ")
    case UInt8(ascii: "H"): return number(fields.hour, 2)
    case UInt8(ascii: "k"): return number(fields.hour, 2, " ")
    case UInt8(ascii: "I"): return number(hour12, 2)
    case UInt8(ascii: "l"): return number(hour12, 2, " ")
    case UInt8(ascii: "M"): return number(fields.minute, 2)
    case UInt8(ascii: "S"): return number(fields.second, 2)
    case UInt8(ascii: "j"): return number(fields.yearDay, 3)
    case UInt8(ascii: "u"): return number(fields.weekday == 0 ? 7 : fields.weekday, 1)
    case UInt8(ascii: "w"): return number(fields.weekday, 1)
    case UInt8(ascii: "s"): return String(secondsSinceEpoch)
    case UInt8(ascii: "B"): return Self.months[fields.month - 1]
    case UInt8(ascii: "b"), UInt8(ascii: "h"): return String(Self.months[fields.month - 1].prefix(3))
    case UInt8(ascii: "A"): return Self.days[fields.weekday]
    case UInt8(ascii: "a"): return String(Self.days[fields.weekday].prefix(3))
    case UInt8(ascii: "p"): return fields.hour < 12 ? "AM" : "PM"
    case UInt8(ascii: "P"): return fields.hour < 12 ? "am" : "pm"
    // Python's `datetime.now()` knows no time zone, so these are empty there.
    case UInt8(ascii: "Z"), UInt8(ascii: "z"): return ""
    case UInt8(ascii: "D"), UInt8(ascii: "x"): return all("%m/%d/%y")
    case UInt8(ascii: "F"): return all("%Y-%m-%d")
    case UInt8(ascii: "T"), UInt8(ascii: "X"): return all("%H:%M:%S")
    case UInt8(ascii: "R"): return all("%H:%M")
    case UInt8(ascii: "r"): return all("%I:%M:%S %p")
    case UInt8(ascii: "c"): return all("%a %b %e %H:%M:%S %Y")
    case UInt8(ascii: "f"): return "000000"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "%"): return "%"
    default: return nil
    }
  }
}
