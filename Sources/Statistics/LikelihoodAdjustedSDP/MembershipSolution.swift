import RealModule
import Solvers
import Torch

/// What a semidefinite program of memberships found, and how good it is known to be.
public struct MembershipSolution: Sendable {
  /// One a row, from 0: where most of the row lies, moved where that is likelier, or with one block K-means on its leading
  /// eigenvectors.
  public let labels: [Int]
  /// Z_k, non-negative, `[blocks, n, n]`.
  public let memberships: Tensor
  /// Σ ⟨A_k, Z_k⟩.
  public let objective: Double
  public let certificate: Certificate
  /// max_i (1 − max_k (Z_k 1)_i): 0 where the relaxation is a partition.
  public let tightness: Double
  public let iterations: Int
  public let primalResidual: Double
  public let dualResidual: Double
  public let isConverged: Bool
  let state: DoublyNonnegativeProgram.State
  /// Where most of the row lies, unmoved.
  let rounded: [Int]

  /// Bounds on the best partition.
  public struct Certificate: Sendable, Hashable {
    /// No labels are better: weak duality, whatever the iterate.
    public let upperBound: Double
    /// What these labels reach.
    public let lowerBound: Double
    /// Largest gap at which labels count as the best.
    public static let tolerance = 1e-4

    /// Relative to max(1, |lower bound|).
    public var gap: Double { (upperBound - lowerBound) / max(1, abs(lowerBound)) }
    /// Whether the labels are those of the global maximum.
    public var isCertified: Bool { gap <= Self.tolerance }
  }
}

/// How programs of memberships are solved.
public struct MembershipOptions: Sendable {
  /// Tolerance, limits and penalty.
  public var solver = DoublyNonnegativeProgram()
  /// Passes end where labels are certified to this relative gap; `nil` runs to the solver's tolerance.
  public var certifiedGap: Double? = MembershipSolution.Certificate.tolerance
  /// Passes end where the labels have been the same for so many; `nil` waits for the solver's tolerance.
  public var restingPasses: Int?
  /// Passes end where the gap to the certificate has not become smaller by a tenth in so many: the relaxation is then no
  /// partition, and more passes would say no more. `nil` waits for the solver's tolerance.
  public var restingGapPasses: Int?
  /// Asked now and then; true ends the passes.
  var isOutOfTime: @Sendable () -> Bool = { false }

  public init() {}
}

/// Lifted partitions.
enum Lifting {
  /// Columns u_i/√W_k for the rows of cluster k, `[m, K]`.
  static func columns(_ labels: [Int], clusters: Int, roots: [Double]) -> Tensor {
    var masses = [Double](repeating: 0, count: clusters)
    for (label, root) in zip(labels, roots) { masses[label] += root * root }
    var values = [Double](repeating: 0, count: labels.count * clusters)
    for (i, label) in labels.enumerated() {
      values[i * clusters + label] = roots[i] / masses[label].squareRoot()
    }
    return Tensor(values, shape: [labels.count, clusters])
  }

  /// Σ ⟨A_k, Z_k⟩ of a partition; −∞ where a cluster is empty.
  static func objective(_ affinities: Tensor, _ labels: [Int], clusters: Int, roots: [Double]) -> Double {
    guard Set(labels).count == clusters else { return -.infinity }
    // [K, m]: one row a cluster, to be batched.
    let rows = columns(labels, clusters: clusters, roots: roots).transposed
    let products = affinities.matmul(rows.unsqueeze(-1)).squeeze(-1)
    return (products * rows).sum().item()
  }
}
