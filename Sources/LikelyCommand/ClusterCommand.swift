import ArgumentParser
import Files
import Foundation
import Likely

/// `likely cluster …`
struct ClusterCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract:
      "Clusters of different shapes, by likelihood-adjusted semidefinite programs, with a certificate.",
    discussion: """
      Example:
        likely cluster fit --data flowers.csv --k 2 --out runs/clusters
      """,
    subcommands: [ClusterFit.self, ClusterPredict.self, ClusterCompare.self])
}

/// `likely cluster fit`
struct ClusterFit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Labels and covariances in turn from several starts; the likeliest labels are kept.",
    discussion: """
      Example:
        likely cluster fit --data flowers.csv --k 2 --out runs/clusters
      """)

  @OptionGroup var data: ClusterDataArguments
  @OptionGroup var method: ClusterMethodArguments

  @Option(help: ArgumentHelp("Column of the rows' weights.", valueName: "name"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "Pairs of rows that share a cluster, by --id or line: two columns.", valueName: "file.csv"))
  var together: String?

  @Option(
    help: ArgumentHelp("Pairs of rows that do not share a cluster, likewise.", valueName: "file.csv"))
  var apart: String?

  @Option(
    help: ArgumentHelp("Labels to start from, in the order of the rows: one column.", valueName: "file.csv"))
  var labels: String?

  @Option(help: ArgumentHelp("File for the membership matrices, [K, n, n].", valueName: "file.npy"))
  var memberships: String?

  @Flag(help: "Print as JSON.")
  var json = false

  @Option(help: ArgumentHelp("Folder for labels.csv, model.json and a page with plots.", valueName: "folder"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let memberships, !memberships.hasSuffix(".npy") {
      throw ValidationError("--memberships \(memberships): a name that ends with .npy")
    }
  }

  func run() throws {
    var random = try common.startOnProcessor()
    let rows = try data.load(weights: weights)
    let constraints = try RowConstraints(
      rows: rows.x.size(0), weights: rows.weights, together: try pairs(together, rows),
      apart: try pairs(apart, rows), names: rows.places)
    let given = try startingLabels(rows)
    var fits: [ILASDPFit] = []
    var failures: [(clusters: Int, error: StatisticsError)] = []
    for clusters in try method.range() {
      var method = try method.method(clusters, rowNames: rows.places)
      method.givenLabels = given
      do throws(StatisticsError) {
        fits.append(
          try method.fit(rows.x, constraints: constraints, names: rows.columns, using: &random) { line in
            if !common.quiet, !json { tell("likely: K = \(clusters): \(line)") }
          })
      } catch {
        failures.append((clusters, error))
      }
    }
    guard let best = fits.max(by: { $0.bayesianCriterion < $1.bayesianCriterion }) else {
      throw failures[0].error
    }
    let report = ClusterReport(
      rows: rows, fit: best, all: fits, failures: failures, family: method.family)
    report.warn()
    if let memberships {
      guard let program = best.program else {
        throw StatisticsError(
          .noAnswer, "--memberships", found: "no program of all rows", expected: "one that was solved",
          advice: "leave --subsample out, give more time, or take more clusters than one")
      }
      try NPY.write(program.memberships, to: URL(argument: memberships))
    }
    if json { print(report.json.pretty, terminator: "") } else { report.show() }
    guard let out else { return }
    let folder = URL(argument: out)
    try report.page().write(to: folder)
    try writeAtomically(Data(report.labels.csv.utf8), to: folder.appendingPathComponent("labels.csv"))
    try ClusterModelFile(best, columns: rows.columns).write(to: folder.appendingPathComponent("model.json"))
    if !json { print("labels: \(out)/labels.csv, model: \(out)/model.json, report: \(out)/report.html") }
  }

  private func pairs(_ file: String?, _ rows: ClusterRows) throws -> [(Int, Int)] {
    guard let file else { return [] }
    let table = try DataTable(contentsOf: URL(argument: file))
    guard table.names.count == 2 else {
      throw StatisticsError(
        .badData, file, found: "\(table.names.count) columns", expected: "two, of rows that make a pair")
    }
    let places = Dictionary(grouping: rows.identifiers.indices) { rows.identifiers[$0] }
    let columns = try table.names.map { try table.words($0) }
    return try (0..<table.rowCount).map { row in
      let ends = try columns.map { words in
        let name = words.levels[words.codes[row]]
        guard let own = places[name] else {
          throw StatisticsError(
            .badData, table.place(row), found: "a row called \"\(name)\"",
            expected: data.id.map { "an entry of the column \($0)" } ?? "a line of \(rows.source)")
        }
        guard own.count == 1 else {
          throw StatisticsError(
            .badData, table.place(row), found: "\"\(name)\", which names \(own.count) rows of \(rows.source)",
            expected: "names that are one row's", advice: "give another --id, or lines in place of names")
        }
        return own[0]
      }
      return (ends[0], ends[1])
    }
  }

  private func startingLabels(_ rows: ClusterRows) throws -> [Int]? {
    guard let labels else { return nil }
    let table = try DataTable(contentsOf: URL(argument: labels))
    let name = table.names.contains("cluster") ? "cluster" : table.names[table.names.count - 1]
    let words = try table.words(name)
    guard words.codes.count == rows.x.size(0) else {
      throw StatisticsError(
        .badData, labels, found: "\(words.codes.count) labels",
        expected: "\(rows.x.size(0)), one a row of \(rows.source)")
    }
    return words.codes
  }
}

