import Torch

/// Where the laws' equal mixture lies and how widely it spreads, coordinate by coordinate.
struct LawMoments {
  /// `[d]`.
  let mean: Tensor
  /// `[d]`.
  let variance: Tensor

  private init(mean: Tensor, variance: Tensor) { (self.mean, self.variance) = (mean, variance) }

  /// By 4000 draws, which cost no run of the model.
  /// - Parameter random: a stream of its own, so that the study's numbers are the same with and without them.
  init(of laws: [MultipleExpectations.Law], random: RandomSource) {
    var random = random
    let count = max(100, 4000 / laws.count)
    let x = Tensor.concatenate(laws.map { $0.sample(count, &random) })
    mean = x.mean(0)
    variance = (x - mean).square().mean(0)
  }

  /// In other units.
  func scaled(_ centre: Tensor, _ scale: Tensor) -> LawMoments {
    LawMoments(mean: (mean - centre) / scale, variance: variance / scale.square())
  }
}
