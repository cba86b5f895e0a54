import Probability
import RealModule
import Torch

/// What adaptive questions make of a sample without signal: ask for the d correlations of signs with a label, and let the
/// answers' signs vote. The vote's accuracy on the sample is faked, and known exactly.
public struct OverfittingAttack: Sendable, Hashable {
  /// Records, odd.
  public let rows: Int
  /// Features, odd: questions asked.
  public let features: Int
  /// Noise on every answer, with its standard deviation; `nil` for none.
  public let noise: PrivacyNoise?
  public let deviation: Double

  public init(rows: Int, features: Int, noise: PrivacyNoise? = nil, deviation: Double = 0)
    throws(StatisticsError)
  {
    guard rows >= 1, rows % 2 == 1, features >= 1, features % 2 == 1 else {
      throw StatisticsError(
        .option, "the attack", found: "\(rows) rows, \(features) features",
        expected: "odd numbers, so that no vote is a tie")
    }
    guard deviation >= 0, deviation.isFinite, noise == nil || deviation > 0 else {
      throw StatisticsError(.option, "the noise", found: "\(deviation)", expected: "a deviation above 0")
    }
    guard noise != nil || deviation == 0 else {
      throw StatisticsError(
        .option, "the noise", found: "a deviation of \(deviation) without a law",
        expected: "laplace or gaussian")
    }
    (self.rows, self.features, self.noise, self.deviation) = (rows, features, noise, deviation)
  }

  /// E[accuracy on the sample]: P(Bin(d, (1 + μ)/2) > d/2) with μ = E|c|, or E[c(2F(c) − 1)] under noise with the distribution function
  /// F, c = (2B − n)/n and B ~ Bin(n, ½).
  public var exactAccuracy: Double {
    let n = Double(rows)
    var mean = 0.0
    for b in 0...rows {
      let log = Double.logGamma(n + 1) - .logGamma(Double(b) + 1) - .logGamma(n - Double(b) + 1) - n * .log(2)
      let c = (2 * Double(b) - n) / n
      let sign =
        noise.map { 2 * $0.distribution(c, scale: $0.scale(deviation: deviation)) - 1 } ?? (c > 0 ? 1 : -1)
      mean += .exp(log) * c * sign
    }
    let half = Double(features + 1) / 2
    return regularizedIncompleteBeta(half, half, (1 + mean) / 2)
  }

  /// The most memory that ``simulate(using:)`` takes at once: signs as integers while they are drawn, and
  /// four copies as numbers of single precision.
  public var bytes: Double { 24 * Double(rows) * Double(features) }

  /// One run: the accuracy on the sample and on as many fresh records.
  public func simulate(using random: inout RandomSource) -> (sample: Double, fresh: Double) {
    let n = rows
    // Features times the label: signs as well, and all that matters.
    let products = random.integers([n, features], in: 0..<2).to(.float) * 2 - 1
    var answers = products.mean(0)
    if let noise {
      let scale = noise.scale(deviation: deviation)
      answers = answers + Tensor((0..<features).map { _ in noise.draw(scale, using: &random) }).to(.float)
    }
    let vote = Vote(signs: (answers .> 0).to(.float) * 2 - 1)
    let fresh = random.integers([n, features], in: 0..<2).to(.float) * 2 - 1
    return (vote.accuracy(products), vote.accuracy(fresh))
  }

  /// The same with every question asked through a mechanism, which has as many training records besides; ``noise`` is not added.
  ///
  /// Features that the mechanism no longer answers about get signs by chance.
  /// - Returns: also how many questions were answered.
  public func simulate(through server: some QueryServer, using random: inout RandomSource) -> (
    sample: Double, fresh: Double, answered: Int
  ) {
    var server = server
    func signs(_ random: inout RandomSource) -> Tensor {
      random.integers([rows, features], in: 0..<2).to(.float) * 2 - 1
    }
    let (kept, training) = (signs(&random), signs(&random))
    let (columns, seen) = (kept.transposed.to(.double).doubles, training.transposed.to(.double).doubles)
    var chosen: [Double] = []
    for j in 0..<features {
      let own = j * rows..<(j + 1) * rows
      let query = StatisticalQuery(
        "feature \(j + 1)", values: Array(columns[own]), training: Array(seen[own]), range: -1...1)
      guard let answer = try? server.answer(query) else { break }
      chosen.append(answer.value > 0 ? 1 : -1)
    }
    let answered = chosen.count
    for _ in answered..<features { chosen.append(random.uniform() < 0.5 ? 1 : -1) }
    let vote = Vote(signs: Tensor(chosen).to(.float))
    return (vote.accuracy(kept), vote.accuracy(signs(&random)), answered)
  }

  /// The majority of the features, each with its sign.
  private struct Vote {
    let signs: Tensor

    func accuracy(_ products: Tensor) -> Double {
      (products.matmul(signs.unsqueeze(1)) .> 0).to(.double).mean().item()
    }
  }
}
