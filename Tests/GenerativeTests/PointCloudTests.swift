import Foundation
import Generative
import Probability
import Sampling
import Testing
import Torch
import Training

@Suite("Clouds of alike points") struct PointCloudTests {
  /// Five points in three dimensions, centred.
  private func rows(_ count: Int, seed: UInt64 = 1) -> Tensor {
    var random = RandomSource(seed: seed)
    return LennardJonesCluster(points: 5, temperature: 1).centred(random.normal([count, 15]))
  }

  private func model(_ change: (inout DiffusionOptions) -> Void = { _ in }) throws -> DiffusionModel {
    var options = DiffusionOptions()
    options.schedule = .ve(low: 0.05, high: 5)
    options.network = NetworkOptions(architecture: .equivariant, width: 8, depth: 2, pointShape: [5, 3])
    options.standardises = false
    change(&options)
    return try DiffusionTraining(options, target: .rows(rows(10))).makeModel()
  }

  @Test("a turned, mirrored, moved and renumbered cloud gets values alike")
  func symmetry() {
    var random = RandomSource(seed: 2)
    let network = EquivariantNetwork(shape: [5, 3], context: 2, width: 16, depth: 3, using: &random)
    let context = Tensor([0.3, -1] as [Float])
    let x = rows(7)
    let values = withoutGradient { network(x, context: context) }
    #expect(values.reshape(7, 5, 3).sum(1).abs().max().item() < 1e-5)
    #expect(values.abs().max().item() > 1e-4)
    // An orthogonal map, of either sign of the determinant.
    let turn = random.normal([3, 3]).qr().q
    for map in [turn, -1 * turn] {
      let turned = withoutGradient {
        network(x.reshape(7, 5, 3).matmul(map).flatten(1), context: context)
      }
      #expect((turned - values.reshape(7, 5, 3).matmul(map).flatten(1)).abs().max().item() < 1e-5)
    }
    let moved = withoutGradient {
      network((x.reshape(7, 5, 3) + Tensor([1, -2, 0.5] as [Float])).flatten(1), context: context)
    }
    #expect((moved - values).abs().max().item() < 1e-5)
    let order = Tensor([3, 0, 4, 1, 2] as [Int64])
    func renumbered(_ t: Tensor) -> Tensor { t.reshape(7, 5, 3).select(axis: 1, order).flatten(1) }
    let other = withoutGradient { network(renumbered(x), context: context) }
    #expect((other - renumbered(values)).abs().max().item() < 1e-5)
    // A context a row is the same as a shared one.
    let own = withoutGradient { network(x, context: context.unsqueeze(0).expand([7, 2])) }
    #expect((own - values).abs().max().item() < 1e-6)
  }

  @Test("draws of such a model are centred, by every sampler, by steering and by correctors")
  func centred() throws {
    let model = try model()
    func offset(_ x: Tensor) -> Double { x.reshape(x.size(0), 5, 3).mean(1).abs().max().item() }
    for sampler in [DiffusionSampler.ddpm, .ddim(0), .heun, .sde] {
      var random = RandomSource(seed: 3)
      #expect(offset(try model.sample(100, sampler: sampler, steps: 10, using: &random)) < 1e-4)
    }
    var steering = SteeringOptions()
    (steering.steps, steering.groups, steering.gradientScale) = (10, 3, 1)
    let reward = ClosureReward { $0.square().sum(1) * -0.1 }
    let steered = try model.steer(reward: reward, options: steering, random: RandomSource(seed: 4))
    #expect(offset(steered.particles.state) < 1e-4)
    var correcting = CorrectorOptions()
    (correcting.particles, correcting.steps, correcting.end) = (50, 10, 0)
    // An untrained model agrees with nothing.
    correcting.stopsOnCollapse = false
    let denoiser = try model.denoiser()
    #expect(denoiser.freedom == 12)
    let corrected = try correct(
      .annealed(denoiser, exponent: 2), model.schedule, options: correcting, random: RandomSource(seed: 5))
    #expect(offset(corrected.particles.state) < 1e-4)
    // N(0, σ²)² has ½ d (−log 2πσ² − log 2) as its logarithm's normaliser.
    #expect(
      abs(corrected.logNormaliserOfNoise - 6 * (-log(2 * Double.pi * 25) - log(2.0))) < 1e-9)
  }

  @Test("a model of points needs their shape and one scale")
  func refusals() {
    func error(_ change: (inout DiffusionOptions) -> Void) -> String {
      do { _ = try model(change) } catch { return "\(error)" }
      return ""
    }
    #expect(error { $0.network.pointShape = nil }.hasPrefix("points: found none"))
    #expect(error { $0.network.pointShape = [4, 3] }.hasPrefix("points: found 4×3"))
    #expect(error { $0.standardises = true }.hasPrefix("standardise: found on"))
  }

  @Test("energies of Lennard-Jones clusters: a pair, a triangle, and the gradient against autograd")
  func energies() {
    let pair = LennardJonesCluster(points: 2, dimensions: 1, temperature: 2)
    // At distance 1 the pair is at rest with −1, and the well adds ½ (¼ + ¼).
    #expect(abs(pair.energy(Tensor(rows: [[3.0, 4]])).item() - (-1 + 0.25)) < 1e-12)
    #expect(abs(pair.logDensity(Tensor(rows: [[3.0, 4]])).item() - 0.375) < 1e-12)
    #expect(abs(pair.energy(Tensor(rows: [[0.0, 2]])).item() - (pow(2, -12) - 2 * pow(2, -6) + 1)) < 1e-12)
    let triangle = LennardJonesCluster(points: 3, dimensions: 2, temperature: 1)
    let corners = Tensor(rows: [[0.0, 0, 1, 0, 0.5, 0.75.squareRoot()]])
    #expect(abs(triangle.energy(corners).item() - (-3 + 0.5)) < 1e-12)
    #expect(pair.energy(Tensor(rows: [[1.0, 1]])).item() == .infinity)

    let cluster = LennardJonesCluster(points: 5, temperature: 0.7)
    let x = 1.5 * rows(20).to(.double)
    let (value, score) = cluster.logDensityAndScore(x)
    let (again, gradient) = withGradient {
      let point = x.requiringGradient()
      let y = cluster.logDensity(point)
      return (y.detach(), gradients(of: [y.sum()], withRespectTo: [point])[0])
    }
    #expect((value - again).abs().max().item() < 1e-9)
    let size = gradient.abs().max().item()
    #expect((score - gradient).abs().max().item() < 1e-9 * size)
    #expect(
      (cluster.energy(x + 2) - cluster.energy(x)).abs().max().item() < 1e-6
        * cluster.energy(x).abs().max().item())
  }
}
