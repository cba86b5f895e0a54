import OrderedCollections

extension ReportTable {
  /// The table for a terminal: columns aligned with spaces, numbers on the right, no colours.
  ///
  /// Control characters, which could rewrite a terminal, are shown as `�`.
  public var plainText: String {
    let header = columns.map { printable($0.heading) }
    let body = rows.map { row in zip(row, columns).map { printable($1.display($0)) } }
    let widths = header.indices.map { index in
      body.reduce(header[index].count) { max($0, $1[index].count) }
    }
    func line(_ cells: [String]) -> String {
      let padded = cells.indices.map { index -> String in
        let space = String(repeating: " ", count: widths[index] - cells[index].count)
        return columns[index].isNumeric ? space + cells[index] : cells[index] + space
      }
      return String(padded.joined(separator: "  ").trimmingTrailingSpaces)
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    let lines = (title.isEmpty ? [] : [printable(title)]) + [line(header), rule] + body.map(line)
    return lines.joined(separator: "\n") + "\n"
  }

  /// The table as comma-separated values (RFC 4180, but with plain newlines), numbers at full precision.
  ///
  /// An uncertain column becomes two, the second named `… uncertainty`. The title is left out.
  public var csv: String {
    let header = columns.flatMap { column in
      column.kind == .uncertain ? [column.heading, "\(column.heading) uncertainty"] : [column.heading]
    }
    let body = rows.map { row in
      zip(row, columns).flatMap { cell, column -> [String] in
        let fields: [String] =
          switch cell {
          case .missing: [""]
          case .text(let text): [text]
          case .integer(let value): [String(value)]
          case .number(let value): [csvNumber(value)]
          case .uncertain(let value, let uncertainty): [csvNumber(value), csvNumber(uncertainty)]
          }
        return column.kind == .uncertain && fields.count == 1 ? fields + [""] : fields
      }
    }
    return ([header] + body).map { $0.map(csvField).joined(separator: ",") + "\n" }.joined()
  }

  /// The table as `{"title", "columns": [{"name", "unit"}], "rows": [[…]]}` with numbers at full precision.
  ///
  /// An uncertain cell is `{"value", "uncertainty"}`.
  public var json: JSONValue {
    [
      "title": .string(title),
      "columns": .array(
        columns.map { ["name": .string($0.name), "unit": $0.unit.map(JSONValue.string) ?? .null] }),
      "rows": .array(rows.map { .array($0.map(\.json)) }),
    ]
  }

  /// The table as an HTML `<table>`, all text escaped.
  public var html: String {
    let caption = title.isEmpty ? "" : "<caption>\(escapeHTML(title))</caption>"
    func cell(_ tag: String, _ column: Column, _ text: String) -> String {
      let style = column.isNumeric ? " class=\"number\"" : ""
      let scope = tag == "th" ? " scope=\"col\"" : ""
      return "<\(tag)\(scope)\(style)>\(escapeHTML(text))</\(tag)>"
    }
    let header = columns.map { cell("th", $0, $0.heading) }.joined()
    let body = rows.map { row in
      "<tr>" + zip(row, columns).map { cell("td", $1, $1.display($0)) }.joined() + "</tr>\n"
    }
    return """
      <table>\(caption)
      <thead><tr>\(header)</tr></thead>
      <tbody>
      \(body.joined())</tbody>
      </table>

      """
  }
}

extension ReportTable.Cell {
  fileprivate var json: JSONValue {
    switch self {
    case .missing: .null
    case .text(let text): .string(text)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .uncertain(let value, let uncertainty):
      ["value": .number(value), "uncertainty": .number(uncertainty)]
    }
  }
}

/// Text that cannot move the cursor or change a terminal's state.
func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
    return text
  }
  var result = ""
  for scalar in text.unicodeScalars {
    result.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
  }
  return result
}

private func csvNumber(_ value: Double) -> String {
  value.isFinite ? exactNumber(value) : formatNumber(value)
}

private func csvField(_ text: String) -> String {
  // Compared by scalar: as Characters "\r\n" would match neither "\r" nor "\n".
  let needsQuotes = text.unicodeScalars.contains { ",\"\r\n".unicodeScalars.contains($0) }
  return needsQuotes
    ? "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\"" : text
}

extension String {
  fileprivate var trimmingTrailingSpaces: Substring {
    var text = self[...]
    while text.last == " " { text = text.dropLast() }
    return text
  }
}
