import Foundation
import Probability
import Sampling
import Statistics
import Testing
import Torch

@Suite("Sobol' indices, laws and densities of many expectations")
struct SobolExpectationsTests {
  @Test("indices of a linear model with an interaction are what they are by calculus")
  func exact() throws {
    // 3 + u₁ + 2u₂ + u₂u₃: Var = 1 + 4 + 1.
    var random = RandomSource(seed: 51)
    func model(_ u: Tensor) -> Tensor {
      3 + u[.all, 0] + 2 * u[.all, 1] + u[.all, 1] * u[.all, 2]
    }
    let found = try MultipleExpectations(budget: 20_000).sobolIndices(
      dimension: 3, total: true, using: &random, of: model)
    let sixth = 1.0 / 6
    let first: [Double] = [sixth, 4 * sixth, 0]
    let total: [Double] = [sixth, 5 * sixth, sixth]
    for i in 0..<3 {
      #expect(abs(found.first[i].value - first[i]) < 5 * found.first[i].standardError)
      #expect(abs(found.total[i].value - total[i]) < 5 * found.total[i].standardError)
    }
    #expect(abs(found.mean.value - 3) < 5 * found.mean.standardError)
    #expect(abs(found.variance.value - 6) < 5 * found.variance.standardError)
    #expect(found.runs == 20_000 * SobolExpectations.runsPerDraw(groups: 3, total: true))
    let grouped = try MultipleExpectations(budget: 20_000).sobolIndices(
      dimension: 3, groups: [[1, 2], [0]], using: &random, of: model)
    #expect(abs(grouped.first[0].value - total[1]) < 5 * grouped.first[0].standardError)
    #expect(grouped.total.isEmpty && grouped.first.count == 2)
  }

  @Test("laws that differ in dependence and ends are told apart, and points outside cost nothing")
  func laws() throws {
    var model = InputModel([
      InputLaw(name: "a", law: .uniform, low: 0, high: 1),
      InputLaw(name: "b", law: .uniform, low: 0, high: 1),
    ])
    var laws = [try model.law()]
    for value in [0.5, -0.5] {
      model.correlations = [.init("a", "b", value)]
      laws.append(try model.law())
    }
    var random = RandomSource(seed: 52)
    var asked = 0
    let budget = 6000
    let found = try MultipleExpectations(budget: budget).estimate(
      laws.map { MultipleExpectations.Law($0) }, using: &random
    ) { x in
      asked += x.size(0)
      // NaN outside the square, where the model is not defined.
      return (x[.all, 0] * x[.all, 1]).unsqueeze(1) + 0 * x.log().sum(1, keep: true)
    }
    // E ab = ¼ + Cov, and the covariance of uniform scores with normal correlation r is asin(r/2)/(2π).
    let truths = [0, 0.5, -0.5].map { (r: Double) -> Double in 0.25 + asin(r / 2) / (2 * Double.pi) }
    for (estimate, truth) in zip(found.estimates, truths) {
      #expect(abs(estimate.value - truth) < 5 * estimate.standardError)
    }
    #expect(asked < budget)
    #expect(found.variance(of: [1, -1, 0]) > 0)
  }

  @Test("a saved density serves another function, with all its parts as controls")
  func reuse() throws {
    var random = RandomSource(seed: 53)
    let law = MultipleExpectations.Law(GaussianMixture.standardNormal(dimension: 2))
    let found = try MultipleExpectations(budget: 4000).estimate([law], using: &random) { x in
      .concatenate([x.exp(), x.square()], axis: 1)
    }
    let text = try JSONEncoder().encode(found.density)
    let density = try JSONDecoder().decode(SamplingMixture.self, from: text)
    let x = random.normal([50, 2], dtype: .double)
    func logs(_ mixture: SamplingMixture) -> [Double] {
      mixture.components.flatMap { $0.logProbability(x).doubles }
    }
    #expect(logs(density) == logs(found.density) && density.shares == found.density.shares)
    let again = try MultipleExpectations(budget: 4000).estimate([law], from: density, using: &random) { x in
      (x.sum(1, keep: true)).exp()
    }
    let truth = exp(1.0)
    #expect(abs(again.estimates[0].value - truth) < 5 * again.estimates[0].standardError)
    #expect(again.stop == .given && again.controls.count == 5)
    let other = MultipleExpectations.Law(GaussianMixture.standardNormal(dimension: 3))
    let failure = message {
      _ = try MultipleExpectations(budget: 4000).estimate([other], from: density, using: &random) { $0 }
    }
    #expect(failure.contains("2 dimensions") && failure.contains("3"))
    let far = try InputModel(["a", "b"].map { InputLaw(name: $0, law: .uniform, low: 90, high: 91) }).law()
    let outside = message {
      _ = try MultipleExpectations(budget: 400).estimate([.init(far)], from: density, using: &random) { $0 }
    }
    #expect(outside.contains("inside the laws"), "\(outside)")
    let kept = try SamplingMixture(components: density.components, shares: density.shares, defensive: 0.1)
    let both = message {
      var study = MultipleExpectations(budget: 400)
      study.isQuasiRandom = true
      _ = try study.estimate([law], from: kept, using: &random) { $0 }
    }
    #expect(both.contains("one of both"), "\(both)")
    let damaged =
      #"{"components": [{"share": 1, "weights": [], "means": [], "covariances": []}], "defensive": 0}"#
    let empty = message { _ = try JSONDecoder().decode(SamplingMixture.self, from: Data(damaged.utf8)) }
    #expect(empty.contains("a weight, a mean and a covariance a part"), "\(empty)")
  }

