import Testing

@testable import Tokenization

/// What the fixtures cannot show: errors, values, and where this engine is on its own.
@Suite struct TemplateTests {
  struct Wrong: Sendable, CustomTestStringConvertible {
    let source: String
    let kind: TemplateError.Kind
    let line: Int
    let column: Int
    let message: String
    var testDescription: String { source }

    init(_ source: String, _ kind: TemplateError.Kind, _ line: Int, _ column: Int, _ message: String) {
      (self.source, self.kind, self.line, self.column, self.message) = (source, kind, line, column, message)
    }
  }

  @Test(arguments: [
    Wrong("{{ a", .syntax, 1, 1, "a tag that does not end"),
    Wrong("x\n  {% nosuch %}", .syntax, 2, 6, "unknown tag 'nosuch'"),
    Wrong("{% if a %}\nb", .syntax, 1, 4, "'if' has no 'endif'"),
    Wrong("é{% for x in y %}{% endif %}", .syntax, 1, 21, "unknown tag 'endif'"),
    Wrong("{% block b %}{% endblock %}", .unsupported, 1, 4, "'block' is not supported"),
    Wrong("{% include 'x' %}", .unsupported, 1, 4, "'include' is not supported"),
    Wrong("{% for x in y recursive %}{% endfor %}", .unsupported, 1, 15, "recursive loops"),
    Wrong("a\r\nb\r{{ a|nosuch }}", .unsupported, 3, 6, "no filter named 'nosuch'"),
    Wrong("{{ a is nosuch }}", .unsupported, 1, 9, "no test named 'nosuch'"),
    Wrong("{% if true %}\n{{ a|nosuch }}{% endif %}", .unsupported, 2, 6, "no filter named 'nosuch'"),
    Wrong("{{ 99999999999999999999 }}", .unsupported, 1, 4, "beyond 64 bits"),
    Wrong("{{ 9223372036854775807 + 1 }}", .unsupported, 1, 4, "beyond 64 bits"),
    Wrong("{{ 3 * 'a' - 1 }}", .runtime, 1, 4, "unsupported operand types"),
    Wrong("ab{{ missing.x }}", .runtime, 1, 13, "'missing' is undefined"),
    Wrong("{{ {'a': 1}.b.c }}", .runtime, 1, 14, "'dict object' has no attribute 'b'"),
    Wrong("\n\n{{ [1][2].c }}", .runtime, 3, 10, "list object has no element 2"),
    Wrong("{{ none.x.y }}", .runtime, 1, 10, "'None' has no attribute 'x'"),
    Wrong("{{ missing() }}", .runtime, 1, 11, "'missing' is undefined"),
    Wrong("{{ {}.update({}) }}", .runtime, 1, 13, "access to attribute 'update' of 'dict' object is unsafe"),
    Wrong("{% set x.y = 1 %}", .runtime, 1, 4, "not a namespace"),
    Wrong("{{ raise_exception('Roles: ' ~ 1) }}", .raised, 1, 19, "Roles: 1"),
    Wrong("{{ 'a'.encode() }}", .unsupported, 1, 14, "'encode' is not supported"),
    Wrong("{{ [1]|map('string') }}", .unsupported, 1, 8, "generator cannot be printed"),
    Wrong("{{ strftime_now('%Q') }}", .unsupported, 1, 16, "unknown conversion"),
  ])
  func errorsSayWhatAndWhere(_ wrong: Wrong) throws {
    let error = try #require(throws: TemplateError.self) {
      try ChatTemplate(source: wrong.source).render(context: [])
    }
    #expect(error.kind == wrong.kind)
    #expect(error.line == wrong.line)
    #expect(error.column == wrong.column)
    #expect(error.message.contains(wrong.message), "\(error)")
  }

  @Test func raisedMessagesAreTheTemplatesOwn() throws {
    let template = try ChatTemplate(source: "{{ raise_exception('Pas possible: ' + messages[0].role) }}")
    let error = try #require(throws: TemplateError.self) {
      try template.render([ChatMessage(role: "\u{E9}", content: "")], addGenerationPrompt: false)
    }
    #expect(error.kind == .raised)
    #expect(error.message == "Pas possible: \u{E9}")
    #expect(error.description == "chat template, line 1, column 19: raised: Pas possible: \u{E9}")
  }

  func render(_ source: String, _ context: [(String, TemplateValue)] = []) throws -> String {
    try ChatTemplate(source: source).render(context: context)
  }

  /// Canonical equivalence would make one key, one string and one character of these.
  @Test func stringsGoByCodePoints() throws {
    let (composed, decomposed) = ("\u{E9}", "e\u{301}")
    let keys: TemplateValue = .dictionary([.init(composed, 1), .init(decomposed, 2)])
    #expect(
      try render(
        "{{ d|length }}{{ d[a] }}{{ d[b] }}", [("d", keys), ("a", .string(composed)), ("b", .string(decomposed))])
        == "212")
    #expect(
      try render("{{ a == b }}{{ a in b }}{{ b|length }}", [("a", .string(composed)), ("b", .string(decomposed))])
        == "FalseFalse2")
    #expect(try render("{{ ['\u{E9}', 'e\u{301}']|unique|list|length }}") == "2")
    #expect(try render("{{ 'a\\r\\nb'|length }}{{ '\u{1F468}\u{200D}\u{1F469}'|length }}") == "43")
    #expect(TemplateValue.string(composed) != .string(decomposed))
    #expect(keys[decomposed] == 2)
  }

  /// Known templates queue the ids of calls. Jinja's sandbox refuses this.
  @Test func listsGrow() throws {
    let queue = """
      {%- set pending = namespace(ids=[]) -%}
      {%- for m in messages -%}
      {%- if m.role == 'call' -%}{%- set _ = pending.ids.append(m.id ~ ':' ~ loop.index0) -%}
      {%- else -%}{{ pending.ids.pop(0) }};{%- endif -%}
      {%- endfor -%}{{ pending.ids }}
      """
    let messages: TemplateValue = [
      ["role": "call", "id": "a"], ["role": "call", "id": "b"], ["role": "x"], ["role": "call", "id": "c"],
      ["role": "x"],
    ]
    #expect(try render(queue, [("messages", messages)]) == "a:0;b:1;['c:3']")
    #expect(
      try render(
        "{% set l = [1] %}{% set m = l %}{% set _ = l.extend('ab') %}{% set _ = m.insert(0, 0) %}{{ l }}{{ l.pop() }}{{ l }}"
      ) == "[0, 1, 'a', 'b']b[0, 1, 'a']")
    #expect(throws: TemplateError.self) { try render("{{ [].pop() }}") }
    // A list that grows while it is walked is walked on, as in Python; the limit on steps ends it.
    #expect(
      try render(
        "{% set l = [1] %}{% for x in l %}{% if x < 4 %}{% set _ = l.append(x + 1) %}{% endif %}{{ x }}{% endfor %}")
        == "1234")
  }

  @Test func conversationsHaveTheVariablesOfTransformers() throws {
    let source = """
      {{ messages|length }}{{ add_generation_prompt }}{{ tools is none }}{{ documents is none }}\
      {{ bos_token is defined }}{{ eos_token }}{{ x }}
      """
    let template = try ChatTemplate(source: source)
    let messages = [ChatMessage(role: "user", content: "Hi")]
    #expect(try template.render(messages, addGenerationPrompt: true) == "1TrueTrueTrueFalse")
    #expect(
      try template.render(
        messages, addGenerationPrompt: false, bosToken: "<s>", eosToken: "</s>", tools: [], extra: [("x", 5)])
        == "1FalseFalseTrueTrue</s>5")
  }

  @Test func reasoningIsFoundUnderBothNames() throws {
    let source = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.thinking }}|{{ m.reasoning }};{% endfor %}"
    let messages = [
      ChatMessage(role: "assistant", content: "", fields: [.init("reasoning_content", "a")]),
      ChatMessage(role: "assistant", content: "", fields: [.init("thinking", "b")]),
      ChatMessage(role: "assistant", content: "", fields: [.init("reasoning", "c")]),
      ChatMessage(role: "assistant", content: "", fields: [.init("thinking", .null), .init("reasoning", "d")]),
      ChatMessage(role: "assistant", content: "x"),
    ]
    let text = try ChatTemplate(source: source).render(messages, addGenerationPrompt: false)
    #expect(text == "a|a|;b|b|;c|c|c;d|None|d;||;")
  }

  @Test func bytesMustBeUTF8() throws {
    #expect(try ChatTemplate(bytes: Array("h\u{E9}".utf8)).render(context: []) == "h\u{E9}")
    let error = try #require(throws: TemplateError.self) { try ChatTemplate(bytes: [0x61, 0xC3]) }
    #expect(error.kind == .syntax)
  }

  @Test func theClockCanStandStill() throws {
    let template = try ChatTemplate(source: "{{ strftime_now('%Y-%m-%d %H:%M:%S %A %j') }}")
    func at(_ seconds: Int64, _ offset: Int64 = 0) throws -> String {
      try template.render(context: [], clock: .fixed(.init(secondsSinceEpoch: seconds, offsetFromUTC: offset)))
    }
    #expect(try at(0) == "1970-01-01 00:00:00 Thursday 001")
    #expect(try at(-1) == "1969-12-31 23:59:59 Wednesday 365")
    #expect(try at(951_782_400) == "2000-02-29 00:00:00 Tuesday 060")
    #expect(try at(4_107_542_400) == "2100-03-01 00:00:00 Monday 060")
    #expect(try at(1_735_689_599, 3600) == "2025-01-01 00:59:59 Wednesday 001")
    #expect(try at(.min) == "1-01-01 00:00:00 Monday 001")
    #expect(try at(.max) == "9999-12-31 23:59:59 Friday 365")
    let now = try ChatTemplate(source: "{{ strftime_now('%Y')|int > 2025 }}").render(context: [])
    #expect(now == "True")
  }

  // MARK: JSON

  @Test(arguments: [
    ("[1, 1.0, -0, 1e2, true, null, \"a\"]", "[1, 1.0, 0, 100.0, True, None, 'a']"),
    ("{\"b\": 1, \"a\": {\"x\": []}, \"b\": 2}", "{'b': 2, 'a': {'x': []}}"),
    ("\"\\u00e9\\ud83d\\ude00\\n\\/\"", "\u{E9}\u{1F600}\n/"), ("  {}  ", "{}"), ("[[]]", "[[]]"),
  ])
  func jsonIsRead(_ pair: (json: String, python: String)) throws {
    #expect(try render("{{ x }}", [("x", try TemplateValue(json: Array(pair.json.utf8)))]) == pair.python)
  }

  @Test(arguments: [
    "", "[", "]", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "nul", "tru", "+1", "01", "1.", ".5", "1e",
    "-", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"a\nb\"", "1 2", "NaN",
    "99999999999999999999", "{1: 2}", "'a'", "\"\\u\u{661}\u{661}\u{661}\u{661}\"",
  ])
  func brokenJSONIsRefused(_ json: String) {
    #expect(throws: TemplateValue.JSONError.self) { try TemplateValue(json: Array(json.utf8)) }
  }

  @Test func deepJSONIsRefused() throws {
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    _ = try TemplateValue(json: nested(96))
    #expect(throws: TemplateValue.JSONError.self) { try TemplateValue(json: nested(97)) }
    #expect(throws: TemplateValue.JSONError.self) { try TemplateValue(json: nested(1_000_000)) }
    #expect(throws: TemplateValue.JSONError.self) { try TemplateValue(json: [0x22, 0xFF, 0x22]) }
  }
}
