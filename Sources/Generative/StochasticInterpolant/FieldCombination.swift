import Probability
import Torch

/// A conditional expectation that a network learns or a formula gives, as a function of (t, x).
public enum InterpolantField: String, Sendable, Hashable, Codable, CaseIterable {
  /// b = E[İ + γ̇ z | x_t = x], the velocity of the probability flow.
  case velocity = "b"
  /// v = E[İ | x_t = x].
  case drift = "v"
  /// s = ∇ log ρ_t.
  case score = "s"
  /// η_z = E[z | x_t = x]; the score is −η_z over the noise's scale.
  case denoiser = "eta"
  /// η₀ = E[x₀ | x_t = x].
  case startMean = "eta_0"
  /// η₁ = E[x₁ | x_t = x].
  case endMean = "eta_1"
  /// E with s = −∇E.
  case energy = "E"
  /// u = b + a s of the diffusive schedule, E[İ − √(2at/(1−t)) z | x_t = x]: regular at t = 0, where b and s are not.
  case diffusiveDrift = "u"
}

/// A field as a linear combination of learned fields, the point itself and a constant vector:
/// Σ cₖ fₖ(t, x) + c·x + m. Divergences combine the same way.
public struct FieldCombination: Sendable {
  public var terms: [(field: InterpolantField, coefficient: Double)]
  public var identity: Double = 0
  /// The factor on the mean of x₁, where a formula needs it.
  public var meanOfEnd: Double = 0

  init(_ terms: [(InterpolantField, Double)], identity: Double = 0, meanOfEnd: Double = 0) {
    // A vanishing coefficient drops its field, so that a field that diverges there is not asked: 0 · ∞.
    self.terms = terms.filter { $0.1 != 0 }.map { (field: $0.0, coefficient: $0.1) }
    (self.identity, self.meanOfEnd) = (identity, meanOfEnd)
  }

  func scaled(by factor: Double) -> FieldCombination {
    FieldCombination(
      terms.map { ($0.field, $0.coefficient * factor) }, identity: identity * factor,
      meanOfEnd: meanOfEnd * factor)
  }

  func adding(_ other: FieldCombination) -> FieldCombination {
    var sums: [(InterpolantField, Double)] = terms.map { ($0.field, $0.coefficient) }
    for term in other.terms {
      if let i = sums.firstIndex(where: { $0.0 == term.field }) {
        sums[i].1 += term.coefficient
      } else {
        sums.append((term.field, term.coefficient))
      }
    }
    return FieldCombination(
      sums, identity: identity + other.identity, meanOfEnd: meanOfEnd + other.meanOfEnd)
  }
}