  @Test(
    "quasi-random points, own controls and all rounds leave the answer unbiased and its error right",
    arguments: [0, 1, 2])
  func variants(kind: Int) throws {
    var study = MultipleExpectations(budget: 4000)
    if kind == 0 { study.isQuasiRandom = true }
    if kind == 1 { study.controls = .own }
    if kind == 2 { study.combinesRounds = true }
    let truths = [1.0, 3, exp(0.5)]
    let fixed = study
    let found = try Repetitions(40).run(RandomSource(seed: 54)) { stream in
      try fixed.estimate(GaussianMixture.standardNormal(dimension: 1), using: &stream) { x in
        .concatenate([x.square(), x.square().square(), x.exp()], axis: 1)
      }.estimates
    }
    for (j, truth) in truths.enumerated() {
      let mean = Estimate(meanOf: found.map { $0[j].value })
      #expect(abs(mean.zScore(against: truth)) < 4)
      let spread = mean.standardError * 40.0.squareRoot()
      let stated = found.map { $0[j].standardError }.reduce(0, +) / 40
      #expect(spread < 1.6 * stated && spread > stated / 1.6, "\(spread), \(stated)")
    }
  }

  @Test("expectations that no run reaches are named, and the others kept")
  func unreached() throws {
    var random = RandomSource(seed: 55)
    let found = try MultipleExpectations(budget: 2000).estimate(
      GaussianMixture.standardNormal(dimension: 1), using: &random
    ) { x in .concatenate([x.square(), (x .> 40).to(.double)], axis: 1) }
    #expect(found.unreached == [1])
    #expect(abs(found.estimates[0].value - 1) < 5 * found.estimates[0].standardError)
  }

  @Test("a law whose density is not that of its draws is found")
  func mismatch() throws {
    func failure(_ law: MultipleExpectations.Law) -> String {
      message {
        var random = RandomSource(seed: 56)
        var study = MultipleExpectations(budget: 1000)
        study.checksLaws = true
        _ = try study.estimate([law], using: &random) { $0 }
      }
    }
    let normal = GaussianMixture.standardNormal(dimension: 2)
    #expect(failure(.init(normal)) == "nothing was thrown")
    let halved = MultipleExpectations.Law(
      sample: { normal.sample($0, using: &$1) }, logDensity: { normal.logProbability($0) - 0.5 })
    #expect(failure(halved).contains("law 1") && failure(halved).contains("expected 1"))
    let moved = MultipleExpectations.Law(
      sample: { normal.sample($0, using: &$1) + 1 }, logDensity: { normal.logProbability($0) })
    #expect(failure(moved).contains("law 1"))
  }

  @Test("bad options, weights and values are told with their place")
  func bad() throws {
    let normal = MultipleExpectations.Law(GaussianMixture.standardNormal(dimension: 12))
    func failure(
      _ laws: [MultipleExpectations.Law] = [normal], budget: Int = 1000,
      _ change: (inout MultipleExpectations) -> Void = { _ in }, _ phi: (Tensor) -> Tensor = { $0 }
    ) -> String {
      message {
        var random = RandomSource(seed: 57)
        var study = MultipleExpectations(budget: budget)
        change(&study)
        _ = try study.estimate(laws, using: &random, of: phi)
      }
    }
    #expect(failure(budget: 130).contains("at least 140"))
    #expect(failure([]).contains("the laws: found none"))
    #expect(failure { $0.weights = [1, -2] }.contains("weight 2: found -2"))
    #expect(failure { $0.weights = [1, 2] }.contains("the weights: found 2, expected 12"))
    #expect(failure { $0.requiresPositive = true }.contains("finite numbers ≥ 0"))
    #expect(failure { $0.family = .mixture(0) }.contains("at least 1"))
    #expect(
      failure {
        $0.isQuasiRandom = true
        $0.defensive = 0.1
      }.contains("one of both"))
    let empty = failure([normal], budget: 1000, { _ in }, { (x: Tensor) in x[.all, 0..<0] })
    #expect(empty.contains("at least one"))
    let undefined = failure([normal], budget: 1000, { _ in }, { (x: Tensor) in x / (x - x) })
    #expect(undefined.contains("φ at the point ["))
    let flat = MultipleExpectations.Law(
      sample: { Tensor.zeros([$0, 2], dtype: .double) + 0 * $1.normal([1], dtype: .double) },
      logDensity: { $0.sum(1) * 0 })
    let singular = failure([flat], budget: 1000, { _ in }, { (x: Tensor) in x + 1 })
    #expect(singular.contains("a sampling density"), "\(singular)")
    var random = RandomSource(seed: 58)
    let group = message {
      _ = try MultipleExpectations(budget: 1000).sobolIndices(
        dimension: 2, groups: [[0, 2]], using: &random
      ) { $0[.all, 0] }
    }
    #expect(group.contains("distinct inputs from 0 to 1"))
    let constant = message {
      _ = try MultipleExpectations(budget: 1000).sobolIndices(dimension: 2, using: &random) {
        $0[.all, 0] * 0 + 3
      }
    }
    #expect(constant.contains("expected an output that varies"), "\(constant)")
  }
}
