import Foundation
import Report

extension CausalNetwork {
  /// The network in the Interchange Format, which ``init(parsingBIF:source:)`` reads to the same bits. Hidden variables are
  /// written like the others, as the format does not know them.
  public var bif: String {
    var lines = ["network likely {", "}"]
    for box in diagram.boxes {
      let variable = variables[box.variable]!
      lines += [
        "variable \(Self.word(variable.name)) {",
        "  type discrete [ \(variable.count) ] { \(variable.states.map(Self.word).joined(separator: ", ")) };",
        "}",
      ]
    }
    for box in diagram.boxes {
      let table = tables[box.variable]!
      let parents = table.variables.dropLast()
      let (width, count) = (table.variables.last!.count, table.cells)
      let given = parents.isEmpty ? "" : " | " + parents.map { Self.word($0.name) }.joined(separator: ", ")
      lines.append("probability ( \(Self.word(box.variable))\(given) ) {")
      for row in 0..<count / width {
        let numbers = table.values[row * width..<(row + 1) * width].map { "\($0)" }.joined(separator: ", ")
        lines.append("  \(parents.isEmpty ? "table" : Self.states(row, Array(parents))) \(numbers);")
      }
      lines.append("}")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func states(_ row: Int, _ parents: [FiniteVariable]) -> String {
    "(\(parents.states(of: row).map(word).joined(separator: ", ")))"
  }

  /// In quotes where a reader would split it.
  private static func word(_ text: String) -> String {
    let isPlain = !text.isEmpty && !text.contains { $0.isWhitespace || "{}()[]|,;\"/".contains($0) }
    return isPlain ? text : "\"\(text.replacingOccurrences(of: "\"", with: "'"))\""
  }

  /// Boxes with their states and rows.
  public var json: JSONValue {
    [
      "boxes": .array(
        diagram.boxes.map { box in
          let table = tables[box.variable]!
          let width = table.variables.last!.count
          return [
            "name": .string(box.name), "variable": .string(box.variable),
            "parents": .array(box.parents.map { .string($0) }),
            "hidden": .bool(diagram.hidden.contains(box.variable)),
            "states": .array(table.variables.last!.states.map { .string($0) }),
            "rows": .array(
              (0..<table.cells / width).map { row in
                .array(table.values[row * width..<(row + 1) * width].map { .number($0) })
              }),
          ]
        })
    ]
  }
}