/// Which fields follow from which, at one time of a schedule: the only place where b, v, s and η are converted.
///
/// Two-sided: x = α η₀ + β η₁ + γ η_z and b = α̇ η₀ + β̇ η₁ + γ̇ η_z. One-sided: x = α η_z + β η₁.
package struct FieldConversion {
  let kind: InterpolantSchedule.Kind
  let at: ScheduleValues
  let learned: Set<InterpolantField>

  package init(_ schedule: InterpolantSchedule, at t: Double, learned: Set<InterpolantField>) {
    kind = schedule.kind
    at = schedule.values(at: t)
    self.learned = learned
  }

  /// `nil` where the learned fields do not determine the one asked for.
  package func combination(for field: InterpolantField) -> FieldCombination? {
    if learned.contains(field) { return FieldCombination([(field, 1)]) }
    return switch field {
    case .velocity: velocity
    case .drift: drift
    case .score: score
    case .denoiser: denoiser
    case .startMean: startMean
    case .endMean: endMean
    case .energy, .diffusiveDrift: nil
    }
  }

  private var noiseScale: Double { kind == .oneSided ? at.alpha : at.gamma }

  private var hasScore: Bool { learned.contains(.score) || learned.contains(.energy) }

  private var score: FieldCombination? {
    if learned.contains(.energy) { return FieldCombination([(.energy, 1)]) }
    return denoiser?.scaled(by: -1 / noiseScale)
  }

  private var denoiser: FieldCombination? {
    if learned.contains(.denoiser) { return FieldCombination([(.denoiser, 1)]) }
    if hasScore { return FieldCombination([(learned.contains(.score) ? .score : .energy, -noiseScale)]) }
    switch kind {
    case .oneSided:
      if learned.contains(.endMean) {
        return FieldCombination([(.endMean, -at.beta / at.alpha)], identity: 1 / at.alpha)
      }
      if learned.contains(.velocity) {
        // At β = 0 the point is α z.
        guard at.beta > 0 else { return FieldCombination([], identity: 1 / at.alpha) }
        let ratio = at.betaDot / at.beta
        let weight = at.alphaDot - at.alpha * ratio
        return FieldCombination([(.velocity, 1 / weight)], identity: -ratio / weight)
      }
      return nil
    case .twoSided:
      guard learned.contains(.startMean), learned.contains(.endMean) else { return nil }
      return FieldCombination(
        [(.startMean, -at.alpha / at.gamma), (.endMean, -at.beta / at.gamma)], identity: 1 / at.gamma)
    case .mirror:
      return learned.contains(.velocity) ? FieldCombination([(.velocity, 1 / at.gammaDot)]) : nil
    }
  }

  /// γ̇ η_z; from the score as −γγ̇ s, which stays finite at the ends.
  private func gammaDotTimesDenoiser() -> FieldCombination? {
    if at.gammaGammaDot == 0 { return FieldCombination([]) }
    if learned.contains(.score) { return FieldCombination([(.score, -at.gammaGammaDot)]) }
    if learned.contains(.energy) { return FieldCombination([(.energy, -at.gammaGammaDot)]) }
    return denoiser?.scaled(by: at.gammaDot)
  }

  private var velocity: FieldCombination? {
    switch kind {
    case .mirror: return gammaDotTimesDenoiser()
    case .oneSided:
      guard let noise = denoiser else { return nil }
      if learned.contains(.endMean), !learned.contains(.denoiser), !hasScore {
        // At α = 0 the noise is independent of the point, which is x₁.
        guard at.alpha > 0 else { return FieldCombination([], identity: at.betaDot) }
        return noise.scaled(by: at.alphaDot).adding(FieldCombination([(.endMean, at.betaDot)]))
      }
      guard at.beta > 0 else {
        return FieldCombination([], identity: at.alphaDot / at.alpha, meanOfEnd: at.betaDot)
      }
      let ratio = at.betaDot / at.beta
      return noise.scaled(by: at.alphaDot - at.alpha * ratio).adding(FieldCombination([], identity: ratio))
    case .twoSided:
      if learned.contains(.drift), let noise = gammaDotTimesDenoiser() {
        return FieldCombination([(.drift, 1)]).adding(noise)
      }
      guard let start = startMean, let end = endMean, let noise = gammaDotTimesDenoiser() else { return nil }
      return start.scaled(by: at.alphaDot).adding(end.scaled(by: at.betaDot)).adding(noise)
    }
  }

  private var drift: FieldCombination? {
    guard let velocity = combination(for: .velocity), let noise = gammaDotTimesDenoiser() else { return nil }
    return kind == .oneSided ? velocity : velocity.adding(noise.scaled(by: -1))
  }

  private var startMean: FieldCombination? {
    if learned.contains(.startMean) { return FieldCombination([(.startMean, 1)]) }
    switch kind {
    case .oneSided: return denoiser
    case .mirror: return endMean
    case .twoSided:
      guard learned.contains(.endMean), let noise = denoiser else { return nil }
      return FieldCombination([(.endMean, -at.beta / at.alpha)], identity: 1 / at.alpha).adding(
        noise.scaled(by: -at.gamma / at.alpha))
    }
  }

  private var endMean: FieldCombination? {
    if learned.contains(.endMean) { return FieldCombination([(.endMean, 1)]) }
    guard let noise = denoiser else { return nil }
    switch kind {
    case .oneSided:
      return noise.scaled(by: -at.alpha / at.beta).adding(FieldCombination([], identity: 1 / at.beta))
    case .mirror: return noise.scaled(by: -at.gamma).adding(FieldCombination([], identity: 1))
    case .twoSided:
      guard learned.contains(.startMean) else { return nil }
      return FieldCombination([(.startMean, -at.alpha / at.beta)], identity: 1 / at.beta).adding(
        noise.scaled(by: -at.gamma / at.beta))
    }
  }
}
