import RealModule
import Torch

/// A mixture of normals on ℝᵈ with full covariances, in `Double`.
///
/// All components are evaluated at once: K triangular solves batched over the rows, in blocks of bounded
/// memory. One Cholesky factor a component is found when the mixture is made.
public struct GaussianMixture: ContinuousDistribution {
  /// Normalised, one a component.
  public let weights: [Double]
  /// `[K, d]`.
  public let means: Tensor
  /// `[K, d, d]`.
  public let covariances: Tensor
  /// Lower Cholesky factors of the covariances, `[K, d, d]`.
  public let factors: Tensor
  /// log wₖ − ½ log det 2πCₖ, `[K, 1]`.
  private let logScales: Tensor

  /// - Parameters:
  ///   - weights: K of them, finite, ≥ 0 and not all 0; they are divided by their sum.
  ///   - means: `[K, d]`, finite.
  ///   - covariances: `[K, d, d]`, symmetric to 1e-8 of their largest element and positive definite.
  /// - Throws: ``ParameterError``, naming the component.
  public init(weights: [Double], means: Tensor, covariances: Tensor) throws(ParameterError) {
    let check = ParameterCheck("GaussianMixture")
    let k = weights.count
    guard k > 0 else { throw check.error("weights", found: "empty", expected: "one a component") }
    guard means.rank == 2, means.size(0) == k, means.size(1) > 0 else {
      throw check.error(
        "means", found: "of shape \(means.shape)", expected: "[\(k), d], as there are \(k) weights")
    }
    let d = means.size(1)
    guard covariances.shape == [k, d, d] else {
      throw check.error("covariances", found: "of shape \(covariances.shape)", expected: "[\(k), \(d), \(d)]")
    }
    try check.require("weights", Tensor(weights), "finite numbers ≥ 0") { $0.isFinite() .& ($0 .>= 0) }
    guard weights.reduce(0, +) > 0 else {
      throw check.error("weights", found: "0 throughout", expected: "a positive sum")
    }
    try check.finite("means", means)
    try check.finite("covariances", covariances)
    let matrices = covariances.to(.double)
    for i in 0..<k {
      guard let reason = Self.defect(of: matrices[i]) else { continue }
      throw check.error(
        "covariances", found: "\(reason) in component \(i)", expected: "symmetric positive definite matrices")
    }
    self.init(unchecked: weights, means.to(.double), matrices)
  }

  /// For parameters that are known to be good.
  init(unchecked weights: [Double], _ means: Tensor, _ covariances: Tensor, factors: Tensor? = nil) {
    let total = weights.reduce(0, +)
    self.weights = weights.map { $0 / total }
    self.means = means
    self.covariances = covariances
    self.factors = factors ?? covariances.cholesky()
    logScales = Self.logScales(Tensor(self.weights, device: means.device).log(), self.factors)
  }

  private static func logScales(_ logWeights: Tensor, _ factors: Tensor) -> Tensor {
    let halfLogDeterminants = factors.diagonal().log().sum(-1)
    let d = Double(factors.size(-1))
    return (logWeights - halfLogDeterminants - 0.5 * d * Double.log(2 * .pi)).unsqueeze(-1)
  }

  private init(weights: [Double], means: Tensor, covariances: Tensor, factors: Tensor, logScales: Tensor) {
    (self.weights, self.means, self.covariances) = (weights, means, covariances)
    (self.factors, self.logScales) = (factors, logScales)
  }

  /// N(0, I) on ℝᵈ.
  public static func standardNormal(dimension: Int) -> GaussianMixture {
    let identity = Tensor.identity(dimension, dtype: .double).unsqueeze(0)
    return GaussianMixture(
      unchecked: [1], .zeros([1, dimension], dtype: .double), identity, factors: identity)
  }

  /// N(mₖ, Cₖ), each by itself, for covariances that are known to be good.
  package static func normals(means: Tensor, covariances: Tensor) -> [GaussianMixture] {
    let factors = covariances.cholesky()
    let count = means.size(0)
    let logScales = Self.logScales(.zeros([count], dtype: .double, device: means.device), factors)
    return (0..<count).map { k in
      GaussianMixture(
        weights: [1], means: means[k..<k + 1], covariances: covariances[k..<k + 1],
        factors: factors[k..<k + 1], logScales: logScales[k..<k + 1])
    }
  }

  /// All components of all mixtures, each mixture with its share.
  package static func mixing(_ mixtures: [GaussianMixture], shares: [Double]) -> GaussianMixture {
    GaussianMixture(
      unchecked: zip(mixtures, shares).flatMap { mixture, share in mixture.weights.map { $0 * share } },
      .concatenate(mixtures.map(\.means)), .concatenate(mixtures.map(\.covariances)),
      factors: .concatenate(mixtures.map(\.factors)))
  }

  /// Why a matrix is no covariance, if it is none.
  static func defect(of matrix: Tensor) -> String? {
    let gap = (matrix - matrix.transposed).abs().max().item()
    if gap > 1e-8 * matrix.abs().max().item() { return "an asymmetry of \(gap)" }
    if (try? withTorchErrors { matrix.cholesky() }) != nil { return nil }
    return "a least eigenvalue of \(matrix.eigh().values[0].item())"
  }

  public var components: Int { weights.count }
  public var dimension: Int { means.size(-1) }
  public var eventShape: [Int] { [dimension] }

  /// On another device.
  public func to(device: Device) -> GaussianMixture {
    GaussianMixture(
      unchecked: weights, means.to(device: device), covariances.to(device: device),
      factors: factors.to(device: device))
  }
}

