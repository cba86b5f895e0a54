import Foundation
import Probability
import Report
import Solvers
import Statistics
import Torch
import Training

/// Zhuang, Chen & Yang 2023 (arXiv 2209.15097), clustering by likelihood-adjusted semidefinite programs: exactness (E1), clusters of
/// different shapes (E2), iris flowers (E3), a start from bad centres (E4), the threshold of exact recovery (E5), clusters
/// around one centre (E6).
public struct LikelihoodAdjustedClusters: Experiment {
  public static let slug = "ila-sdp"
  public init() {}

  public static func parts(_ scale: Scale) -> [String] {
    scale == .quick ? ["E1"] : ["E1", "E2", "E3", "E4", "E5", "E6"]
  }

  public func run(part: String, scale: Scale, random: RandomSource, log: ExperimentLog) throws
    -> ExperimentOutcome
  {
    log("\(part)…")
    return switch part {
    case "E1": exactness(random: random)
    case "E2": try shapes(scale == .paper ? 100 : 20, random: random)
    case "E3": try flowers(random: random)
    case "E4": try adversary(random: random)
    case "E5": threshold(scale == .paper ? 100 : 20, random: random)
    default: try concentric(random: random)
    }
  }

  /// Draws of normal clusters, in order.
  private struct Draws {
    let x: Tensor
    let labels: [Int]
    let factors: Tensor
    var clusters: Int { factors.size(0) }

    init(_ means: [[Double]], _ covariances: [[[Double]]], each count: Int, using random: inout RandomSource)
    {
      let p = means[0].count
      factors = Tensor.stack(covariances.map { Tensor(rows: $0) }).cholesky()
      let all = factors
      x = .concatenate(
        means.indices.map { k in
          random.normal([count, p], dtype: .double).matmul(all[k].transposed) + Tensor(means[k])
        })
      labels = means.indices.flatMap { [Int](repeating: $0, count: count) }
    }

    func error(_ found: [Int]) -> Double { ClusterAgreement(labels, found).error }

    /// Of the discriminant that knows means and covariances.
    func oracleError(_ means: [[Double]]) throws -> Double {
      error(
        try GaussianDiscriminant(means: Tensor(rows: means), covariances: factors.matmul(factors.transposed))
          .predict(x))
    }
  }

  private static func diagonal(_ values: [Double]) -> [[Double]] {
    values.indices.map { i in values.indices.map { $0 == i ? values[i] : 0 } }
  }

  /// Three far clusters on the plane.
  private static func far(using random: inout RandomSource) -> Draws {
    Draws(
      [[0, 0], [8, 0], [0, 8]], [diagonal([1, 0.5]), diagonal([0.5, 2]), [[1, 0.6], [0.6, 1]]], each: 30,
      using: &random)
  }

  /// With a small ridge, as components of few rows collapse without.
  private static var estimation: GaussianMixtureEstimation {
    var estimation = GaussianMixtureEstimation(components: 3)
    estimation.ridge = 1e-6
    return estimation
  }

  private static func mean(_ values: [Double]) -> Estimate { Estimate(meanOf: values) }

  // MARK: E1

  private func exactness(random: RandomSource) -> ExperimentOutcome {
    let found = Repetitions(10).run(random) { stream -> (distance: Double, gap: Double, error: Double) in
      let draws = Self.far(using: &stream)
      var program = LikelihoodAdjustedSDP()
      program.options.certifiedGap = nil
      program.options.solver.tolerance = 1e-7
      let solution = program.solve(LikelihoodAdjustedSDP.affinities(draws.x, factors: draws.factors))
      let own = Tensor(draws.labels).oneHot(3).to(.double)
      let lifted = Tensor.einsum("ik,jk->kij", own, own) / 30
      let gap = (solution.certificate.upperBound - solution.objective) / abs(solution.objective)
      return ((solution.memberships - lifted).abs().max().item(), gap, draws.error(solution.labels))
    }
    return ExperimentOutcome(claims: [
      Claim(
        "E1: largest distance of an entry of Z_k to the true partition's, of 10 tables",
        measured: found.map(\.distance).max()!, uncertainty: nil, rule: .atMost(1e-4)),
      Claim(
        "E1: largest gap of the bound to the objective, relative", measured: found.map(\.gap).max()!,
        uncertainty: nil, rule: .atMost(1e-4)),
      Claim(
        "E1: tables of 10 without an error", measured: Double(found.count { $0.error == 0 }),
        uncertainty: nil,
        rule: .count(atLeast: 10, of: 10)),
    ])
  }

