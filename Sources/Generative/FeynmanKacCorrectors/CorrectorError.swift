/// Why models cannot be composed.
public enum CorrectorError: Error, Sendable, Hashable, CustomStringConvertible {
  case option(_ name: String, _ found: String, _ expected: String)
  /// Models over spaces of different shapes.
  case shapes([Int], [Int])
  /// Models with different noise schedules, or different scales of their columns.
  case incompatible(String)
  /// NaN or infinity from an expert.
  case score(expert: Int, time: Double)
  /// One particle carries nearly all the weight.
  case collapsed(time: Double, effectiveSampleSize: Double)

  public var description: String {
    switch self {
    case .option(let name, let found, let expected): "\(name): found \(found), expected \(expected)"
    case .shapes(let a, let b):
      "the experts draw shapes \(a) and \(b); models of the same columns are expected"
    case .incompatible(let what):
      "the experts do not fit together: \(what)"
    case .score(let expert, let time):
      "the score of expert \(expert + 1) at time \(time) is not finite; end earlier, or take a model that covers the particles"
    case .collapsed(let time, let size):
      "the weights collapsed at time \(time): \(size) effective particles; take milder exponents, more steps or more particles"
    }
  }
}
