import Foundation
import Solvers
import Statistics
import Testing
import Torch

@Suite("likelihood-adjusted semidefinite programs")
struct LikelihoodAdjustedSDPTests {
  /// Three far clusters of 20 on the plane, with their covariances' factors.
  private static func far(_ seed: UInt64, each count: Int = 20) -> (x: Tensor, labels: [Int], factors: Tensor)
  {
    var random = RandomSource(seed: seed)
    let covariances: [[[Double]]] = [[[1, 0], [0, 0.5]], [[0.5, 0], [0, 2]], [[1, 0.6], [0.6, 1]]]
    let factors = Tensor.stack(covariances.map { Tensor(rows: $0) }).cholesky()
    let means: [[Double]] = [[0, 0], [8, 0], [0, 8]]
    let parts = means.indices.map { k in
      random.normal([count, 2], dtype: .double).matmul(factors[k].transposed) + Tensor(means[k])
    }
    return (.concatenate(parts), (0..<3 * count).map { $0 / count }, factors)
  }

  private static func lifted(_ labels: [Int], _ clusters: Int, weights: [Double]) -> Tensor {
    .stack(
      (0..<clusters).map { k in
        let u = zip(labels, weights).map { $0 == k ? $1.squareRoot() : 0 }
        let mass = zip(labels, weights).reduce(0) { $0 + ($1.0 == k ? $1.1 : 0) }
        return Tensor(u).outer(Tensor(u)) / mass
      })
  }

  /// 2ℓ + n p log 2π of labels by the definition.
  private static func likelihood(
    _ x: Tensor, _ labels: [Int], _ factors: Tensor, weights: [Double]
  ) -> Double {
    var sum = 0.0
    for k in 0..<factors.size(0) {
      let own = labels.indices.filter { labels[$0] == k }
      let rows = x.select(axis: 0, Tensor(own))
      let w = Tensor(own.map { weights[$0] }).unsqueeze(1)
      let mean = (rows * w).sum(0) / w.sum()
      let z = factors[k].triangularSolve((rows - mean).transposed)
      let logDeterminant = 2 * factors[k].diagonal().log().sum().item()
      sum -= (z.square() * w.squeeze(1)).sum().item() + logDeterminant * w.sum().item()
    }
    return sum
  }

  @Test("2ℓ of a partition is Σ ⟨A_k, Z_k⟩, with weights as well")
  func identity() throws {
    var random = RandomSource(seed: 1)
    let (x, _, factors) = Self.far(1)
    for trial in 0..<10 {
      let labels = (0..<60).map { $0 < 3 ? $0 : random.integer(in: 0..<3) }
      let weights = (0..<60).map { _ in trial < 5 ? 1.0 : 0.5 + random.uniform() }
      let roots = Tensor(weights).sqrt()
      let affinities = LikelihoodAdjustedSDP.affinities(x, factors: factors) * roots.outer(roots)
      let objective = (affinities * Self.lifted(labels, 3, weights: weights)).sum().item()
      let direct = Self.likelihood(x, labels, factors, weights: weights)
      #expect(abs(objective - direct) < 1e-9 * abs(direct))
    }
  }

  @Test("a common ½(c1ᵀ + 1cᵀ) moves the objective by 1ᵀc, and t_k I by t_k, and not the solution")
  func invariances() {
    let (x, _, factors) = Self.far(2)
    let plain = LikelihoodAdjustedSDP.affinities(x, factors: factors)
    var random = RandomSource(seed: 2)
    let c = random.normal([60], dtype: .double)
    let common = c.unsqueeze(1) * 0.5 + c.unsqueeze(0) * 0.5
    let t = Tensor([1.0, -2, 5]).reshape(3, 1, 1) * Tensor.identity(60, dtype: .double)
    let own = LikelihoodAdjustedSDP().solve(plain)
    let moved = LikelihoodAdjustedSDP().solve(plain + common + t)
    let shift = c.sum().item() + 4
    #expect(abs(moved.certificate.upperBound - own.certificate.upperBound - shift) < 1e-3)
    #expect(moved.labels == own.labels)
    // Relabelled clusters permute blocks.
    let swapped = LikelihoodAdjustedSDP().solve(plain.select(axis: 0, Tensor([2, 0, 1])))
    #expect(swapped.labels == own.labels.map { [1, 2, 0][$0] })
  }

  @Test("an affine map of the rows changes the bound by −2 n log |det B| and no label")
  func affine() {
    let (x, _, factors) = Self.far(3)
    let b = Tensor(rows: [[2, 1], [-1, 3.0]])
    let covariances = b.matmul(factors.matmul(factors.transposed)).matmul(b.transposed)
    let own = LikelihoodAdjustedSDP().solve(LikelihoodAdjustedSDP.affinities(x, factors: factors))
    let mapped = LikelihoodAdjustedSDP().solve(
      LikelihoodAdjustedSDP.affinities(x.matmul(b.transposed) + 7, factors: covariances.cholesky()))
    #expect(mapped.labels == own.labels)
    let shift = -2 * 60 * log(7.0)
    #expect(abs(mapped.certificate.lowerBound - own.certificate.lowerBound - shift) < 1e-6)
  }

