import Foundation
import Testing

import Report

@Suite("Report pages")
struct HTMLReportTests {
  @Test("HTML special characters are escaped")
  func escaping() {
    #expect(
      escapeHTML("<a href='x'>\"&\0é</a>") == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\u{FFFD}é&lt;/a&gt;")
  }

  @Test("JSON in a script cannot end the script, and reads back unchanged")
  func scriptEscaping() throws {
    let attack = SampleReport.attack
    let text = scriptJSON(.object([attack: .string(attack)]))
    #expect(!text.contains("<") && !text.contains(">") && !text.contains("&"))
    #expect(!text.unicodeScalars.contains("\u{2028}"))
    let read = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
    #expect(read == [attack: attack])
  }

  @Test("no text from outside reaches the page unescaped", arguments: [true, false])
  func attack(hasRuntime: Bool) {
    let runtime: VegaRuntime = hasRuntime ? .script("'</script><!--'") : .missing(reason: SampleReport.attack)
    let page = SampleReport.report.html(runtime: runtime)
    #expect(!page.contains("<script>document.title"))
    #expect(!page.contains("<!--"))
    #expect(!page.contains("<b>"))
    #expect(page.contains("<title>Sample &amp; &lt;report&gt;</title>"))
    let opened = page.components(separatedBy: "<script").count
    #expect(opened == page.components(separatedBy: "</script>").count)
    #expect(opened == 1 + (hasRuntime ? 7 + 3 : 0))
  }

  @Test("the page loads nothing from anywhere")
  func selfContained() {
    let page = SampleReport.report.html(runtime: .script(""))
    for reference in ["src=\"http", "href=", "@import", "url("] { #expect(!page.contains(reference)) }
    #expect(page.contains("default-src 'none'"))
  }

  @Test("without the runtime the page says what to do and shows the data")
  func missingRuntime() {
    let plot = Plot("Curve", x: "step", y: "loss", marks: [.line(x: [1, 2], y: [0.125, 0.25])])
    let report = HTMLReport(title: "T", sections: [.init(title: "S", items: [.plot(plot, name: "curve")])])
    let page = report.html(runtime: .missing(reason: "the Vega runtime is not set up"))
    #expect(page.contains("because the Vega runtime is not set up. Run <code>make setup</code>"))
    #expect(page.contains("<summary>Plotted data: Curve</summary>"))
    #expect(page.contains("<td class=\"number\">0.125000</td>"))
    #expect(!page.contains("<script"))
  }

  @Test("a page without plots carries no script and no notice")
  func noPlots() {
    let page = HTMLReport(title: "T", sections: [.init(title: "S", items: [.text("x")])])
      .html(runtime: .script("vega"))
    #expect(!page.contains("<script"))
    #expect(!page.contains("make setup"))
  }

  @Test("verdicts are shown in words, and what was not run with its reason")
  func verdicts() {
    let page = SampleReport.report.html(runtime: .missing(reason: "x"))
    #expect(page.contains("1 of 3 claims hold, 1 fails, 1 could not be run."))
    #expect(page.contains("<span class=\"badge\">not run</span><br><small>the data set is absent</small>"))
    #expect(page.contains("class=\"verdict fails\""))
  }

  @Test("writing leaves the page, its data and its plots, all readable by others")
  func writing() throws {
    try withTemporaryFolder { folder in
      let target = folder.appending(path: "new/run")
      let page = try SampleReport.report.write(to: target, runtime: .missing(reason: "test"))
      #expect(page.lastPathComponent == "report.html")
      #expect(try contents(of: target) == ["plots", "report.html", "report.json"])
      #expect(
        try contents(of: target.appending(path: "plots"))
          == SampleReport.plots.map { "\($0.key).vl.json" }.sorted())
      let data = try Data(contentsOf: target.appending(path: "report.json"))
      let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
      #expect(json["title"] as? String == "Sample & <report>")
      let sections = try #require(json["sections"] as? [[String: Any]])
      let kinds = sections.flatMap {
        ($0["items"] as? [[String: Any]] ?? []).compactMap { $0["kind"] as? String }
      }
      #expect(
        kinds == ["text", "facts", "reproduction", "table"] + Array(repeating: "plot", count: 7)
          + ["image", "configuration"])
    }
  }

  @Test("plots of one name do not overwrite each other, and names cannot leave the folder")
  func plotNames() throws {
    try withTemporaryFolder { folder in
      let plot = Plot(x: "x", y: "y", marks: [])
      let items = ["a", "a", "../../a", "", "ü b"].map { ReportItem.plot(plot, name: $0) }
      try HTMLReport(title: "T", sections: [.init(title: "S", items: items)])
        .write(to: folder, runtime: .missing(reason: "test"))
      #expect(
        try contents(of: folder.appending(path: "plots"))
          == ["------a.vl.json", "--b.vl.json", "a-2.vl.json", "a.vl.json", "plot.vl.json"])
      let json = try String(contentsOf: folder.appending(path: "report.json"), encoding: .utf8)
      #expect(json.contains("\"name\": \"a-2\""))
    }
  }

  @Test("a folder that cannot be made is an error with its path and reason")
  func unwritable() throws {
    try withTemporaryFolder { folder in
      try writeAtomically(Data(), to: folder.appending(path: "file"))
      #expect {
        try SampleReport.report.write(
          to: folder.appending(path: "file/run"), runtime: .missing(reason: ""))
      } throws: { error in
        (error as? FileWriteError).map {
          $0.step == .create && $0.code == ENOTDIR && $0.path.contains("file/run")
        }
          ?? false
      }
      #expect(try contents(of: folder) == ["file"])
    }
  }

  @Test("the same report always makes the same bytes")
  func deterministic() {
    let runtime = VegaRuntime.script("x")
    #expect(SampleReport.report.html(runtime: runtime) == SampleReport.report.html(runtime: runtime))
    #expect(SampleReport.report.json.pretty == SampleReport.report.json.pretty)
  }
}

@Suite("The Vega runtime")
struct VegaRuntimeTests {
  @Test("$LIKELY_VEGA names the script, and a wrong one is not passed over in silence")
  func environment() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "vega.js")
      try writeAtomically(Data("the script".utf8), to: file)
      let path = file.path(percentEncoded: false)
      #expect(VegaRuntime.find(environment: ["LIKELY_VEGA": path]) == .script("the script"))
      #expect(
        VegaRuntime.find(environment: ["LIKELY_VEGA": path + "x"])
          == .missing(reason: "$LIKELY_VEGA names \(path)x, which cannot be read"))
    }
  }
}
