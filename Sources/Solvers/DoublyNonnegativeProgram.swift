import RealModule
import Torch

/// An affine set of symmetric block matrices `[blocks, n, n]` with a projection in closed form.
public protocol AffineMatrixSet {
  /// W − Π(W) = 𝒜*λ, and ⟨b, λ⟩, a scalar: the step to the nearest member of {𝒜Z = b}, and its level.
  func correction(_ w: Tensor) -> (matrix: Tensor, level: Tensor)
  /// The trace of every block of a member.
  var trace: Double { get }
}

/// max Σ ⟨A_k, Z_k⟩ over block matrices that are positive semidefinite, non-negative in every entry, and in an affine set.
///
/// Solved by the alternating direction method of multipliers on the dual problem, min ⟨b, y⟩ with 𝒜*y + S + N = −A, S ⪰ 0
/// and N ≥ 0; the multiplier of its constraint is Z. One pass takes S, then y, N and y again (symmetric Gauss–Seidel), then
/// Z with steps of the golden ratio. A pass costs one batched eigendecomposition and two projections on the affine set.
/// Every pass, converged or not, gives a valid upper bound on the optimum.
///
/// Source: Sun, Toh & Yang 2015, SIAM J. Optim. 25(2), for the order of the steps; Wen, Goldfarb & Yin 2010 for the dual.
public struct DoublyNonnegativeProgram: Sendable {
  /// Passes stop where the relative primal and dual residuals are both at most this.
  public var tolerance = 1e-6
  public var maximumIterations = 2000
  /// Passes between looks at residuals and bounds, each of which waits for the device; among the first passes, of which few suffice
  /// from a good start, and later.
  public var earlyInterval = 5
  public var earlyPasses = 60
  public var checkInterval = 20
  /// Share of the passes so far that follow a change of the penalty before the next: changes that grow rare let the method
  /// converge, and each is judged by residuals over a longer while.
  public var balancePause = 0.4

  public init() {}

  /// What a solution with nearby A can start from.
  public struct State: Sendable {
    var z: Tensor
    var nonnegative: Tensor
    var penalty: Double

    /// From matrices that are thought to be near the solution, `[blocks, n, n]`.
    public init(matrices: Tensor) {
      self.init(z: matrices, nonnegative: .zeros(like: matrices), penalty: 2 / Double(matrices.size(1)))
    }

    init(z: Tensor, nonnegative: Tensor, penalty: Double) {
      (self.z, self.nonnegative, self.penalty) = (z, nonnegative, penalty)
    }
  }

  /// One look at the iterates.
  public struct Iterate {
    public let iteration: Int
    /// Z, positive semidefinite, of low rank near a solution.
    public let matrices: Tensor
    /// Relative residuals of the affine set and of signs, and of the dual constraint.
    public let primalResidual: Double
    public let dualResidual: Double
    /// Σ ⟨A, Z⟩, not a bound before convergence.
    public let objective: Double
    /// No member of the set has a larger objective; the least bound so far.
    public let upperBound: Double
    /// D in the range of 𝒜* and N ≥ 0, for which D − A − N is nearly positive semidefinite.
    public let dual: Tensor
    public let nonnegative: Tensor
  }

  public struct Solution: Sendable {
    /// `[blocks, n, n]`, positive semidefinite.
    public let matrices: Tensor
    public let objective: Double
    public let upperBound: Double
    public let iterations: Int
    public let primalResidual: Double
    public let dualResidual: Double
    /// Whether the tolerance was met, or `stop` said so.
    public let isConverged: Bool
    public let state: State
  }

