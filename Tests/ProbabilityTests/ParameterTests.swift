import Probability
import Testing
import Torch

@Suite("Parameters") struct ParameterTests {
  private func expectError(
    _ distribution: String, _ parameter: String, _ found: String,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
  ) {
    let error = #expect(throws: ParameterError.self, sourceLocation: sourceLocation, performing: body)
    #expect(error?.distribution == distribution, sourceLocation: sourceLocation)
    #expect(error?.parameter == parameter, sourceLocation: sourceLocation)
    #expect(error?.found.contains(found) == true, "\(error?.found ?? "")", sourceLocation: sourceLocation)
    #expect(error?.expected.isEmpty == false, sourceLocation: sourceLocation)
  }

  @Test("a bad value is refused with the parameter's name, the value and its place")
  func values() {
    expectError("Normal", "standardDeviation", "-1.0") { _ = try Normal(mean: 0, standardDeviation: -1.0) }
    expectError("Normal", "standardDeviation", "0.0 at position [1]") {
      _ = try Normal(mean: 0, standardDeviation: [1.0, 0.0])
    }
    expectError("Normal", "mean", "nan") { _ = try Normal(mean: .nan as Double, standardDeviation: 1) }
    expectError("LogNormal", "scale", "inf") { _ = try LogNormal(location: 0, scale: .infinity as Double) }
    expectError("Uniform", "high", "1.0") { _ = try Uniform(low: 1, high: 1) }
    expectError("StudentT", "degreesOfFreedom", "0.0") { _ = try StudentT(degreesOfFreedom: 0) }
    expectError("Gamma", "rate", "-2.0") { _ = try Gamma(concentration: 1, rate: -2) }
    expectError("Beta", "alpha", "0.0") { _ = try Beta(alpha: 0, beta: 1) }
    expectError("Dirichlet", "concentration", "[1]") { _ = try Dirichlet(concentration: [1.0]) }
    expectError("Exponential", "rate", "nan") { _ = try Exponential(rate: Double.nan) }
    expectError("Laplace", "scale", "0.0") { _ = try Laplace(location: 0, scale: 0) }
    expectError("Bernoulli", "probability", "1.5") { _ = try Bernoulli(probability: 1.5) }
    expectError("Bernoulli", "logits", "inf") { _ = try Bernoulli(logits: Double.infinity) }
    expectError("Categorical", "logits", "-inf") {
      _ = try Categorical(logits: [-.infinity, -Double.infinity])
    }
    expectError("Categorical", "probabilities", "-0.5 at position [1]") {
      _ = try Categorical(probabilities: [1.0, -0.5])
    }
    expectError("Binomial", "trials", "2.5") { _ = try Binomial(trials: 2.5, probability: 0.5) }
    expectError("Poisson", "rate", "0.0") { _ = try Poisson(rate: 0) }
    expectError("NegativeBinomial", "mean", "0.0") { _ = try NegativeBinomial(mean: 0, dispersion: 1) }
    expectError("NegativeBinomial", "dispersion", "-1.0") {
      _ = try NegativeBinomial(mean: 2, dispersion: -1)
    }
  }

  @Test("shapes that do not fit are refused")
  func shapes() {
    expectError("Normal", "standardDeviation", "[3]") {
      _ = try Normal(mean: [0.0, 1], standardDeviation: [1.0, 1, 1])
    }
    expectError("Normal", "mean", "empty") { _ = try Normal(mean: [Double](), standardDeviation: 1) }
    expectError("MultivariateNormal", "covariance", "[2, 3]") {
      _ = try MultivariateNormal(mean: [0.0, 0], covariance: .zeros([2, 3], dtype: .double))
    }
    expectError("MultivariateNormal", "covariance", "asymmetric") {
      _ = try MultivariateNormal(mean: [0.0, 0], covariance: Tensor([1.0, 0.5, 0, 1], shape: [2, 2]))
    }
    expectError("MultivariateNormal", "covariance", "not positive definite") {
      _ = try MultivariateNormal(mean: [0.0, 0], covariance: Tensor([1.0, 2, 2, 1], shape: [2, 2]))
    }
    expectError("MultivariateNormal", "factor", "-1.0 at position [0]") {
      _ = try MultivariateNormal(mean: [0.0, 0], factor: Tensor([-1.0, 0, 0, 1], shape: [2, 2]))
    }
    expectError("Mixture", "components", "empty") { _ = try Mixture([Normal](), weights: []) }
    expectError("Mixture", "logWeights", "2 numbers") {
      _ = try Mixture([Normal.standard()], weights: [1, 2])
    }
    expectError("Mixture", "components", "[2] at position 1") {
      _ = try Mixture([Normal.standard(), Normal.standard([2])], weights: [1, 1])
    }
    expectError("AffineTransformed", "scale", "0.0") {
      _ = try AffineTransformed(Normal.standard(), scale: 0)
    }
    expectError("AffineTransformed", "shift and scale", "[2]") {
      _ = try AffineTransformed(Normal.standard(), shift: [1.0, 2])
    }
    expectError("KernelDensity", "data", "hyperplane") {
      _ = try KernelDensity(Tensor(rows: [[0.0, 0], [1, 1], [2, 2]]))
    }
    expectError("KernelDensity", "data", "nan") { _ = try KernelDensity(Tensor([1.0, .nan, 2])) }
  }

  @Test("the message names the distribution, the parameter, what was found and what was expected")
  func message() {
    let error = #expect(throws: ParameterError.self) { _ = try Normal(mean: 0, standardDeviation: -1.0) }
    #expect(error?.description == "Normal: standardDeviation is -1.0; expected finite numbers > 0")
  }
}
