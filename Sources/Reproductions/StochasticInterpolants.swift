import Foundation
import Generative
import Probability
import Report
import Solvers
import Torch
import Training

/// Albergo, Boffi & Vanden-Eijnden 2023.
public struct StochasticInterpolants: Experiment {
  public static let slug = "stochastic-interpolants"
  public init() {}

  public func run(scale: Scale, random: RandomSource, log: (String) -> Void) throws -> ExperimentOutcome {
    ExperimentOutcome()
  }
}
