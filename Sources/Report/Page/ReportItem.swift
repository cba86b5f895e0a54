/// One thing in a section of a report.
public enum ReportItem: Sendable, Equatable {
  /// Running text; a blank line separates paragraphs.
  case text(String)
  /// A short list of names and values.
  case facts(KeyedFacts)
  case table(ReportTable)
  case claims([Claim])
  /// A reproduction: its claims under its seed, scale and verdict.
  case reproduction(ReproductionResult)
  /// A plot and the name of its `<name>.vl.json`.
  case plot(name: String, DrawnPlot)
  case image(Image, caption: String?)
  /// Preformatted text that starts folded, such as a resolved configuration.
  case configuration(title: String, text: String)

  /// Names and values in order.
  public struct KeyedFacts: Sendable, Equatable {
    public private(set) var names: [String] = []
    public private(set) var values: [String] = []

    public init(_ pairs: [(name: String, value: String)] = []) {
      for pair in pairs { append(pair.name, pair.value) }
    }

    public mutating func append(_ name: String, _ value: String) {
      names.append(name)
      values.append(value)
    }
  }

  /// A short list written as a literal: `.facts(["rows": "2,000", "seed": "0"])`.
  public static func facts(_ facts: KeyValuePairs<String, String>) -> ReportItem {
    .facts(KeyedFacts(facts.map { ($0.key, $0.value) }))
  }

  /// Draws the plot now.
  ///
  /// - Parameter name: names the file `<name>.vl.json`; characters other than ASCII letters, digits, `-` and
  ///   `_` become `-`.
  public static func plot(_ plot: Plot, name: String) -> ReportItem {
    .plot(name: fileName(name), plot.drawn())
  }

  private static func fileName(_ name: String) -> String {
    let safe = name.map { character in
      character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
        ? character : "-"
    }
    return safe.isEmpty ? "plot" : String(safe.prefix(100))
  }
}
