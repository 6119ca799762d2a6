import Foundation
import Testing
import Usage

@testable import Metering

@Suite struct TimeZoneTests {
  private func moment(_ text: String) throws -> Int64 {
    let date = try #require(ISO8601DateFormatter().date(from: text))
    return Int64(date.timeIntervalSince1970) * 1_000_000_000
  }

  private func rules(_ posix: String) throws -> TimeZoneRules {
    let rule: PosixZone = try #require(PosixZone(posix))
    return TimeZoneRules(changes: [], firstOffset: 0, rule: rule)
  }

  @Test(arguments: [
    // Zone, moment, when its day began, when its month began.
    ("UTC0", "2026-11-25T12:00:00Z", "2026-11-25T00:00:00Z", "2026-11-01T00:00:00Z"),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-11-25T12:00:00Z", "2026-11-24T23:00:00Z", "2026-10-31T23:00:00Z"),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-02-28T23:00:00Z"),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-09-30T22:00:00Z"),
    ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-06-30T22:30:00Z", "2026-06-30T22:00:00Z", "2026-06-30T22:00:00Z"),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-01-01T03:00:00Z", "2025-12-31T05:00:00Z", "2025-12-01T05:00:00Z"),
    ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-01T04:00:00Z"),
    ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-15T00:00:00Z", "2026-01-14T13:00:00Z", "2025-12-31T13:00:00Z"),
    ("<+0545>-5:45", "2026-11-25T18:20:00Z", "2026-11-25T18:15:00Z", "2026-10-31T18:15:00Z"),
    // Clocks that skip midnight: the day begins when they have skipped it, at 01:00.
    ("<-03>3<-02>,M11.1.0/0,M2.3.0/0", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-01T03:00:00Z"),
  ])
  func daysAndMonthsBeginByTheZonesClocks(zone: String, at: String, day: String, month: String) throws {
    let rules = try rules(zone)
    #expect(rules.start(of: .day, holding: try moment(at)) == (try moment(day)))
    #expect(rules.start(of: .month, holding: try moment(at)) == (try moment(month)))
  }

  @Test(arguments: [
    "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "AEST-10AEDT,M10.1.0,M4.1.0/3", "<-03>3", "IST-5:30",
  ])
  func everyMomentLiesInTheDayThatItBegan(zone: String) throws {
    let rules = try rules(zone)
    var random = SplitMix(state: 7)
    for _ in 0..<3000 {
      let at = Int64(random.next() % 4_000_000_000) * 1_000_000_000
      let start = rules.start(of: .day, holding: at)
      let length = (at - start) / 1_000_000_000
      #expect(length >= 0 && length < 25 * 3600)
      #expect(rules.start(of: .day, holding: start) == start)
      let before = rules.start(of: .day, holding: start - 1)
      #expect([23, 24, 25].contains((start - before) / 3_600_000_000_000))
    }
  }

  /// A compiled zone file, as RFC 8536 has it: an empty first block, then one with 64-bit times.
  private func file(changes: [(Int64, UInt8)], offsets: [Int32], footer: String) -> [UInt8] {
    func header(_ times: Int, _ types: Int) -> [UInt8] {
      var bytes = Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15)
      for count in [0, 0, 0, times, types, types == 0 ? 0 : 4] { bytes += big(Int64(count), 4) }
      return bytes
    }
    func big(_ value: Int64, _ size: Int) -> [UInt8] {
      (0..<size).reversed().map { UInt8(truncatingIfNeeded: value >> Int64($0 * 8)) }
    }
    var bytes = header(0, 0) + header(changes.count, offsets.count)
    for change in changes { bytes += big(change.0, 8) }
    for change in changes { bytes.append(change.1) }
    for offset in offsets { bytes += big(Int64(offset), 4) + [0, 0] }
    return bytes + Array("ABC\0".utf8) + Array("\n\(footer)\n".utf8)
  }

  @Test func compiledZonesAreRead() throws {
    let bytes = file(
      changes: [(-1_000_000, 1), (1_000_000, 0), (2_000_000, 1)], offsets: [3600, 7200],
      footer: "CET-1CEST,M3.5.0,M10.5.0/3")
    let rules = try #require(TimeZoneRules(tzif: bytes))
    #expect(
      [-2_000_000, -1_000_000, 0, 1_000_000, 1_999_999].map { rules.offset(at: $0) } == [3600, 7200, 7200, 3600, 3600])
    // After the last change the rule holds: March 1970 is winter, July 2026 summer.
    #expect(rules.offset(at: 2_000_000) == 3600 && rules.offset(at: 1_783_000_000) == 7200)
    for length in 0..<bytes.count - 28 { #expect(TimeZoneRules(tzif: Array(bytes.prefix(length))) == nil, "\(length)") }
  }

  @Test func hostileNamesAreRefused() {
    for name in ["", "../../etc/passwd", "/etc/localtime", "Europe/Ber lin", "..", "a\u{0}b", "Europe"] {
      #expect(throws: LedgerError.self, "\(name)") { try TimeZoneRules.named(name) }
    }
    for rule in ["", "A", "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M1.1.0", "CET-1CEST,M3.5.0", "CET-1x", "CET-99999"] {
      #expect(PosixZone(rule) == nil, "\(rule)")
    }
  }
}
