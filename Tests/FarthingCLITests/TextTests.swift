import Testing

@testable import FarthingCLI

@Suite struct TextTests {
  @Test func controlCharactersAreMadeVisible() {
    #expect(printable("plain ä 漢") == "plain ä 漢")
    #expect(printable("a\nb\tc\u{1b}[2J\u{7f}\u{9b}\u{202e}") == "a\\nb\\tc\\u{1b}[2J\\u{7f}\\u{9b}\\u{202e}")
  }

  @Test(arguments: [("abc", 3), ("漢字", 4), ("e\u{301}", 1), ("😀", 2), ("", 0)])
  func columnsOnATerminal(text: String, columns: Int) {
    #expect(displayColumns(text) == columns)
  }

  @Test func clippingKeepsTheLimit() {
    #expect(clipped("abcdef", to: 6) == "abcdef")
    #expect(clipped("abcdef", to: 4) == "abc…")
    #expect(clipped("漢字漢字", to: 6) == "漢字…")
    #expect(clipped("abc", to: 0) == "")
  }

  @Test func wrapping() {
    #expect(wrapped("one two three", to: 7) == ["one two", "three"])
    #expect(wrapped("a\n\nb", to: 7) == ["a", "", "b"])
    #expect(wrapped("unbreakable word", to: 4) == ["unbreakable", "word"])
  }

  @Test func numbersForPeople() {
    #expect(grouped(0) == "0" && grouped(999) == "999" && grouped(98_362_432) == "98,362,432")
    #expect(grouped(Int.min) == "-9,223,372,036,854,775,808")
    #expect(readableBytes(0) == "0 B" && readableBytes(999) == "999 B" && readableBytes(1000) == "1.0 kB")
    #expect(readableBytes(98_362_432) == "98.4 MB" && readableBytes(Int.max) == "9.2 EB")
  }

  @Test func tableGivesWayInItsFlexibleColumn() {
    var table = Table(columns: [.init(title: "name", flexible: true), .init(title: "bytes", right: true)])
    table.rows = [["blk.0.attn_output.weight", "12"], ["a", "3456"]]
    #expect(table.lines(width: nil).map(\.count).max() == 31)
    let narrow = table.lines(width: 20)
    #expect(narrow == ["name           bytes", "blk.0.attn_o…     12", "a               3456"])
  }
}
