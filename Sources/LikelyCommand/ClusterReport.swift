import Foundation
import Likely

/// What `cluster fit` prints and writes.
struct ClusterReport {
  let rows: ClusterRows
  let fit: ILASDPFit
  /// One a number of clusters.
  let all: [ILASDPFit]
  /// Numbers of clusters without a fit, and why.
  let failures: [(clusters: Int, error: StatisticsError)]
  let family: GaussianMixtureEstimation.Family

  private var agreement: ClusterAgreement? { rows.truth.map { ClusterAgreement($0.labels, fit.labels) } }
  private var sizes: [Int] { (0..<fit.clusters).map { k in fit.labels.count { $0 == k } } }

  private var isRange: Bool { all.count + failures.count > 1 }

  func warn() {
    for (clusters, error) in failures { tell("likely: K = \(clusters) is left out: \(error)") }
    if fit.isOutOfTime { tell("likely: out of time; these are the best labels so far") }
    if let program = fit.program, !program.isConverged {
      tell(
        "likely: the last program has residuals \(formatNumber(program.primalResidual, digits: 2)) and "
          + "\(formatNumber(program.dualResidual, digits: 2)) after \(program.iterations) passes; its bound holds all the same"
      )
    }
    if let projection = fit.projection {
      tell(
        "likely: \(rows.columns.count) columns are projected on \(projection.directions.size(1)) principal directions; see --project"
      )
    }
  }

  func show() {
    if isRange { print(choices.plainText) }
    print(
      "\(rows.x.size(0)) rows, \(fit.clusters) clusters of \(sizes.map(String.init).joined(separator: ", ")) rows, \(family.rawValue) covariances"
    )
    print(
      "Q \(formatNumber(fit.criterion, digits: 7)), log-likelihood \(formatNumber(fit.logLikelihood, digits: 7)), "
        + "BIC \(formatNumber(fit.bayesianCriterion, digits: 7))")
    if let certificate = fit.certificate, let program = fit.program {
      print(
        "bound: no labels are above \(formatNumber(certificate.upperBound, digits: 8)) for these covariances, these reach "
          + "\(formatNumber(certificate.lowerBound, digits: 8)), relative gap \(formatNumber(certificate.gap, digits: 2)), tightness \(formatNumber(program.tightness, digits: 2))"
      )
      if certificate.isCertified {
        print("labels are the global maximum-likelihood labels for these covariances")
      }
    } else if fit.clusters == 1 {
      print("bound: none is needed, as one cluster has no other labels")
    } else {
      print("bound: none, as no program saw all rows")
    }
    if !fit.outliers.isEmpty { print("\(fit.outliers.count) rows are left out as outliers") }
    if let agreement {
      print(
        "beside the true labels: error \(formatNumber(agreement.error)), ARI \(formatNumber(agreement.adjustedRandIndex)), NMI \(formatNumber(agreement.normalisedMutualInformation))"
      )
    }
    print("\(formatNumber(fit.seconds, digits: 3)) s")
  }

  private var choices: ReportTable {
    var table = ReportTable(
      title: "Numbers of clusters",
      columns: [
        .integer("K"), .number("log-likelihood", digits: 7), .number("BIC", digits: 7), .text("best"),
      ])
    for one in all {
      table.append([
        .integer(one.clusters), .number(one.logLikelihood), .number(one.bayesianCriterion),
        .text(one.clusters == fit.clusters ? "*" : ""),
      ])
    }
    for (clusters, _) in failures {
      table.append([.integer(clusters), .missing, .missing, .text("failed")])
    }
    return table
  }

  private var searches: ReportTable {
    var table = ReportTable(
      title: "Searches",
      columns: [
        .text("start"), .number("Q", digits: 8), .integer("steps"), .integer("passes"), .text("end"),
      ])
    for search in fit.searches {
      table.append([
        .text(search.start), search.criterion.isFinite ? .number(search.criterion) : .missing,
        .integer(search.outerIterations), .integer(search.innerIterations), .text(search.ending),
      ])
    }
    return table
  }

  /// Rows in their order: name, cluster from 1, whether left out.
  var labels: ReportTable {
    let outliers = Set(fit.outliers)
    var table = ReportTable(
      title: "labels", columns: [.text("row"), .integer("cluster"), .integer("outlier")])
    for (i, label) in fit.labels.enumerated() {
      table.append([
        .text(rows.identifiers[i]), .integer(label + 1), .integer(outliers.contains(i) ? 1 : 0),
      ])
    }
    return table
  }

