import Foundation
import Likely
import Testing

@Suite("README")
struct ReadmeExampleTests {
  @Test("the library example runs, and fits better than a normal law")
  func example() throws {
    // README example
    var random = RandomSource(seed: 1)
    let rows = ToyData.moons.sample(2_000, using: &random)  // [2000, 2]
    let heldOut = ToyData.moons.sample(1_000, using: &random)

    var options = InterpolantOptions()
    options.training.steps = 500
    options.network.width = 64

    let training = try InterpolantTraining(options, data: InterpolantData(target: .rows(rows)))
    let model = try training.fit().model
    let logLikelihood = try model.logLikelihood(heldOut, using: &random).mean
    let samples = try model.sample(1_000, using: &random).points  // [1000, 2]
    print("\(logLikelihood) nats a row, \(samples.size(0)) samples")
    // end

    #expect(samples.shape == [1_000, 2])
    #expect(samples.doubles.allSatisfy { $0.isFinite })
    // 500 steps of a small network already beat the normal law of the same moments, beyond the error of both means.
    let doubles = rows.to(.double)
    let normal = try MultivariateNormal(mean: doubles.mean(0), covariance: Self.covariance(doubles))
    let reference = Estimate(meanOf: normal.logProbability(heldOut.to(.double)).doubles)
    #expect((logLikelihood - reference).zScore(against: 0) > 4)
  }

  @Test("the README prints this file's example")
  func agreement() throws {
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    let readme = try String(contentsOf: package.appending(path: "README.md"), encoding: .utf8)
    let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)

    let printed = try #require(readme.firstRange(of: "```swift\nimport Likely\n\n", before: "```\n"))
    let run = try #require(source.firstRange(of: "    // README example\n", before: "    // end\n"))
    let unindented = run.split(separator: "\n", omittingEmptySubsequences: false).map { $0.dropFirst(4) }
      .joined(separator: "\n")
    #expect(printed == unindented)
    #expect(printed.split(separator: "\n").count + 1 <= 15)
  }

  private static func covariance(_ rows: Tensor) -> Tensor {
    let centred = rows - rows.mean(0)
    return centred.transposed.matmul(centred) / Double(rows.size(0) - 1)
  }
}

extension String {
  /// The text between the first `start` and the next `end` after it.
  fileprivate func firstRange(of start: String, before end: String) -> String? {
    guard let opening = range(of: start), let closing = range(of: end, range: opening.upperBound..<endIndex)
    else { return nil }
    return String(self[opening.upperBound..<closing.lowerBound])
  }
}
