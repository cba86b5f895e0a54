import Foundation
import Probability
import Testing
import Torch

/// A mixture of K normals on ℝᵈ with random weights, means and covariances.
func randomMixture(_ k: Int, _ d: Int, seed: UInt64, spread: Double = 2) throws -> GaussianMixture {
  var source = RandomSource(seed: seed)
  let root = source.normal([k, d, d], dtype: .double)
  let covariances = root.matmul(root.transposed) / Double(d) + 0.3 * Tensor.identity(d, dtype: .double)
  return try GaussianMixture(
    weights: (0..<k).map { _ in 0.2 + source.uniform() },
    means: spread * source.normal([k, d], dtype: .double), covariances: covariances)
}

@Suite("Gaussian mixtures") struct GaussianMixtureTests {
  @Test("the density is the weighted sum of multivariate normals; the score is its gradient")
  func density() throws {
    let mixture = try randomMixture(3, 2, seed: 1)
    let parts = try (0..<3).map {
      try MultivariateNormal(mean: mixture.means[$0], covariance: mixture.covariances[$0])
    }
    let generic = try Mixture(parts, weights: mixture.weights)
    var source = RandomSource(seed: 2)
    let x = 3 * source.normal([50, 2], dtype: .double)
    expectClose(mixture.logProbability(x), generic.logProbability(x), 1e-12)
    expectClose(mixture.responsibilities(x), generic.logResponsibilities(x).exp(), 1e-12)
    let gradient = valueAndGradient(of: { mixture.logProbability($0) }, at: x).gradient
    expectClose(mixture.score(x), gradient, 1e-11)
    #expect(mixture.score(x.to(.float)).dtype == .float)
    let far = mixture.logProbability(Tensor(rows: [[1e6, 0], [.infinity, 0], [.nan, 0]])).doubles
    #expect(far[0].isFinite && far[1] == -.infinity && far[2].isNaN)
    #expect(mixture.score(Tensor(rows: [[1e6, 0]])).isFinite().all().item() == 1)
  }

  @Test("blocks of rows give what all rows at once give")
  func blocks() throws {
    let mixture = try randomMixture(8, 64, seed: 3)
    var source = RandomSource(seed: 4)
    // One block holds 8192 rows.
    let x = source.normal([8200, 64], dtype: .double)
    let whole = mixture.logProbability(x)
    expectClose(whole[8180..<8200], mixture.logProbability(x[8180..<8200]), 1e-13)
    expectClose(mixture.score(x)[8195], mixture.score(x[8195..<8196])[0], 1e-13)
  }

  @Test("draws have the mixture's mean and covariance and every component its share")
  func draws() throws {
    let mixture = try randomMixture(3, 2, seed: 5)
    var source = RandomSource(seed: 6)
    let x = mixture.sample(50_000, using: &source)
    let centred = x - mixture.mean
    for i in 0..<2 {
      #expect(abs(Estimate(meanOf: centred[.all, i].doubles).zScore(against: 0)) < 6)
      for j in 0...i {
        let products = Estimate(meanOf: (centred[.all, i] * centred[.all, j]).doubles)
        #expect(abs(products.zScore(against: mixture.covariance[i, j].item())) < 6)
      }
    }
    let shares = mixture.responsibilities(x)
    for k in 0..<3 {
      #expect(abs(Estimate(meanOf: shares[.all, k].doubles).zScore(against: mixture.weights[k])) < 6)
    }
    let none = mixture.sample(0, using: &source)
    #expect(none.shape == [0, 2])
    #expect(mixture.logProbability(none).shape == [0] && mixture.score(none).shape == [0, 2])
  }

  @Test("a marginal is the law of the chosen coordinates; in one dimension it has a distribution function")
  func marginals() throws {
    let mixture = try randomMixture(3, 4, seed: 7)
    var source = RandomSource(seed: 8)
    let x = mixture.sample(20_000, using: &source)
    let marginal = mixture.marginal(over: [2])
    #expect(kolmogorovSmirnov(x[.all, 2]) { marginal.cdf($0) }.pValue > 1e-6)
    #expect(kolmogorovSmirnov(x[.all, 1]) { marginal.cdf($0) }.pValue < 1e-6)
    let points = Tensor([-1.5, 0.2, 3])
    let h = 1e-5
    let slope = (marginal.cdf(points + h) - marginal.cdf(points - h)) / (2 * h)
    expectClose(slope, marginal.logProbability(points.unsqueeze(-1)).exp(), 1e-8)
    let swapped = mixture.marginal(over: [3, 0])
    expectClose(swapped.covariance[0, 1], mixture.covariance[0, 3], 1e-14)
    expectClose(swapped.mean[0], mixture.mean[3], 1e-14)
  }

