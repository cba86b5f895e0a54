import ArgumentParser
import Foundation
import Likely

/// `likely methods`
struct MethodsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "methods", abstract: "Lists the methods, their verbs and their guides.",
    discussion: """
      Example:
        likely methods
      """)

  func run() throws {
    var table = ReportTable(
      title: "Methods", columns: [.text("method"), .text("command"), .text("what it does")])
    for method in Methods.all {
      table.append([.text(method.slug), .text(method.command), .text(method.summary)])
    }
    print(table.plainText)
  }
}

/// `likely data …`
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Real data sets: names, licences, and where to put them.",
    subcommands: [List.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Lists the data sets; use one with --data data:NAME.",
      discussion: """
        Example:
          likely data list
        """)

    func run() throws {
      var table = ReportTable(
        title: "Data sets (read from $LIKELY_DATA or ~/.cache/likely; nothing is downloaded unasked)",
        columns: [.text("name"), .integer("bytes"), .text("licence"), .text("here"), .text("what it is")])
      for set in DataCatalogue.dataSets {
        let found = (try? DataCatalogue.file(of: set)) != nil
        table.append([
          .text(set.name), set.size.map { .integer($0) } ?? nil, .text(set.licence), found ? "yes" : "no",
          .text(set.summary),
        ])
      }
      print(table.plainText)
      print("\nTo fetch one:")
      for set in DataCatalogue.dataSets where (try? DataCatalogue.file(of: set)) == nil {
        print("  \(set.downloadCommand)")
      }
    }
  }
}

/// `likely runs`
struct RunsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "runs", abstract: "Lists the run folders below a folder, with their steps.",
    discussion: """
      Example:
        likely runs runs
      """)

  @Argument(help: ArgumentHelp("Folder to look in.", valueName: "folder"))
  var folder = "runs"

  func run() throws {
    let root = URL(argument: folder)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: root.path) else {
      throw RunFolderError.missing(folder)
    }
    var table = ReportTable(
      title: "Runs in \(folder)", columns: [.text("run"), .integer("step"), .text("model"), .text("report")])
    for name in names.sorted() {
      let url = root.appending(path: name)
      guard FileManager.default.fileExists(atPath: url.appending(path: "config.yaml").path) else { continue }
      let run = try RunFolder(existing: url)
      let step = MetricsLog.read(run.metrics).compactMap { $0["step"] }.max()
      func mark(_ file: String) -> ReportTable.Cell {
        FileManager.default.fileExists(atPath: url.appending(path: file).path) ? "yes" : "no"
      }
      table.append([
        .text(name), step.map { .integer(Int($0)) } ?? nil, mark("model.safetensors"), mark("report.html"),
      ])
    }
    print(table.plainText)
  }
}

/// `likely report`
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Prints the metrics and results of a run as JSON lines.",
    discussion: """
      Example:
        likely report runs/x
      """)

  @Argument(help: ArgumentHelp("Run folder.", valueName: "run"))
  var folder: String

  func run() throws {
    let run = try RunFolder(existing: URL(argument: folder))
    guard let data = FileManager.default.contents(atPath: run.url.appending(path: "report.json").path)
    else {
      throw RunFolderError.missing(folder + "/report.json")
    }
    print(String(decoding: data, as: UTF8.self))
  }
}

/// `likely tour`
struct TourCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tour",
    abstract: "The main job end to end: fits a table, reports a held-out likelihood, samples.",
    discussion: """
      Example:
        likely tour --out runs/tour
      """)

  @OptionGroup var common: CommonOptions

  @Option(help: ArgumentHelp("Run folder to make; replaced when it is there.", valueName: "folder"))
  var out = "runs/tour"

  func run() throws {
    let url = URL(argument: out)
    if FileManager.default.fileExists(atPath: url.appending(path: "config.yaml").path) {
      try FileManager.default.removeItem(at: url)
    }
    let digits = (try? DataCatalogue.dataSet(named: "digits")).flatMap { try? DataCatalogue.file(of: $0) }
    let quiet = common.quiet ? ["--quiet"] : []
    if digits != nil {
      print("Fitting the 8×8 digits, dequantised, one class at a time …")
      var train = try InterpolantTrain.parse(
        [
          "--data", "data:digits", "--noise", "uniform", "--image-shape", "1x8x8", "--steps", "2000", "--lr",
          "1e-3",
          "--validation", "0.1", "--out", out, "--seed", "\(common.seed)",
        ] + quiet)
      try train.run()
    } else {
      print("The digits are not here (see `likely data list`); fitting the two-moons toy instead …")
      var train = try InterpolantTrain.parse(
        ["--data", "toy:moons", "--steps", "2000", "--out", out, "--seed", "\(common.seed)"] + quiet)
      try train.run()
    }
    let picture = digits == nil ? [] : ["--picture", "\(out)/samples.png", "--sampler", "ode"]
    let sample = try InterpolantSample.parse(
      [out, "--count", "1000", "--out", "\(out)/samples.csv"] + picture + quiet)
    try sample.run()
    print("Open \(out)/report.html")
  }
}
