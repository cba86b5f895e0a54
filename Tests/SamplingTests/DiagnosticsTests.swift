import Foundation
import Probability
import Sampling
import Testing
import Torch

@Suite("Chain diagnostics") struct DiagnosticsTests {
  private func close(_ found: Double, _ expected: Double) -> Bool {
    abs(found - expected) <= 1e-9 * max(1, abs(expected))
  }

  @Test("as ArviZ finds them")
  func parity() throws {
    let stored = ArvizFixture.stored.chains
    #expect(stored.count == 10)
    for chains in stored {
      let found = try ChainDiagnostics(chains.tensor)
      if let rHat = chains.rHat {
        #expect(close(found.rHat[0], rHat), "\(chains.name): R̂ \(found.rHat[0]), \(rHat)")
      }
      let (bulk, tail) = (found.bulkEffectiveSampleSize[0], found.tailEffectiveSampleSize[0])
      #expect(close(bulk, chains.bulk), "\(chains.name): bulk \(bulk), \(chains.bulk)")
      #expect(close(tail, chains.tail), "\(chains.name): tail \(tail), \(chains.tail)")
      #expect(close(found.means[0].value, chains.mean), "\(chains.name)")
      let error = found.means[0].standardError
      #expect(close(error, chains.standardError), "\(chains.name): error \(error), \(chains.standardError)")
    }
  }

  @Test("coordinates do not see each other")
  func coordinates() throws {
    let stored = ArvizFixture.stored.chains.filter { $0.draws.count == 4 && $0.draws[0].count == 100 }
    #expect(stored.count == 3)
    let found = try ChainDiagnostics(.stack(stored.map(\.tensor), axis: 2))
    for (i, chains) in stored.enumerated() {
      #expect(close(found.rHat[i], chains.rHat!) && close(found.bulkEffectiveSampleSize[i], chains.bulk))
    }
  }

  /// x_t = φ x_{t−1} + …: m·n draws of it are worth m·n (1 − φ)/(1 + φ).
  @Test("the size of autoregressive chains is the known one", arguments: [0.9, 0.5, -0.3])
  func autoregressive(decay: Double) throws {
    var random = RandomSource(seed: 51)
    let (n, m, d) = (4000, 4, 30)
    var x = random.normal([m, d], dtype: .double)
    var draws = [x]
    for _ in 1..<n {
      x = decay * x + (1 - decay * decay).squareRoot() * random.normal([m, d], dtype: .double)
      draws.append(x)
    }
    let found = try ChainDiagnostics(.stack(draws))
    let expected = Double(n * m) * (1 - decay) / (1 + decay)
    let ratios = found.bulkEffectiveSampleSize.map { $0 / expected }
    // The spread over 30 coordinates gives the error; the sequence's own bias is a few per cent.
    let mean = Estimate(meanOf: ratios)
    #expect(abs(mean.value - 1) < 5 * mean.standardError + 0.03)
    // R̂² − 1 is about the error of a half chain's mean, (1 + φ)/(1 − φ)/2000; four times that is out of reach.
    let time = (1 + decay) / (1 - decay)
    #expect(found.rHat.allSatisfy { $0 * $0 - 1 < max(4 * time / 2000, 0.004) })
    // The standard errors are those of the means, whose truth is 0: χ² with 30 degrees of freedom.
    let square = found.means.reduce(0) { $0 + pow($1.zScore(against: 0), 2) }
    #expect(square > 5 && square < 85)
  }

  @Test("monotone transformations leave R̂ and the sizes as they are; the heavy tail shows in no rank")
  func ranks() throws {
    let x = ArvizFixture.stored.chains[1].tensor
    let (a, b) = (try ChainDiagnostics(x), try ChainDiagnostics((2 * x).exp()))
    #expect(close(a.bulkEffectiveSampleSize[0], b.bulkEffectiveSampleSize[0]))
    #expect(close(a.tailEffectiveSampleSize[0], b.tailEffectiveSampleSize[0]))
  }

  @Test("chains that never move have all or nothing, and a NaN shows only in its coordinate")
  func degenerate() throws {
    let constant = try ChainDiagnostics(.full([10, 3], 2.5, dtype: .double))
    #expect(constant.bulkEffectiveSampleSize == [30] && constant.rHat[0].isNaN)
    #expect(constant.means[0].value == 2.5 && constant.means[0].standardError == 0)
    // Each chain stuck at a place of its own.
    let stuck = try ChainDiagnostics(Tensor([1.0, 2, 3, 4]).expand([50, 4]))
    #expect(stuck.rHat[0] == .infinity || stuck.rHat[0] > 100)
    #expect(stuck.bulkEffectiveSampleSize[0] < 10)
    var values = RandomSource(seed: 52).drawing { $0.normal([20, 4, 2], dtype: .double) }.doubles
    values[6] = .nan
    let mixed = try ChainDiagnostics(Tensor(values, shape: [20, 4, 2]))
    #expect(mixed.rHat[0].isNaN && mixed.bulkEffectiveSampleSize[0].isNaN)
    #expect(mixed.tailEffectiveSampleSize[0].isNaN && mixed.rHat[1].isFinite)
    #expect(mixed.bulkEffectiveSampleSize[1].isFinite && mixed.tailEffectiveSampleSize[1].isFinite)
  }
}
