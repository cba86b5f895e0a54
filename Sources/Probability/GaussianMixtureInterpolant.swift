import RealModule
import Torch

/// The law of x_t = α x₀ + β x₁ + γ z between two independent Gaussian mixtures, in closed form.
///
/// At every time x_t is a mixture of normals with weights pᵢqⱼ, means mᵢⱼ = αm⁰ᵢ + βm¹ⱼ and covariances
/// Cᵢⱼ = α²C⁰ᵢ + β²C¹ⱼ + γ²I, so all the fields that an interpolant can learn are known exactly (Albergo,
/// Boffi and Vanden-Eijnden 2023). A one-sided interpolant has `base` N(0, I) and γ = 0.
public struct GaussianMixtureInterpolant: Sendable {
  /// The law of x₀.
  public let base: GaussianMixture
  /// The law of x₁.
  public let target: GaussianMixture

  /// - Throws: ``ParameterError`` where the dimensions differ.
  public init(from base: GaussianMixture, to target: GaussianMixture) throws(ParameterError) {
    guard base.dimension == target.dimension else {
      throw ParameterError(
        distribution: "GaussianMixtureInterpolant", parameter: "to",
        found: "of dimension \(target.dimension)", expected: "that of from, \(base.dimension)")
    }
    self.base = base
    self.target = target
  }

  /// The coefficients at one time and their derivatives.
  public struct Schedule: Sendable, Hashable {
    public var alpha: Double
    public var beta: Double
    public var alphaDot: Double
    public var betaDot: Double
    /// γ², ≥ 0.
    public var gammaSquared: Double
    /// The product γ·dγ/dt, which stays finite at the ends where dγ/dt does not.
    public var gammaGammaDot: Double

    public init(
      alpha: Double, beta: Double, alphaDot: Double, betaDot: Double, gammaSquared: Double = 0,
      gammaGammaDot: Double = 0
    ) {
      self.alpha = alpha
      self.beta = beta
      self.alphaDot = alphaDot
      self.betaDot = betaDot
      self.gammaSquared = gammaSquared
      self.gammaGammaDot = gammaGammaDot
    }
  }

  /// The law at one time, ready to be evaluated: one Cholesky factorisation a pair of components.
  ///
  /// At least one of α, β and γ must be non-zero.
  public func at(_ schedule: Schedule) -> Slice { Slice(self, schedule) }
}

extension GaussianMixtureInterpolant {
  /// The exact fields of the interpolant at one time.
  ///
  /// Points are rows `[n, d]`; fields have their shape and type. The work is in `Double`, O(pairs·n·d²), in
  /// blocks of rows that bound memory. Everything is differentiable in the points.
  public struct Slice: Sendable {
    public let schedule: Schedule
    /// The law of x_t: sample from it, or take its log-probability or distribution function.
    public let marginal: GaussianMixture
    /// dmᵢⱼ/dt, `[K, d]`.
    private let meanVelocities: Tensor
    /// ½ dCᵢⱼ/dt, `[K, d, d]`.
    private let halfCovarianceVelocities: Tensor
    /// tr(½ dCᵢⱼ/dt Cᵢⱼ⁻¹), `[K, 1]`.
    private let expansions: Tensor
    /// m⁰ᵢ and C⁰ᵢ, m¹ⱼ and C¹ⱼ for every pair.
    private let ends: (base: End, target: End)

    private struct End: Sendable {
      let means: Tensor
      let covariances: Tensor
    }

    fileprivate init(_ interpolant: GaussianMixtureInterpolant, _ schedule: Schedule) {
      let (p, q) = (interpolant.base, interpolant.target)
      let (α, β) = (schedule.alpha, schedule.beta)
      precondition(schedule.gammaSquared >= 0, "GaussianMixtureInterpolant: γ² is \(schedule.gammaSquared)")
      precondition(
        α != 0 || β != 0 || schedule.gammaSquared > 0,
        "GaussianMixtureInterpolant: α, β and γ are all 0, so x_t has no density")
      self.schedule = schedule
      let base = End(
        means: p.means.repeatInterleave(q.components, axis: 0),
        covariances: p.covariances.repeatInterleave(q.components, axis: 0))
      let target = End(
        means: q.means.tile([p.components, 1]), covariances: q.covariances.tile([p.components, 1, 1]))
      ends = (base, target)
      let identity = Tensor.identity(p.dimension, dtype: .double, device: p.means.device)
      marginal = GaussianMixture(
        unchecked: p.weights.flatMap { weight in q.weights.map { weight * $0 } },
        α * base.means + β * target.means,
        α * α * base.covariances + β * β * target.covariances + schedule.gammaSquared * identity)
      meanVelocities = schedule.alphaDot * base.means + schedule.betaDot * target.means
      halfCovarianceVelocities =
        α * schedule.alphaDot * base.covariances + β * schedule.betaDot * target.covariances
        + schedule.gammaGammaDot * identity
      expansions = marginal.factors.choleskySolve(halfCovarianceVelocities).diagonal().sum(-1, keep: true)
    }

