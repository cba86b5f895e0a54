import Foundation
import Probability
import Solvers
import Statistics
import Testing
import Torch

@Suite("clusterings and their agreement")
struct ClusteringTests {
  /// Two clouds of 40 rows around 0 and 6, labels in order.
  private static func clouds(_ random: inout RandomSource) -> Tensor {
    let x = random.normal([80, 2], dtype: .double)
    let shift = Tensor((0..<80).flatMap { [$0 < 40 ? 0.0 : 6, 0] }, shape: [80, 2])
    return x + shift
  }
  private static let labels = (0..<80).map { $0 / 40 }

  @Test("agreement is that of scikit-learn 1.9.1's adjusted_rand_score and normalized_mutual_info_score")
  func agreement() {
    let a = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    let b = [1, 1, 0, 0, 0, 0, 2, 2, 2, 1]
    let found = ClusterAgreement(a, b)
    #expect(abs(found.adjustedRandIndex - 0.431_818_181_818_181_8) < 1e-12)
    #expect(abs(found.normalisedMutualInformation - 0.618_065_646_292_154_3) < 1e-12)
    #expect(abs(found.error - 0.2) < 1e-12)
    #expect(found.matching == [1, 0, 2])
    let same = ClusterAgreement(a, a.map { ($0 + 1) % 3 })
    #expect(
      same.error == 0 && same.adjustedRandIndex == 1 && abs(same.normalisedMutualInformation - 1) < 1e-12)
  }

  @Test("the matching is the best of all orders, also with more labels on one side")
  func matching() {
    var random = RandomSource(seed: 4)
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    for _ in 0..<50 {
      let a = (0..<30).map { _ in random.integer(in: 0..<3) }
      let b = (0..<30).map { _ in random.integer(in: 0..<3) }
      let best = orders.map { order in zip(a, b).count { order[$0] != $1 } }.min()!
      #expect(abs(ClusterAgreement(a, b).error - Double(best) / 30) < 1e-12)
    }
    #expect(abs(ClusterAgreement([0, 0, 1, 1], [0, 1, 2, 2]).error - 0.25) < 1e-12)
    #expect(ClusterAgreement([0, 1, 2, 2], [0, 0, 1, 1]).matching.contains(nil))
  }

  @Test("weights of rows count like copies of them")
  func weightedAgreement() {
    let copied = ClusterAgreement([0, 0, 0, 1, 1], [0, 1, 1, 1, 0])
    let weighted = ClusterAgreement([0, 0, 1, 1], [0, 1, 1, 0], weights: [1, 2, 1, 1])
    #expect(copied.counts == weighted.counts)
  }

  @Test("Ward's tree is that of SciPy 1.17.1's linkage(x, 'ward')")
  func ward() {
    // python3 -c "from scipy.cluster.hierarchy import *; print(linkage(x, 'ward'), fcluster(…, 3, 'maxclust'))"
    let rows: [[Double]] = [
      [0, 0], [0.4, 0.1], [3, 0.2], [3.3, 0], [0.1, 4], [0.2, 4.6], [2, 2], [5, 5],
    ]
    let tree = WardTree(Tensor(rows: rows))
    let pairs = [[2, 3], [0, 1], [4, 5], [6, 8], [9, 11], [7, 10], [12, 13]]
    let heights = [0.36055513, 0.41231056, 0.60827625, 2.56450125, 4.11477014, 5.6583272, 7.88814511]
    #expect(tree.merges.map { [$0.first, $0.second] } == pairs)
    for (merge, height) in zip(tree.merges, heights) { #expect(abs(merge.height - height) < 1e-8) }
    #expect(tree.merges.map(\.count) == [2, 2, 2, 3, 5, 3, 8])
    #expect(tree.labels(clusters: 3) == [0, 0, 0, 0, 1, 1, 0, 2])
    #expect(Set(tree.labels(clusters: 8)).count == 8 && Set(tree.labels(clusters: 1)).count == 1)
  }

  @Test("a merge's height is the root of twice the growth of the sum of squares")
  func wardHeights() {
    var random = RandomSource(seed: 8)
    let tree = WardTree(random.normal([40, 3], dtype: .double))
    #expect(zip(tree.merges, tree.merges.dropFirst()).allSatisfy { $0.height <= $1.height })
    var again = RandomSource(seed: 8)
    let x = again.normal([40, 3], dtype: .double)
    let total = (x - x.mean(0)).square().sum().item()
    let sum = tree.merges.reduce(0) { $0 + $1.height * $1.height / 2 }
    #expect(abs(sum - total) < 1e-9 * total)
  }

  @Test("every baseline separates two far clouds")
  func baselines() throws {
    var random = RandomSource(seed: 2)
    let x = Self.clouds(&random)
    for baseline in ClusteringBaseline.allCases {
      let found = try baseline.labels(x, clusters: 2, using: &random)
      #expect(ClusterAgreement(Self.labels, found).error == 0, "\(baseline)")
    }
  }

  @Test("K-means ends where centres are means and rows are with their nearest, by weight")
  func kmeans() {
    var random = RandomSource(seed: 3)
    let x = random.normal([60, 2], dtype: .double)
    let weights = (0..<60).map { 1 + Double($0 % 3) }
    let fit = KMeans(clusters: 4).fit(x, weights: weights, using: &random)
    let values = x.doubles
    for k in 0..<4 {
      let own = (0..<60).filter { fit.labels[$0] == k }
      let mass = own.reduce(0) { $0 + weights[$1] }
      for j in 0..<2 {
        let mean = own.reduce(0) { $0 + weights[$1] * values[2 * $1 + j] } / mass
        #expect(abs(mean - fit.centres[k][j]) < 1e-12)
      }
    }
    #expect(x.distances(to: Tensor(rows: fit.centres)).argmin(1).integers == fit.labels)
  }

  @Test(
    "the log-likelihood of expectation–maximisation never falls, in every family and with weights",
    arguments: GaussianMixtureEstimation.Family.allCases)
  func monotone(_ family: GaussianMixtureEstimation.Family) throws {
    var random = RandomSource(seed: 6)
    let x = Self.clouds(&random) + 2 * random.normal([80, 2], dtype: .double)
    var estimation = GaussianMixtureEstimation(components: 3, family: family)
    estimation.tolerance = 1e-9
    let weights = random.uniform([80], low: 0.5, high: 2, dtype: .double)
    for weights in [nil, weights] {
      let fit = try estimation.fit(x, weights: weights, using: &random)
      #expect(fit.course.count > 3)
      #expect(zip(fit.course, fit.course.dropFirst()).allSatisfy { $1 >= $0 - 1e-10 })
    }
  }

  @Test("one component has the moments of the rows; whole weights count like copies")
  func moments() throws {
    var random = RandomSource(seed: 7)
    let x = random.normal([50, 3], dtype: .double)
    let fit = try GaussianMixtureEstimation(components: 1).fit(x, using: &random).mixture
    let centred = x - x.mean(0)
    let gap = (fit.covariances[0] - centred.transposed.matmul(centred) / 50).abs().max().item()
    #expect(gap < 1e-12 && (fit.means[0] - x.mean(0)).abs().max().item() < 1e-12)
    let start = Tensor((0..<50).map { $0 % 2 }).oneHot(2).to(.double)
    let copies = try GaussianMixtureEstimation(components: 2).fit(
      .concatenate([x, x[0..<10]]), responsibilities: .concatenate([start, start[0..<10]]))
    let weighted = try GaussianMixtureEstimation(components: 2).fit(
      x, weights: Tensor((0..<50).map { $0 < 10 ? 2.0 : 1 }), responsibilities: start)
    #expect((copies.mixture.means - weighted.mixture.means).abs().max().item() < 1e-9)
  }

  @Test("families restrict covariances as they say")
  func families() throws {
    var random = RandomSource(seed: 9)
    let x = Self.clouds(&random)
    func fit(_ family: GaussianMixtureEstimation.Family) throws -> Tensor {
      try GaussianMixtureEstimation(components: 2, family: family).fit(x, starts: 3, using: &random).mixture
        .covariances
    }
    let tied = try fit(.tied)
    #expect((tied[0] - tied[1]).abs().max().item() == 0)
    let diagonal = try fit(.diagonal)
    #expect(diagonal[.all, 0, 1].abs().max().item() == 0)
    let spherical = try fit(.spherical)
    #expect((spherical[.all, 0, 0] - spherical[.all, 1, 1]).abs().max().item() == 0)
  }
}
