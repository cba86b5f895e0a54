import RealModule
import Solvers

/// The ratio of cases to carriers over time, and the level it must pass before cases fall: an early sign.
public struct CaseCarrierRatio: Sendable {
  public struct Reading: Sendable, Hashable {
    public let time: Double
    /// I1/C; nil where there is no carrier.
    public let ratio: Double?
    /// The ratio at which cases stop rising, (phi·Λ/C + th)/b; nil where there is no carrier.
    public let criticalForCases: Double?
    /// The ratio above which carriers rise, a N/(β S (1 − phi)) − eps − kap I2/C; nil where there is no carrier.
    public let criticalForCarriers: Double?
  }

  public let readings: [Reading]
  /// When I1/C passes the critical ratio for cases: where I1 turns.
  public let crossings: [DenseSolution.Crossing]

  /// - Parameters:
  ///   - trajectory: of ``CompartmentModel/meningitis``. Critical levels and crossings take the parameters of the
  ///     start: with seasons or interventions the ratio alone holds.
  ///   - times: inside it.
  /// - Throws: ``StatisticsError`` (`noAnswer`) for another model.
  public init(_ trajectory: Trajectory, at times: [Double]) throws(StatisticsError) {
    let model = trajectory.model
    guard model.isMeningitis else {
      throw StatisticsError(
        .noAnswer, "model \(model.name)", found: "another model", expected: "the preset meningitis")
    }
    let p = trajectory.parameters
    func value(_ name: String) -> Double { p[model.index(ofParameter: name)!] }
    let (beta, eps, kap, phi, th) = (value("beta"), value("eps"), value("kap"), value("phi"), value("th"))
    let exitOfCases = value("sg") + value("g1") + value("d1") + value("mu")
    let exitOfCarriers = th + value("rC") + value("mu")
    let (n, living) = (value("N"), value("living"))
    func mixing(_ x: [Double]) -> Double { (1 - living) * n + living * x[..<5].reduce(0, +) }
    func critical(_ x: [Double]) -> Double {
      let force = beta * x[0] / mixing(x) * (eps * x[1] + x[2] + kap * x[3])
      return (phi * force / x[1] + th) / exitOfCases
    }
    readings = times.map { t in
      let x = trajectory.state(at: t)
      guard x[1] > 0 else {
        return Reading(time: t, ratio: nil, criticalForCases: nil, criticalForCarriers: nil)
      }
      let forCarriers =
        exitOfCarriers * mixing(x) / (beta * x[0] * (1 - phi)) - eps - kap * x[3] / x[1]
      return Reading(
        time: t, ratio: x[2] / x[1], criticalForCases: critical(x),
        criticalForCarriers: forCarriers.isFinite ? forCarriers : nil)
    }
    crossings = trajectory.solution.crossings(lane: trajectory.lane) { _, x in
      x[1] > 0 ? x[2] / x[1] - critical(x) : -1
    }
  }
}
