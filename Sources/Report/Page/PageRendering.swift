import Foundation

extension HTMLReport {
  /// The whole page.
  ///
  /// - Parameter runtime: what draws the plots; by default the one that set-up left.
  public func html(runtime: VegaRuntime = .find()) -> String {
    var rendering = PageRendering(runtime: runtime)
    let body = sections.map { rendering.section($0) }.joined()
    let subtitle = self.subtitle.map { "<p class=\"subtitle\">\(escapeHTML($0))</p>" } ?? ""
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta http-equiv="Content-Security-Policy" content="\(PageStyle.policy)">
      <title>\(escapeHTML(title))</title>
      <style>\(PageStyle.css)</style>
      </head>
      <body>
      <header><h1>\(escapeHTML(title))</h1>\(subtitle)</header>
      <div id="script-errors" role="alert" hidden></div>
      <main>
      \(rendering.notice)\(body)</main>
      \(rendering.scripts)</body>
      </html>

      """
  }
}

/// Writes a page's sections, and remembers how many plots need a script.
struct PageRendering {
  let runtime: VegaRuntime
  private(set) var plotCount = 0

  init(runtime: VegaRuntime) { self.runtime = runtime }

  mutating func section(_ section: HTMLReport.Section) -> String {
    let heading = section.title.isEmpty ? "" : "<h2>\(escapeHTML(section.title))</h2>\n"
    return "<section>\n\(heading)\(section.items.map { item($0) }.joined())</section>\n"
  }

  private mutating func item(_ item: ReportItem) -> String {
    switch item {
    case .text(let text):
      return text.split(separator: "\n\n").map { "<p>\(escapeHTML(String($0)))</p>\n" }.joined()
    case .facts(let facts):
      let rows = zip(facts.names, facts.values).map {
        "<div><dt>\(escapeHTML($0))</dt><dd>\(escapeHTML($1))</dd></div>"
      }
      return "<dl class=\"facts\">\(rows.joined())</dl>\n"
    case .table(let table): return "<div class=\"wide\">\(table.html)</div>\n"
    case .claims(let claims): return self.claims(claims)
    case .reproduction(let result): return reproduction(result)
    case .plot(_, let plot): return self.plot(plot)
    case .image(let image, let caption): return picture(image, caption)
    case .configuration(let title, let text):
      return """
        <details><summary>\(escapeHTML(title))</summary><pre>\(escapeHTML(text))</pre></details>

        """
    }
  }

  private func reproduction(_ result: ReproductionResult) -> String {
    let facts = [
      "<code>\(escapeHTML(result.slug))</code>", "seed \(result.seed)", "scale \(escapeHTML(result.scale))",
      "\(formatNumber(result.seconds, digits: 3)) s",
    ]
    return """
      <p class="verdict \(result.verdict.style)"><strong>\(escapeHTML(result.summary))</strong>
      \(facts.joined(separator: " · "))</p>
      \(claims(result.claims))
      """
  }

  private func claims(_ claims: [Claim]) -> String {
    let rows = claims.map { claim in
      let reason =
        if case .notRun(let reason) = claim.verdict { "<br><small>\(escapeHTML(reason))</small>" } else { "" }
      return """
        <tr class="\(claim.verdict.style)">
        <td>\(escapeHTML(claim.statement))</td>
        <td class="number">\(escapeHTML(claim.paper?.text ?? "–"))</td>
        <td class="number">\(escapeHTML(claim.measuredText))</td>
        <td>\(escapeHTML(claim.rule.words))</td>
        <td><span class="badge">\(claim.verdict.word)</span>\(reason)</td>
        </tr>

        """
    }
    return """
      <div class="wide"><table class="claims">
      <thead><tr><th scope="col">claim</th><th scope="col" class="number">paper</th>
      <th scope="col" class="number">measured</th><th scope="col">rule</th><th scope="col">verdict</th></tr></thead>
      <tbody>
      \(rows.joined())</tbody>
      </table></div>

      """
  }

  private mutating func plot(_ plot: DrawnPlot) -> String {
    let number = plotCount
    plotCount += 1
    let caption = plot.caption.map { "<figcaption>\(escapeHTML($0))</figcaption>" } ?? ""
    switch runtime {
    case .script:
      return """
        <figure><div class="wide plot" id="plot-\(number)"></div>
        <script type="application/json" id="specification-\(number)">\(scriptJSON(plot.specification))</script>
        <noscript>This plot needs JavaScript.</noscript>\(caption)</figure>

        """
    case .missing:
      let tables = plot.tables.map(\.html).joined()
      return """
        <figure class="undrawn"><details><summary>Plotted data\(title(plot))</summary>
        <div class="wide">\(tables)</div></details>\(caption)</figure>

        """
    }
  }

  private func title(_ plot: DrawnPlot) -> String {
    guard case .string(let title)? = plot.specification["title"] else { return "" }
    return ": \(escapeHTML(title))"
  }

  private func picture(_ image: Image, _ caption: String?) -> String {
    let words = escapeHTML(caption ?? "picture")
    let body: String
    do {
      let code = try image.png().base64EncodedString()
      body =
        "<img src=\"data:image/png;base64,\(code)\" width=\"\(image.width)\" height=\"\(image.height)\" alt=\"\(words)\">"
    } catch {
      body = "<p>\(escapeHTML(error.description))</p>"
    }
    let line = caption == nil ? "" : "<figcaption>\(words)</figcaption>"
    return "<figure><div class=\"wide\">\(body)</div>\(line)</figure>\n"
  }

  /// What the reader must know before the first section.
  var notice: String {
    guard plotCount > 0, case .missing(let reason) = runtime else { return "" }
    return """
      <p class="notice">The plots are not drawn, because \(escapeHTML(reason)). Run <code>make setup</code> in \
      Likely's folder and write the report again. Until then each plot's data stand in a table.</p>

      """
  }

  /// The runtime and the few lines that start it; nothing where no plot needs them.
  var scripts: String {
    guard plotCount > 0, case .script(let source) = runtime else { return "" }
    // The HTML parser ends a script at this tag and hides code after this comment mark, wherever they stand;
    // inside JavaScript strings, where alone they can occur, the backslash changes nothing.
    let safe = source.replacing("</script", with: "<\\/script").replacing("<!--", with: "<\\!--")
    return """
      <script>\(PageStyle.errorScript)</script>
      <script>\(safe)</script>
      <script>\(PageStyle.plotScript(count: plotCount))</script>

      """
  }
}

extension Verdict {
  /// The CSS class.
  fileprivate var style: String {
    switch self {
    case .holds: "holds"
    case .fails: "fails"
    case .notRun: "not-run"
    }
  }
}