extension GaussianMixture {
  /// Up to which a factor a row costs less than rows in order of their component.
  private static let fewDimensions = 4

  public func sample(_ count: Int, using source: inout RandomSource) -> Tensor {
    let chosen = source.choices(Tensor(weights, device: means.device), count: count)
    let z = source.normal([count, dimension], dtype: .double, device: means.device)
    guard components > 1 else { return means[0] + z.matmul(factors[0].transposed) }
    if dimension <= Self.fewDimensions {
      let own = factors.select(axis: 0, chosen)
      return means.select(axis: 0, chosen) + (own * z.unsqueeze(1)).sum(-1)
    }
    // Rows sorted by component make one matrix product a component, in place of one factor a row.
    let order = chosen.sorted().indices
    var start = 0
    var shares: [Tensor] = []
    for (i, share) in chosen.binCount(minimumLength: components).integers.enumerated() {
      shares.append(means[i] + z[start..<start + share].matmul(factors[i].transposed))
      start += share
    }
    return Tensor.concatenate(shares).select(axis: 0, order.sorted().indices)
  }

  public func logProbability(_ x: Tensor) -> Tensor {
    requireRows(x)
    return x.inBlocks(of: blockRows) { block in
      let terms = componentTerms(whitened(block))
      let sums = components == 1 ? terms[0] : terms.logSumExp(0)
      return sums.filled(where: infiniteRows(block), with: -.infinity)
    }
  }

  public func score(_ x: Tensor) -> Tensor {
    requireRows(x)
    return x.inBlocks(of: blockRows) { block in
      let (slopes, responsibilities) = slopesAndResponsibilities(block)
      return -(responsibilities.unsqueeze(1) * slopes).sum(0).transposed
    }.to(x.dtype)
  }

  /// Cₖ⁻¹(x − mₖ), `[K, d, n]`, and P(component | x), `[K, n]`.
  func slopesAndResponsibilities(_ x: Tensor) -> (Tensor, Tensor) {
    let z = whitened(x)
    return (factors.transposed.triangularSolve(z, upper: true), componentTerms(z).softmax(0))
  }

  /// log N(x; mₖ, Cₖ) of every component, without its weight: `[n, K]`.
  public func componentLogProbabilities(_ x: Tensor) -> Tensor {
    requireRows(x)
    let halfLogDeterminants = factors.diagonal().log().sum(-1, keep: true)
    let scales = halfLogDeterminants + 0.5 * Double(dimension) * Double.log(2 * .pi)
    return x.inBlocks(of: blockRows) { block in
      (-0.5 * squares(whitened(block)) - scales).transposed
    }
  }

  /// P(component | x): `[n, K]`.
  public func responsibilities(_ x: Tensor) -> Tensor {
    requireRows(x)
    return x.inBlocks(of: blockRows) { componentTerms(whitened($0)).softmax(0).transposed }
  }

  /// P(X ≤ x) for a mixture on the line: `x` of any shape, or rows `[n, 1]`.
  public func cdf(_ x: Tensor) -> Tensor {
    precondition(dimension == 1, "GaussianMixture.cdf: needs dimension 1, this one has \(dimension)")
    let z = (x.to(like: means).unsqueeze(-1) - means.reshape(-1)) / factors.reshape(-1)
    let levels = 0.5 * (z * -0.5.squareRoot()).erfc()
    return (levels * Tensor(weights, device: means.device)).sum(-1)
  }

  /// `[d]`.
  public var mean: Tensor { Tensor(weights, device: means.device).matmul(means) }

  /// `[d, d]`.
  public var covariance: Tensor {
    let w = Tensor(weights, device: means.device)
    let centred = means - mean
    let between = Tensor.einsum("k,ki,kj->ij", w, centred, centred)
    return Tensor.einsum("k,kij->ij", w, covariances) + between
  }

  /// The mixture of the given coordinates, in the given order.
  public func marginal(over axes: [Int]) -> GaussianMixture {
    precondition(
      !axes.isEmpty && axes.allSatisfy { (0..<dimension).contains($0) } && Set(axes).count == axes.count,
      "GaussianMixture.marginal: \(axes) are not distinct axes of \(dimension)")
    let index = Tensor(axes, device: means.device)
    return GaussianMixture(
      unchecked: weights, means.select(axis: 1, index),
      covariances.select(axis: 1, index).select(axis: 2, index))
  }

  /// Rows a block may have for its intermediate `[K, d, rows]` to stay near 32 MB.
  var blockRows: Int { max(1, (1 << 22) / (components * dimension)) }

  /// Lₖ⁻¹(x − mₖ), `[K, d, n]`.
  private func whitened(_ x: Tensor) -> Tensor {
    let centred = (x.to(like: means).unsqueeze(0) - means.unsqueeze(1)).transposed
    return dimension == 1 ? centred * (1 / factors) : factors.triangularSolve(centred)
  }

  /// log(wₖ N(x; mₖ, Cₖ)), `[K, n]`.
  private func componentTerms(_ whitened: Tensor) -> Tensor { logScales - 0.5 * squares(whitened) }

  /// ‖z‖², `[K, n]`.
  private func squares(_ whitened: Tensor) -> Tensor {
    dimension == 1 ? whitened.squeeze(1).square() : whitened.square().sum(1)
  }
}

extension Tensor {
  /// A function of rows, applied to blocks of at most `rows` of them.
  func inBlocks(of rows: Int, _ body: (Tensor) -> Tensor) -> Tensor {
    guard size(0) > rows else { return body(self) }
    return .concatenate(split(rows).map(body))
  }
}
