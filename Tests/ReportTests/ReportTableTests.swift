import Foundation
import Testing

import Report

@Suite("Numbers and tables")
struct ReportTableTests {
  @Test(
    "numbers are rounded to significant digits",
    arguments: [
      (1.23456, "1.235"), (-1.23456, "-1.235"), (9.9996, "10.00"), (0.00012346, "0.0001235"),
      (0.000012346, "1.235e-5"), (123_456, "123456"), (999_999.7, "1.000e6"), (1_234_567, "1.235e6"),
      (0, "0"),
      (-0.0, "0"), (.nan, "NaN"), (.infinity, "inf"), (-.infinity, "-inf"), (1e300, "1.000e300"),
    ])
  func significant(value: Double, text: String) {
    #expect(formatNumber(value) == text)
  }

  @Test("trimmed numbers lose zeros of the fraction, never of the whole part")
  func trimmed() {
    #expect(formatNumber(100, trimmed: true) == "100")
    #expect(formatNumber(0.5, trimmed: true) == "0.5")
    #expect(formatNumber(4, trimmed: true) == "4")
    #expect(formatNumber(1e10, trimmed: true) == "1e10")
  }

  @Test(
    "an uncertainty decides the digits of its value",
    arguments: [
      (1.23456, 0.0234, "1.235 ± 0.023"), (1.23456, 0.0996, "1.23 ± 0.10"), (1234.5, 67.8, "1234 ± 68"),
      (0, 0.01, "0.000 ± 0.010"), (-0.001, 0.1, "0.00 ± 0.10"), (1.2345e-7, 3.4e-9, "(1.235 ± 0.034)e-7"),
      (1.2345e9, 3.4e6, "(1.2345 ± 0.0034)e9"), (1.5, 0, "1.5 ± 0"), (1.5, .nan, "1.5 ± NaN"),
      (.nan, 0.1, "NaN ± 0.10"), (1, 1e-30, "1.000000000 ± 1.0e-30"), (0.5, 2000, "0 ± 2000"),
    ])
  func uncertain(value: Double, uncertainty: Double, text: String) {
    #expect(formatNumber(value, uncertainty: uncertainty) == text)
  }

  static let table = ReportTable(
    title: "Fit <b>",
    columns: [.text("model"), .integer("rows"), .number("time", unit: "s", digits: 3), .uncertain("loss")],
    rows: [
      ["linear, \"plain\"", 1000, 1.23456, .uncertain(0.5, 0.0123)],
      ["deep\nnet\u{1B}[31m", nil, 10, .missing],
    ])

  @Test("the plain form lines up, numbers on the right, and carries no control characters")
  func plain() {
    #expect(
      Self.table.plainText == """
        Fit <b>
        model            rows  time [s]           loss
        ───────────────  ────  ────────  ─────────────
        linear, "plain"  1000      1.23  0.500 ± 0.012
        deep\u{FFFD}net\u{FFFD}[31m       –        10              –

        """)
  }

  @Test("the CSV form quotes, keeps full precision and splits uncertain columns")
  func csv() {
    #expect(
      Self.table.csv == """
        model,rows,time [s],loss,loss uncertainty
        "linear, ""plain""\",1000,1.23456,0.5,0.0123
        "deep
        net\u{1B}[31m",,10,,

        """)
    let odd = ReportTable(
      title: "", columns: [.text("a\r\nb"), .number("x")], rows: [["\r", .number(.nan)]])
    #expect(odd.csv == "\"a\r\nb\",x\n\"\r\",NaN\n")
  }

  @Test("the JSON form keeps types")
  func json() {
    #expect(
      Self.table.json == [
        "title": "Fit <b>",
        "columns": [
          ["name": "model", "unit": nil], ["name": "rows", "unit": nil], ["name": "time", "unit": "s"],
          ["name": "loss", "unit": nil],
        ],
        "rows": [
          ["linear, \"plain\"", 1000, 1.23456, ["value": 0.5, "uncertainty": 0.0123]],
          ["deep\nnet\u{1B}[31m", nil, 10, nil],
        ],
      ])
  }

  @Test("the HTML form escapes every text")
  func html() {
    let attack = "<script>alert('1')</script>&\""
    let table = ReportTable(title: attack, columns: [.text(attack)], rows: [[.text(attack)]])
    #expect(!table.html.contains("<script>"))
    let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"
    #expect(table.html.components(separatedBy: escaped).count == 4)
  }

  @Test("a table without rows has its header in every form")
  func empty() {
    let table = ReportTable(title: "", columns: [.text("a"), .uncertain("b")])
    #expect(table.plainText == "a  b\n─  ─\n")
    #expect(table.csv == "a,b,b uncertainty\n")
    #expect(table.html.contains("<tbody>\n</tbody>"))
  }
}
