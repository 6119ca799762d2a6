import Glibc
import Testing

@testable import Tokenization

/// Templates of real models against the reference's text; see `judge_real.py`. Runs where the variable
/// `FARTHING_TEMPLATE_JUDGE` names a folder of case files.
@Suite(
  .enabled(
    if: TemplateFixtures.variable("FARTHING_TEMPLATE_JUDGE") != nil, "see Tests/Fixtures/templates/judge_real.py"))
struct RealTemplateTests {
  @Test func textsAreTheReferences() throws {
    let folder = try #require(TemplateFixtures.variable("FARTHING_TEMPLATE_JUDGE"))
    let shared = try TemplateValue(json: TemplateFixtures.bytes(of: folder + "/contexts.json"))
    let now = try #require(shared["now"]?.integer)
    let clock = TemplateClock.fixed(.init(secondsSinceEpoch: Int64(now)))
    var contexts: [String: [(String, TemplateValue)]] = [:]
    for entry in try #require(shared["contexts"]).entries { contexts[entry.key] = entry.value.variables }
    var (templates, cases, texts, equal, grown) = (0, 0, 0, 0, 0)
    var spent = 0
    while let bytes = try? TemplateFixtures.bytes(of: folder + "/template-\(padded(templates)).json") {
      templates += 1
      let file = try TemplateValue(json: bytes)
      let name = try #require(file["name"]?.text)
      let source = try #require(file["source"]?.text)
      let outcomes = try #require(file["cases"]).items
      var wrong = 0
      for entry in outcomes {
        let fields = entry.items.compactMap(\.text)
        let context = try #require(contexts[fields[0]])
        let expected = TemplateOutcome(
          kind: fields[1], text: fields[1] == "render" || fields[1] == "parse" ? "" : fields[2])
        let start = TemplateFixtures.nanoseconds
        let found = TemplateOutcome(source: source, context: context, clock: clock)
        spent += TemplateFixtures.nanoseconds - start
        cases += 1
        if expected.kind == "out" { texts += 1 }
        if found == expected {
          equal += 1
          continue
        }
        // Lists that grow are allowed here, and refused by the sandbox of the reference.
        if expected.kind == "render", fields[2].contains("of 'list' object is unsafe"), found.kind == "out" {
          grown += 1
          continue
        }
        wrong += 1
        if wrong <= 2 { report(name, fields[0], expected, found, fields[2]) }
      }
      if wrong > 0 { print("DIFFERS \(name): \(wrong) of \(outcomes.count)") }
    }
    print("\(templates) templates, \(cases) conversations (\(texts) of them with text): \(equal) as the reference,")
    print("\(grown) that need lists to grow, \(spent / max(1, cases) / 1000) us each")
    #expect(templates > 0)
    #expect(equal + grown == cases)
  }

  private func padded(_ number: Int) -> String { String(String(10000 + number).dropFirst()) }

  private func report(
    _ name: String, _ context: String, _ expected: TemplateOutcome, _ found: TemplateOutcome, _ message: String
  ) {
    let place = zip(expected.text.utf8, found.text.utf8).prefix { $0 == $1 }.count
    func around(_ text: String) -> String {
      String(decoding: text.utf8.dropFirst(max(0, place - 40)).prefix(120), as: UTF8.self).debugDescription
    }
    print("\(name), \(context): expected \(expected.kind), found \(found.kind) \(found.detail)")
    if expected.kind == "render" || expected.kind == "parse" { print("  reference: \(message)") }
    print("  expected at \(place): \(around(expected.text))\n  found: \(around(found.text))")
  }
}