  @Test("weights are divided by their sum; bad parameters are refused with the component")
  func validation() throws {
    let one = Tensor.ones([2, 1, 1], dtype: .double)
    let mixture = try GaussianMixture(
      weights: [30, 10], means: Tensor([0.0, 1], shape: [2, 1]), covariances: one)
    #expect(mixture.weights == [0.75, 0.25])
    func refused(_ weights: [Double], _ means: Tensor, _ covariances: Tensor) -> ParameterError? {
      #expect(throws: ParameterError.self) {
        try GaussianMixture(weights: weights, means: means, covariances: covariances)
      }
    }
    let means = Tensor.zeros([2, 1], dtype: .double)
    #expect(refused([], means, one)?.parameter == "weights")
    #expect(refused([1, -1], means, one)?.found == "-1.0 at position [1]")
    #expect(refused([0, 0], means, one)?.parameter == "weights")
    #expect(refused([1, 1], means + Double.nan, one)?.parameter == "means")
    #expect(refused([1, 1, 1], means, one)?.parameter == "means")
    #expect(refused([1, 1], means, one[0..<1])?.parameter == "covariances")
    let flat = Tensor([1.0, -2], shape: [2, 1, 1])
    #expect(refused([1, 1], means, flat)?.found == "a least eigenvalue of -2.0 in component 1")
  }
}

@Suite("Gaussian mixture files") struct GaussianMixtureFileTests {
  private func write(_ text: String) throws -> URL {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent(
      "mixture-\(UUID().uuidString).json")
    try Data(text.utf8).write(to: url)
    return url
  }

  private func refused(
    _ text: String, at place: String, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
  )
    throws
  {
    let url = try write(text)
    defer { try? FileManager.default.removeItem(at: url) }
    let error = #expect(throws: GaussianMixtureFileError.self, sourceLocation: sourceLocation) {
      try GaussianMixture(contentsOf: url)
    }
    #expect(error?.file == url.path, sourceLocation: sourceLocation)
    #expect(error?.place == place, "\(error as Any)", sourceLocation: sourceLocation)
    #expect(error?.reason.contains(reason) == true, "\(error as Any)", sourceLocation: sourceLocation)
  }

  @Test("a good file is read")
  func good() throws {
    let url = try write(
      #"{"weights": [1, 3], "means": [[0, 0.5], [1, -2]], "covariances": [[[1, 0.2], [0.2, 2]], [[1, 0], [0, 1e-2]]]}"#
    )
    defer { try? FileManager.default.removeItem(at: url) }
    let mixture = try GaussianMixture(contentsOf: url)
    #expect(mixture.weights == [0.25, 0.75])
    #expect(mixture.means.doubles == [0, 0.5, 1, -2])
    #expect(mixture.covariances[0].doubles == [1, 0.2, 0.2, 2])
  }

  @Test("a bad file is refused with the key, the component and the row")
  func bad() throws {
    try refused("", at: "", "not JSON")
    try refused("[1, 2]", at: "", "an array")
    try refused(
      #"{"weights": [1e999], "means": [[0]], "covariances": [[[1]]]}"#, at: "", "not JSON with finite")
    try refused(#"{"means": [[0]], "covariances": [[[1]]]}"#, at: "weights", "missing")
    try refused(#"{"weights": [1], "mean": [[0]], "covariances": [[[1]]]}"#, at: "mean", "not a key")
    try refused(#"{"weights": [], "means": [], "covariances": []}"#, at: "weights", "empty")
    try refused(#"{"weights": [1, -2], "means": [[0], [1]], "covariances": []}"#, at: "weights[1]", "-2.0")
    try refused(#"{"weights": [1, "a"], "means": [[0], [1]], "covariances": []}"#, at: "weights[1]", "\"a\"")
    try refused(#"{"weights": [true], "means": [[0]], "covariances": [[[1]]]}"#, at: "weights[0]", "true")
    try refused(#"{"weights": [0], "means": [[0]], "covariances": [[[1]]]}"#, at: "weights", "positive sum")
    try refused(#"{"weights": [1, 1], "means": [[0]], "covariances": []}"#, at: "means", "expected 2")
    try refused(
      #"{"weights": [1, 1], "means": [[0], [1, 2]], "covariances": []}"#, at: "means[1]", "expected 1")
    try refused(#"{"weights": [1], "means": [[]], "covariances": [[]]}"#, at: "means[0]", "empty")
    try refused(#"{"weights": [1], "means": [[null]], "covariances": [[[1]]]}"#, at: "means[0][0]", "null")
    try refused(
      #"{"weights": [1], "means": [[0, 0]], "covariances": [[[1, 0]]]}"#, at: "covariances[0]", "expected 2")
    try refused(
      #"{"weights": [1], "means": [[0, 0]], "covariances": [[[1, 0], [0]]]}"#, at: "covariances[0][1]",
      "expected 2")
    try refused(
      #"{"weights": [1], "means": [[0, 0]], "covariances": [[[1, 0.5], [0, 1]]]}"#, at: "covariances[0]",
      "asymmetry of 0.5")
    try refused(
      #"{"weights": [1], "means": [[0, 0]], "covariances": [[[1, 2], [2, 1]]]}"#, at: "covariances[0]",
      "eigenvalue of -")
  }

  @Test("a file that is not there is refused with its path")
  func missing() {
    let url = URL(fileURLWithPath: "/nowhere/mixture.json")
    let error = #expect(throws: GaussianMixtureFileError.self) { try GaussianMixture(contentsOf: url) }
    #expect(error?.description.hasPrefix("/nowhere/mixture.json: not found") == true)
  }
}
