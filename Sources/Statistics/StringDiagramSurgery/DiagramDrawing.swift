import Files
import Foundation
import Report

extension CausalDiagram {
  /// The diagram for Graphviz, read from top to bottom: boxes, wires with their types, a dot where a wire is copied, an
  /// output for every measured variable. What is hidden is dashed and grey; boxes in `cut` have been replaced by fair dice.
  public func dot(title: String = "diagram", cut: Set<String> = []) -> String {
    var lines = [
      "digraph \(Self.quoted(title)) {", "  rankdir=TB; node [fontname=\"sans-serif\"];",
      "  edge [fontname=\"sans-serif\", fontsize=10, arrowhead=none];",
    ]
    for box in boxes {
      let isHidden = hidden.contains(box.variable)
      let name = Self.quoted("box " + box.name)
      let style = isHidden ? ", style=dashed, color=gray50, fontcolor=gray40" : ""
      if cut.contains(box.variable) {
        lines.append("  \(name) [shape=triangle, label=\"\", height=0.3, width=0.45, color=firebrick];")
      } else {
        lines.append("  \(name) [shape=box, label=\(Self.quoted(box.name))\(style)];")
      }
      for parent in box.parents where cut.contains(box.variable) {
        // The wires that were cut end in a discard.
        let end = Self.quoted("discard \(parent) \(box.name)")
        lines.append("  \(end) [shape=point, width=0.04, color=firebrick];")
        lines.append("  \(wire(parent, cut)) -> \(end) [color=firebrick, style=dotted];")
      }
    }
    for name in variables {
      let users = children(of: name).count + (hidden.contains(name) ? 0 : 1)
      let style = hidden.contains(name) ? ", style=dashed, color=gray50, fontcolor=gray40" : ""
      if users > 1 {
        lines.append("  \(Self.quoted("copy " + name)) [shape=point, width=0.09];")
        lines.append(
          "  \(Self.quoted("box " + box(of: name).name)) -> \(Self.quoted("copy " + name)) "
            + "[label=\(Self.quoted(name))\(style)];")
      }
      if users == 0 {
        lines.append("  \(Self.quoted("discard " + name)) [shape=point, width=0.04];")
        lines.append(
          "  \(wire(name, cut)) -> \(Self.quoted("discard " + name)) [label=\(Self.quoted(name))\(style)];")
      }
      let label = users > 1 ? "" : "label=\(Self.quoted(name))"
      if !hidden.contains(name) {
        lines.append("  \(Self.quoted("out " + name)) [shape=plaintext, label=\(Self.quoted(name))];")
        lines.append("  \(wire(name, cut)) -> \(Self.quoted("out " + name));")
      }
      for child in children(of: name) where !cut.contains(child) {
        let attributes = [label, style.isEmpty ? "" : String(style.dropFirst(2))].filter { !$0.isEmpty }
        lines.append(
          "  \(wire(name, cut)) -> \(Self.quoted("box " + box(of: child).name)) "
            + "[\(attributes.joined(separator: ", "))];")
      }
    }
    return (lines + ["}"]).joined(separator: "\n") + "\n"
  }

  /// Where a variable's wire can be taken from: its box, or the dot that copies it.
  private func wire(_ name: String, _ cut: Set<String>) -> String {
    let users = children(of: name).count + (hidden.contains(name) ? 0 : 1)
    return Self.quoted((users > 1 ? "copy " : "box ") + (users > 1 ? name : box(of: name).name))
  }

  private static func quoted(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
      + "\""
  }

  /// Boxes, hidden variables and states.
  public var json: JSONValue {
    [
      "boxes": .array(
        boxes.map { box in
          [
            "name": .string(box.name), "variable": .string(box.variable),
            "parents": .array(box.parents.map { .string($0) }),
            "hidden": .bool(hidden.contains(box.variable)),
            "states": states[box.variable].map { .array($0.map { .string($0) }) } ?? .null,
          ]
        })
    ]
  }
}

/// Drawing with Graphviz where it is installed.
public enum Graphviz {
  /// The program `dot` on the path; nil where there is none.
  public static func find() -> URL? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { URL(fileURLWithPath: String($0)).appending(path: "dot") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
  }

  /// Draws a DOT file as SVG; the picture appears whole or not at all.
  /// - Throws: ``StatisticsError`` with what `dot` said, and `FileWriteError`.
  public static func draw(_ dot: String, to url: URL, program: URL) throws {
    let process = Process()
    process.executableURL = program
    process.arguments = ["-Tsvg"]
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
    try process.run()
    // Graphviz reads to the end before it writes.
    try input.fileHandleForWriting.write(contentsOf: Data(dot.utf8))
    try input.fileHandleForWriting.close()
    let picture = output.fileHandleForReading.readDataToEndOfFile()
    let words = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0, !picture.isEmpty else {
      throw StatisticsError(
        .noAnswer, program.path, found: String(decoding: words.prefix(200), as: UTF8.self),
        expected: "a picture", advice: "the .dot file can be drawn elsewhere")
    }
    try writeAtomically(picture, to: url)
  }
}
