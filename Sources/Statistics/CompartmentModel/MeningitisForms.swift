import RealModule
import Solvers

/// What the model ``CompartmentModel/meningitis`` has in closed form: a closed population with constant rates.
///
/// Notation of the model: a = th + rC, b = sg + g1 + d1 and e = g2 + d2 are the exits of C, I1 and I2.
public struct MeningitisForms: Sendable, Hashable {
  public var beta, eps, kap, phi, th, rC, sg, g1, d1, g2, d2: Double
  /// Persons at the start: all, carriers, stage I, stage II, immune.
  public var population, carriers, stageI, stageII, immune: Double

  /// - Parameter values: of ``CompartmentModel/meningitis``.
  /// - Throws: ``StatisticsError`` (`noAnswer`) where an option leaves the closed forms, or an exit is 0.
  public init(_ values: [Double]) throws(StatisticsError) {
    let model = CompartmentModel.meningitis
    precondition(values.count == model.parameters.count, "MeningitisForms: values of the meningitis model")
    func value(_ name: String) -> Double { values[model.index(ofParameter: name)!] }
    for name in ["om", "mu", "nu", "living", "Ab", "Ath"] where value(name) != 0 {
      throw StatisticsError(
        .noAnswer, "parameter \(name)", found: "\(value(name))", expected: "0 for the closed forms",
        advice: "integrate instead")
    }
    (beta, eps, kap, phi) = (value("beta"), value("eps"), value("kap"), value("phi"))
    (th, rC, sg, g1, d1, g2, d2) = (
      value("th"), value("rC"), value("sg"), value("g1"), value("d1"), value("g2"), value("d2")
    )
    (population, carriers, stageI) = (value("N"), value("C0"), value("I10"))
    (stageII, immune) = (value("I20"), value("immune"))
    for (name, exit, made) in [("C", a, "th + rC"), ("I1", b, "sg + g1 + d1"), ("I2", e, "g2 + d2")]
    where !(exit > 0) {
      throw StatisticsError(
        .noAnswer, "exit of \(name), \(made)", found: "\(exit)", expected: "a rate above 0",
        advice: "who is never healed infects without end: R0 is infinite")
    }
  }

  public var a: Double { th + rC }
  public var b: Double { sg + g1 + d1 }
  public var e: Double { g2 + d2 }

  /// K_I: infections by someone who enters stage I.
  public var infectionsByCase: Double { beta / b * (1 + kap * sg / e) }
  /// K_C: infections by a new carrier.
  public var infectionsByCarrier: Double { beta * eps / a + th / a * infectionsByCase }
  public var reproductionNumber: Double { (1 - phi) * infectionsByCarrier + phi * infectionsByCase }
  /// The beta at which R₀ is 1.
  public var criticalBeta: Double { beta / reproductionNumber }
  /// The eps at which R₀ is 1; below 0 where cases alone suffice, NaN for phi = 1.
  public var criticalEps: Double {
    a / beta * ((1 - phi * infectionsByCase) / (1 - phi) - th / a * infectionsByCase)
  }
  /// The ratio I1/C below which cases still rise, th/b; exact for phi = 0.
  public var criticalRatio: Double { th / b }

  /// Those ever infected after the start, S(0) − S(∞).
  ///
  /// The root of ln(S(0)/S∞) = [R₀ T + K_C C(0) + K_I I1(0) + (β κ/e) I2(0)]/N, T = S(0) − S∞.
  public var newInfections: Double {
    let susceptible = population - carriers - stageI - stageII - immune
    guard susceptible > 0 else { return 0 }
    let seeds =
      infectionsByCarrier * carriers + infectionsByCase * stageI + beta * kap / e * stageII
    let r0 = reproductionNumber
    // In x = ln(S(0)/S∞) ≥ 0, where the curve bends one way: T = S(0)(1 − e^−x). A root above 0 exists for any seed.
    func excess(_ x: Double) -> Double {
      x - (r0 * susceptible * -Double.expMinusOne(-x) + seeds) / population
    }
    let most = (r0 * susceptible + seeds) / population
    guard seeds > 0 else {
      guard r0 * susceptible > population else { return 0 }
      // Without seeds 0 is a root too; the other lies beyond the minimum.
      let least = Double.log(r0 * susceptible / population)
      return -susceptible * .expMinusOne(-root(between: least, and: most, of: excess))
    }
    return -susceptible * .expMinusOne(-root(between: 0, and: most * (1 + 1e-12) + 1e-300, of: excess))
  }

  /// Susceptibles in the end.
  public var finalSusceptible: Double {
    population - carriers - stageI - stageII - immune - newInfections
  }
  /// Share of the population infected at the start or later.
  public var everInfected: Double { (newInfections + carriers + stageI + stageII) / population }
  /// All who enter stage I, those of the start included.
  public var totalCases: Double {
    phi * newInfections + th / a * ((1 - phi) * newInfections + carriers) + stageI
  }
  public var deaths: Double {
    totalCases * (d1 / b + sg / b * d2 / e) + stageII * d2 / e
  }
}
