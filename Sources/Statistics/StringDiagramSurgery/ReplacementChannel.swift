import Foundation
import Training

/// A channel to put in place of a box, as a CSV file has it: a column for every parent, one for the variable, and one called
/// `p` or `probability`, without which every row is certain. Rows that are left out have probability 0.
public struct ReplacementChannel: Sendable, Equatable {
  public let variable: String
  public let parents: [String]
  /// As in ``CausalNetwork/replacing(_:parents:rows:)``.
  public let rows: [Double]

  /// Reads a soft intervention (`A,X,p` with rows such as `low,high,0.3`) or a policy (`A,X` with rows such as `low,high`).
  /// - Throws: ``StatisticsError`` and `TableError` with line and column.
  public init(csv url: URL, for network: CausalNetwork) throws {
    let records = try CSVRecords(url, options: TableOptions(header: .present))
    let file = url.lastPathComponent
    let header = records.names
    let hasProbability = header.last.map { ["p", "probability"].contains($0.lowercased()) } ?? false
    let names = hasProbability ? Array(header.dropLast()) : header
    guard let variable = names.last else {
      throw StatisticsError(
        .badData, "\(file):1", found: "only probabilities", expected: "the variable's column before them")
    }
    var axes: [FiniteVariable] = []
    for name in names {
      do { axes.append(try network.variable(name)) } catch {
        throw StatisticsError(.badData, "\(file):1", found: "the column \(name)", expected: error.expected)
      }
    }
    var values = Array(repeating: 0.0, count: axes.cellCount ?? 0)
    while try records.next() {
      let fields = header.indices.map(records.text)
      let place = "\(file):\(records.line)"
      var cell = 0
      for (axis, word) in zip(axes, fields) {
        guard let state = axis.states.firstIndex(of: word) else {
          throw StatisticsError(
            .badData, "\(place) (\(axis.name))", found: "the state \(word)",
            expected: "one of \(axis.states.joined(separator: ", "))")
        }
        cell = cell * axis.count + state
      }
      guard values[cell] == 0 else {
        throw StatisticsError(
          .badData, place, found: "these states a second time", expected: "every row once")
      }
      var probability = 1.0
      if hasProbability {
        guard let number = Double(fields[fields.count - 1]), number.isFinite, number >= 0 else {
          throw StatisticsError(
            .badData, "\(place) (\(header[header.count - 1]))", found: "\"\(fields[fields.count - 1])\"",
            expected: "a probability of 0 or more")
        }
        probability = number
      }
      values[cell] = probability
    }
    (self.variable, parents, rows) = (variable, Array(names.dropLast()), values)
  }
}
