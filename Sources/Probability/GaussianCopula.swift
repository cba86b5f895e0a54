import RealModule
import Torch

/// Numbers with laws of their own whose normal scores depend as a multivariate normal does.
///
/// X_i = F_i⁻¹(Φ(Z_i)) with Z ~ N(0, R). Without correlations, the product of its marginals. Source: Sklar 1959; Nelsen 2006, §2.3.
public struct GaussianCopula: ContinuousDistribution {
  public let marginals: [Marginal]
  /// R, `[d, d]`: of the normal scores, not of the values.
  public let correlation: Tensor
  /// Its lower Cholesky factor; nil where R is the identity.
  private let factor: Tensor?

  /// - Parameters:
  ///   - marginals: d of them.
  ///   - correlation: `[d, d]`, symmetric with ones on its diagonal and positive definite; none means independent.
  /// - Throws: ``ParameterError``.
  public init(_ marginals: [Marginal], correlation: Tensor? = nil) throws(ParameterError) {
    let check = ParameterCheck("GaussianCopula")
    let d = marginals.count
    guard d > 0 else { throw check.error("marginals", found: "none", expected: "at least one") }
    self.marginals = marginals
    let identity = Tensor.identity(d, dtype: .double)
    guard let matrix = correlation?.to(.double) else {
      (self.correlation, factor) = (identity, nil)
      return
    }
    guard matrix.shape == [d, d] else {
      throw check.error("correlation", found: "of shape \(matrix.shape)", expected: "[\(d), \(d)]")
    }
    try check.finite("correlation", matrix)
    guard (matrix.diagonal() - 1).abs().max().item() < 1e-12 else {
      throw check.error("correlation", found: "another diagonal", expected: "ones on the diagonal")
    }
    if let reason = GaussianMixture.defect(of: matrix) {
      throw check.error("correlation", found: reason, expected: "a positive definite matrix")
    }
    self.correlation = matrix
    factor = (matrix - identity).abs().max().item() == 0 ? nil : matrix.cholesky()
  }

  public var eventShape: [Int] { [marginals.count] }

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    value(ofNormal: source.normal([count, marginals.count], dtype: .double))
  }

  /// Rows `[n, d]` of independent standard normal numbers to rows of this law: the isoprobabilistic map.
  public func value(ofNormal u: Tensor) -> Tensor {
    requireRows(u)
    let z = factor.map { u.matmul($0.transposed) } ?? u
    return .stack(marginals.enumerated().map { $1.value(ofNormal: z[.all, $0].contiguous()) }, axis: 1)
  }

  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    let columns = marginals.indices.map { x[.all, $0].contiguous() }
    let own = zip(marginals, columns).map { $0.logDensity($1) }.reduce(Tensor(0.0)) { $0 + $1 }
    guard let factor else { return own }
    let z = Tensor.stack(zip(marginals, columns).map { $0.normal(ofValue: $1) }, axis: 0)
    let copula =
      0.5 * (z.square().sum(0) - factor.triangularSolve(z).square().sum(0)) - factor.diagonal().log().sum()
    return (own + copula).filled(where: own .== -.infinity, with: -.infinity)
  }
}
