import Foundation
import Solvers
import Torch

/// One number as a state.
func state(_ values: Double...) -> Tensor { Tensor(values, shape: [1, values.count]) }

/// Numbers of scipy, found beside the tests; `Fixtures/make.py` says how they were made.
struct ScipyFixture: Decodable {
  struct Orbit: Decodable {
    let times: [Double]
    let states: [[Double]]
    let rk45_evaluations: Int
    let rk45_end: [Double]
  }
  struct Matching: Decodable {
    let costs: [Double]
    let n: Int
    let columns: [Int]
    let total: Double
  }
  let lotka_volterra: Orbit
  let assignments: [Matching]

  static func load(_ file: String = #filePath) throws -> ScipyFixture {
    let url = URL(fileURLWithPath: file).deletingLastPathComponent().appending(path: "Fixtures/scipy.json")
    return try JSONDecoder().decode(ScipyFixture.self, from: Data(contentsOf: url))
  }
}