  @Test("the step to the affine set is that of least squares", arguments: [1, 3])
  func projection(_ blocks: Int) {
    let n = 5
    var random = RandomSource(seed: 4)
    let half = random.normal([blocks, n, n], dtype: .double)
    let w = half + half.transposed
    let u = random.uniform([n], low: 0.5, high: 2, dtype: .double)
    let trace = blocks == 1 ? 3.0 : 1
    // Rows of the constraints: (Σ_k Z_k u)_i on symmetric matrices, and the traces.
    var rows: [Tensor] = []
    for i in 0..<n {
      let e = Tensor((0..<n).map { $0 == i ? 1.0 : 0 })
      let one = (e.outer(u) + u.outer(e)) * 0.5
      rows.append(one.unsqueeze(0).expand([blocks, n, n]).reshape(-1))
    }
    for k in 0..<blocks {
      let mask = Tensor((0..<blocks).map { $0 == k ? 1.0 : 0 }).reshape(blocks, 1, 1)
      rows.append((mask * Tensor.identity(n, dtype: .double)).reshape(-1))
    }
    let a = Tensor.stack(rows)
    let b = Tensor.concatenate([u, Tensor.full([blocks], trace, dtype: .double)])
    let multipliers = a.matmul(a.transposed).solve((a.matmul(w.reshape(-1)) - b).unsqueeze(1)).squeeze(1)
    let direct = a.transposed.matmul(multipliers)
    let (matrix, level) = MembershipSet(roots: u, trace: trace).correction(w)
    #expect((matrix.reshape(-1) - direct).abs().max().item() < 1e-10)
    #expect(abs(level.item() - b.dot(multipliers).item()) < 1e-9)
  }

  @Test("the bound is above every partition after any number of passes", arguments: [1, 5, 20, 100])
  func bound(_ passes: Int) {
    let (x, truth, factors) = Self.far(5, each: 8)
    let affinities = LikelihoodAdjustedSDP.affinities(x, factors: factors)
    var program = LikelihoodAdjustedSDP()
    program.options.solver.maximumIterations = passes
    program.options.certifiedGap = nil
    let found = program.solve(affinities)
    var random = RandomSource(seed: 5)
    let ones = [Double](repeating: 1, count: 24)
    var best = Self.likelihood(x, truth, factors, weights: ones)
    for _ in 0..<100 {
      let labels = (0..<24).map { $0 < 3 ? $0 : random.integer(in: 0..<3) }
      best = max(best, Self.likelihood(x, labels, factors, weights: ones))
    }
    #expect(found.certificate.upperBound >= best - 1e-9)
  }

  @Test("far clusters are found exactly: a partition, a gap of nothing, no errors")
  func optimum() {
    for seed in UInt64(10)..<13 {
      let (x, truth, factors) = Self.far(seed)
      var program = LikelihoodAdjustedSDP()
      program.options.certifiedGap = nil
      let found = program.solve(LikelihoodAdjustedSDP.affinities(x, factors: factors))
      let ones = [Double](repeating: 1, count: 60)
      #expect(found.isConverged && found.labels == truth)
      #expect((found.memberships - Self.lifted(truth, 3, weights: ones)).abs().max().item() < 1e-4)
      #expect(found.certificate.isCertified && found.tightness < 1e-3)
      #expect(found.certificate.upperBound >= found.certificate.lowerBound - 1e-6)
    }
  }

  @Test("a small program has the optimum of all partitions")
  func exhaustive() {
    var random = RandomSource(seed: 6)
    let x =
      Tensor((0..<8).flatMap { [$0 < 4 ? 0.0 : 4, 0] }, shape: [8, 2])
      + random.normal([8, 2], dtype: .double)
    let factors = Tensor(rows: [[1, 0], [0, 1.0]]).unsqueeze(0) * Tensor([0.7, 1.4]).reshape(2, 1, 1)
    var best = -Double.infinity
    var labels: [Int] = []
    let ones = [Double](repeating: 1, count: 8)
    for code in 1..<255 {
      let own = (0..<8).map { code >> $0 & 1 }
      let value = Self.likelihood(x, own, factors, weights: ones)
      if value > best { (best, labels) = (value, own) }
    }
    let found = LikelihoodAdjustedSDP().solve(LikelihoodAdjustedSDP.affinities(x, factors: factors))
    #expect(found.certificate.upperBound >= best - 1e-9)
    #expect(found.labels == labels)
    #expect(abs(found.certificate.lowerBound - best) < 1e-9 * abs(best))
  }

