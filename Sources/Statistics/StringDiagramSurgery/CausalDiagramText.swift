import Foundation
import Training

extension CausalDiagram {
  /// Reads a diagram's text: a line a box, `t : S -> T` or `c : H, T -> C`; a root is `h : -> H`. `hidden H` says that H was
  /// never measured, and needs no box where nothing feeds it; `states S = no, yes` names states in order; `#` begins a
  /// comment. `→` may stand for `->`, and `;` between lines.
  ///
  /// - Parameter source: what messages call the text.
  /// - Throws: ``StatisticsError`` with the line.
  public init(parsing text: String, source: String = "diagram") throws(StatisticsError) {
    var boxes: [Box] = []
    var hidden: Set<String> = []
    var states: [String: [String]] = [:]
    var hiddenOrder: [String] = []
    for (number, whole) in text.split(separator: /\r\n|\n|\r/, omittingEmptySubsequences: false).enumerated()
    {
      let place = "\(source):\(number + 1)"
      let withoutComment = whole.prefix { $0 != "#" }
      for statement in withoutComment.split(separator: ";") {
        let line = statement.trimmingCharacters(in: .whitespaces)
        if line.isEmpty { continue }
        if let rest = Self.keyword("hidden", line) {
          for name in try Self.names(rest, place, atLeast: 1) where hidden.insert(name).inserted {
            hiddenOrder.append(name)
          }
        } else if let rest = Self.keyword("states", line) {
          let parts = rest.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
          guard parts.count == 2, let name = try Self.names(parts[0], place, atLeast: 1).first else {
            throw Self.unreadable(line, place)
          }
          states[name] = try FiniteVariable(name, states: try Self.names(parts[1], place, atLeast: 1)).states
        } else {
          boxes.append(try Self.box(line, place))
        }
      }
    }
    guard !boxes.isEmpty else {
      throw StatisticsError(
        .badData, source, found: "no boxes", expected: "a line for each, such as \"t : S -> T\"")
    }
    // A hidden cause that nothing feeds is a root without being said so.
    let made = Set(boxes.map(\.variable))
    let roots = hiddenOrder.filter { !made.contains($0) }
    if let unused = roots.first(where: { root in !boxes.contains { $0.parents.contains(root) } }) {
      throw StatisticsError(
        .badData, source, found: "the hidden variable \(unused), which no box uses",
        expected: "one that feeds a box", advice: "check its spelling, or remove it")
    }
    let names = Set(boxes.map(\.name))
    let implied = roots.map {
      Box(names.contains($0.lowercased()) ? $0 : $0.lowercased(), of: $0, parents: [])
    }
    try self.init(implied + boxes, hidden: hidden, states: states, source: source)
    if let unknown = states.keys.sorted().first(where: { !contains($0) }) {
      throw StatisticsError(
        .badData, source, found: "states of \(unknown), which no box makes",
        expected: "one of \(variables.joined(separator: ", "))")
    }
  }

  /// Reads a file of this text.
  public init(textOf url: URL) throws {
    try self.init(parsing: try String(textOf: url), source: url.lastPathComponent)
  }

  private static func keyword(_ word: String, _ line: String) -> String? {
    guard line.hasPrefix(word), let next = line.dropFirst(word.count).first, next.isWhitespace,
      !line.contains("->"), !line.contains("→")
    else { return nil }
    return line.dropFirst(word.count).trimmingCharacters(in: .whitespaces)
  }

  private static func box(_ line: String, _ place: String) throws(StatisticsError) -> Box {
    let arrows = line.replacingOccurrences(of: "→", with: "->").components(separatedBy: "->")
    guard arrows.count == 2 else { throw unreadable(line, place) }
    let head = arrows[0].split(separator: ":", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    guard head.count <= 2 else { throw unreadable(line, place) }
    let outputs = try names(arrows[1], place, atLeast: 1)
    guard outputs.count == 1 else {
      throw StatisticsError(
        .badData, place, found: "a box with the outputs \(outputs.joined(separator: ", "))",
        expected: "one; a box makes one variable",
        advice: "write a box for each, or join them into one variable")
    }
    let inputs = try names(head[head.count - 1], place, atLeast: 0)
    // Without a name of its own a box is called like what it makes.
    let name = head.count == 2 ? head[0] : outputs[0].lowercased()
    guard !name.isEmpty, !name.contains(where: { $0.isWhitespace || $0 == "," }) else {
      throw unreadable(line, place)
    }
    return Box(name, of: outputs[0], parents: inputs)
  }

  private static func names(_ text: String, _ place: String, atLeast least: Int) throws(StatisticsError)
    -> [String]
  {
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    // ⊗ is how papers write it.
    let parts =
      trimmed.isEmpty
      ? []
      : trimmed.split(omittingEmptySubsequences: false) { ",⊗".contains($0) }.map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    let isName = { (name: String) in
      !name.isEmpty && !name.contains { $0.isWhitespace || ":|()={}".contains($0) }
    }
    guard parts.count >= least, parts.allSatisfy(isName) else { throw unreadable(text, place) }
    return parts
  }

  private static func unreadable(_ line: String, _ place: String) -> StatisticsError {
    StatisticsError(
      .badData, place, found: "\"\(line.prefix(60))\"",
      expected: "a box such as \"c : H, T -> C\", \"hidden H\" or \"states S = no, yes\", "
        + "with commas between names and no spaces in them")
  }

  /// The diagram in this form.
  public var text: String {
    var lines = hidden.isEmpty ? [] : ["hidden \(variables.filter(hidden.contains).joined(separator: ", "))"]
    for name in variables {
      if let states = states[name] { lines.append("states \(name) = \(states.joined(separator: ", "))") }
    }
    lines += boxes.map { box in
      "\(box.name) : \(box.parents.joined(separator: ", "))\(box.parents.isEmpty ? "" : " ")-> \(box.variable)"
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
