import Torch

/// Rewards that a line of text names, for tables.
///
/// `linear:w₁,…,w_d` is w·x; `near:y₁,…,y_d` or `near:y₁,…,y_d:τ` is −|x − y|²/(2τ²), τ = 1 when left out; `column:NAME`
/// is a column itself, `-column:NAME` its negative; `at-least:NAME:v` and `at-most:NAME:v` forbid rows on the other side.
public struct BuiltInReward: Reward {
  private let body: @Sendable (Tensor) -> Tensor
  /// Whether it has a gradient: all forms but the constraints.
  public let isDifferentiable: Bool

  /// What can be written.
  public static let forms = [
    "linear:w,…", "near:y,…[:τ]", "column:NAME", "-column:NAME", "at-least:NAME:v", "at-most:NAME:v",
  ]

  /// - Parameters:
  ///   - text: as above.
  ///   - columns: the names of the rows' columns; NAME may also be a position from 1.
  /// - Throws: ``SteeringError`` naming what was expected.
  public init(_ text: String, columns: [String]) throws(SteeringError) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    func wrong(_ expected: String) -> SteeringError { .option("reward", text, expected) }

    func numbers(_ text: String) throws(SteeringError) -> Tensor {
      let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
      guard values.count == columns.count, values.allSatisfy({ $0?.isFinite ?? false }) else {
        throw wrong("\(columns.count) finite numbers separated by commas, one a column")
      }
      return Tensor(values.map { $0! })
    }
    func column(_ name: String) throws(SteeringError) -> Int {
      if let index = columns.firstIndex(of: name) { return index }
      guard let position = Int(name), (1...columns.count).contains(position) else {
        throw wrong("one of the columns \(columns.joined(separator: ", ")), or a position from 1")
      }
      return position - 1
    }
    func number(_ text: String) throws(SteeringError) -> Double {
      guard let value = Double(text), value.isFinite else {
        throw wrong("a finite number after the last colon")
      }
      return value
    }

    isDifferentiable = !["at-least", "at-most"].contains(parts[0])
    switch (parts[0], parts.count) {
    case ("linear", 2):
      let weights = try numbers(parts[1])
      body = { $0.to(.double).matmul(weights.to(device: $0.device)) }
    case ("near", 2...3):
      let centre = try numbers(parts[1])
      let width = parts.count == 3 ? try number(parts[2]) : 1
      guard width > 0 else { throw wrong("a width τ > 0") }
      body = { ($0.to(.double) - centre.to(device: $0.device)).square().sum(-1) * (-0.5 / (width * width)) }
    case ("column", 2), ("-column", 2):
      let index = try column(parts[1])
      let sign: Double = parts[0] == "column" ? 1 : -1
      body = { sign * $0[.all, index].to(.double) }
    case ("at-least", 3), ("at-most", 3):
      let (index, limit) = (try column(parts[1]), try number(parts[2]))
      let isLower = parts[0] == "at-least"
      body = { x in
        let values = x[.all, index].to(.double)
        let isForbidden = isLower ? values .< limit : values .> limit
        return Tensor.zeros(like: values).filled(where: isForbidden, with: -.infinity)
      }
    default: throw wrong("one of \(Self.forms.joined(separator: "; "))")
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { body(x) }
}