  /// - Parameters:
  ///   - objective: A, `[blocks, n, n]`, symmetric, `Double`.
  ///   - zeros: `[n, n]`, true where every block must be 0.
  ///   - state: of a program with nearby A.
  ///   - stop: asked at every look; true ends the passes as converged.
  ///   - isOutOfTime: asked at every look; true ends the passes as not converged.
  /// - Complexity: O(blocks · n³) a pass.
  public func maximise(
    _ objective: Tensor, over set: some AffineMatrixSet, zeros: Tensor? = nil, from state: State? = nil,
    stop: (Iterate) -> Bool = { _ in false }, isOutOfTime: () -> Bool = { false }
  ) -> Solution {
    precondition(
      objective.rank == 3 && objective.size(1) == objective.size(2),
      "DoublyNonnegativeProgram: an objective of shape \(objective.shape)")
    // What the affine set fixes anyway does not matter to the solution; without it scales are those of the choice.
    let (fixed, level) = set.correction(objective)
    let neutral = set.correction(Tensor.zeros(like: objective))
    let span = fixed - neutral.matrix
    let relative = objective - span
    let n = Double(objective.size(1))
    let blocks = Double(objective.size(0))
    let scale = max(relative.norm().item() / (n * blocks.squareRoot()), .leastNormalMagnitude)
    let shift = (level - neutral.level).item()
    let cost = relative * (-1 / scale)
    var passes = Passes(cost: cost, zeros: zeros, state: state ?? Self.start(cost))
    var balance = PenaltyBalance(pause: balancePause)
    var bound = Double.infinity
    var iteration = 0
    while true {
      passes.run(set)
      iteration += 1
      let isLast = iteration >= maximumIterations
      let interval = iteration <= earlyPasses ? min(earlyInterval, checkInterval) : checkInterval
      guard iteration % interval == 0 || isLast else { continue }
      let look = passes.look(set, iteration, scale: scale, shift: shift, span: span, bound: bound)
      bound = look.upperBound
      let isDone = max(look.primalResidual, look.dualResidual) <= tolerance || stop(look)
      if isDone || isLast || isOutOfTime() { return passes.solution(look, isDone) }
      passes.penalty *= balance.factor(
        iteration, primal: look.primalResidual, dual: look.dualResidual)
    }
  }

  private static func start(_ cost: Tensor) -> State {
    State(z: .zeros(like: cost), nonnegative: .zeros(like: cost), penalty: 1 / Double(cost.size(1)))
  }
}

/// The iterates of the dual method. Symbols are those of the field: C = −A, σ the penalty.
private struct Passes {
  let cost: Tensor
  let zeros: Tensor?
  var z: Tensor
  var nonnegative: Tensor
  var penalty: Double
  /// 𝒜*y, and ⟨b, y⟩.
  var adjoint: Tensor
  var level: Tensor
  /// Z with its exact low rank, as the last step of S leaves it.
  var low: Tensor
  var residual: Tensor

  init(cost: Tensor, zeros: Tensor?, state: DoublyNonnegativeProgram.State) {
    (self.cost, self.zeros) = (cost, zeros)
    (z, nonnegative, penalty) = (state.z, state.nonnegative, state.penalty)
    (adjoint, low, residual) = (.zeros(like: cost), state.z, .zeros(like: cost))
    level = Tensor(0.0)
  }

  mutating func run(_ set: some AffineMatrixSet) {
    let target = cost - z / penalty
    // S = (C − Z/σ − N − 𝒜*y)₊; what is cut off is −Z/σ to come.
    let w = target - nonnegative - adjoint
    let cut = w.negativePart()
    let s = w - cut
    low = cut * -penalty
    dual(set, s, target)
    let free = target - s - adjoint
    nonnegative = zeros.map { Tensor.where($0, free, free.relu()) } ?? free.relu()
    dual(set, s, target)
    residual = adjoint + s + nonnegative - cost
    z = z.adding(residual, scaledBy: 1.618 * penalty)
  }

  /// 𝒜*y from 𝒜𝒜*y = b/σ − 𝒜(S + N − C + Z/σ), which is a projection.
  private mutating func dual(_ set: some AffineMatrixSet, _ s: Tensor, _ target: Tensor) {
    let (matrix, level) = set.correction((s + nonnegative - target) * penalty)
    adjoint = matrix * (-1 / penalty)
    self.level = level * (-1 / penalty)
  }

