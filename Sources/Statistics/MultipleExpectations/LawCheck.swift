import Probability
import RealModule
import Torch

/// Whether a law's draws and density belong together: two integrals that are 1 if they do.
enum LawCheck {
  private static let count = 4000

  /// With q a normal with the draws' moments: E_f[q/f] = 1 by the law's draws, E_q[f/q] = 1 by those of q. A narrow q serves the
  /// first and a wide one the second, so that the ratios have moderate tails.
  /// - Throws: ``StatisticsError`` naming the law.
  static func run(_ law: MultipleExpectations.Law, _ place: Int, using random: inout RandomSource)
    throws(StatisticsError)
  {
    let moments = law.sample(count, &random)
    let d = moments.size(1)
    let centred = moments - moments.mean(0)
    let covariance = centred.transposed.matmul(centred) / Double(count)
    func normal(_ factor: Double) throws(StatisticsError) -> GaussianMixture {
      do {
        return try GaussianMixture(
          weights: [1], means: moments.mean(0).unsqueeze(0),
          covariances: (covariance * factor).reshape(1, d, d))
      } catch {
        throw StatisticsError(
          .badData, "law \(place + 1)", found: "draws that do not spread in every direction",
          expected: "a density on all of the space")
      }
    }
    let (narrow, wide) = (try normal(0.5), try normal(2))
    let drawn = law.sample(count, &random)
    try expectOne(
      (narrow.logProbability(drawn) - law.logDensity(drawn)).exp(), place, "the density of the draws")
    let other = wide.sample(count, using: &random)
    try expectOne(
      (law.logDensity(other) - wide.logProbability(other)).exp(), place, "the integral of the density")
  }

  private static func expectOne(_ ratios: Tensor, _ place: Int, _ what: String) throws(StatisticsError) {
    let mean = Estimate(meanOf: ratios.doubles)
    // The ratio of two equal densities has no spread.
    guard abs(mean.value - 1) <= 5 * mean.standardError + 1e-9 else {
      throw StatisticsError(
        .badData, "law \(place + 1)", found: "\(what): \(mean)", expected: "1",
        advice: "its draws and its normalised log-density have to belong to one law")
    }
  }
}
