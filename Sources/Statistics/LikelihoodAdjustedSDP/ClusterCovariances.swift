import RealModule
import Solvers
import Torch

/// Covariances of clusters from labels or from membership matrices.
public struct ClusterCovariances: Sendable, Hashable {
  public typealias Family = GaussianMixtureEstimation.Family

  public var family = Family.full
  /// r: Σ_k + r (tr Σ_k/p) I, without which a cluster of p rows or fewer has a singular covariance.
  public var shrinkage = 1e-3

  public init(_ family: Family = .full, shrinkage: Double = 1e-3) {
    (self.family, self.shrinkage) = (family, shrinkage)
  }

  /// Moments of clusters.
  public struct Moments: Sendable {
    /// W_k, the weights of the clusters' rows.
    public let masses: [Double]
    /// `[K, p]`.
    public let means: Tensor
    /// `[K, p, p]`, of the family, shrunk.
    public let covariances: Tensor
    /// Whether a cluster's rows are all the same, so that shrinkage, which is relative, leaves it without a covariance.
    public let isCollapsed: Bool
  }

  /// Traces of covariances below this share of the whole table's are rounding.
  static let leastSpread = 1e-12

  /// The trace of the whole table's covariance.
  static func spread(_ x: Tensor, weights: [Double]) -> Double {
    let w = Tensor(weights, device: x.device).unsqueeze(1)
    let total = w.sum()
    let centred = x - (w * x).sum(0) / total
    return ((w * centred.square()).sum() / total).item()
  }

  /// Which of the covariances `[K, p, p]` are those of identical rows.
  static func collapsed(_ covariances: Tensor, spread: Double) -> [Int] {
    let traces = covariances.diagonal().sum(-1).doubles
    return traces.indices.filter { traces[$0] < leastSpread * spread }
  }

  /// Of labels 0 ..< K, none of which is empty.
  ///
  /// Clusters with p rows or fewer are drawn towards the pooled covariance: by (p + 1 − n_k)/(p + 1).
  /// - Parameters:
  ///   - x: `[n, p]`.
  ///   - weights: one a row.
  public func moments(_ x: Tensor, labels: [Int], clusters: Int, weights: [Double]) -> Moments {
    let p = x.size(1)
    let indicator = Tensor(labels, device: x.device).oneHot(clusters).to(.double)
    let shares = indicator * Tensor(weights, device: x.device).unsqueeze(1)
    let masses = shares.sum(0)
    let means = shares.transposed.matmul(x) / masses.unsqueeze(1)
    let centred = x - indicator.matmul(means)
    let scatters = Tensor.stack(
      (0..<clusters).map { k in (shares[.all, k].unsqueeze(1) * centred).transposed.matmul(centred) })
    var covariances = scatters / masses.reshape(-1, 1, 1)
    let counts = indicator.sum(0).doubles
    let pulls = counts.map { max(0, (Double(p) + 1 - $0) / (Double(p) + 1)) }
    if family != .tied, pulls.contains(where: { $0 > 0 }) {
      let pooled = scatters.sum(0) / masses.sum()
      let a = Tensor(pulls, device: x.device).reshape(-1, 1, 1)
      covariances = covariances * (1 - a) + pooled * a
    }
    let own = masses.doubles
    let shrunk = restricted(covariances, masses: own)
    return Moments(
      masses: own, means: means, covariances: shrunk,
      isCollapsed: !Self.collapsed(shrunk, spread: Self.spread(x, weights: weights)).isEmpty)
  }

  /// Σ_k of membership matrices: [Σ_i w_i x_i x_iᵀ − Σ_ij (Z_k)_ij x_i x_jᵀ]/Σw with w = Z_k 1, which for lifted partitions is
  /// that of the labels, and is never indefinite, as diag(Z_k 1) − Z_k is the Laplacian of a graph.
  /// - Parameter memberships: `[K, n, n]`, non-negative.
  public func covariances(_ x: Tensor, memberships: Tensor, weights: [Double]) -> Tensor {
    let roots = Tensor(weights, device: x.device).sqrt()
    let z = memberships * roots.outer(roots)
    let w = z.sum(2)
    let laplacian = w.diagonalMatrix() - z
    let masses = w.sum(1)
    let scatters = x.transposed.matmul(laplacian).matmul(x)
    return restricted(scatters / masses.reshape(-1, 1, 1), masses: masses.doubles)
  }

  private func restricted(_ covariances: Tensor, masses: [Double]) -> Tensor {
    let (k, p) = (covariances.size(0), covariances.size(1))
    let identity = Tensor.identity(p, dtype: .double, device: covariances.device)
    func levels(_ c: Tensor) -> Tensor { c.diagonal().sum(-1).reshape(-1, 1, 1) / Double(p) }
    let own: Tensor
    switch family {
    case .full: own = covariances
    case .diagonal: own = covariances * identity
    case .spherical: own = levels(covariances) * identity
    case .tied:
      let shares = Tensor(masses, device: covariances.device).reshape(-1, 1, 1) / masses.reduce(0, +)
      own = (covariances * shares).sum(0, keep: true).expand([k, p, p])
    }
    return own + levels(own) * identity * shrinkage
  }

  /// Free numbers of K clusters in ℝᵖ: means, covariances and shares.
  public func parameters(clusters k: Int, dimension p: Int) -> Int {
    let shapes =
      switch family {
      case .full: k * p * (p + 1) / 2
      case .diagonal: k * p
      case .tied: p * (p + 1) / 2
      case .spherical: k
      }
    return k * p + shapes + k - 1
  }

  /// Q of labels 0 ..< K; `nil` where a cluster is empty, all its rows are the same or its covariance is singular.
  public func criterion(_ x: Tensor, labels: [Int], clusters: Int, weights: [Double]? = nil) -> Double? {
    guard Set(labels) == Set(0..<clusters) else { return nil }
    let weights = weights ?? [Double](repeating: 1, count: labels.count)
    let value = Self.criterion(moments(x, labels: labels, clusters: clusters, weights: weights))
    return value.isFinite ? value : nil
  }

  /// Q = −Σ W_k log |Σ_k|: twice the profile log-likelihood of labels, but for a constant.
  ///
  /// −∞ with a cluster of identical rows, for which the likelihood has no limit.
  static func criterion(_ moments: Moments) -> Double {
    guard !moments.isCollapsed,
      let factors = try? withTorchErrors({ moments.covariances.cholesky() })
    else { return -.infinity }
    let logDeterminants = 2 * factors.diagonal().log().sum(-1)
    return -(logDeterminants * Tensor(moments.masses)).sum().item()
  }
}
