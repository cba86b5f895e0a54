import Foundation
import Torch

/// What is wrong with a file that should hold a Gaussian mixture.
public struct GaussianMixtureFileError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The file's path.
  public let file: String
  /// Where in it, such as `covariances[2][0]`: component 2, row 0. Empty for the file as a whole.
  public let place: String
  /// What is there and what should be.
  public let reason: String

  public var description: String { place.isEmpty ? "\(file): \(reason)" : "\(file): \(place): \(reason)" }
}

extension GaussianMixture {
  /// Reads `{"weights": [K numbers], "means": [K rows of d], "covariances": [K matrices of d rows of d]}`.
  ///
  /// Weights need not add up to 1; they are divided by their sum. Other keys are not allowed, so that a
  /// misspelt one is noticed.
  /// - Throws: ``GaussianMixtureFileError`` with the file and the key, component and row.
  public init(contentsOf url: URL) throws(GaussianMixtureFileError) {
    let reader = GaussianMixtureReader(file: url.path)
    self = try reader.read(try reader.parse(url))
  }
}

private struct GaussianMixtureReader {
  let file: String

  func error(_ place: String, _ reason: String) -> GaussianMixtureFileError {
    GaussianMixtureFileError(file: file, place: place, reason: reason)
  }

  func parse(_ url: URL) throws(GaussianMixtureFileError) -> JSONValue {
    let data: Data
    guard FileManager.default.fileExists(atPath: url.path) else {
      throw self.error("", "not found; give a JSON object with \(Self.keys)")
    }
    do { data = try Data(contentsOf: url) } catch {
      throw self.error("", "cannot be read (\((error as NSError).localizedDescription))")
    }
    do { return try JSONDecoder().decode(JSONValue.self, from: data) } catch {
      throw self.error("", "is not JSON with finite numbers; expected an object with \(Self.keys)")
    }
  }

  static let keys = "the keys weights, means and covariances"

  func read(_ value: JSONValue) throws(GaussianMixtureFileError) -> GaussianMixture {
    guard case .object(let object) = value else {
      throw error("", "holds \(value.kind); expected an object with \(Self.keys)")
    }
    let known = ["weights", "means", "covariances"]
    for key in object.keys.sorted() where !known.contains(key) {
      throw error(key, "is not a key of this format; expected \(Self.keys)")
    }
    let weights = try numbers(object["weights"], "weights")
    guard !weights.isEmpty else { throw error("weights", "is empty; expected one number a component") }
    for (i, weight) in weights.enumerated() where weight < 0 {
      throw error("weights[\(i)]", "is \(weight); expected a number ≥ 0")
    }
    guard weights.contains(where: { $0 > 0 }) else {
      throw error("weights", "are 0 throughout; expected a positive sum")
    }
    let k = weights.count
    let means = try matrix(object["means"], "means", rows: k, per: "one row a weight")
    let d = means[0].count
    guard d > 0 else { throw error("means[0]", "is empty; expected one number a dimension") }
    let listed = try array(object["covariances"], "covariances", count: k, per: "one matrix a weight")
    var covariances: [[[Double]]] = []
    for (i, item) in listed.enumerated() {
      let place = "covariances[\(i)]"
      let rows = try matrix(item, place, rows: d, columns: d, per: "one row a dimension")
      if let reason = GaussianMixture.defect(of: Tensor(rows: rows)) {
        throw error(place, "has \(reason); expected a symmetric positive definite matrix")
      }
      covariances.append(rows)
    }
    return GaussianMixture(
      unchecked: weights, Tensor(rows: means),
      Tensor(covariances.flatMap { $0.flatMap { $0 } }, shape: [k, d, d]))
  }

  private func array(_ value: JSONValue?, _ place: String, count: Int? = nil, per: String = "")
    throws(GaussianMixtureFileError) -> [JSONValue]
  {
    guard let value else { throw error(place, "is missing; expected \(Self.keys)") }
    guard case .array(let items) = value else { throw error(place, "is \(value.kind); expected an array") }
    if let count, items.count != count {
      throw error(place, "has \(items.count) entries; expected \(count), \(per)")
    }
    return items
  }

  private func numbers(_ value: JSONValue?, _ place: String, count: Int? = nil)
    throws(GaussianMixtureFileError) -> [Double]
  {
    var result: [Double] = []
    for (i, item) in try array(value, place, count: count, per: "one number a dimension").enumerated() {
      guard case .number(let number) = item else {
        throw error("\(place)[\(i)]", "is \(item.kind); expected a number")
      }
      result.append(number)
    }
    return result
  }

  private func matrix(_ value: JSONValue?, _ place: String, rows: Int, columns: Int? = nil, per: String)
    throws(GaussianMixtureFileError) -> [[Double]]
  {
    var result: [[Double]] = []
    for (i, row) in try array(value, place, count: rows, per: per).enumerated() {
      // The first row sets the width where nothing else does.
      result.append(try numbers(row, "\(place)[\(i)]", count: columns ?? result.first?.count))
    }
    return result
  }
}

/// JSON of any shape, so that an error can say what stands in place of what was expected.
private enum JSONValue: Decodable {
  case number(Double)
  case array([JSONValue])
  case object([String: JSONValue])
  case other(String)

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let text = try? container.decode(String.self) {
      self = .other("the text \"\(text.prefix(20))\"")
    } else if let truth = try? container.decode(Bool.self) {
      self = .other("\(truth)")
    } else if container.decodeNil() {
      self = .other("null")
    } else if let items = try? container.decode([JSONValue].self) {
      self = .array(items)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  var kind: String {
    switch self {
    case .number(let number): "the number \(number)"
    case .array: "an array"
    case .object: "an object"
    case .other(let text): text
    }
  }
}
