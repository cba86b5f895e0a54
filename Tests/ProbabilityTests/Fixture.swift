import Foundation
import Testing
import Torch

/// Numbers from other software, found beside the tests; `Fixtures/make.py` says how they were made.
struct Fixture: Decodable {
  struct Family: Decodable {
    let family: String
    let parameters: [Double]
    let x: [Double]
    let logProbability: [Number]
    let cdf: [Number]
    let levels: [Double]?
    let quantile: [Number]?
    let mean: Number
    let variance: Number
    let entropy: Number?
  }
  struct MultivariateCase: Decodable {
    let mean: [Double]
    let covariance: [[Double]]
    let x: [[Double]]
    let logProbability: [Double]
    let entropy: Double
  }
  struct DirichletCase: Decodable {
    let concentration: [Double]
    let x: [[Double]]
    let logProbability: [Double]
    let variance: [Double]
    let entropy: Double
  }
  struct Samples: Decodable {
    let u: [Double]
    let v: [Double]
    let oneSample: [Double]
    let twoSample: [Double]
    let energy: Double
  }
  struct BootstrapCase: Decodable {
    let data: [Double]
    let percentile: [Double]
    let bca: [Double]
  }
  struct KernelDensityCase: Decodable {
    let data: [[Double]]
    let x: [[Double]]
    let logProbability: [Double]
    let factor: Double
  }
  /// A number that may be ±∞ or NaN, which stand in the file as text.
  struct Number: Decodable {
    let value: Double
    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        value = number
      } else {
        value = Double(try container.decode(String.self)) ?? .nan
      }
    }
  }

  let families: [Family]
  let incompleteBeta: [[Double]]
  /// x, ψ(x), ψ′(x).
  let polygamma: [[Double]]
  let multivariateNormal: MultivariateCase
  let dirichlet: DirichletCase
  let kolmogorovSurvival: [[Double]]
  let samples: Samples
  let bootstrap: BootstrapCase
  let kernelDensity: KernelDensityCase

  static let scipy: Fixture = {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/scipy.json")
    do { return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: url)) } catch {
      fatalError("\(url.path): \(error)")
    }
  }()
}

/// Whether two numbers agree to `tolerance` relative to the larger of 1 (or `floor`) and the expected one.
func close(_ found: Double, _ expected: Double, _ tolerance: Double, floor: Double = 1) -> Bool {
  if expected.isNaN { return found.isNaN }
  if expected.isInfinite { return found == expected }
  return abs(found - expected) <= tolerance * max(floor, abs(expected))
}

func expectClose(
  _ found: [Double], _ expected: [Double], _ tolerance: Double, floor: Double = 1, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found.count == expected.count else {
    Issue.record(
      "\(what): \(found.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  for (i, pair) in zip(found, expected).enumerated() {
    #expect(
      close(pair.0, pair.1, tolerance, floor: floor),
      "\(what) at \(i): \(pair.0), expected \(pair.1) to \(tolerance)", sourceLocation: sourceLocation)
  }
}

func expectClose(
  _ found: Tensor, _ expected: Tensor, _ tolerance: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.shape == expected.shape, "\(what)", sourceLocation: sourceLocation)
  expectClose(found.doubles, expected.doubles, tolerance, what, sourceLocation: sourceLocation)
}
