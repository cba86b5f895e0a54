import Torch

/// What a transition's F(η_k) is the probability of.
public enum OrdinalKind: String, Sendable, Hashable, CaseIterable, Codable {
  /// P(y ≤ k | x).
  case cumulative
  /// P(y = k | y ≥ k, x), a continuation ratio: that a row which came so far stays.
  case sequential
}

/// Fitted probabilities of ordered classes: F(α_k + β_kᵀx) is P(y ≤ k | x), or P(y = k | y ≥ k, x).
public struct OrdinalModel: Sendable, Hashable, Codable {
  public let link: OrdinalLink
  /// K.
  public let classes: Int
  /// α, one a transition.
  public let intercepts: [Double]
  /// β, `[transitions][columns]`, in the columns' own units.
  public let weights: [[Double]]
  /// The class that alone is modelled against the others, from 0: then the one transition is P(y ≠ it) = F(η).
  public let only: Int?
  public let kind: OrdinalKind

  /// A model from its parts.
  public init(
    link: OrdinalLink, classes: Int, intercepts: [Double], weights: [[Double]], only: Int? = nil,
    kind: OrdinalKind = .cumulative
  ) {
    precondition(
      intercepts.count == weights.count && intercepts.count == (only == nil ? classes - 1 : 1),
      "OrdinalModel: \(intercepts.count) intercepts for \(classes) classes")
    (self.link, self.classes, self.intercepts) = (link, classes, intercepts)
    (self.weights, self.only, self.kind) = (weights, only, kind)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    link = try container.decode(OrdinalLink.self, forKey: .link)
    classes = try container.decode(Int.self, forKey: .classes)
    intercepts = try container.decode([Double].self, forKey: .intercepts)
    weights = try container.decode([[Double]].self, forKey: .weights)
    only = try container.decodeIfPresent(Int.self, forKey: .only)
    // Files of models from before there were others do not say.
    kind = try container.decodeIfPresent(OrdinalKind.self, forKey: .kind) ?? .cumulative
    guard classes >= 2, intercepts.count == (only == nil ? classes - 1 : 1),
      weights.count == intercepts.count, Set(weights.map(\.count)).count == 1,
      only.map({ (0..<classes).contains($0) }) ?? true
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .weights, in: container, debugDescription: "numbers that do not fit together")
    }
  }

  /// ψ: β_1 and the differences β_k − β_{k−1}, `[transitions][columns]`.
  public var differences: [[Double]] {
    weights.indices.map { k in
      k == 0 ? weights[0] : zip(weights[k], weights[k - 1]).map { $0 - $1 }
    }
  }

  /// η, `[rows, transitions]`.
  public func predictors(of design: Tensor) -> Tensor {
    let columns = Tensor(weights.flatMap(\.self), shape: [weights.count, weights.first?.count ?? 0])
    return design.to(.double).matmul(columns.transposed) + Tensor(intercepts)
  }

  /// Probabilities, and how many rows' cumulative probabilities had to be put in order for them.
  public struct Probabilities: Sendable {
    /// `[rows][classes]`; of a model of one class alone `[rows][2]`, the others together first.
    public let values: [[Double]]
    /// P(y = K | x) before anything is put in order, `[rows]`: 1 − F(η) of the last transition, or of all their product.
    public let last: [Double]
    /// Rows whose cumulative probabilities cross.
    public let crossings: Int
  }

  /// Probabilities of the classes for every row of a design `[rows, columns]`.
  public func probabilities(of design: Tensor) -> Probabilities {
    let n = design.size(0)
    let eta = predictors(of: design).doubles
    let t = intercepts.count
    if kind == .sequential { return sequential(eta, rows: n) }
    var crossings = 0
    var last: [Double] = []
    let values = (0..<n).map { row -> [Double] in
      let own = Array(eta[row * t..<(row + 1) * t])
      last.append(upperTail(own[t - 1]))
      let isCrossed = zip(own, own.dropFirst()).contains { $0 > $1 }
      if isCrossed { crossings += 1 }
      let ordered = isCrossed ? own.sorted() : own
      var result = [link.probability(ordered[0])]
      for k in 1..<max(1, t) {
        result.append(Double.exp(-link.term(ordered[k], ordered[k - 1]).value))
      }
      result.append(upperTail(ordered[t - 1]))
      return result
    }
    return Probabilities(values: values, last: last, crossings: crossings)
  }

  /// Products of the shares that stay and go on, in logarithms.
  private func sequential(_ eta: [Double], rows: Int) -> Probabilities {
    let t = intercepts.count
    var last: [Double] = []
    let values = (0..<rows).map { row -> [Double] in
      var passed = 0.0
      var result: [Double] = []
      for own in eta[row * t..<(row + 1) * t] {
        result.append(.exp(-passed - link.term(own, nil).value))
        passed += link.term(nil, own).value
      }
      last.append(.exp(-passed))
      return result + [last[row]]
    }
    return Probabilities(values: values, last: last, crossings: 0)
  }

  /// P(y = rare | x) of every row, the last class's before anything is put in order.
  func rareProbabilities(_ found: Probabilities, _ rare: Int) -> [Double] {
    only != nil || rare == classes - 1 ? found.last : found.values.map { $0[rare] }
  }

  /// 1 − F(η), without a difference.
  private func upperTail(_ eta: Double) -> Double { Double.exp(-link.term(nil, eta).value) }

  /// Rows whose cumulative probabilities cross.
  public func crossings(of design: Tensor) -> Int {
    guard intercepts.count > 1, kind == .cumulative else { return 0 }
    let eta = predictors(of: design)
    let steps = eta.slice(axis: 1, start: 1) - eta.slice(axis: 1, start: 0, end: intercepts.count - 1)
    return (steps .< 0).to(.double).max(1).sum().doubles.first.map { Int($0) } ?? 0
  }

  /// Probabilities after a correction for classes of which only a share was kept in the training data: p_k / kept_k,
  /// normalised.
  public static func corrected(_ probabilities: [[Double]], kept: [Double]) -> [[Double]] {
    probabilities.map { row in
      let scaled = zip(row, kept).map { $0 / $1 }
      let total = scaled.reduce(0, +)
      return scaled.map { $0 / total }
    }
  }
}

/// A fitted model with what the fit says about itself.
public struct OrdinalFit: Sendable, Hashable {
  public let model: OrdinalModel
  public let lambda: Double
  /// Of columns with mean 0 and deviation 1, with the penalty.
  public let objective: Double
  /// A row, without the penalty.
  public let negativeLogLikelihood: Double
  /// Coordinates of ψ (or β, with ``OrdinalRegression/Form/lasso``) that are not 0.
  public let nonZero: Int
  /// The largest violation of the conditions of a minimum.
  public let residual: Double
  public let iterations: Int
  public let isConverged: Bool
  /// Training rows whose cumulative probabilities cross.
  public let crossings: Int
  /// Columns that tell some classes apart perfectly, so that their best weights are infinite.
  public let separated: [Int]
  /// Of fits without a penalty, from the observed information.
  public let standardErrors: StandardErrors?

  public struct StandardErrors: Sendable, Hashable {
    public let intercepts: [Double]
    public let weights: [[Double]]
  }
}
