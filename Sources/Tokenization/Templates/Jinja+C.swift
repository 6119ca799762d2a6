import Glibc

/// What templates need of the C library.
extension Jinja {
  /// C's `printf` of `value` with `places` digits, by the conversion `e`, `f` or `g` (Python shares these). The C
  /// library rounds the exact value correctly.
  /// - Precondition: `conversion` is one of these letters, `places` from 0 to 4096.
  static func printed(_ value: Double, _ conversion: Character, places: Int) -> String {
    precondition("efg".contains(conversion) && (0...4096).contains(places))
    // The longest is a 309-digit number with its places.
    var buffer = [CChar](repeating: 0, count: places + 400)
    let count = unsafe withVaList([value]) { arguments in
      unsafe vsnprintf(&buffer, buffer.count, "%.\(places)\(conversion)", arguments)
    }
    return String(decoding: buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  static func raised(_ base: Double, to exponent: Double) -> Double { pow(base, exponent) }
}

extension TemplateClock {
  /// The machine's time and time zone.
  static func systemTime() -> LocalTime {
    var seconds = time(nil)
    var fields = unsafe tm()
    unsafe localtime_r(&seconds, &fields)
    return LocalTime(secondsSinceEpoch: Int64(seconds), offsetFromUTC: unsafe Int64(fields.tm_gmtoff))
  }
}
