import Foundation
import Language
import Testing

@Suite("Chat templates that are refused") struct ChatTemplateRefusalTests {
  private func error(_ template: String) throws -> LanguageError {
    try #require(
      #expect(throws: LanguageError.self, "\(template.prefix(80))") {
        try Jinja.Template(template, file: "chat_template.jinja").render([
          "l": .array([.integer(1), .integer(2)])
        ])
      })
  }

  @Test(
    "what is not offered is named with its line, when the template is read",
    arguments: [
      ("a\n{% block x %}{% endblock %}", "line 2", "the statement block"),
      ("{% include 'x' %}", "line 1", "the statement include"),
      ("{% import 'x' as y %}", "line 1", "the statement import"),
      ("{% do x %}", "line 1", "the statement do"),
      ("{% autoescape true %}{% endautoescape %}", "line 1", "the statement autoescape"),
      ("{% trans %}x{% endtrans %}", "line 1", "the statement trans"),
      ("\n\n{{ x | batch(2) }}", "line 3", "the filter batch"),
      ("{% if false %}{{ x | escape }}{% endif %}", "line 1", "the filter escape"),
      ("{{ x\n | groupby('a') }}", "line 2", "the filter groupby"),
      ("{{ x is escaped }}", "line 1", "the test escaped"),
      ("{{ x[1, 2] }}", "line 1", ","),
      ("{{ '\\N{DASH}' }}", "line 1", "\\N"),
      ("{{ 99999999999999999999 }}", "line 1", "99999999999999999999"),
    ])
  func unsupported(_ template: String, _ place: String, _ found: String) throws {
    let error = try #require(
      #expect(throws: LanguageError.self) { try Jinja.Template(template, file: "chat_template.jinja") })
    #expect(error.kind == .unsupported && error.file == "chat_template.jinja")
    #expect(error.place == place && error.found == found, "\(error)")
  }

  @Test(
    "what shows only while rendering is refused then",
    arguments: [
      ("{{ 'a'.swapcase() }}", "the attribute swapcase"), ("{{ 'a'.center(9) }}", "the attribute center"),
      ("{{ 'a'.__class__ }}", "the attribute __class__"), ("{{ l['__len__'] }}", "the attribute __len__"),
      ("{{ (1).real }}", "the attribute real"), ("{{ l | map('center') | list }}", "the filter center"),
      ("{{ l | select('escaped') | list }}", "the test escaped"), ("{{ lipsum() }}", "lipsum"),
      ("{{ cycler('a') }}", "cycler"), ("{{ 2 ** 64 }}", "63 bits"),
      ("{{ 9223372036854775807 + 1 }}", "63 bits"),
      ("{{ l | map('string') }}", "to print"), ("{{ l.count }}", "to print"), ("{{ range }}", "to print"),
      ("{{ ('a' | safe) | upper }}", "marked as safe"), ("{{ 'a' | safe | trim }}", "marked as safe"),
      ("{{ '{:>5}'.format(1) }}", "the format {:>5}"), ("{{ '%5d' % 1 }}", "the format %5d"),
      ("{{ '%x' % 1 }}", "a format other than"), ("{{ l is sameas l }}", "sameas"),
      ("{{ 'ff' | int(base=16) }}", "another base"), ("{{ 'abc'.find('c', 1) }}", "positions"),
    ])
  func unsupportedLater(_ template: String, _ found: String) throws {
    let error = try error("\n" + template)
    #expect(error.kind == .unsupported && error.place == "line 2", "\(error)")
    #expect(error.found.contains(found), "\(error)")
  }

  @Test("what a template refuses is its own words, with the line")
  func raised() throws {
    let error = try error("a\n{% for i in l %}\n{{ raise_exception('no ' ~ i ~ ' here') }}{% endfor %}")
    #expect(error.kind == .badValue && error.found == "no 1 here" && error.place == "line 3")
    #expect(error.description.contains("chat_template.jinja, line 3: found no 1 here"))
  }

  @Test("undefined values are refused in jinja2's words")
  func undefined() throws {
    #expect(try error("{{ a.b }}").found == "'a' is undefined")
    #expect(try error("{{ l.x.y }}").found == "'list object' has no attribute 'x'")
    #expect(try error("{{ l[7] + 1 }}").found == "list object has no element 7")
    #expect(
      try error("{{ l.append(1) }}").found == "access to attribute 'append' of 'list' object is unsafe.")
  }

  @Test("syntax errors are malformed, with the line of the mistake")
  func malformed() throws {
    for (template, place) in [
      ("{{ 1\n+\n}}", "line 3"), ("{% if x %}\n\n", "line 1"), ("a\n{# x\n\n", "line 2"),
      ("\n{% raw %}\n", "line 2"),
      ("{{ 'a\n }}", "line 1"), ("\n\n{{ a ? b }}", "line 3"), ("{%- if x -%}\n\n{% endfor %}", "line 3"),
      ("\r\n\r{{ ) }}", "line 3"),
    ] {
      let error = try error(template)
      #expect(error.kind == .malformed && error.place == place, "\(template): \(error)")
    }
  }

  // MARK: Limits

  /// Runs on a thread with the smallest stack that a thread of a program usually has.
  private func onSmallStack(_ body: @escaping @Sendable () -> Void) {
    let done = DispatchSemaphore(value: 0)
    let thread = Thread {
      body()
      done.signal()
    }
    thread.stackSize = 512 * 1024
    thread.start()
    done.wait()
  }

  private static func refuses(_ template: String) -> LanguageError? {
    do {
      _ = try Jinja.Template(template, file: "t").render([:])
      return nil
    } catch {
      return error
    }
  }

  static let deep: [String] = [
    "{{ " + String(repeating: "(", count: 100_000),
    "{{ " + String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000) + " }}",
    "{{ " + String(repeating: "[", count: 100_000), "{{ " + String(repeating: "{1:", count: 100_000),
    "{{ " + String(repeating: "not ", count: 100_000) + "1 }}",
    "{{ " + String(repeating: "-", count: 100_000) + "1 }}",
    "{{ 1" + String(repeating: "+1", count: 100_000) + " }}",
    "{{ 1" + String(repeating: "**1", count: 100_000) + " }}",
    "{{ a" + String(repeating: ".a", count: 100_000) + " }}",
    "{{ a" + String(repeating: "()", count: 100_000) + " }}",
    "{{ a" + String(repeating: "|trim", count: 100_000) + " }}",
    "{{ a" + String(repeating: " and a", count: 100_000) + " }}",
    "{{ 1" + String(repeating: " if 1 else 1", count: 100_000) + " }}",
    "{{ 1" + String(repeating: " if 1", count: 100_000) + " }}",
    String(repeating: "{% if 1 %}", count: 100_000), String(repeating: "{% for i in l %}", count: 100_000),
    String(repeating: "{% macro f() %}", count: 100_000), "{% set " + String(repeating: "(", count: 100_000),
    "{{ a" + String(repeating: "[0", count: 100_000), "{{ f" + String(repeating: "(f", count: 100_000),
    "{{ x is in" + String(repeating: " (x is in", count: 100_000),
    // Rows of operators in brackets in rows of operators.
    (0..<99).reduce("1") { text, _ in "(\(text))" + String(repeating: "+1", count: 100) },
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(x) %}{% if x %}{{ [f(x)|trim, 1]|first ~ (1 + (2 * f(x)|length)) }}{% endif %}{% endmacro %}{{ f(1) }}",
    "{% macro f(x) %}{% for i in x recursive %}{% call g() %}{{ f(x) }}{% endcall %}{% endfor %}{% endmacro %}"
      + "{% macro g() %}{{ caller() }}{% endmacro %}{{ f([1]) }}",
    "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% set n = namespace(x=[]) %}{% for i in range(100000) %}{% set n.x = [n.x] %}{% endfor %}",
    "{% set n = namespace(x={}) %}{% for i in range(100000) %}{% set n.x = {'a': n.x} %}{% endfor %}",
    "{% set n = namespace(x=[1]) %}{% for i in range(100000) %}{% set n.x = n.x|map('string') %}{% endfor %}{{ n.x|list }}",
    "{% set n = namespace(x=[1]) %}{% for i in range(100000) %}{% set n.x = n.x|select|unique %}{% endfor %}",
    "{% set n = namespace(x={}) %}{% for i in range(100000) %}{% set n.x = {'g': n.x.items()} %}{% endfor %}",
    "{% set n = namespace(x={}) %}{% for i in range(100000) %}{% set n.x = {'g': n.x.get} %}{% endfor %}",
    "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
    "{% set n = namespace() %}{% set n.n = [n] %}{{ n.n|tojson }}",
    "{% set n = namespace(x=1) %}{% for i in range(100000) %}{% set n.x = (n.x, i) %}{% endfor %}{{ n.x == n.x }}",
  ]

  @Test("nesting of any kind ends with an error, also on a small stack", arguments: deep.indices)
  func depth(_ index: Int) throws {
    onSmallStack {
      let error = Self.refuses(
        Self.deep[index].hasPrefix("{") ? Self.deep[index] : "{{ \(Self.deep[index]) }}")
      #expect(error?.kind == .unsupported || error?.kind == .malformed || error?.kind == .badValue)
    }
  }

  @Test("the deepest template that is allowed is rendered on a small stack")
  func allowedDepth() throws {
    onSmallStack {
      let brackets = String(repeating: "[", count: 95) + String(repeating: "]", count: 95)
      #expect(Self.refuses("{{ \(brackets)|string|length }}") == nil)
      #expect(Self.refuses("{{ 1" + String(repeating: "+1", count: 140) + " }}") == nil)
      let blocks =
        String(repeating: "{% if 1 %}", count: 95) + "x" + String(repeating: "{% endif %}", count: 95)
      #expect(Self.refuses(blocks) == nil)
      #expect(
        Self.refuses("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(30) }}") == nil)
    }
  }

  @Test(
    "work without an end in sight ends with an error",
    arguments: [
      "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 9223372036854775807 }}", "{{ [1] * 9223372036854775807 }}",
      "{{ 'aaaa' * 4611686018427387905 }}",
      "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s|tojson }}",
      "{% set n = namespace(s=[1], t=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% set n.t = [n.t, n.t] %}{% endfor %}{{ n.s == n.t }}",
      "{% set n = namespace(s=(1,)) %}{% for i in range(99) %}{% set n.s = (n.s, n.s) %}{% endfor %}{{ {n.s: 1} }}",
      "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s.replace('', 'aa') %}{% endfor %}",
      "{% set n = namespace(s='a,') %}{% for i in range(99) %}{% set n.s = n.s.split(',')|join(n.s) ~ ',,,' %}{% endfor %}",
      "{{ 'a\\n'|indent(9223372036854775807) }}", "{{ {'a': 1}|tojson(indent=9223372036854775807) }}",
      "{{ '1'.zfill(9223372036854775807) }}",
      "{{ ('x' * 20000000).split('x')|length }}{{ ('x' * 20000000)|list|length }}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ ('b' ~ s) in s }}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{% if s == s ~ '' %}{% endif %}{% endfor %}",
      "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(38) }}",
      "{% for i in range(100000) %}{% set s %}{{ range(1000)|list }}{% endset %}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in l %}{{ -1 in l }}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in l %}{{ l|sort|first }}{% endfor %}",
      "{% set l = range(100000)|list %}{% for i in l %}{{ l[1:]|length }}{{ l[::-1]|length }}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s|length }}{{ s[1] }}{{ s.upper()|length }}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s < s }}{% endfor %}",
      "{% set s = 'a' * 1000000 %}{% for i in range(100000) %}{{ s is lower }}{% endfor %}",
      "{% set s = '1' * 1000000 %}{% for i in range(100000) %}{{ s|float }}{% endfor %}",
      "{% set s = '{}' * 100000 %}{% for i in range(100000) %}{{ s.startswith(s) }}{% endfor %}",
      "{% set d = dict(a='x' * 1000000) %}{% for i in range(100000) %}{{ {d.a: 1}[d.a] }}{% endfor %}",
    ])
  func work(_ template: String) throws {
    let start = ContinuousClock.now
    let error = try error(template)
    #expect(error.kind == .unsupported, "\(error)")
    #expect(ContinuousClock.now - start < .seconds(20))
  }
}
