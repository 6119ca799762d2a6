import Testing

@testable import Tokenization

/// Templates in the shapes of the families that this project runs, and random ones, against the reference's text.
@Suite struct TemplateFamilyTests {
  static func clock(_ fixture: TemplateValue) throws -> TemplateClock {
    .fixed(.init(secondsSinceEpoch: Int64(try #require(fixture["now"]?.integer))))
  }

  static let families = [
    "chatml", "command-r", "deepseek", "gemma3", "granite", "harmony", "llama2", "llama3-tools", "mistral-v1",
    "mistral-v3-tools", "mistral-v7-parts", "phi", "qwen2.5-tools", "qwen3-thinking", "smollm2", "smollm3",
    "zephyr-lines",
  ]

  @Test func familiesRenderAsInJinja() throws {
    let fixture = try TemplateFixtures.json("families.json")
    let clock = try Self.clock(fixture)
    var contexts: [String: [(String, TemplateValue)]] = [:]
    for entry in try #require(fixture["contexts"]).entries { contexts[entry.key] = entry.value.variables }
    let texts = try #require(fixture["texts"]).items.compactMap(\.text)
    var sources: [String: String] = [:]
    for name in Self.families {
      sources[name] = String(decoding: try TemplateFixtures.bytes(named: "families/\(name).jinja"), as: UTF8.self)
    }
    var seen: Set<String> = []
    for entry in try #require(fixture["cases"]).items {
      let fields = entry.items
      try #require(fields.count == 4)
      let name = try #require(fields[0].text)
      let context = try #require(fields[1].text)
      let index = try #require(fields[3].integer)
      let expected = TemplateOutcome(kind: try #require(fields[2].text), text: texts[index])
      let source = try #require(sources[name])
      let found = TemplateOutcome(source: source, context: try #require(contexts[context]), clock: clock)
      #expect(found == expected, "\(name), \(context)")
      seen.insert(name)
    }
    #expect(seen == Set(Self.families))
  }

  /// Expressions and statements that a grammar made up; see `make_random.py`.
  @Test func randomTemplatesRenderAsInJinja() throws {
    try Self.compare(try TemplateFixtures.json("random.json"))
  }

  /// The same over a larger file, whose path the variable names.
  @Test(
    .enabled(
      if: TemplateFixtures.variable("FARTHING_TEMPLATE_RANDOM") != nil, "see Tests/Fixtures/templates/make_random.py"))
  func manyRandomTemplatesRenderAsInJinja() throws {
    let path = try #require(TemplateFixtures.variable("FARTHING_TEMPLATE_RANDOM"))
    try Self.compare(try TemplateValue(json: TemplateFixtures.bytes(of: path)))
  }

  static func compare(_ fixture: TemplateValue) throws {
    let clock = try Self.clock(fixture)
    let context = try #require(fixture["context"]).variables
    let seed = try #require(fixture["seed"]?.integer)
    let cases = try #require(fixture["cases"]).items
    #expect(cases.count > 1000)
    for entry in cases {
      let fields = entry.items.compactMap(\.text)
      try #require(fields.count == 3)
      let expected = TemplateOutcome(kind: fields[1], text: fields[2])
      let found = TemplateOutcome(source: fields[0], context: context, clock: clock)
      if found != expected {
        Issue.record("seed \(seed): \(fields[0])\n  expected \(expected)\n  found    \(found)")
      }
    }
  }
}
