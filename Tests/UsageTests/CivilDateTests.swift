import Testing
import Usage

@Suite struct CivilDateTests {
  /// Walks through every day from 1677 to 2262, the range of 64-bit nanoseconds, with the rules of the calendar alone.
  @Test func everyDayFollowsTheOneBefore() throws {
    var date = try #require(CivilDate(year: 1677, month: 9, day: 22))
    var number = date.dayNumber
    var days = 0
    while date.year < 2262 {
      #expect(date.dayNumber == number)
      #expect(CivilDate(unixNanos: Int64(number) * 86_400_000_000_000) == date)
      #expect(CivilDate(unixNanos: Int64(number) * 86_400_000_000_000 + 86_399_999_999_999) == date)
      let next =
        CivilDate(year: date.year, month: date.month, day: date.day + 1)
        ?? CivilDate(year: date.year, month: date.month + 1, day: 1) ?? CivilDate(year: date.year + 1, month: 1, day: 1)
      let following = try #require(next)
      #expect(date < following)
      date = following
      number += 1
      days += 1
    }
    #expect(days == 213_402)
  }

  @Test func knownDays() throws {
    #expect(CivilDate(unixNanos: 0).description == "1970-01-01")
    #expect(CivilDate(unixNanos: -1).description == "1969-12-31")
    #expect(CivilDate(unixNanos: .min).description == "1677-09-21")
    #expect(CivilDate(unixNanos: .max).description == "2262-04-11")
    #expect(try #require(CivilDate("2000-03-01")).dayNumber == 11_017)
    #expect(try #require(CivilDate("0001-01-01")).dayNumber == -719_162)
    #expect(try #require(CivilDate("9999-12-31")).dayNumber == 2_932_896)
  }

  @Test(arguments: [
    "", "2026-11-2", "2026-11-311", "2026/11/23", "2026-13-01", "2026-00-10", "2026-02-29", "1900-02-29", "2100-02-29",
    "0000-01-01", "-001-01-01", "2026-1a-01", "\u{0662}026-01-01", "2026-04-31", "2026-11-00",
  ])
  func refusesWhatIsNoDay(_ text: String) {
    #expect(CivilDate(text) == nil)
  }

  @Test(arguments: ["2000-02-29", "2024-02-29", "2026-12-31", "0001-01-01", "9999-12-31"])
  func readsAndPrints(_ text: String) throws {
    #expect(try #require(CivilDate(text)).description == text)
  }

  @Test func clock() {
    #expect(UTCTime.text(unixNanos: 0) == "1970-01-01T00:00:00Z")
    #expect(UTCTime.text(unixNanos: -1) == "1969-12-31T23:59:59Z")
    #expect(UTCTime.text(unixNanos: 1_795_496_400_000_000_000) == "2026-11-24T05:00:00Z")
    #expect(UTCTime.text(unixNanos: .min) == "1677-09-21T00:12:43Z")
    #expect(UTCTime.text(unixNanos: .max) == "2262-04-11T23:47:16Z")
    #expect(UTCTime.secondOfDay(unixNanos: 86_399_999_999_999) == 86_399)
    #expect(UTCTime.secondOfDay(unixNanos: 86_400_000_000_000) == 0)
  }
}
