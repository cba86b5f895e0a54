import ArgumentParser
import Foundation
import Likely

extension GaussianMixtureEstimation.Family: ExpressibleByArgument {}

/// Rows to cluster, with names and true labels where the table has them.
struct ClusterRows {
  let source: String
  let columns: [String]
  /// `[n, p]`.
  let x: Tensor
  /// One a row: the id column, or the line or row number.
  let identifiers: [String]
  /// Where they are, for messages: the id, or a line or row with its number.
  let places: [String]
  let weights: [Double]?
  let truth: (classes: [String], labels: [Int])?
}

/// Where rows come from.
struct ClusterDataArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Table of numbers: CSV with a header (also gzipped), NPY, or a data set such as data:iris.",
      valueName: "table"))
  var data: String

  @Option(help: ArgumentHelp("Columns to use, between commas; all others if left out.", valueName: "names"))
  var columns: String?

  @Option(help: ArgumentHelp("Columns to leave out, between commas.", valueName: "names"))
  var drop: String?

  @Option(help: ArgumentHelp("Column that names the rows; their lines if left out.", valueName: "name"))
  var id: String?

  @Option(
    help: ArgumentHelp(
      "Column of true labels, only compared with; a data set's own where left out.", valueName: "name"))
  var truth: String?

  /// - Parameter wanted: columns in place of the options'.
  func load(_ wanted: [String]? = nil, weights: String? = nil) throws -> ClusterRows {
    try checkRoles([
      ("--id", [id].compactMap(\.self)), ("--truth", [truth].compactMap(\.self)),
      ("--weights", [weights].compactMap(\.self)), ("--columns", columns?.listed ?? []),
    ])
    try checkRoles([("--columns", columns?.listed ?? []), ("--drop", drop?.listed ?? [])])
    let extensions = [".npy", ".npz"]
    if extensions.contains(where: data.lowercased().hasSuffix) { return try array(wanted, weights) }
    var options = TableOptions()
    var url = URL(argument: data)
    if data.hasPrefix("data:") {
      let set = try DataCatalogue.dataSet(named: String(data.dropFirst(5)))
      (url, options) = (try DataCatalogue.file(of: set), set.options)
    }
    let words = Set([id, truth].compactMap(\.self))
    let table = try DataTable(contentsOf: url, words: words, options: options)
    let label = label(options, table.names)
    let taken = words.union(drop?.listed ?? []).union([weights].compactMap(\.self))
    let apart = taken.union([label].compactMap(\.self))
    let names = wanted ?? columns?.listed ?? table.names.filter { !apart.contains($0) }
    guard !names.isEmpty else { throw UsageError("\(data): no column is left of \(table.names.count)") }
    guard table.rowCount > 0 else {
      throw StatisticsError(.badData, data, found: "no rows", expected: "a row for every point")
    }
    let values = try names.map { Tensor(try table.numbers($0)) }
    // A column that the options use otherwise is nothing to compare with.
    let known = label.flatMap { taken.contains($0) || names.contains($0) ? nil : $0 }
    let truth = try (truth ?? known).map { try table.words($0) }
    let identifiers = try id.map { name in
      let words = try table.words(name)
      return words.codes.map { words.levels[$0] }
    }
    return ClusterRows(
      source: data, columns: names, x: .stack(values, axis: 1),
      identifiers: identifiers ?? table.lines.map(String.init),
      places: identifiers ?? table.lines.map { "line \($0)" },
      weights: try weights.map { try table.numbers($0) }, truth: truth.map { ($0.levels, $0.codes) })
  }

  /// The column that a data set of the catalogue has its classes in, which would give them away.
  private func label(_ options: TableOptions, _ names: [String]) -> String? {
    switch options.label {
    case .position(let place)?: names[place < 0 ? names.count + place : place - 1]
    case .named(let name)?, .text(let name)?: name
    case .positions?, nil: nil
    }
  }

  private func array(_ wanted: [String]?, _ weights: String?) throws -> ClusterRows {
    if let option = id.map({ "--id \($0)" }) ?? weights.map({ "--weights \($0)" }) {
      throw UsageError("\(option): \(data) is an array without named columns; give a CSV table")
    }
    func references(_ text: String?) -> [ColumnReference]? { text?.listed.map { .text($0) } }
    let options = TableOptions(
      columns: wanted.map { $0.map { .text($0) } } ?? references(columns), dropped: references(drop) ?? [],
      label: truth.map { .text($0) })
    let table = try NumericTable(contentsOf: URL(argument: data), options: options)
    return ClusterRows(
      source: data, columns: table.names, x: table.values,
      identifiers: (1...table.rowCount).map(String.init),
      places: (1...table.rowCount).map { "row \($0)" }, weights: nil,
      truth: table.labels.map { ($0.classes, $0.indices.integers) })
  }
}