  // MARK: E2

  private struct Shapes {
    var own = 0.0, sdp = 0.0, kmeans = 0.0, random = 0.0, oracle = 0.0
    var beyondTruth = 0.0
  }

  private func shapes(_ count: Int, random: RandomSource) throws -> ExperimentOutcome {
    let means = (0..<3).map { k in (0..<6).map { $0 == k ? 2.2 : 0 } }
    let covariances = (0..<3).map { k in
      Self.diagonal((0..<6).map { $0 == 3 + k ? 6 : $0 < 3 ? 0.5 : 0.2 })
    }
    let found = try Repetitions(count).run(random) { stream -> Shapes in
      let draws = Draws(means, covariances, each: 40, using: &stream)
      var method = ILASDP(clusters: 3)
      method.certifies = false
      let fit = try method.fit(draws.x, using: &stream)
      let mixture = try Self.estimation.fit(draws.x, using: &stream).mixture
      let truth = method.covariances.criterion(draws.x, labels: draws.labels, clusters: 3) ?? .nan
      return Shapes(
        own: draws.error(fit.labels), sdp: draws.error(fit.searches[0].labels),
        kmeans: draws.error(KMeans(clusters: 3).fit(draws.x, using: &stream).labels),
        random: draws.error(mixture.responsibilities(draws.x).argmax(1).integers),
        oracle: try draws.oracleError(means), beyondTruth: fit.criterion - truth)
    }
    let own = Self.mean(found.map(\.own))
    let rows: [(String, [Double])] = [
      ("oracle discriminant", found.map(\.oracle)), ("iLA-SDP", found.map(\.own)),
      ("K-means SDP", found.map(\.sdp)), ("K-means++", found.map(\.kmeans)),
      ("EM, one random start", found.map(\.random)),
    ]
    var table = ReportTable(
      title: "E2: \(count) tables", columns: [.text("method"), .uncertain("mis-clustering")])
    for (name, errors) in rows {
      let estimate = Self.mean(errors)
      table.append([.text(name), .uncertain(estimate.value, estimate.standardError)])
    }
    let least = { (values: [Double]) in Self.mean(values).value - own.value }
    let wins = found.count { $0.own <= $0.random }
    let reached = found.count { $0.beyondTruth >= -1e-6 }
    return ExperimentOutcome(
      claims: [
        Claim(
          "E2: mis-clustering of iLA-SDP, mean of \(count) tables", measured: own.value,
          uncertainty: own.standardError, rule: .atMost(0.03)),
        Claim(
          "E2: mis-clustering of the K-means SDP less that", measured: least(found.map(\.sdp)),
          uncertainty: nil,
          rule: .atLeast(0.08)),
        Claim(
          "E2: mis-clustering of K-means++ less that", measured: least(found.map(\.kmeans)), uncertainty: nil,
          rule: .atLeast(0.08)),
        Claim(
          "E2: tables on which iLA-SDP errs no more than EM from a random start", measured: Double(wins),
          uncertainty: nil, rule: .count(atLeast: count * 16 / 20, of: count)),
        Claim(
          "E2: tables on which Q reaches that of the true labels", measured: Double(reached),
          uncertainty: nil,
          rule: .count(atLeast: count * 14 / 20, of: count)),
      ], items: [.table(table)])
  }

  // MARK: E3

