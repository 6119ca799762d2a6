import Testing

@testable import Tokenization

/// Each construct in small, against what Jinja makes of it. See `make_expressions.py`.
@Suite struct TemplateExpressionTests {
  /// Where this engine means to differ: refused, or allowed, by name. The reason stands behind each.
  static let differences: [String: String] = [
    "{{ '\\ud800' }}": "half a surrogate pair is no text: refused when read",
    "{{ '\\N{BULLET}' }}": "escapes by character name would need the table of names",
    "{{ (-1) ** 0.5 }}": "complex numbers",
    "{{ '1.5e300'|int(base=3) }}": "integers beyond 64 bits",
    "{{ in }}": "words of the grammar are no names",
    "{{ and }}": "words of the grammar are no names",
    "{{ if }}": "words of the grammar are no names",
    "{{ else }}": "words of the grammar are no names",
    "{{ lst[] }}": "an empty subscript can only be a mistake",
    "{{ lst[1,2] }}": "no value has subscripts of several parts",
    "{#": "a comment that does not end, which Jinja passes over at the very end",
    "{% raw %}": "a raw block that does not end, which Jinja passes over at the very end",
  ]

  @Test func everyConstructRendersAsInJinja() throws {
    let fixture = try TemplateFixtures.json("expressions.json")
    let context = try #require(fixture["context"]).variables
    let now = try #require(fixture["now"]?.integer)
    let clock = TemplateClock.fixed(.init(secondsSinceEpoch: Int64(now)))
    let cases = try #require(fixture["cases"]).items
    #expect(cases.count > 1400)
    var known = 0
    for entry in cases {
      let fields = entry.items.compactMap(\.text)
      try #require(fields.count == 3)
      let source = fields[0]
      let expected = TemplateOutcome(kind: fields[1], text: fields[2])
      let found = TemplateOutcome(source: source, context: context, clock: clock)
      if Self.differences[source] != nil {
        known += 1
        #expect(found != expected, "no difference any more: \(source)")
      } else if found != expected {
        Issue.record("\(source)\n  expected \(expected)\n  found    \(found)")
      }
    }
    #expect(known == Self.differences.count)
  }
}
