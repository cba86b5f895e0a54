import Torch

/// Labels found by ``ILASDP``, their likelihood, and how they were found.
public struct ILASDPFit: Sendable {
  /// From 0, one a row in the order given.
  public let labels: [Int]
  /// Means and covariances of the rows, or of their projections.
  public let model: GaussianDiscriminant
  /// What the model's rows are projections of; `nil` where they are the rows themselves.
  public let projection: PrincipalProjection?
  /// Weights of the clusters' rows.
  public let masses: [Double]
  /// Q = −Σ W_k log |Σ̂_k|.
  public let criterion: Double
  /// ℓ of labels, means and covariances.
  public let logLikelihood: Double
  /// 2ℓ less the number of parameters times log n: larger is better, to choose K.
  public let bayesianCriterion: Double
  /// Bounds on 2ℓ + n p log 2π over all labels, for these covariances; `nil` where time ran out before,
  /// or where programs saw parts of the rows only.
  public let certificate: MembershipSolution.Certificate?
  /// The last program.
  public let program: MembershipSolution?
  public let searches: [Search]
  public let isOutOfTime: Bool
  public let seconds: Double
  /// Rows that did not enter the covariances, from 0.
  public let outliers: [Int]

  /// One search, from one start.
  public struct Search: Sendable, Hashable {
    public let start: String
    /// Where it began.
    public let labels: [Int]
    public let criterion: Double
    public let outerIterations: Int
    public let innerIterations: Int
    /// Why it ended.
    public let ending: String
  }

  public var clusters: Int { model.clusters }

  /// The likeliest cluster of further rows, `[m, p]`.
  public func predict(_ x: Tensor) -> [Int] { model.predict(projection.map { $0(x) } ?? x) }
}