  private func flowers(random: RandomSource) throws -> ExperimentOutcome {
    let starts: [(ILASDP.Start, String)] = [(.sdp, "the K-means SDP"), (.ward, "Ward's tree")]
    let table: NumericTable
    do {
      table = try DataCatalogue.table("iris")
    } catch let error as DataSetError where error.kind == .missing {
      return ExperimentOutcome(
        claims: starts.map { _, name in
          Claim(
            "E3: errors on 150 irises from \(name)", rule: .atMost(5), notRun: "the data set iris is not here"
          )
        })
    }
    let truth = table.labels!.indices.integers
    func errors(_ labels: [Int]) -> Double { (ClusterAgreement(truth, labels).error * 150).rounded() }
    var outcome = ExperimentOutcome()
    var found = ReportTable(
      title: "E3: irises", columns: [.text("method"), .integer("errors"), .number("Q", digits: 6)])
    // Of covariances as they are, which the bar is about; the search itself goes by the shrunk ones.
    let covariances = ClusterCovariances(shrinkage: 0)
    func add(_ name: String, _ labels: [Int]) {
      let value = covariances.criterion(table.values, labels: labels, clusters: 3)
      found.append([
        .text(name), .integer(Int(errors(labels))), value.map(ReportTable.Cell.number) ?? .missing,
      ])
    }
    add("true labels", truth)
    for (start, name) in starts {
      var stream = random.split(start.rawValue)
      var method = ILASDP(clusters: 3)
      method.starts = [start]
      method.certifies = false
      let fit = try method.fit(table.values, using: &stream)
      add("iLA-SDP from \(name)", fit.labels)
      outcome.claims += [
        Claim(
          "E3: errors on 150 irises from \(name)", measured: errors(fit.labels), uncertainty: nil,
          rule: .atMost(5)),
        Claim(
          "E3: Q from \(name)",
          measured: covariances.criterion(table.values, labels: fit.labels, clusters: 3) ?? -.infinity,
          uncertainty: nil, rule: .atLeast(1663 - 0.5)),
      ]
    }
    for baseline in ClusteringBaseline.allCases {
      var stream = random.split(baseline.rawValue)
      add(baseline.rawValue, try baseline.labels(table.values, clusters: 3, using: &stream))
    }
    outcome.items.append(.table(found))
    return outcome
  }

  // MARK: E4

  private func adversary(random: RandomSource) throws -> ExperimentOutcome {
    // Two centres in one cluster, one between the two others.
    let centres = Tensor(rows: [[-0.5, 0], [0.5, 0], [4, 4.0]])
    let found = try Repetitions(10).run(random) { stream -> (start: Double, own: Double, mixture: Double) in
      let draws = Self.far(using: &stream)
      let start = draws.x.distances(to: centres).argmin(1).integers
      var method = ILASDP(clusters: 3)
      method.givenLabels = start
      method.certifies = false
      let fit = try method.fit(draws.x, using: &stream)
      let moments = method.covariances.moments(
        draws.x, labels: start, clusters: 3, weights: [Double](repeating: 1, count: 90))
      let begin = try GaussianMixture(
        weights: moments.masses, means: centres, covariances: moments.covariances)
      let mixture = try Self.estimation.fit(draws.x, from: begin).mixture
      return (
        draws.error(start), draws.error(fit.labels),
        draws.error(mixture.responsibilities(draws.x).argmax(1).integers)
      )
    }
    var table = ReportTable(
      title: "E4: errors from the same bad centres",
      columns: [.integer("table"), .number("start"), .number("iLA-SDP"), .number("EM")])
    for (place, row) in found.enumerated() {
      table.append([.integer(place), .number(row.start), .number(row.own), .number(row.mixture)])
    }
    return ExperimentOutcome(
      claims: [
        Claim(
          "E4: tables without an error of iLA-SDP", measured: Double(found.count { $0.own == 0 }),
          uncertainty: nil, rule: .count(atLeast: 9, of: 10)),
        Claim(
          "E4: tables on which EM errs on 0.3 or more", measured: Double(found.count { $0.mixture >= 0.3 }),
          uncertainty: nil, rule: .count(atLeast: 7, of: 10)),
        Claim(
          "E4: tables on which iLA-SDP errs no more than EM",
          measured: Double(found.count { $0.own <= $0.mixture }),
          uncertainty: nil, rule: .count(atLeast: 10, of: 10)),
      ], items: [.table(table)])
  }

