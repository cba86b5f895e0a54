import Foundation
import Probability
import Sampling
import Testing
import Torch

@Suite("Kernels: bad input") struct KernelInputTests {
  private let law = Normal.standard([2])

  private func expectError(
    _ parts: [String], sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(throws: SamplingError.self, sourceLocation: sourceLocation, performing: body)
    for part in parts {
      #expect("\(error as Any)".contains(part), "\(part)", sourceLocation: sourceLocation)
    }
  }

  @Test("parameters out of range are refused with their name and value", arguments: [0, -1, .nan, .infinity])
  func sizes(value: Double) throws {
    expectError(["RandomWalkMetropolis", "stepSize", "\(value)", "> 0"]) {
      _ = try RandomWalkMetropolis(target: law, stepSize: value)
    }
    expectError(["MetropolisAdjustedLangevin", "stepSize"]) {
      _ = try MetropolisAdjustedLangevin(target: law, stepSize: value)
    }
    expectError(["UnadjustedLangevin", "stepSize"]) {
      _ = try UnadjustedLangevin(target: law, stepSize: value)
    }
    expectError(["HamiltonianMonteCarlo", "stepSize"]) {
      _ = try HamiltonianMonteCarlo(target: law, stepSize: value, leapfrogSteps: 3)
    }
    expectError(["SliceSampler", "width"]) { _ = try SliceSampler(target: law, width: value) }
    expectError(["HamiltonianMonteCarlo", "targetAcceptance"]) {
      _ = try HamiltonianMonteCarlo(target: law, stepSize: 1, leapfrogSteps: 3, targetAcceptance: value)
    }
    expectError(["MetropolisAdjustedLangevin", "scales"]) {
      _ = try MetropolisAdjustedLangevin(target: law, stepSize: 1, scales: Tensor([1, value]))
    }
  }

  @Test("counts out of range are refused")
  func counts() throws {
    expectError(["leapfrogSteps", "0", "≥ 1"]) {
      _ = try HamiltonianMonteCarlo(target: law, stepSize: 1, leapfrogSteps: 0)
    }
    expectError(["jitter", "1.0", "[0, 1)"]) {
      _ = try HamiltonianMonteCarlo(target: law, stepSize: 1, leapfrogSteps: 2, jitter: 1)
    }
    expectError(["maximumSteps", "0"]) { _ = try SliceSampler(target: law, maximumSteps: 0) }
    let kernel = try RandomWalkMetropolis(target: law, stepSize: 1)
    func run(_ warmUp: Int, _ draws: Int, _ thin: Int) throws {
      var random = RandomSource(seed: 1)
      _ = try sampleChains(
        kernel, from: .zeros([2, 2]), warmUp: warmUp, draws: draws, thin: thin, using: &random)
    }
    expectError(["sampleChains", "warmUp", "-1"]) { try run(-1, 1, 1) }
    expectError(["draws", "0"]) { try run(0, 0, 1) }
    expectError(["thin", "0"]) { try run(0, 1, 0) }
  }

  @Test("a start that is no point is refused, naming the chain and the value", arguments: KernelMaker.all)
  func starts(maker: KernelMaker) throws {
    func start(_ position: Tensor, _ target: any LogDensity = Normal.standard([2])) throws {
      func begin(_ kernel: some Kernel) throws { _ = try kernel.initialState(position) }
      try begin(maker.make(target))
    }
    for value in [Double.nan, .infinity, -.infinity] {
      expectError(["chain 1", "position", "\(value)"]) { try start(Tensor(rows: [[0, 0], [0, value]])) }
    }
    expectError(["chain 2", "log-density", "nan"]) {
      try start(Tensor(rows: [[0, 0], [0.5, 0], [3, 0]]), BrokenNormal())
    }
    expectError(["chain 0", "log-density", "inf"]) { try start(Tensor(rows: [[-3.0, 0]]), BrokenNormal()) }
    expectError(["chain 1", "log-density", "-inf"]) {
      try start(Tensor(rows: [[1.0, 1], [-1, 1]]), KnownTarget.exponential)
    }
    expectError(["the start", "[2]", "[chains, d]"]) { try start(Tensor([1.0, 2])) }
    expectError(["the start", "[0, 2]"]) { try start(.zeros([0, 2])) }
    expectError(["the start", "int64"]) { try start(.zeros([3, 2], dtype: .int64)) }
    expectError(["log-density", "[3, 2]", "[3]"]) {
      try start(.zeros([3, 2]), ClosureLogDensity { -$0.square() })
    }
  }

  @Test("a gradient that is not finite at the start is refused")
  func gradient() throws {
    // √|x| has an infinite slope at 0.
    let target = ClosureLogDensity { -$0.abs().sqrt().sum(1) }
    expectError(["chain 1", "gradient"]) {
      _ = try MetropolisAdjustedLangevin(target: target, stepSize: 1)
        .initialState(Tensor(rows: [[1.0, 1], [0, 1]]))
    }
  }

  @Test("scales of another number of coordinates are refused")
  func scales() throws {
    expectError(["scales", "3", "2"]) {
      _ = try HamiltonianMonteCarlo(target: law, stepSize: 1, leapfrogSteps: 2, scales: Tensor([1.0, 1, 1]))
        .initialState(.zeros([4, 2]))
    }
    expectError(["scales", "[1, 2]", "[d]"]) {
      _ = try SliceSampler(target: law, scales: .ones([1, 2]))
    }
  }

  @Test("diagnostics want chains of at least four draws")
  func diagnostics() {
    expectError(["draws", "[5]"]) { _ = try ChainDiagnostics(.zeros([5])) }
    expectError(["draws", "3 of every chain", "4"]) { _ = try ChainDiagnostics(.zeros([3, 2])) }
    expectError(["draws", "[4, 0, 1]"]) { _ = try ChainDiagnostics(.zeros([4, 0, 1])) }
  }
}