/// How iLA-SDP runs.
struct ClusterMethodArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Clusters, or a range such as 1-5, of which BIC chooses.", valueName: "k"))
  var k: String

  @Option(
    help: ArgumentHelp(
      "Labels to start from, between commas: sdp, ward, kmeans, spectral.", valueName: "names"))
  var start = "sdp,ward,kmeans"

  @Option(
    help: ArgumentHelp("What covariances may be: full, diagonal, tied or spherical.", valueName: "family"))
  var family = GaussianMixtureEstimation.Family.full

  @Option(help: ArgumentHelp("Part of a covariance's mean variance that is added to it.", valueName: "r"))
  var shrink = 1e-3

  @Option(help: ArgumentHelp("Residuals at which programs of the search end.", valueName: "tolerance"))
  var innerTolerance = 5e-4

  @Option(help: ArgumentHelp("Residuals at which the last program ends.", valueName: "tolerance"))
  var tolerance = 1e-5

  @Option(help: ArgumentHelp("Most passes of a program.", valueName: "n"))
  var passes = 2000

  @Option(help: ArgumentHelp("Most steps of a search.", valueName: "n"))
  var steps = 20

  @Flag(inversion: .prefixedNo, help: "End with hard expectation–maximisation where that is better.")
  var polish = true

  @Option(
    help: ArgumentHelp("Rows of random parts to fit to in place of all; others are assigned.", valueName: "n")
  )
  var subsample: Int?

  @Option(help: ArgumentHelp("Random parts.", valueName: "n"))
  var parts = 5

  @Option(help: ArgumentHelp("Share of rows, the farthest, that covariances leave out.", valueName: "share"))
  var outliers = 0.0

  @Option(
    help: ArgumentHelp("Principal directions to project on: none, auto or a number.", valueName: "d"))
  var project = "auto"

  @Option(help: ArgumentHelp("Seconds after which the best labels so far are taken.", valueName: "s"))
  var timeLimit: Double?

  func validate() throws {
    _ = try range()
    if let timeLimit, !(timeLimit > 0 && timeLimit.isFinite) {
      throw ValidationError("--time-limit \(timeLimit): above 0")
    }
    for (name, value) in [("--tolerance", tolerance), ("--inner-tolerance", innerTolerance)]
    where !(value > 0 && value < 1) {
      throw ValidationError("\(name) \(value): in (0, 1)")
    }
    guard passes >= 1, steps >= 1, parts >= 1 else {
      throw ValidationError("--passes, --steps and --parts: at least 1")
    }
  }

  func range() throws -> ClosedRange<Int> {
    let ends = k.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let low = ends[0], let high = ends.last ?? nil, low >= 1, high >= 2,
      low <= high
    else {
      throw ValidationError("--k \(k): a number from 2, or a range such as 1-5")
    }
    return low...high
  }

  /// - Parameter rowNames: one a row, for messages.
  func method(_ clusters: Int, rowNames: [String]) throws -> ILASDP {
    var method = ILASDP(clusters: clusters)
    method.starts = try start.listed.map { name in
      guard let start = ILASDP.Start(rawValue: name) else {
        throw UsageError(
          "--start \(name): expected some of \(ILASDP.Start.allCases.map(\.rawValue).joined(separator: ", "))"
        )
      }
      return start
    }
    guard !method.starts.isEmpty else { throw UsageError("--start: at least one name is expected") }
    method.rowNames = rowNames
    method.covariances = ClusterCovariances(family, shrinkage: shrink)
    (method.innerTolerance, method.finalTolerance) = (innerTolerance, tolerance)
    (method.innerIterations, method.outerIterations, method.polishes) = (passes, steps, polish)
    (method.subsample, method.subsamples, method.outlierShare) = (subsample, parts, outliers)
    method.timeLimit = timeLimit.map { .milliseconds(Int(1000 * $0)) }
    switch project {
    case "auto": method.projection = .automatic
    case "none": method.projection = .none
    default:
      guard let d = Int(project), d >= 1 else {
        throw UsageError("--project \(project): expected none, auto or a number from 1")
      }
      method.projection = .principal(d)
    }
    return method
  }
}
