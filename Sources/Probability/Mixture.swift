import RealModule
import Torch

/// A mixture of distributions of one family.
public struct Mixture<Component: Distribution>: Distribution {
  public let components: [Component]
  /// Normalised.
  public let logWeights: [Double]

  /// - Parameters:
  ///   - components: at least one, all with the same shape of a draw.
  ///   - logWeights: one a component, up to a constant; −∞ leaves a component out, but not all.
  /// - Throws: ``ParameterError``.
  public init(_ components: [Component], logWeights: [Double]) throws(ParameterError) {
    let check = ParameterCheck("Mixture")
    guard let first = components.first else {
      throw check.error("components", found: "empty", expected: "at least one")
    }
    for (i, component) in components.enumerated() where component.eventShape != first.eventShape {
      throw check.error(
        "components", found: "of shape \(component.eventShape) at position \(i)",
        expected: "the shape of the first, \(first.eventShape)")
    }
    guard logWeights.count == components.count else {
      throw check.error(
        "logWeights", found: "\(logWeights.count) numbers", expected: "one a component, \(components.count)")
    }
    try check.require("logWeights", Tensor(logWeights), "finite numbers or −∞") { $0 .< .infinity }
    let total = logSumExp(logWeights)
    guard total.isFinite else {
      throw check.error("logWeights", found: "−∞ throughout", expected: "a finite number among them")
    }
    self.components = components
    self.logWeights = logWeights.map { $0 - total }
  }

  /// - Parameter weights: ≥ 0, of any scale.
  /// - Throws: ``ParameterError``.
  public init(_ components: [Component], weights: [Double]) throws(ParameterError) {
    try ParameterCheck("Mixture").require("weights", Tensor(weights), "finite numbers ≥ 0") {
      $0.isFinite() .& ($0 .>= 0)
    }
    try self.init(components, logWeights: weights.map { .log($0) })
  }

  public var eventShape: [Int] { components[0].eventShape }

  /// Every component draws its share, then the shares are put in the order of the chosen components.
  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let chosen = source.choices(Tensor(logWeights.map { Double.exp($0) }), count: count)
    let counts = chosen.binCount(minimumLength: components.count).integers
    var shares: [Tensor] = []
    for (component, share) in zip(components, counts) where share > 0 {
      shares.append(component.sample(share, using: &source))
    }
    // Sorting is stable, so the inverse of its permutation sends each share's rows to its places.
    let order = chosen.sorted().indices
    guard let first = shares.first else { return components[0].sample(0, using: &source) }
    let places = order.sorted().indices.to(device: first.device)
    return Tensor.concatenate(shares).select(axis: 0, places)
  }

  public func logProbability(_ x: Tensor) -> Tensor {
    weighted { $0.logProbability(x) }.logSumExp(0)
  }

  /// log P(component | x): `[n, components]`.
  public func logResponsibilities(_ x: Tensor) -> Tensor {
    weighted { $0.logProbability(x) }.logSoftmax(0).transposed
  }

  fileprivate func weighted(_ value: (Component) -> Tensor) -> Tensor {
    Tensor.stack(zip(components, logWeights).map { value($0) + $1 })
  }
}

extension Mixture: LogDensity where Component: ContinuousDistribution {
  /// The components' scores, averaged by responsibility; 0 outside every support.
  public func score(_ x: Tensor) -> Tensor {
    let terms = weighted { $0.logProbability(x) }
    let nowhere = terms.max(0) .== -.infinity
    let responsibilities = terms.softmax(0).filled(where: nowhere, with: 0)
    let scores = Tensor.stack(components.map { $0.score(x) })
    let aligned = responsibilities.reshape([components.count, -1] + eventShape.map { _ in 1 })
    return (aligned * scores).sum(0).to(x.dtype)
  }
}
extension Mixture: ContinuousDistribution where Component: ContinuousDistribution {}

extension Mixture where Component: UnivariateDistribution {
  /// The mean of every coordinate, `eventShape`.
  public var mean: Tensor { average { $0.mean } }

  /// The variance of every coordinate, `eventShape`.
  public var variance: Tensor {
    let centre = mean
    return average { $0.variance + ($0.mean - centre).square() }
  }

  fileprivate func average(_ value: (Component) -> Tensor) -> Tensor {
    zip(components, logWeights).map { value($0) * Double.exp($1) }.reduce(Tensor(0.0), +)
  }
}

extension Mixture where Component: CumulativeDistribution {
  /// P(X ≤ x) of every coordinate by itself, with the shape of `x`.
  public func cdf(_ x: Tensor) -> Tensor { average { $0.cdf(x) } }
}
