import Torch

/// What a parameter of a distribution may be given as: a number, an array of numbers, or a tensor.
public protocol DistributionParameter: Sendable {
  /// The value as a tensor of floating-point numbers.
  var parameter: Tensor { get }
}

extension Tensor: DistributionParameter {
  public var parameter: Tensor { dtype.isDifferentiable ? self : to(.double) }
}
extension Double: DistributionParameter { public var parameter: Tensor { Tensor(self) } }
extension Int: DistributionParameter { public var parameter: Tensor { Tensor(Double(self)) } }
extension Array: DistributionParameter where Element == Double {
  public var parameter: Tensor { Tensor(self) }
}

/// A parameter that a distribution cannot have.
public struct ParameterError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The family, such as `Normal`.
  public let distribution: String
  /// The parameter's label.
  public let parameter: String
  /// The offending value or shape.
  public let found: String
  /// What would do.
  public let expected: String

  public init(distribution: String, parameter: String, found: String, expected: String) {
    self.distribution = distribution
    self.parameter = parameter
    self.found = found
    self.expected = expected
  }

  public var description: String {
    "\(distribution): \(parameter) is \(found); expected \(expected)"
  }
}

/// Brings the parameters of one distribution to a common shape and checks their values.
struct ParameterCheck {
  let distribution: String

  init(_ distribution: String) { self.distribution = distribution }

  func error(_ parameter: String, found: String, expected: String) -> ParameterError {
    ParameterError(distribution: distribution, parameter: parameter, found: found, expected: expected)
  }

  /// The parameters as tensors of one shape, type and device.
  ///
  /// Swift numbers take the type and device of the tensors among them, so that a literal does not turn a
  /// network's `Float` parameters into `Double`.
  func broadcast(_ values: KeyValuePairs<String, any DistributionParameter>) throws(ParameterError)
    -> [Tensor]
  {
    let given = values.compactMap { $0.value as? Tensor }.map(\.parameter)
    let dtype = given.contains { $0.dtype == .double } ? .double : given.first?.dtype ?? .double
    let device = given.first?.device ?? .cpu
    var shape: [Int] = []
    for (name, value) in values {
      let next = value.parameter.shape
      guard let joined = Self.broadcast(shape, next) else {
        throw error(name, found: "of shape \(next)", expected: "a shape that broadcasts with \(shape)")
      }
      guard !next.contains(0) else {
        throw error(name, found: "empty (shape \(next))", expected: "at least one value")
      }
      shape = joined
    }
    return values.map { $0.value.parameter.to(dtype, device: device).expand(shape) }
  }

  static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
    var result: [Int] = []
    for i in 0..<max(a.count, b.count) {
      let x = i < a.count ? a[a.count - 1 - i] : 1
      let y = i < b.count ? b[b.count - 1 - i] : 1
      guard x == y || x == 1 || y == 1 else { return nil }
      result.append(x == 1 ? y : x)
    }
    return result.reversed()
  }

  /// Throws with the first element at which `holds` is false.
  func require(_ name: String, _ value: Tensor, _ expected: String, _ holds: (Tensor) -> Tensor)
    throws(ParameterError)
  {
    let good = holds(value.detach())
    guard good.all().item() == 0 else { return }
    let position = good.reshape(-1).booleans.firstIndex(of: false)!
    let found = value.detach().reshape(-1)[position].item()
    let place = value.count == 1 ? "" : " at position \(Self.coordinates(position, in: value.shape))"
    throw error(name, found: "\(found)\(place)", expected: expected)
  }

  func finite(_ name: String, _ value: Tensor) throws(ParameterError) {
    try require(name, value, "finite numbers") { $0.isFinite() }
  }

  func positive(_ name: String, _ value: Tensor) throws(ParameterError) {
    try require(name, value, "finite numbers > 0") { $0.isFinite() .& ($0 .> 0) }
  }

  func probability(_ name: String, _ value: Tensor) throws(ParameterError) {
    try require(name, value, "numbers in [0, 1]") { ($0 .>= 0) .& ($0 .<= 1) }
  }

  private static func coordinates(_ position: Int, in shape: [Int]) -> [Int] {
    var rest = position
    var result: [Int] = []
    for extent in shape.reversed() {
      result.append(rest % extent)
      rest /= extent
    }
    return result.reversed()
  }
}
