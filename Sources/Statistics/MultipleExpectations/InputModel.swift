import Foundation
import Probability
import Torch

/// The random inputs of a model: their laws and how they go together.
///
/// As JSON a list of inputs, which are independent, or with correlations of a Gaussian copula:
/// ```json
/// {"inputs": [{"name": "w", "law": "normal", "mean": 0.062, "cv": 0.1}, {"name": "t", "law": "gamma", "mean": 0.1, "cv": 0.1}],
///  "correlations": [{"between": ["w", "t"], "value": -0.3}]}
/// ```
public struct InputModel: Sendable, Hashable, Codable {
  public struct Correlation: Sendable, Hashable, Codable {
    /// Two names.
    public var between: [String]
    /// Of the normal scores, in (−1, 1).
    public var value: Double

    public init(_ a: String, _ b: String, _ value: Double) { (between, self.value) = ([a, b], value) }

    private enum CodingKeys: String, CodingKey { case between, value }

    public init(from decoder: any Decoder) throws {
      try decoder.refuseKeys(otherThan: ["between", "value"])
      let container = try decoder.container(keyedBy: CodingKeys.self)
      between = try container.decode([String].self, forKey: .between)
      value = try container.decode(Double.self, forKey: .value)
    }
  }

  public var inputs: [InputLaw]
  public var correlations: [Correlation]

  public init(_ inputs: [InputLaw], correlations: [Correlation] = []) {
    (self.inputs, self.correlations) = (inputs, correlations)
  }

  public init(from decoder: any Decoder) throws {
    guard (try? decoder.unkeyedContainer()) == nil else {
      self.init(try [InputLaw](from: decoder))
      return
    }
    try decoder.refuseKeys(otherThan: ["inputs", "correlations"])
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      try container.decode([InputLaw].self, forKey: .inputs),
      correlations: try container.decodeIfPresent([Correlation].self, forKey: .correlations) ?? [])
  }

  public var names: [String] { inputs.map(\.name) }

  /// - Throws: ``StatisticsError`` naming the file and the input.
  public static func read(_ url: URL) throws(StatisticsError) -> InputModel {
    guard let data = FileManager.default.contents(atPath: url.path) else {
      throw StatisticsError(.missing, url.path, found: "no such file", expected: "a JSON list of inputs")
    }
    let model: InputModel
    do { model = try JSONDecoder().decode(InputModel.self, from: data) } catch let error as StatisticsError {
      throw StatisticsError(
        error.kind, url.path + (error.place.isEmpty ? "" : " at \(error.place)"), found: error.found,
        expected: error.expected, advice: error.advice)
    } catch {
      let kinds = InputLaw.Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw StatisticsError(
        .badData, url.path, found: "something else than inputs" + Self.place(of: error),
        expected: #"such as [{"name": "x", "law": "normal", "mean": 0, "deviation": 1}], laws \#(kinds)"#)
    }
    _ = try model.law(in: url.path)
    return model
  }

  private static func place(of error: any Error) -> String {
    let context: DecodingError.Context
    let key: String
    switch error as? DecodingError {
    case .keyNotFound(let missing, let found): (key, context) = (" (no \(missing.stringValue))", found)
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
      (key, context) = ("", found)
    default: return ""
    }
    let path = context.codingPath.path
    return path.isEmpty ? key : " at \(path)\(key)"
  }

  /// The joint law.
  /// - Throws: ``StatisticsError`` naming the input, or the correlation.
  public func law(in place: String = "inputs") throws(StatisticsError) -> GaussianCopula {
    guard !inputs.isEmpty else {
      throw StatisticsError(.badData, place, found: "no inputs", expected: "at least one")
    }
    var marginals: [Marginal] = []
    for (index, input) in inputs.enumerated() {
      guard !inputs[..<index].contains(where: { $0.name == input.name }) else {
        throw StatisticsError(
          .badData, "\(place), \(input.name)", found: "a second input of this name", expected: "one")
      }
      marginals.append(try input.marginal(in: place))
    }
    guard !correlations.isEmpty else { return try joint(marginals, nil, place) }
    let d = inputs.count
    var matrix = (0..<d * d).map { $0 % (d + 1) == 0 ? 1.0 : 0 }
    for correlation in correlations {
      let pair = correlation.between
      let spot = "\(place), correlation \(pair.joined(separator: "~"))"
      let indices = pair.compactMap { name in names.firstIndex(of: name) }
      guard indices.count == 2, pair.count == 2, indices[0] != indices[1] else {
        throw StatisticsError(
          .badData, spot, found: "these names", expected: "two of \(names.joined(separator: ", "))")
      }
      guard abs(correlation.value) < 1 else {
        throw StatisticsError(.badData, spot, found: "\(correlation.value)", expected: "in (-1, 1)")
      }
      for (a, b) in [(indices[0], indices[1]), (indices[1], indices[0])] {
        matrix[a * d + b] = correlation.value
      }
    }
    return try joint(marginals, Tensor(matrix, shape: [d, d]), place)
  }

  private func joint(_ marginals: [Marginal], _ correlation: Tensor?, _ place: String)
    throws(StatisticsError) -> GaussianCopula
  {
    do { return try GaussianCopula(marginals, correlation: correlation) } catch {
      throw StatisticsError(
        .badData, "\(place), correlations", found: error.found,
        expected: "a positive definite matrix: correlations that can hold together")
    }
  }

  /// One model a row of a table whose columns change numbers of this one: `w.mean`, `w.cv`, … or `w~t` for a correlation.
  /// - Throws: ``StatisticsError`` naming the file, column and row.
  public func variants(_ table: DataTable) throws(StatisticsError) -> [InputModel] {
    var variants = [InputModel](repeating: self, count: table.rowCount)
    for column in table.names {
      let values = try table.numbers(column)
      let dotted = column.split(separator: ".").map(String.init)
      let paired = column.split(separator: "~").map(String.init)
      for (row, value) in values.enumerated() {
        if dotted.count == 2, let index = names.firstIndex(of: dotted[0]),
          let changed = variants[row].inputs[index].changing(dotted[1], to: value)
        {
          variants[row].inputs[index] = changed
        } else if paired.count == 2 {
          variants[row].correlations.removeAll { Set($0.between) == Set(paired) }
          variants[row].correlations.append(Correlation(paired[0], paired[1], value))
        } else {
          throw StatisticsError(
            .badData, "\(table.place(0)), \(column)", found: "this column",
            expected: "an input and one of its numbers such as \(names[0]).mean, or two inputs such as a~b",
            advice: "inputs are \(names.joined(separator: ", "))")
        }
      }
    }
    for (row, variant) in variants.enumerated() { _ = try variant.law(in: table.place(row)) }
    return variants
  }
}
