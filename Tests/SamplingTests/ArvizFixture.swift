import Foundation
import Torch

/// Numbers of ArviZ, found beside the tests; `Fixtures/make.py` says how they were made.
struct ArvizFixture: Decodable {
  struct Chains: Decodable, Sendable {
    let name: String
    /// `[chains][draws]`.
    let draws: [[Double]]
    /// ArviZ gives none for one chain.
    let rHat: Double?
    let bulk: Double
    let tail: Double
    let mean: Double
    let standardError: Double

    /// `[draws, chains]`.
    var tensor: Tensor { Tensor(rows: draws).transposed }
  }
  struct Weights: Decodable, Sendable {
    let name: String
    let logWeights: [Double]
    let efficiency: Double
    /// Normalised.
    let smoothed: [Double]
    /// `nil` is +∞.
    let shape: Double?
  }
  let chains: [Chains]
  let weights: [Weights]

  static let stored: ArvizFixture = {
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/arviz.json")
    do { return try JSONDecoder().decode(ArvizFixture.self, from: Data(contentsOf: url)) } catch {
      fatalError("\(url.path): \(error)")
    }
  }()
}