  func look(
    _ set: some AffineMatrixSet, _ iteration: Int, scale: Double, shift: Double, span: Tensor, bound: Double
  ) -> DoublyNonnegativeProgram.Iterate {
    let size = low.norm()
    let outside = zeros.map { Tensor.where($0, low, low.clamp(-.infinity, 0)) } ?? low.clamp(-.infinity, 0)
    let primal = set.correction(low).matrix.norm().maximum(outside.norm()) / (size + 1)
    let dual = residual.norm() / (cost.norm() + 1)
    // −⟨b, y⟩ − trace · Σ λ_min(C − 𝒜*y − N).
    let least = (cost - adjoint - nonnegative).leastEigenvalues().sum()
    let facts = Tensor.stack([primal, dual, -(cost * low).sum(), -(level + set.trace * least)]).doubles
    return DoublyNonnegativeProgram.Iterate(
      iteration: iteration, matrices: low, primalResidual: facts[0], dualResidual: facts[1],
      objective: facts[2] * scale + shift, upperBound: min(bound, facts[3] * scale + shift),
      dual: span - adjoint * scale, nonnegative: nonnegative * scale)
  }

  func solution(_ last: DoublyNonnegativeProgram.Iterate, _ isConverged: Bool)
    -> DoublyNonnegativeProgram.Solution
  {
    DoublyNonnegativeProgram.Solution(
      matrices: last.matrices, objective: last.objective, upperBound: last.upperBound,
      iterations: last.iteration, primalResidual: last.primalResidual, dualResidual: last.dualResidual,
      isConverged: isConverged,
      state: .init(z: z, nonnegative: nonnegative, penalty: penalty))
  }
}

extension Tensor {
  /// The part of symmetric matrices `[blocks, n, n]` that belongs to eigenvalues below 0, from the smaller side.
  func negativePart() -> Tensor {
    let (values, vectors) = blockwiseEigh()
    let n = size(-1)
    let count = (values .< 0).to(.int64).sum(-1).max().integer()
    if count <= n / 2 {
      let own = vectors.slice(axis: 2, start: 0, end: count)
      let levels = values.slice(axis: 1, start: 0, end: count).clamp(-.infinity, 0)
      return (own * levels.unsqueeze(1)).matmul(own.transposed)
    }
    let first = (values .<= 0).to(.int64).sum(-1).min().integer()
    let own = vectors.slice(axis: 2, start: first)
    let levels = values.slice(axis: 1, start: first).clamp(0, .infinity)
    return self - (own * levels.unsqueeze(1)).matmul(own.transposed)
  }

  /// Eigenvalues and vectors of `[blocks, n, n]`, blocks side by side: LAPACK's own threads gain little at these sizes.
  private func blockwiseEigh() -> (values: Tensor, vectors: Tensor) {
    guard device == .cpu, size(0) > 1 else { return eigh() }
    let parts = concurrently(size(0)) { block in self[block].eigh() }
    return (.stack(parts.map(\.values)), .stack(parts.map(\.vectors)))
  }

  /// Of symmetric matrices, one a block.
  func leastEigenvalues() -> Tensor {
    eigh().values.select(axis: -1, Tensor([0], device: device)).squeeze(-1)
  }
}

/// When and by how much the penalty changes: a large one drives the dual residual, a small one the primal.
struct PenaltyBalance {
  let pause: Double
  private var logRatios: [Double] = []
  private var next = 0

  init(pause: Double) { self.pause = pause }

  /// The root of the ratio of the residuals since the last change, at most 2; 1 where it is near, or too early.
  mutating func factor(_ iteration: Int, primal: Double, dual: Double) -> Double {
    logRatios.append(.log(max(dual, 1e-300) / max(primal, 1e-300)))
    guard iteration >= next else { return 1 }
    let mean = logRatios.reduce(0, +) / Double(logRatios.count)
    logRatios = []
    next = iteration + max(15, Int(pause * Double(iteration)))
    let factor = min(2, max(0.5, .exp(0.5 * mean)))
    return abs(factor - 1) > 0.2 ? factor : 1
  }
}

extension DoublyNonnegativeProgram.State {
  public var blocks: Int { z.size(0) }
  public var rows: Int { z.size(1) }
}
