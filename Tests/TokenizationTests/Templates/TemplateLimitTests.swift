import Glibc
import Testing

@testable import Tokenization

/// Templates come out of files of unknown makers. Each of these would take all memory, all time or all of the stack.
@Suite struct TemplateLimitTests {
  static func error(_ source: String, _ limits: TemplateLimits = ChatTemplate.tightLimits) -> TemplateError? {
    do {
      _ = try ChatTemplate(source: source, limits: limits).render(context: [("s", "text"), ("big", .string(long))])
      return nil
    } catch {
      return error
    }
  }

  static let long = String(repeating: "ab ", count: 100_000)

  static func nested(_ open: String, _ middle: String, _ close: String, _ count: Int) -> String {
    String(repeating: open, count: count) + middle + String(repeating: close, count: count)
  }

  struct Nesting: Sendable, CustomTestStringConvertible {
    let open: String
    let middle: String
    let close: String
    /// The deepest that is let through.
    let limit: Int
    var testDescription: String { "\(open)…\(close)" }
  }

  @Test(arguments: [
    Nesting(open: "(", middle: "1", close: ")", limit: 63), Nesting(open: "[", middle: "1", close: "]", limit: 63),
    Nesting(open: "{1:", middle: "1", close: "}", limit: 63), Nesting(open: "s[", middle: "1", close: "]", limit: 63),
    Nesting(open: "range(", middle: "1", close: ")", limit: 63), Nesting(open: "-", middle: "1", close: "", limit: 63),
    Nesting(open: "s|replace(", middle: "1", close: ",1)", limit: 63),
    Nesting(open: "1 if 0 else ", middle: "1", close: "", limit: 63),
    Nesting(open: "not ", middle: "1", close: "", limit: 127),
    Nesting(open: "", middle: "s", close: "|upper", limit: 127),
    Nesting(open: "", middle: "s", close: ".upper()", limit: 63),
    Nesting(open: "", middle: "s", close: "[0]", limit: 127),
    Nesting(open: "", middle: "1", close: " if 1", limit: 127), Nesting(open: "", middle: "s", close: "()", limit: 127),
  ])
  func expressionsNestUpToALimit(_ nesting: Nesting) {
    func kind(_ count: Int) -> TemplateError.Kind? {
      // Some fail for another reason when they run; only the limit counts here.
      Self.error("{% if false %}{{ \(Self.nested(nesting.open, nesting.middle, nesting.close, count)) }}{% endif %}")?
        .kind
    }
    // One level is taken by the `if`.
    #expect(kind(nesting.limit - 1) == nil)
    #expect(kind(nesting.limit + 1) == .limit)
    for count in [1000, 10_000] { #expect(kind(count) == .limit) }
  }

  @Test(arguments: [
    ("{% if 1 %}", "{% endif %}"), ("{% for x in y %}", "{% endfor %}"), ("{% set x %}", "{% endset %}"),
    ("{% macro m() %}", "{% endmacro %}"), ("{% filter upper %}", "{% endfilter %}"), ("{% with %}", "{% endwith %}"),
    ("{% generation %}", "{% endgeneration %}"), ("{% for x in y %}{% else %}", "{% endfor %}"),
    ("{% if 0 %}{% else %}", "{% endif %}"),
  ])
  func blocksNestUpToALimit(_ pair: (open: String, close: String)) {
    // An expression in the innermost tag takes one more level.
    let most = pair.open.contains("if") || pair.open.contains("for") ? 63 : 64
    #expect(Self.error(Self.nested(pair.open, "x", pair.close, most)) == nil)
    #expect(Self.error(Self.nested(pair.open, "x", pair.close, most + 1))?.kind == .limit)
    // What never ends nests as deep.
    #expect(Self.error(String(repeating: pair.open, count: 2000))?.kind == .limit)
  }

  /// Long chains are no nesting.
  @Test(arguments: [" + 1", " ~ 1", " and 1", " or 0", " * 1", " < 2", " == 1", " // 1"])
  func chainsMayBeLong(_ link: String) {
    #expect(Self.error("{{ 1" + String(repeating: link, count: 5000) + " }}") == nil)
  }

  @Test func manyBranchesAreNoNesting() {
    let branches = (0..<2000).map { "{% elif s == '\($0)' %}\($0)" }.joined()
    #expect(Self.error("{% if 0 %}\(branches)\n{% else %}x{% endif %}") == nil)
  }

  @Test func sourcesHaveALimit() {
    var limits = TemplateLimits()
    limits.sourceBytes = 100
    #expect(Self.error(String(repeating: "x", count: 100), limits) == nil)
    #expect(Self.error(String(repeating: "x", count: 101), limits)?.kind == .limit)
  }

  @Test func outputHasALimit() {
    var limits = TemplateLimits()
    limits.outputBytes = 1000
    #expect(Self.error("{{ 'x' * 999 }}y", limits) == nil)
    #expect(Self.error("{{ 'x' * 999 }}yz", limits)?.kind == .limit)
    #expect(Self.error("{% for i in range(1001) %}x{% endfor %}", limits)?.kind == .limit)
  }

  @Test func valuesFromOutsideHaveADepth() throws {
    func nested(_ depth: Int) -> TemplateValue { (0..<depth).reduce(.null) { value, _ in .list([value]) } }
    let template = try ChatTemplate(
      source: "{{ x|tojson|length }}{{ x|string|length }}{{ x == x }}{{ [x, x]|sort|length }}")
    #expect(try template.render(context: [("x", nested(95))]) == "194194True2")
    let error = #expect(throws: TemplateError.self) { try template.render(context: [("x", nested(97))]) }
    #expect(error?.kind == .limit)
  }

  /// Each ends with the kind `.limit`, or renders something harmless, and soon.
  @Test(arguments: [
    // Work
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% set l = [1] %}{% for x in l %}{% set _ = l.append(x) %}{% endfor %}",
    "{% set l = [1] %}{% for x in l %}{% set _ = l.extend(l) %}{% endfor %}",
    "{% set l = range(90000)|list %}{% for x in range(999) %}{% set _ = l.insert(0, l.pop(0)) %}{% endfor %}",
    "{% for i in range(9999) %}{{ big|upper|length }}{% endfor %}",
    "{% for i in range(9999) %}{{ 'zz' in big }}{% endfor %}",
    "{% for i in range(9999) %}{{ big == big ~ '' }}{% endfor %}",
    "{% for i in range(9999) %}{{ big[::-1][0] }}{% endfor %}",
    "{% for i in range(9999) %}{{ big|replace('zz', '')|length }}{% endfor %}",
    "{% for i in range(9999) %}{{ big.split('zz')|length }}{{ big.find('zz') }}{{ big.count('zz') }}{% endfor %}",
    "{% for i in range(9999) %}{{ big|trim|length }}{{ big.strip('ab ') }}{{ big|title|length }}{% endfor %}",
    "{% for i in range(9999) %}{{ {big: 1}[big] }}{% endfor %}",
    "{% for i in range(9999) %}{{ big|tojson|length }}{% endfor %}",
    "{% for i in range(9999) %}{{ big|e|length }}{{ big|reverse|length }}{{ big|indent|length }}{% endfor %}",
    "{% set l = range(99999)|list %}{% for i in range(9999) %}{{ l|sort|length }}{{ l|sum }}{{ l|max }}{% endfor %}",
    "{% set l = range(99999)|list %}{% for i in range(9999) %}{{ l|tojson|length }}{{ -1 in l }}{{ l == l[:] }}{% endfor %}",
    "{% for i in range(9999) %}{{ range(99999)|map('string')|join|length }}{% endfor %}",
    "{% for i in range(9999) %}{{ '%s' % big }}{{ '{}'.format(big) }}{% endfor %}",
    "{% for i in range(9999) %}{{ 'é' * 9999 ~ i }}{{ ('é' * 9999)[9998] }}{% endfor %}",
    // Memory
    "{{ 'x' * 9999999999 }}", "{{ 9223372036854775807 * 'xy' }}", "{{ [1] * 9999999999 }}",
    "{{ (1, 2) * 9223372036854775807 }}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('x', 'xxxx') %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s|replace('', 'xx') %}{% endfor %}",
    "{% set ns = namespace(s='<') %}{% for i in range(99) %}{% set ns.s = ns.s|forceescape ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(s='\"') %}{% for i in range(99) %}{% set ns.s = ns.s|tojson %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s.join(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s]|join(ns.s) %}{% endfor %}",
    "{% set l = [] %}{% for i in range(99999) %}{% set _ = l.append('x' * 9999 ~ i) %}{% endfor %}",
    "{{ big.split('a')|length }}{{ big|list|length }}{{ big.split()|length }}{{ (big ~ big).split('b')|length }}",
    "{{ ('a\\n' * 999999).splitlines()|length }}", "{{ ('a\\n' * 999999)|indent(99999) }}",
    "{{ 's'|indent(9999999999) }}",
    "{{ s.center(9999999999) }}", "{{ s.ljust(9223372036854775807, 'é') }}", "{{ s.zfill(999999999) }}",
    "{{ '%*d' % (999999999, 1) }}", "{{ '%999999999d' % 1 }}", "{{ '{:999999999}'.format(1) }}",
    "{{ '%.999999f' % 1.5 }}",
    "{{ [1]|batch(9999999999, 0)|list }}", "{{ range(99999999999) }}",
    "{{ range(-9223372036854775807, 9223372036854775807) }}",
    "{{ range(9223372036854775807, -9223372036854775807, -1) }}", "{{ [[1]]|tojson(indent=999999999) }}",
    "{{ {}|tojson(indent='x' * 9999) }}",
    "{{ 2 ** 99999999 }}", "{{ 1e308 * 10 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
    "{{ (-9223372036854775807 - 1) % -1 }}",
    "{{ (-9223372036854775807 - 1)|abs }}", "{{ -(-9223372036854775807 - 1) }}",
    "{{ 'abc'[-9223372036854775807:9223372036854775807] }}",
    "{{ 'abc'[::9223372036854775807] }}{{ 'abc'[::-9223372036854775807] }}{{ [1][-9223372036854775807 - 1] }}",
    "{{ 1|round(9223372036854775807) }}", "{{ 1.5|round(-9223372036854775807) }}", "{{ 1e300|int }}",
    "{{ range(3)[::9223372036854775807] }}",
    "{{ [3].pop(-9223372036854775807 - 1) }}", "{{ [3].insert(-9223372036854775807 - 1, 1) }}",
    "{{ 'a'.find('a', -9223372036854775807 - 1) }}",
    // The stack
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(x) %}{{ m(x + 1) if true }}{% endmacro %}{{ m(1) }}",
    "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
    "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{% call a() %}{% endcall %}{% endmacro %}{{ a() }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x={}) %}{% for i in range(9999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = (ns.x,) %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x|list|map('string') %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x.append] %}{% endfor %}",
    "{% set ns = namespace(x={}) %}{% for i in range(9999) %}{% set ns.x = {1: ns.x.items()} %}{% endfor %}",
    "{% set l = [] %}{% set ns = namespace(t=l) %}{% for i in range(9999) %}{% set n = [] %}{% set _ = ns.t.append(n) %}{% set ns.t = n %}{% endfor %}{{ l }}",
    "{% set a = namespace() %}{% set ns = namespace(t=a) %}{% for i in range(9999) %}{% set n = namespace() %}{% set ns.t.x = n %}{% set ns.t = n %}{% endfor %}{{ a }}",
    "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}",
    "{% set l = [] %}{% set _ = l.append(l) %}{{ l == [l] }}",
    "{% set l = [] %}{% set _ = l.append(l) %}{{ [l, [l]]|sort }}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}", "{% set l = [] %}{% set _ = l.append((l,)) %}{{ l }}",
    "{% set ns = namespace(t=(1,)) %}{% for i in range(90) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1} }}",
    "{% set ns = namespace(t=(1,)) %}{% for i in range(90) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ ns.t }}",
    "{% set ns = namespace(t=(1,)) %}{% for i in range(90) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ ns.t == (ns.t, 1) }}{{ ns.t|tojson }}",
    "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(90) %}{% set ns.a = (ns.a, ns.a) %}{% set ns.b = (ns.b, ns.b) %}{% endfor %}{{ ns.a == ns.b }}",
    "{% set ns = namespace(a=(1,), b=(1,)) %}{% for i in range(90) %}{% set ns.a = (ns.a, ns.a) %}{% set ns.b = (ns.b, ns.b) %}{% endfor %}{{ ns.a < ns.b }}",
    "{% set names = ['map'] * 999 %}{{ 'a'|map(*names)|list }}",
    "{% set names = ['map'] * 9999 %}{{ [['a']]|map(*names)|list }}",
    "{{ s|attr('x.' * 9999) }}", "{{ [s]|map(attribute='0.' * 9999)|list }}", "{{ '{0' ~ '[0]' * 9999 ~ '}' }}",
    "{{ ('{0' ~ '[0]' * 999 ~ '}').format(s) }}",
  ])
  func hostileTemplatesEndSoon(_ source: String) throws {
    let start = TemplateFixtures.nanoseconds
    let error = Self.error(source)
    let milliseconds = (TemplateFixtures.nanoseconds - start) / 1_000_000
    if let error { #expect(error.line >= 1 && error.column >= 1, "\(error)") }
    // A second is for a release build with a sanitizer; a debug build with one, beside others, is several times slower.
    #expect(milliseconds < 10_000, "took \(milliseconds) ms")
  }

  /// What recurses as deep as it may, on a thread whose stack is smaller than the usual 8 MB: a stack that overflows
  /// ends the process.
  @Test func theDeepestTemplatesFitOnASmallStack() throws {
    final class Work: Sendable {
      let sources =
        [
          "{{ m() }}", "{% for x in [1] %}{% if true %}{{ m() }}{% endif %}{% endfor %}",
          "{% set x %}{{ m() }}{% endset %}",
          "{{ 'a'|replace('a', m()) }}", "{{ 1 if m() else [m() ~ 1] }}", "{% with x = m() %}{% endwith %}",
          "{{ 1 is eq(m()) }}",
          "{{ 'a'[m():] }}", "{{ {1: m()} }}", "{% for x in [1] if m() %}{% endfor %}",
          "{% filter upper %}{{ m() }}{% endfilter %}",
          "{% call m() %}{% endcall %}", "{{ -m() }}", "{{ 1 + m() }}", "{{ m() < 1 }}", "{{ m().x }}",
          "{{ m(*[m()]) }}",
        ].map { "{% macro m() %}\($0){% endmacro %}{{ m() }}" } + [
          "{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "{% set names = ['map'] * 999 %}{{ 'a'|map(*names)|list }}",
          "{{ \(TemplateLimitTests.nested("[", "1", "]", 63)) }}",
          "{{ \(TemplateLimitTests.nested("(", "1", ")", 63)) }}",
          "{% set ns = namespace(x=[]) %}{% for i in range(94) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}{{ ns.x|tojson }}{{ ns.x == [ns.x] }}",
        ]
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    #expect(pthread_attr_setstacksize(&attributes, 4 << 20) == 0)
    let work = Unmanaged.passRetained(Work())
    var thread = pthread_t()
    let made = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        for source in Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().sources {
          _ = TemplateLimitTests.error(source, TemplateLimits())
        }
        return nil
      }, work.toOpaque())
    try #require(made == 0)
    #expect(pthread_join(thread, nil) == 0)
  }

  /// The large limits that are in force without asking hold too.
  @Test(arguments: [
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 'x' * 99999999 }}",
    "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
  ])
  func defaultLimitsHold(_ source: String) {
    #expect(Self.error(source, TemplateLimits())?.kind == .limit)
  }

  /// Values that hold each other are let go: the count of live bytes comes back to what was printed.
  @Test(arguments: [
    "{% set ns = namespace() %}{% set ns.x = ns %}x", "{% set l = [] %}{% set _ = l.append(l) %}x",
    "{% macro m() %}{{ m is defined }}{% endmacro %}{{ m() }}",
    "{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% for i in [1, 2] %}{% set _ = loop.changed(loop) %}{% endfor %}x",
    "{% set ns = namespace() %}{% for i in [ns] %}{% set ns.l = loop %}{% endfor %}x",
    "{% set ns = namespace() %}{% for i in [1, 2] if i %}{% set ns.l = loop %}{% endfor %}x",
    "{% set l = [] %}{% for i in [l] %}{% set _ = l.append(loop) %}{% endfor %}x",
    "{% set ns = namespace() %}{% macro m() %}{% set n = namespace(up=ns) %}{% set ns.down = n %}{% macro k() %}{{ n }}{% endmacro %}{% set n.k = k %}{% endmacro %}{{ m() }}x",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}",
    "{% set a = [1] %}{% set b = {'a': a, 's': 'text' * 9} %}{% set c = b.items() %}{{ c|length }}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ missing.x }}",
    "{% for i in [1] %}{% macro m() %}{% endmacro %}{% set l = [loop, m] %}{% set _ = l.append(l) %}{{ missing.x }}{% endfor %}",
  ])
  func nothingLeaks(_ source: String) throws {
    let program = try Jinja.Parser.parse(Array(source.utf8), limits: TemplateLimits())
    let meter: Jinja.Meter
    var printed = 0
    do {
      let renderer = Jinja.Renderer(program, limits: TemplateLimits(), clock: .system)
      meter = renderer.meter
      printed = (try? renderer.render([("x", ["a": [1, "text"]])]).count) ?? 0
    }
    #expect(meter.bytes == printed)
  }
}
