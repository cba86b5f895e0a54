/// What is wrong with a request to an interpolant, and what to do about it.
public enum InterpolantError: Error, Sendable, Hashable, CustomStringConvertible {
  case dimensionMismatch(base: Int, target: Int)
  case noScore(String)
  case notDerivable(field: String, learned: [String])
  case negativeEpsilon(Double)
  case timeOrder(start: Double, end: Double)
  case timeOutside(Double)
  case oneSidedNeedsGaussianBase
  case exactFieldsNeedIndependentEnds
  case pairsRequired(String)
  case pairsDiffer(base: Int, target: Int)
  case noBaseDensity
  case noTargetDensity
  case mirrorFlowIsIdentity
  case singularEnd(time: Double, reason: String)
  case invalidOption(name: String, found: String, expected: String)
  case tooFewRows(found: Int, needed: Int)
  case nonFiniteData(row: Int, column: Int)
  case conditionRequired(String)
  case conditionUnexpected
  case columnsDiffer(found: Int, expected: Int)

  public var description: String {
    switch self {
    case .dimensionMismatch(let base, let target):
      "--base has \(base) columns and --data \(target); both ends of an interpolant have the same"
    case .noScore(let why):
      "no score is available: \(why); choose a schedule with noise (for example --gamma brownian), "
        + "or the ODE with --epsilon 0"
    case .notDerivable(let field, let learned):
      "the field \(field) does not follow from the learned fields \(learned.joined(separator: ", ")); "
        + "train with --fields b,eta"
    case .negativeEpsilon(let value): "--epsilon \(value): the noise level must be at least 0"
    case .timeOrder(let start, let end): "--t0 \(start) and --tf \(end): the first must be smaller"
    case .timeOutside(let time): "time \(time) is outside [0, 1]"
    case .oneSidedNeedsGaussianBase:
      "a one-sided schedule takes the standard Gaussian as its base; use a two-sided schedule such as linear "
        + "for another base"
    case .exactFieldsNeedIndependentEnds:
      "exact fields need independent ends; the mirror's ends are the same point"
    case .pairsRequired(let what):
      "\(what) needs pairs: give --base a table with as many rows as --data, and --coupling paired"
    case .pairsDiffer(let base, let target):
      "pairs are matched row by row, but --base has \(base) rows and --data \(target)"
    case .noBaseDensity:
      "no likelihood: the base is known by samples only; give it as `gaussian` or as a mixture file"
    case .noTargetDensity:
      "no likelihood at t = 0: the target's density is not known; give it as a mixture file"
    case .mirrorFlowIsIdentity:
      "the mirror's ODE maps every point to itself; sample with --sampler sde-forward"
    case .singularEnd(let time, let reason):
      "the field diverges at t = \(time) (\(reason)); keep away from it with --t0 or --tf"
    case .invalidOption(let name, let found, let expected): "\(name) \(found): expected \(expected)"
    case .tooFewRows(let found, let needed): "\(found) rows are too few; at least \(needed) are needed"
    case .nonFiniteData(let row, let column):
      "row \(row), column \(column) is NaN or infinite; remove or impute it"
    case .conditionRequired(let what): "the model was trained with a condition; give \(what)"
    case .conditionUnexpected: "the model was trained without a condition; leave it out"
    case .columnsDiffer(let found, let expected):
      "the data have \(found) columns, but the model has \(expected)"
    }
  }
}