  var json: JSONValue {
    func matrix(_ tensor: Tensor) -> JSONValue {
      let width = tensor.size(-1)
      let values = tensor.doubles
      return .array(
        stride(from: 0, to: values.count, by: width).map { start in
          .array(values[start..<start + width].map(JSONValue.number))
        })
    }
    var entries: [(String, JSONValue)] = [
      ("rows", .integer(rows.x.size(0))), ("clusters", .integer(fit.clusters)),
      ("labels", .array(fit.labels.map { .integer($0 + 1) })),
      ("sizes", .array(sizes.map(JSONValue.integer))), ("criterion", .number(fit.criterion)),
      ("log_likelihood", .number(fit.logLikelihood)), ("bic", .number(fit.bayesianCriterion)),
      ("means", matrix(fit.model.means)),
      ("covariances", .array((0..<fit.clusters).map { matrix(fit.model.covariances[$0]) })),
      ("outliers", .array(fit.outliers.map { .string(rows.identifiers[$0]) })),
      ("upper_bound", fit.certificate.map { .number($0.upperBound) } ?? .null),
      ("gap", fit.certificate.map { .number($0.gap) } ?? .null),
      ("is_certified", fit.certificate.map { .bool($0.isCertified) } ?? .null),
      ("tightness", fit.program.map { .number($0.tightness) } ?? .null),
      ("passes", fit.program.map { .integer($0.iterations) } ?? .null),
    ]
    let searches: [JSONValue] = fit.searches.map { search in
      [
        "start": .string(search.start), "criterion": .number(search.criterion),
        "steps": .integer(search.outerIterations), "passes": .integer(search.innerIterations),
        "end": .string(search.ending),
      ]
    }
    entries.append(("searches", .array(searches)))
    if isRange {
      let choices: [JSONValue] = all.map {
        ["clusters": .integer($0.clusters), "bic": .number($0.bayesianCriterion)]
      }
      let failed: [JSONValue] = failures.map {
        ["clusters": .integer($0.clusters), "error": .string("\($0.error)")]
      }
      entries += [("choices", .array(choices)), ("failures", .array(failed))]
    }
    if let agreement {
      entries += [
        ("error", .number(agreement.error)), ("adjusted_rand_index", .number(agreement.adjustedRandIndex)),
        ("normalised_mutual_information", .number(agreement.normalisedMutualInformation)),
      ]
    }
    entries += [("is_out_of_time", .bool(fit.isOutOfTime)), ("seconds", .number(fit.seconds))]
    return .object(.init(uniqueKeysWithValues: entries))
  }

  func page() -> HTMLReport {
    var facts = ReportItem.KeyedFacts([
      ("rows", "\(rows.x.size(0))"), ("columns", rows.columns.joined(separator: ", ")),
      ("clusters", sizes.map(String.init).joined(separator: ", ") + " rows"),
      ("covariances", family.rawValue), ("Q", formatNumber(fit.criterion, digits: 7)),
      ("log-likelihood", formatNumber(fit.logLikelihood, digits: 7)),
      ("BIC", formatNumber(fit.bayesianCriterion, digits: 7)),
    ])
    if let certificate = fit.certificate {
      facts.append("relative gap to the bound", formatNumber(certificate.gap, digits: 2))
      facts.append(
        "certificate",
        certificate.isCertified
          ? "global maximum-likelihood labels for these covariances" : "none: other labels may be likelier")
    }
    if let agreement {
      facts.append("error beside the true labels", formatNumber(agreement.error))
      facts.append("adjusted Rand index", formatNumber(agreement.adjustedRandIndex))
    }
    var page = HTMLReport(title: "Clusters of \(rows.source)", subtitle: "iLA-SDP, \(fit.clusters) clusters")
    page.add("Fit", [.facts(facts), .plot(scatter, name: "clusters"), .table(searches)])
    if isRange { page.add("Choice of K", [.table(choices)]) }
    if let program = fit.program, program.memberships.size(0) == fit.clusters,
      program.memberships.size(1) == rows.x.size(0)
    {
      page.add("Memberships", [.plot(memberships(program), name: "memberships")])
    }
    return page
  }

  /// The first two principal directions, by cluster and where known by true label.
  private var scatter: Plot {
    let width = min(2, rows.x.size(1), rows.x.size(0))
    let z = PrincipalProjection(rows.x, dimension: width)(rows.x)
    let x = z[.all, 0].doubles
    let y = width > 1 ? z[.all, 1].doubles : [Double](repeating: 0, count: x.count)
    func plot(_ title: String, _ names: [String]) -> Plot {
      Plot(
        title, x: "first principal direction", y: "second principal direction",
        marks: Set(names).sorted { $0.localizedStandardCompare($1) == .orderedAscending }.map { name in
          let own = names.indices.filter { names[$0] == name }
          return .points(x: own.map { x[$0] }, y: own.map { y[$0] }, series: name)
        })
    }
    let found = plot("Clusters", fit.labels.map { "cluster \($0 + 1)" })
    guard let truth = rows.truth, truth.classes.count <= 20 else { return found }
    return .row([found, plot("True labels", truth.labels.map { truth.classes[$0] })])
  }

  /// How much of every row lies in each cluster, rows ordered by cluster.
  private func memberships(_ program: MembershipSolution) -> Plot {
    let shares = program.memberships.sum(2).doubles
    let n = rows.x.size(0)
    let order = (0..<n).sorted { (fit.labels[$0], $0) < (fit.labels[$1], $1) }
    return Plot(
      "Shares of the last program",
      caption: "Rows ordered by cluster; 1 everywhere where the relaxation is a partition.",
      x: "row", y: "share",
      marks: (0..<fit.clusters).map { k in
        .points(
          x: order.indices.map(Double.init), y: order.map { shares[k * n + $0] }, series: "cluster \(k + 1)")
      })
  }
}
