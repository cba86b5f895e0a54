import Foundation
import Statistics
import Testing
import Torch

@Suite("generalised linear models and bases")
struct GeneralisedLinearModelTests {
  private static func design(_ rows: Int) -> Tensor {
    var random = RandomSource(seed: 21)
    return random.normal([rows, 2], dtype: .double)
  }

  @Test("the score is 0 at the fit, for every family")
  func scores() throws {
    let x = Self.design(200)
    let eta = x.matmul(Tensor([0.5, -0.3]).unsqueeze(1)).squeeze(1).doubles
    let counts = eta.enumerated().map { (exp($1) * (1 + 0.5 * sin(Double($0)))).rounded() }
    for family in [GeneralisedLinearModel.Family.poisson, .negativeBinomial(size: 2)] {
      let fit = try GeneralisedLinearModel(family).fit(x, counts)
      #expect(fit.isConverged)
      let mean = fit.predict(x)
      let weights = mean.map { m in if case .negativeBinomial(let k) = family { k / (k + m) } else { 1.0 } }
      let residuals = Tensor((0..<200).map { (counts[$0] - mean[$0]) * weights[$0] })
      #expect(abs(residuals.mean().item()) < 1e-8)
      #expect((x * residuals.unsqueeze(1)).mean(0).abs().max().item() < 1e-8)
    }
    // Many variances of a Poisson: a negative binomial of endless size.
    let poisson = try GeneralisedLinearModel(.poisson).fit(x, counts)
    let binomial = try GeneralisedLinearModel(.negativeBinomial(size: 1e8)).fit(x, counts)
    #expect(abs(poisson.weights[0] - binomial.weights[0]) < 1e-6)
    #expect(abs(poisson.logLikelihood - binomial.logLikelihood) < 1e-4)
  }

  @Test("logistic regression of a table of four cells has the log odds ratio and its error in closed form")
  func oddsRatio() throws {
    // 30 of 100 against 60 of 100.
    let x = Tensor((0..<200).map { $0 < 100 ? 0.0 : 1 }, shape: [200, 1])
    let y = (0..<200).map { $0 < 100 ? ($0 < 30 ? 1.0 : 0) : ($0 < 160 ? 1 : 0) }
    let fit = try GeneralisedLinearModel(.logistic).fit(x, y)
    #expect(abs(fit.intercept - log(30.0 / 70)) < 1e-8)
    #expect(abs(fit.weights[0] - log(60.0 / 40) + log(30.0 / 70)) < 1e-8)
    let error = (1.0 / 30 + 1.0 / 70 + 1.0 / 60 + 1.0 / 40).squareRoot()
    #expect(abs(try #require(fit.standardErrors())[1] - error) < 1e-8)
    // A saturated model is right: the sandwich agrees with the information.
    #expect(abs(try #require(fit.standardErrors(robust: true))[1] - error) < 1e-8)
    // Every row twice in a cluster of two counts as once.
    let twice = try GeneralisedLinearModel(.logistic).fit(.concatenate([x, x]), y + y)
    let clustered = try #require(twice.standardErrors(clusters: Array(0..<200) + Array(0..<200)))
    #expect(abs(clustered[1] - error) < 1e-8)
    #expect(message { _ = try GeneralisedLinearModel(.poisson).fit(x, y.map { $0 + 0.5 }) }.contains("row 1"))
  }

  @Test("bases have their functions, without those that others determine")
  func bases() {
    let x = Tensor((0..<12).flatMap { [Double($0), Double($0 % 2)] }, shape: [12, 2])
    #expect(Basis.none.fitted(x)(x).shape == [12, 0])
    #expect(Basis.linear.fitted(x)(x).shape == [12, 3])
    // 1, x, b, x², xb; b² is b.
    #expect(Basis.polynomial(2).fitted(x)(x).shape == [12, 5])
    #expect(Basis.spline(2).fitted(x)(x).size(1) >= 4)
    let other = Tensor([100.0, 0, 3, 1], shape: [2, 2])
    #expect(Basis.polynomial(2).fitted(x)(other).shape == [2, 5])
  }
}