  @Test(
    "covariances of a lifted partition are those of its labels, in every family and with weights",
    arguments: ClusterCovariances.Family.allCases)
  func covarianceStep(_ family: ClusterCovariances.Family) {
    var random = RandomSource(seed: 7)
    let (x, labels, _) = Self.far(7)
    let weights = (0..<60).map { _ in 0.5 + random.uniform() }
    let step = ClusterCovariances(family)
    let own = step.moments(x, labels: labels, clusters: 3, weights: weights).covariances
    let relaxed = step.covariances(
      x, memberships: Self.lifted(labels, 3, weights: weights), weights: weights)
    #expect((own - relaxed).abs().max().item() < 1e-10)
  }

  @Test("membership matrices of any kind give covariances that are not indefinite")
  func relaxedCovariances() {
    var random = RandomSource(seed: 8)
    let half = random.uniform([2, 12, 12], dtype: .double)
    let x = random.normal([12, 3], dtype: .double)
    let found = ClusterCovariances(shrinkage: 0).covariances(
      x, memberships: half + half.transposed, weights: [Double](repeating: 1, count: 12))
    #expect(found.eigh().values.min().item() > -1e-12)
  }

  @Test("a cluster of fewer rows than columns has a covariance all the same")
  func smallCluster() throws {
    var random = RandomSource(seed: 9)
    let x = random.normal([20, 5], dtype: .double)
    let moments = ClusterCovariances().moments(
      x, labels: (0..<20).map { $0 < 2 ? 0 : 1 }, clusters: 2, weights: [Double](repeating: 1, count: 20))
    #expect(moments.covariances.eigh().values.min().item() > 0.01)
  }

  @Test("equal covariances go to the single block, whose labels are right")
  func equalCovariances() throws {
    var random = RandomSource(seed: 11)
    let (x, truth, _) = Self.far(11)
    var method = ILASDP(clusters: 3)
    method.covariances = ClusterCovariances(.tied)
    let fit = try method.fit(x, using: &random)
    let program = try #require(fit.program)
    #expect(program.memberships.shape == [1, 60, 60])
    #expect(ClusterAgreement(truth, fit.labels).error == 0)
    #expect(try #require(fit.certificate).isCertified)
  }

  @Test("the K-means program has the same solution for inner products and for squared distances")
  func kmeansProgram() {
    var random = RandomSource(seed: 12)
    let (x, truth, _) = Self.far(12)
    let centred = x - x.mean(0)
    let inner = KMeansSDP(clusters: 3).solve(centred.matmul(centred.transposed), using: &random)
    let squares = KMeansSDP(clusters: 3).solve(x.distances(to: x).square() * -0.5, using: &random)
    #expect((inner.memberships - squares.memberships).abs().max().item() < 1e-3)
    #expect(ClusterAgreement(truth, inner.labels).error == 0)
    let total = centred.square().sum().item()
    #expect(abs(inner.certificate.upperBound - squares.certificate.upperBound - total) < 1e-3 * total)
  }

  @Test("labels of K-means that are the optimum are proven to be without a pass, as by the program itself")
  func closedForm() {
    var random = RandomSource(seed: 13)
    let (x, truth, _) = Self.far(13)
    let centred = x - x.mean(0)
    let gram = centred.matmul(centred.transposed)
    let found = KMeansSDP(clusters: 3).solve(gram, using: &random)
    #expect(found.iterations == 0 && found.isConverged && found.certificate.isCertified)
    #expect(ClusterAgreement(truth, found.labels).error == 0)
    var slow = KMeansSDP(clusters: 3)
    slow.options.certifiedGap = nil
    let reference = slow.solve(gram, using: &random)
    #expect(reference.iterations > 0)
    #expect((found.memberships - reference.memberships).abs().max().item() < 1e-3)
    #expect(abs(found.objective - reference.objective) < 1e-4 * found.objective)
    #expect(found.certificate.upperBound >= reference.objective * (1 - 1e-4))
  }

  @Test(
    "clusters that overlap have no proof in closed form, and the bound is above every partition",
    arguments: 0..<4)
  func overlap(seed: UInt64) {
    var random = RandomSource(seed: 14 + seed)
    let x = random.normal([9, 2], dtype: .double)
    let gram = x.matmul(x.transposed)
    let found = KMeansSDP(clusters: 2).solve(gram, using: &random)
    var best = -Double.infinity
    for code in 1..<256 {
      let labels = [0] + (0..<8).map { code >> $0 & 1 }
      let z = Tensor(labels).oneHot(2).to(.double)
      let shares = z / z.sum(0).sqrt()
      best = max(best, (gram.matmul(shares) * shares).sum().item())
    }
    #expect(found.certificate.upperBound >= best * (1 - 1e-9))
    #expect(found.certificate.lowerBound <= best * (1 + 1e-9))
    if found.certificate.isCertified { #expect(abs(found.certificate.lowerBound - best) < 1e-3 * best) }
  }
}
