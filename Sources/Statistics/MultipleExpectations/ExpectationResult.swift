import Probability
import RealModule
import Sampling
import Torch

extension MultipleExpectations {
  /// Why no further round was made.
  public enum Stop: String, Sendable, Hashable, Codable {
    /// Another round would have cost more than it gained.
    case costs
    /// Half of the budget was explored.
    case explored
    /// The density was given.
    case given
  }

  public struct Result: Sendable {
    /// One an expectation; unbiased whatever was learnt before.
    public let estimates: [Estimate]
    /// Of the estimates, row by row, `[J, J]`.
    public let covariance: [Double]
    /// The final sampling density.
    public let density: SamplingMixture
    /// β_j, or `[L, J]` row by row where all densities and laws are controls.
    public let controls: [Double]
    /// w.
    public let weights: [Double]
    /// Σ w_j Var after every round, for the rest of the budget.
    public let criteria: [Double]
    public let stop: Stop
    /// Draws of the final sample; the others were exploration.
    public let finalCount: Int
    /// (Σv)²/Σv² of v = |f_jφ_j|/g, one an expectation.
    public let effectiveSizes: [Double]
    /// The largest share of Σv that one draw has, one an expectation: above a tenth an error is not to be trusted.
    public let largestShares: [Double]
    /// Variance of as many plain draws as were made in all, exploration included, over that of the estimate, one
    /// an expectation, by the final sample; 1 where φ was the same at all of it.
    public let gains: [Double]
    /// Expectations all of whose terms were 0 in the exploration: rare events, for which nothing could be learnt.
    public let unreached: [Int]

    /// α, one an expectation.
    public var shares: [Double] { density.shares }

    /// The variance of Σ c_j Î_j.
    public func variance(of coefficients: [Double]) -> Double {
      let n = estimates.count
      precondition(coefficients.count == n, "MultipleExpectations: \(coefficients.count) coefficients")
      var sum = 0.0
      for i in 0..<n {
        for j in 0..<n { sum += coefficients[i] * coefficients[j] * covariance[i * n + j] }
      }
      return sum
    }
  }
}

extension MultipleExpectations.Result {
  /// - Parameters:
  ///   - parts: the final sample, or one sample a randomisation of a quasi-random one.
  ///   - explored: draws made before it.
  init(
    _ parts: [Evaluation], _ state: Exploration.State, _ density: SamplingMixture, explored: Int,
    quasiRandom: Bool, combined exploration: Exploration?, criteria: [Double], stop: MultipleExpectations.Stop
  ) {
    let ratios = parts.map { MultipleExpectations.ratios($0, density, state.controls.kind) }
    let f = Tensor.joined(ratios.map(\.f))
    // A column a draw, or one a randomisation.
    let terms: Tensor
    if quasiRandom {
      terms = .stack(ratios.map { state.controls.terms($0.f, $0.g).mean(1) }, axis: 1)
    } else if let exploration {
      let all = exploration.balanced(with: parts[0], from: density, state.controls.kind)
      terms = state.controls.terms(all.f, all.g)
    } else {
      terms = state.controls.terms(ratios[0].f, ratios[0].g)
    }
    let columns = Double(terms.size(1))
    let mean = terms.mean(1, keep: true)
    let centred = terms - mean
    let covariance = (centred.matmul(centred.transposed) / ((columns - 1) * columns)).doubles
    let values = mean.doubles
    let j = values.count
    estimates = values.enumerated().map {
      Estimate($1, standardError: covariance[$0 * j + $0].squareRoot())
    }
    self.covariance = covariance
    (self.density, self.criteria, self.stop) = (density, criteria, stop)
    (controls, weights, unreached) = (state.controls.values, state.weights, state.unreached)
    finalCount = f.size(1)
    let sizes = f.abs()
    let total = sizes.sum(1).clamp(.leastNormalMagnitude)
    effectiveSizes = (total.square() / f.square().sum(1).clamp(.leastNormalMagnitude)).doubles
    largestShares = (sizes.max(1) / total).doubles
    // E_f (φ − I)² by the same draws.
    let phi = Tensor.joined(parts.map(\.values))
    let deviations = (phi - Tensor(values).unsqueeze(1)).square()
    let plain = (Tensor.joined(ratios.map(\.laws)) * deviations).mean(1).doubles
    let ranges = (phi.max(1) - phi.min(1)).doubles
    let drawn = Double(explored + f.size(1))
    gains = values.indices.map { place in
      // A constant has no variance to gain on: what is left of it is rounding.
      ranges[place] == 0
        ? 1 : plain[place] / drawn / max(covariance[place * j + place], .leastNormalMagnitude)
    }
  }
}

extension Tensor {
  /// Columns of parts side by side; one part as it is.
  fileprivate static func joined(_ parts: [Tensor]) -> Tensor {
    parts.count == 1 ? parts[0] : .concatenate(parts, axis: 1)
  }
}