  // MARK: E5

  private func threshold(_ count: Int, random: RandomSource) -> ExperimentOutcome {
    let (p, k, n) = (10, 4, 200)
    let logSize = Double.log(Double(n))
    // Exact recovery is possible above this distance of centres, and impossible below (σ = 1).
    let sharp = 2 * ((1 + (1 + Double(k * p) / (Double(n) * logSize)).squareRoot()) * logSize).squareRoot()
    let factors = [0.7, 1, 1.3]
    let bars: [Rule] = [.atMost(0.2), .within(0.4...0.95), .atLeast(0.95)]
    var outcome = ExperimentOutcome()
    var shares: [Double] = []
    for (f, bar) in zip(factors, bars) {
      let centres = (0..<k).map { own in (0..<p).map { $0 == own ? f * sharp / 2.0.squareRoot() : 0 } }
      let errors = Repetitions(count).run(random.split(Int(10 * f))) { stream -> Double in
        let draws = Draws(
          centres, [[[Double]]](repeating: Self.diagonal([Double](repeating: 1, count: p)), count: k),
          each: n / k,
          using: &stream)
        let centred = draws.x - draws.x.mean(0)
        return draws.error(
          KMeansSDP(clusters: k).solve(centred.matmul(centred.transposed), using: &stream).labels)
      }
      let share = Double(errors.count { $0 == 0 }) / Double(count)
      shares.append(share)
      outcome.claims.append(
        Claim(
          "E5: tables recovered exactly at \(f) of the threshold", measured: share,
          uncertainty: (share * (1 - share) / Double(count)).squareRoot(), rule: bar))
    }
    outcome.items.append(
      .plot(
        Plot(
          "Exact recovery by the K-means SDP", x: "distance of centres over the threshold",
          y: "share of tables",
          marks: [
            .line(x: factors, y: shares), .points(x: factors, y: shares), .rule(x: 1, label: "threshold"),
          ]),
        name: "threshold"))
    return outcome
  }

  // MARK: E6

  private func concentric(random: RandomSource) throws -> ExperimentOutcome {
    let means = [[Double]](repeating: [0, 0, 0, 0], count: 2)
    let covariances = [1.0, 25].map { Self.diagonal([Double](repeating: $0, count: 4)) }
    let found = try Repetitions(10).run(random) {
      stream -> (own: Double, oracle: Double, without: Double, gap: Double) in
      let draws = Draws(means, covariances, each: 50, using: &stream)
      let affinities = LikelihoodAdjustedSDP.affinities(draws.x, factors: draws.factors)
      let solution = LikelihoodAdjustedSDP().solve(affinities)
      let logDeterminants = 2 * draws.factors.diagonal().log().sum(-1)
      let without = LikelihoodAdjustedSDP().solve(affinities + logDeterminants.reshape(-1, 1, 1))
      return (
        draws.error(solution.labels), try draws.oracleError(means), draws.error(without.labels),
        solution.certificate.gap
      )
    }
    return ExperimentOutcome(claims: [
      Claim(
        "E6: tables of 10 on which LA-SDP errs no more than the oracle and 0.02",
        measured: Double(found.count { $0.own <= $0.oracle + 0.02 + 1e-12 }), uncertainty: nil,
        rule: .count(atLeast: 9, of: 10)),
      Claim(
        "E6: error without the log-determinants, mean of 10 tables",
        measured: Self.mean(found.map(\.without)).value,
        uncertainty: Self.mean(found.map(\.without)).standardError, rule: .atLeast(0.4)),
    ])
  }
}