    /// log ρ_t, `[n]`, in `Double`.
    public func logProbability(_ x: Tensor) -> Tensor { marginal.logProbability(x) }

    /// s = ∇ log ρ_t.
    public func score(_ x: Tensor) -> Tensor { marginal.score(x) }

    /// b = E[dI/dt + γ̇ z | x_t = x], the velocity of the probability flow.
    public func velocity(_ x: Tensor) -> Tensor {
      inBlocks(x) { local in local.average(componentVelocities(local)) }
    }

    /// b and s from one evaluation, for the drifts b ± ε s.
    public func velocityAndScore(_ x: Tensor) -> (velocity: Tensor, score: Tensor) {
      let columns = inBlocks(x) { local in
        .concatenate([local.average(componentVelocities(local)), -local.average(local.slopes)], axis: 1)
      }
      let d = marginal.dimension
      return (columns[.all, 0..<d], columns[.all, d...])
    }

    /// b and its divergence `[n]`, from one evaluation.
    public func velocityWithDivergence(_ x: Tensor) -> FieldWithDivergence {
      let columns = inBlocks(x) { local in
        let u = componentVelocities(local)
        let b = local.average(u)
        // ∇rᵢⱼ = rᵢⱼ(gᵢⱼ − s) with g = −C⁻¹(x − m), whence div b = Σ r (tr + u·g) − b·s.
        let inner = (local.responsibilities * (expansions - (u * local.slopes).sum(1))).sum(0)
        let divergence = inner + (b * local.average(local.slopes)).sum(-1)
        return .concatenate([b, divergence.unsqueeze(-1)], axis: 1)
      }
      let d = marginal.dimension
      return FieldWithDivergence(value: columns[.all, 0..<d], divergence: columns[.all, d])
    }

    /// E[x₀ | x_t = x].
    public func expectedBase(_ x: Tensor) -> Tensor { expected(ends.base, schedule.alpha, x) }

    /// E[x₁ | x_t = x].
    public func expectedTarget(_ x: Tensor) -> Tensor { expected(ends.target, schedule.beta, x) }

    /// γ E[z | x_t = x] = −γ² s; zero where γ is, without a division.
    public func expectedScaledNoise(_ x: Tensor) -> Tensor { -schedule.gammaSquared * score(x) }

    /// E[z | x_t = x] = −γ s.
    ///
    /// One-sided interpolants have γ = 0 and carry their noise as x₀: use ``expectedBase(_:)`` for those.
    public func expectedNoise(_ x: Tensor) -> Tensor { -schedule.gammaSquared.squareRoot() * score(x) }

    /// v = α̇ E[x₀|x] + β̇ E[x₁|x] = b + γγ̇ s, the velocity without the noise's part.
    public func interpolantVelocity(_ x: Tensor) -> Tensor {
      inBlocks(x) { local in
        local.average(componentVelocities(local)) - schedule.gammaGammaDot * local.average(local.slopes)
      }
    }

    private func expected(_ end: End, _ coefficient: Double, _ x: Tensor) -> Tensor {
      inBlocks(x) { local in
        local.average(
          end.means.unsqueeze(-1) + coefficient * end.covariances.matmul(local.slopes))
      }
    }

    /// ṁ + ½ Ċ C⁻¹(x − m), `[K, d, n]`.
    private func componentVelocities(_ local: Local) -> Tensor {
      meanVelocities.unsqueeze(-1) + halfCovarianceVelocities.matmul(local.slopes)
    }

    /// What every field needs at some points.
    private struct Local {
      /// C⁻¹(x − m), `[K, d, n]`.
      let slopes: Tensor
      /// `[K, n]`.
      let responsibilities: Tensor

      /// Σ r·value over components: `[K, d, n]` to `[n, d]`.
      func average(_ value: Tensor) -> Tensor { (responsibilities.unsqueeze(1) * value).sum(0).transposed }
    }

    private func inBlocks(_ x: Tensor, _ body: (Local) -> Tensor) -> Tensor {
      marginal.requireRows(x)
      return x.inBlocks(of: marginal.blockRows) { block in
        let (slopes, responsibilities) = marginal.slopesAndResponsibilities(block)
        return body(Local(slopes: slopes, responsibilities: responsibilities))
      }.to(x.dtype)
    }
  }
}