/// `likely cluster predict`
struct ClusterPredict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "The likeliest cluster of further rows.",
    discussion: """
      Example:
        likely cluster fit --data flowers.csv --k 2 --out runs/clusters
        likely cluster predict runs/clusters --data flowers.csv --out labels.csv
      """)

  @Argument(help: ArgumentHelp("Folder of `cluster fit`, or a model.json.", valueName: "run"))
  var fitted: String

  @OptionGroup var data: ClusterDataArguments

  @Option(help: ArgumentHelp("File for cluster and distances of every row.", valueName: "file.csv"))
  var out: String?

  @OptionGroup var common: CommonOptions

  func validate() throws {
    if let out, !out.hasSuffix(".csv") { throw ValidationError("--out \(out): a name that ends with .csv") }
  }

  func run() throws {
    _ = try common.startOnProcessor()
    let model = try ClusterModelFile(contentsOf: ClusterModelFile.location(fitted))
    let rows = try data.load(model.columns)
    let (labels, distances) = try model.predict(rows.x)
    var table = ReportTable(
      title: "Clusters",
      columns: [.text("row"), .integer("cluster")]
        + (1...model.clusters).map { .number("distance \($0)", digits: out == nil ? 4 : 17) })
    for i in labels.indices {
      table.append(
        [.text(rows.identifiers[i]), .integer(labels[i] + 1)] + distances[i].map(ReportTable.Cell.number))
    }
    if let truth = rows.truth {
      let agreement = ClusterAgreement(truth.labels, labels)
      print("error \(formatNumber(agreement.error)), ARI \(formatNumber(agreement.adjustedRandIndex))")
    }
    guard let out else {
      print(table.csv, terminator: "")
      return
    }
    try writeAtomically(Data(table.csv.utf8), to: URL(argument: out))
    print("labels: \(out)")
  }
}

/// `likely cluster compare`
struct ClusterCompare: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "iLA-SDP beside K-means, Ward, spectral clustering, the K-means SDP and mixtures of normals.",
    discussion: """
      Example:
        likely cluster compare --data flowers.csv --k 2
      """)

  @OptionGroup var data: ClusterDataArguments
  @OptionGroup var method: ClusterMethodArguments

  @Option(
    help: ArgumentHelp(
      "Methods between commas: \(ClusteringBaseline.allCases.map(\.rawValue).joined(separator: ", ")), ila-sdp.",
      valueName: "names"))
  var methods = ClusteringBaseline.allCases.map(\.rawValue).joined(separator: ",") + ",ila-sdp"

  @Flag(help: "Print as JSON.")
  var json = false

  @OptionGroup var common: CommonOptions

  func run() throws {
    let random = try common.startOnProcessor()
    let rows = try data.load()
    let range = try method.range()
    guard range.count == 1 else { throw UsageError("--k \(method.k): one number is expected") }
    let own = try method.method(range.lowerBound, rowNames: rows.places)
    try own.check(rows.x, rows.columns)
    var table = ReportTable(
      title: "\(rows.x.size(0)) rows, \(range.lowerBound) clusters",
      columns: [
        .text("method"), .number("Q", digits: 7), .text("sizes"), .number("time", unit: "s", digits: 3),
      ]
        + (rows.truth == nil ? [] : [.number("error"), .number("ARI"), .number("NMI")]))
    var failure: StatisticsError?
    for name in methods.listed {
      var stream = random.split(name)
      let clock = ContinuousClock()
      let begin = clock.now
      let baseline = ClusteringBaseline(rawValue: name)
      guard name == "ila-sdp" || baseline != nil else {
        throw UsageError(
          "--methods \(name): expected some of \(ClusteringBaseline.allCases.map(\.rawValue).joined(separator: ", ")), ila-sdp"
        )
      }
      let labels: [Int]
      do throws(StatisticsError) {
        labels =
          if let baseline {
            try baseline.labels(rows.x, clusters: range.lowerBound, using: &stream)
          } else {
            try own.fit(rows.x, names: rows.columns, using: &stream).labels
          }
      } catch {
        // One method without labels is a finding about it, and the others' stand.
        tell("likely: \(name): \(error)")
        failure = error
        let unknown = [ReportTable.Cell](repeating: .missing, count: rows.truth == nil ? 0 : 3)
        table.append([.text(name), .missing, .text("none"), .missing] + unknown)
        continue
      }
      let duration = (clock.now - begin).components
      let seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
      let criterion = own.covariances.criterion(rows.x, labels: labels, clusters: range.lowerBound)
      let sizes = (0..<range.lowerBound).map { k in "\(labels.count { $0 == k })" }.joined(separator: " ")
      var cells: [ReportTable.Cell] = [
        .text(name), criterion.map(ReportTable.Cell.number) ?? .missing, .text(sizes), .number(seconds),
      ]
      if let truth = rows.truth {
        let agreement = ClusterAgreement(truth.labels, labels)
        cells += [
          .number(agreement.error), .number(agreement.adjustedRandIndex),
          .number(agreement.normalisedMutualInformation),
        ]
      }
      table.append(cells)
    }
    if let failure, table.rows.allSatisfy({ $0[3] == .missing }) { throw failure }
    if json { print(table.json.pretty, terminator: "") } else { print(table.plainText) }
  }
}
