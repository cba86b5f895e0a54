import ArgumentParser
import Foundation
import Likely

/// `likely interpolant …`
struct InterpolantCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interpolant",
    abstract:
      "Stochastic interpolants: flows and diffusions between two distributions, with exact likelihoods.",
    discussion: """
      Example:
        likely interpolant train --data toy:checkerboard --out runs/x
        likely interpolant sample runs/x --count 1000 --out s.csv
        likely interpolant loglik runs/x --data s.csv
      """,
    subcommands: [
      InterpolantTrain.self, InterpolantSample.self, InterpolantLogLikelihood.self,
      InterpolantCrossEntropy.self,
      InterpolantDiagnose.self, InterpolantRectify.self, InterpolantMirror.self,
    ])
}

/// Which columns of a table are used.
struct TableArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp("Columns to use, by name or position from 1; all when left out.", valueName: "a,b,…"))
  var columns: String?

  @Option(help: ArgumentHelp("Columns to leave out.", valueName: "a,b,…"))
  var drop: String?

  @Option(help: ArgumentHelp("Column of classes: the model becomes class-conditional.", valueName: "column"))
  var label: String?

  @Flag(
    inversion: .prefixedNo, exclusivity: .chooseLast,
    help: "The first line is a header; found out when left out.")
  var header: Bool?

  @Option(help: ArgumentHelp("Delimiter of a text table; found out when left out.", valueName: "character"))
  var delimiter: String?

  func options() throws -> TableOptions {
    var options = TableOptions()
    func list(_ text: String?) -> [ColumnReference]? {
      text.map { $0.split(separator: ",").map { .text(String($0)) } }
    }
    options.columns = list(columns)
    options.dropped = list(drop) ?? []
    options.label = label.map { .text($0) }
    if let header { options.header = header ? .present : .absent }
    if let delimiter {
      guard let character = delimiter == "\\t" ? "\t" : delimiter.first,
        delimiter == "\\t" || delimiter.count == 1
      else {
        throw UsageError("--delimiter \(delimiter): one character is expected")
      }
      options.delimiter = character
    }
    return options
  }

  /// Reads a file of the user, or a data set of the catalogue named `data:NAME`.
  func read(_ name: String) throws -> NumericTable {
    var options = try options()
    guard name.hasPrefix("data:") else {
      return try NumericTable(contentsOf: URL(argument: name), options: options)
    }
    let set = try DataCatalogue.dataSet(named: String(name.dropFirst(5)))
    let url = try DataCatalogue.file(of: set)
    if options.names == nil { options.names = set.options.names }
    if options.label == nil { options.label = set.options.label }
    if options.columns == nil, options.dropped.isEmpty { options.dropped = set.options.dropped }
    if header == nil {
      (options.header, options.skippedLines) = (set.options.header, set.options.skippedLines)
    }
    return try NumericTable(contentsOf: url, options: options)
  }
}

/// A model, by its run folder or file.
struct ModelArgument: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Run folder of `interpolant train`, or a model.safetensors.", valueName: "run"))
  var run: String

  func load(on device: Device) throws -> InterpolantModel {
    let model = try InterpolantModel(contentsOf: modelFile(run))
    model.move(to: device)
    return model
  }
}

/// Continuous conditions, on the command line.
struct ConditionArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Table of what the fields depend on besides t and x, a row a row; `source` takes x₀ itself.",
      valueName: "table"))
  var condition: String?

  /// `[n, k]`.
  /// - Parameter source: the rows x₀, where they are known.
  func rows(source: Tensor?) throws -> Tensor? {
    guard let condition else { return nil }
    guard condition == "source" else {
      return try NumericTable(contentsOf: URL(argument: condition)).values.to(.float)
    }
    guard let source else { throw InterpolantError.pairsRequired("--condition source") }
    return source.to(.float)
  }
}

extension InterpolantModel {
  /// One-hot rows of a table's labels, matched by name to the model's classes.
  func condition(labels: TableLabels?) throws -> Tensor? {
    guard !classes.isEmpty else { return nil }
    guard let labels else { return nil }
    let places = try labels.classes.map { name -> Int in
      guard let place = classes.firstIndex(of: name) else {
        throw InterpolantError.invalidOption(
          name: "--label", found: name,
          expected: "classes that the model knows: \(classes.joined(separator: ", "))")
      }
      return place
    }
    return Tensor(labels.indices.integers.map { places[$0] }).oneHot(classes.count).to(.float)
  }
}

/// Checks, before any work, that rows can go to a file of this name.
func requireRowFile(_ path: String) throws {
  guard ["csv", "npy"].contains(URL(argument: path).pathExtension.lowercased()) else {
    throw UsageError("--out \(path): the name must end in .csv or .npy")
  }
}

/// Writes rows as CSV or NPY by the file's extension.
func writeRows(_ points: Tensor, names: [String], to path: String) throws {
  try requireRowFile(path)
  let url = URL(argument: path)
  let table = NumericTable(names: names, values: points.to(.double))
  if url.pathExtension.lowercased() == "npy" { try table.write(npy: url) } else { try table.write(csv: url) }
}
