import Testing

@testable import Tokenization

@Suite struct NormalFormTests {
  /// Every character that changes, and random ones in wild order, against the reference.
  @Test func formsAreTheReferences() throws {
    var reader = CaseReader(bytes: try Fixture.bytes("normal-forms.bin"))
    var count = 0
    while !reader.isAtEnd {
      let text = reader.bytes()
      for (form, expected) in [(NormalForm.nfc, reader.bytes()), (.nfkc, reader.bytes())] {
        let result = form.normalized(text, 0..<text.count) ?? text
        #expect(
          result == expected,
          "\(form) of \(scalars(text)): \(scalars(result)), and the reference has \(scalars(expected))")
        #expect(form.normalized(expected, 0..<expected.count) ?? expected == expected)
      }
      count += 1
    }
    #expect(count > 400)
  }

  private func scalars(_ text: [UInt8]) -> String {
    String(decoding: text, as: UTF8.self).unicodeScalars.prefix(20).map { String($0.value, radix: 16) }
      .joined(separator: " ")
  }

  @Test func textThatIsInTheFormIsLeftAlone() {
    for text in ["", "plain", "Äpfel über Straße", "한국어", "日本語", "Ελληνικά", "😀"] {
      let bytes = Array(text.utf8)
      #expect(NormalForm.nfc.normalized(bytes, 0..<bytes.count) == nil)
    }
  }

  /// Marks in falling classes are the worst case of sorting; a megabyte of them takes no longer than other text.
  @Test func longRunsOfMarksTakeLinearTime() throws {
    let count = runsSlowTests ? 250_000 : 25_000
    let text = Array(("a" + String(repeating: "\u{301}\u{323}", count: count)).utf8)
    let result = try #require(NormalForm.nfc.normalized(text, 0..<text.count))
    let expected =
      "\u{1EA1}" + String(repeating: "\u{323}", count: count - 1) + String(repeating: "\u{301}", count: count)
    #expect(result == Array(expected.utf8))
  }
}
