import Synchronization
import Usage

/// When days and months begin in a time zone, from the system's time zone database (RFC 8536).
struct TimeZoneRules: Sendable {
  /// Moments (seconds since 1970) and the offset from UTC, in seconds, that holds from then on; ascending.
  private let changes: [(at: Int64, offset: Int64)]
  private let firstOffset: Int64
  /// What holds after the last change.
  private let rule: PosixZone?

  static let utc = TimeZoneRules(changes: [], firstOffset: 0, rule: nil)
  static let folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"]

  init(changes: [(at: Int64, offset: Int64)], firstOffset: Int64, rule: PosixZone?) {
    self.changes = changes
    self.firstOffset = firstOffset
    self.rule = rule
  }

  private static let known = Mutex<[String: TimeZoneRules]>([:])

  /// The rules of `UTC`, or of a name of the database such as `Europe/Berlin`.
  /// - Throws: `invalid` where there is no such zone.
  static func named(_ name: String) throws(LedgerError) -> TimeZoneRules {
    if name == "UTC" { return utc }
    if let rules = known.withLock({ $0[name] }) { return rules }
    let allowed = name.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || (0x30...0x39).contains(byte)
        || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "/")].contains(byte)
    }
    guard allowed, !name.isEmpty, !name.hasPrefix("/") else { throw .invalid("'\(name)' is not a time zone") }
    for folder in folders {
      guard let bytes = Files.read(folder + "/" + name, limit: 1 << 18), let rules = TimeZoneRules(tzif: bytes) else {
        continue
      }
      known.withLock { $0[name] = rules }
      return rules
    }
    throw .invalid("no time zone '\(name)' in this system's database (the package tzdata); UTC is always there")
  }

  /// Seconds to add to UTC at a moment, given in seconds since 1970.
  func offset(at second: Int64) -> Int64 {
    guard let last = changes.last else { return rule?.offset(at: second) ?? firstOffset }
    if second >= last.at, let rule { return rule.offset(at: second) }
    return changes.last { $0.at <= second }?.offset ?? firstOffset
  }

  /// When the day or month began, by this zone's clocks, that holds a moment; nanoseconds since 1970.
  func start(of period: CapPeriod, holding unixNanos: Int64) -> Int64 {
    let second = Self.floored(unixNanos, 1_000_000_000)
    let local = second + offset(at: second)
    var date = CivilDate(unixNanos: local * 1_000_000_000)
    if period == .month, let first = CivilDate(year: date.year, month: date.month, day: 1) { date = first }
    let midnight = Int64(date.dayNumber) * 86_400
    // Midnight by the clock is at the offset that holds then. Of two such moments (clocks set back over midnight) the
    // earlier one counts, and where clocks skip midnight, the moment of the skip.
    let guesses = [offset(at: midnight - 86_400), offset(at: midnight + 86_400)].map { midnight - $0 }
    let fitting = guesses.filter { $0 + offset(at: $0) == midnight }
    return (fitting.min() ?? guesses.max() ?? midnight) * 1_000_000_000
  }

  private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }
}

// MARK: The file format

extension TimeZoneRules {
  /// Reads a compiled zone file; nil where it is none, or too old to have 64-bit times.
  init?(tzif bytes: [UInt8]) {
    func number(_ offset: Int, _ size: Int) -> Int64? {
      guard offset >= 0, offset + size <= bytes.count else { return nil }
      let raw = bytes[offset..<offset + size].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      return size == 4 ? Int64(Int32(truncatingIfNeeded: raw)) : Int64(bitPattern: raw)
    }
    func counts(_ start: Int) -> (utc: Int, standard: Int, leaps: Int, times: Int, types: Int, characters: Int)? {
      guard start + 44 <= bytes.count, Array(bytes[start..<start + 4]) == Array("TZif".utf8) else { return nil }
      let values = (0..<6).compactMap { number(start + 20 + $0 * 4, 4) }.filter { (0...1 << 16).contains($0) }.map(
        Int.init)
      guard values.count == 6 else { return nil }
      return (values[0], values[1], values[2], values[3], values[4], values[5])
    }
    // The first block has 32-bit times and is passed over.
    guard let old = counts(0), bytes[4] >= UInt8(ascii: "2") else { return nil }
    let second = 44 + old.times * 5 + old.types * 6 + old.characters + old.leaps * 8 + old.standard + old.utc
    guard let count = counts(second), count.types > 0 else { return nil }
    let times = second + 44
    let indices = times + count.times * 8
    let types = indices + count.times
    let end = types + count.types * 6 + count.characters + count.leaps * 12 + count.standard + count.utc
    guard end < bytes.count else { return nil }
    func offset(ofType index: Int) -> Int64? { index < count.types ? number(types + index * 6, 4) : nil }
    var changes: [(at: Int64, offset: Int64)] = []
    for index in 0..<count.times {
      guard let at = number(times + index * 8, 8), let offset = offset(ofType: Int(bytes[indices + index])) else {
        return nil
      }
      changes.append((at, offset))
    }
    let footer = bytes[end...].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).first ?? []
    self.init(
      changes: changes, firstOffset: offset(ofType: 0) ?? 0, rule: PosixZone(String(decoding: footer, as: UTF8.self)))
  }
}
