import ArgumentParser
import Foundation
import Likely

/// Times everything against the peers and prints the ratios.
struct Compare: ParsableCommand {
  @Option(help: "The Python of the peers.")
  var python: String
  @Option(help: "The folder of the peers' programs.")
  var peers: String
  @Option(help: "The program likely.")
  var likely: String
  @Option(help: "The C++ program that only links libtorch.")
  var startup: String
  @Option(help: "A folder for what both sides read.")
  var folder: String
  @Option(help: "Where the results are written as JSON.")
  var output: String
  @Option(help: "Threads of an operation on both sides.")
  var threads = ProcessInfo.processInfo.activeProcessorCount
  @Option(help: "Runs of each side.")
  var rounds = 5
  @Option(help: "Only comparisons whose name contains this.")
  var only = ""
  @Option(
    help: "No comparisons whose name contains this, such as bf16.")
  var except: String?

  /// Steps of the likelihood's integration: the fewest on each side whose error is the other's or less.
  private static let likelySteps = 25
  private static let peerSteps = 25

  private func task(_ name: String, _ arguments: String...) -> Side {
    let program = URL(fileURLWithPath: CommandLine.arguments[0]).path
    return Side(
      name: "Likely", command: [program, name, "--folder", folder, "--threads", "\(threads)"] + arguments)
  }

  private func peer(_ program: String, _ arguments: String...) -> Side {
    Side(
      name: program,
      command: [python, "\(peers)/\(program).py", "--folder", folder, "--threads", "\(threads)"] + arguments)
  }

  private var comparisons: [Comparison] {
    let mixed = ["--precision", "bf16-mixed"]
    func likelihood(_ route: String) -> Side {
      peer("likelihood", "--route", route, "--steps", "\(Self.peerSteps)")
    }
    func language(_ work: String, _ name: String, _ bar: Bar, mixed: Bool = false) -> Comparison {
      let arguments = ["--task", work] + (mixed ? ["--precision", "bf16-mixed"] : [])
      func added(_ side: Side) -> Side { Side(name: side.name, command: side.command + arguments) }
      return Comparison(
        name: "language, \(name)\(mixed ? ", bf16" : "")", likely: added(task("language")),
        peer: added(peer("language")), bar: bar, isPrepared: false)
    }
    func preference(_ work: String, beside peerWork: String? = nil, _ name: String, _ bar: Bar)
      -> Comparison
    {
      Comparison(
        name: "preference, \(name)", likely: task("preference", "--task", work),
        peer: peer("preference", "--task", peerWork ?? work), bar: bar, isPrepared: false)
    }
    func causal(
      _ work: String, as mine: String? = nil, beside program: String, _ name: String, _ bar: Bar
    ) -> Comparison {
      let data = ["--data", ProcessInfo.processInfo.environment["LIKELY_DATA"] ?? "."]
      func added(_ side: Side, _ more: [String]) -> Side {
        Side(name: side.name, command: side.command + data + more)
      }
      return Comparison(
        name: "causal, \(name)", likely: added(task("causal"), ["--task", mine ?? work]),
        peer: added(peer("causal"), ["--task", work, "--peer", program]), bar: bar, isPrepared: false)
    }
    let mine = task("likelihood", "--steps", "\(Self.likelySteps)")
    let help = Side(name: "likely --help", command: [likely, "--help"])
    return [
      Comparison(
        name: "training, torchcfm", likely: task("training"), peer: peer("training"), bar: .faster(1.2)),
      Comparison(
        name: "sampling, torchdiffeq", likely: task("sampling"), peer: peer("sampling"), bar: .faster(1.3)),
      // Likely's default activation instead of torchcfm's, whose cost it does not share; for information.
      Comparison(
        name: "sampling, SiLU", likely: task("sampling", "--activation", "silu"),
        peer: peer("sampling", "--activation", "silu"), bar: .none),
      Comparison(
        name: "likelihood, autograd", likely: mine, peer: likelihood("autograd"), bar: .faster(3)),
      Comparison(name: "likelihood, vmap(jacrev)", likely: mine, peer: likelihood("jacrev"), bar: .faster(1)),
      Comparison(name: "likelihood, vmap(jacfwd)", likely: mine, peer: likelihood("jacfwd"), bar: .faster(1)),
      Comparison(
        name: "training, bf16-mixed", likely: task("training", mixed[0], mixed[1]),
        peer: peer("training", mixed[0], mixed[1]), bar: .none),
      Comparison(
        name: "sampling, bf16-mixed", likely: task("sampling", mixed[0], mixed[1]),
        peer: peer("sampling", mixed[0], mixed[1]), bar: .none),
      Comparison(
        name: "filter, particles", likely: task("filter"), peer: peer("filter"), bar: .faster(5),
        isPrepared: false),
      Comparison(
        name: "MALA, BlackJAX", likely: task("langevin"), peer: peer("langevin"), bar: .faster(1),
        isPrepared: false),
      Comparison(
        name: "steering, group by group", likely: task("steering"), peer: peer("steering"), bar: .faster(20),
        isPrepared: false),
      Comparison(
        name: "correctors, PyTorch", likely: task("correctors"), peer: peer("correctors"), bar: .faster(1),
        isPrepared: false),
      Comparison(
        name: "bandit, loops over pairs", likely: task("bandit"), peer: peer("bandit"), bar: .faster(100),
        isPrepared: false),
      Comparison(
        name: "bandit, a pass a step", likely: task("bandit"), peer: peer("bandit", "--passes", "step"),
        bar: .none, isPrepared: false),
      Comparison(
        name: "proportional odds, statsmodels", likely: task("ordinal"), peer: peer("ordinal"),
        bar: .faster(20),
        isPrepared: false),
      Comparison(
        name: "conformal selection, by definition", likely: task("selection"), peer: peer("selection"),
        bar: .faster(1000), isPrepared: false),
      // Another effect, by the same amount of cross-fitting.
      Comparison(
        name: "instrument, DoubleML", likely: task("effect"), peer: peer("effect"), bar: .none,
        isPrepared: false),
      Comparison(
        name: "cluster SDP, CVXPY + SCS", likely: task("cluster"), peer: peer("cluster"), bar: .faster(10),
        isPrepared: false),
      // The solver's own time, without compiling the problem; for information.
      Comparison(
        name: "cluster SDP, SCS alone", likely: task("cluster"), peer: peer("cluster", "--alone", "1"),
        bar: .none, isPrepared: false),
      Comparison(
        name: "reusable holdout, NumPy", likely: task("holdout"), peer: peer("holdout"), bar: .faster(10),
        isPrepared: false),
      Comparison(
        name: "expectations, NumPy", likely: task("expectation"), peer: peer("expectation"), bar: .faster(3),
        isPrepared: false),
      // For information: SciPy's estimator is another, by as many runs; both tell their squared error.
      Comparison(
        name: "Sobol' indices, SciPy", likely: task("expectation", "--task", "sobol"),
        peer: peer("expectation", "--task", "sobol"), bar: .none, isPrepared: false),
      Comparison(
        name: "epidemics, LSODA", likely: task("epidemic"), peer: peer("epidemic"), bar: .faster(20),
        isPrepared: false),
      Comparison(
        name: "epidemics, RK45", likely: task("epidemic"), peer: peer("epidemic", "--method", "RK45"),
        bar: .faster(100), isPrepared: false),
      Comparison(
        name: "epidemic fit, Nelder-Mead", likely: task("epidemic", "--task", "fit"),
        peer: peer("epidemic", "--task", "fit"), bar: .faster(50), isPrepared: false),
      language("greedy", "greedy", .faster(3)), language("batch", "batch of 16", .faster(2)),
      language("train", "training", .faster(1.15)), language("score", "scoring", .faster(4)),
      language("tokenize", "tokeniser", .faster(1)),
      language("greedy", "greedy", .none, mixed: true), language("batch", "batch of 16", .none, mixed: true),
      language("train", "training", .none, mixed: true), language("score", "scoring", .none, mixed: true),
      preference("dpo", "DPO step", .faster(2)),
      preference("dpo-kept", "DPO, kept", .none),
      preference("orpo", "ORPO step", .faster(2)),
      preference("asft", beside: "orpo", "ASFT step", .faster(2)),
      preference("reference", "reference", .faster(3)), preference("ches", "CHES", .faster(4)),
      preference("follow-up", "follow-ups", .faster(20)),
      // pgmpy is told what to adjust for, as it finds nothing where a parent is hidden.
      causal("sachs", as: "sachs-prepared", beside: "pgmpy", "sachs, pgmpy", .faster(20)),
      // Both find their formula in every call, in about the same time; for information.
      causal("sachs", beside: "agrum", "sachs, pyAgrum", .none),
      causal("alarm", beside: "pgmpy", "alarm, pgmpy", .faster(20)),
      causal("alarm", beside: "agrum", "alarm, pyAgrum", .faster(1)),
      causal("bootstrap", beside: "agrum", "1,000 tables", .faster(20)),
      Comparison(
        name: "start, linking libtorch", likely: help, peer: Side(name: "C++", command: [startup]),
        bar: .within(0.1), isPrepared: false),
      Comparison(
        name: "start, import torch", likely: help,
        peer: Side(name: "Python", command: [python, "-c", "import torch"]), bar: .faster(4),
        isPrepared: false),
    ]
  }

  func run() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let names = try machine()
    print("\(names.map { "\($0.0) \($0.1)" }.joined(separator: ", "))\n")
    let chosen = comparisons.filter { comparison in
      (only.isEmpty || comparison.name.contains(only)) && except.map { !comparison.name.contains($0) } ?? true
    }
    if chosen.contains(where: \.isPrepared) {
      _ = try task("prepare").run()
      _ = try peer("likelihood", "--route", "fine", "--count", "50", "--steps", "200").run()
    }

    let readsModel = ["language", "preference"]
    if chosen.contains(where: { comparison in readsModel.contains { comparison.name.hasPrefix($0) } }) {
      _ = try task("language-prepare").run()
    }

    print(row(["", "Likely", "peer", "ratio", "fastest", "CPU", "bar", ""]))
    var outcomes: [Comparison.Outcome] = []
    for comparison in chosen {
      // A start takes so little that more rounds cost nothing; the first of each side warms the disk's cache.
      let isStart = comparison.name.hasPrefix("start")
      if isStart {
        _ = try comparison.likely.run()
        _ = try comparison.peer.run()
      }
      let outcome = try comparison.run(rounds: isStart ? 3 * rounds : rounds)
      outcomes.append(outcome)
      print(line(outcome))
      // A run takes minutes: what is known is shown, also through a pipe.
      fflush(nil)
    }
    var remarks = try self.remarks(outcomes)
    let overheads = try self.overheads()
    remarks += overheads.map { ($0.name, $0.share, $0.text) }
    print("\n" + remarks.map(\.text).joined(separator: "\n"))
    try write(names, outcomes, remarks.map { ($0.name, $0.value) })
    if outcomes.contains(where: { $0.holds == false }) || !overheads.allSatisfy(\.holds) {
      throw ExitCode(1)
    }
  }

  /// What steering adds to the draws it steers, and correctors to their scores: the median of the rounds of one process,
  /// many where a round takes a tenth of a second.
  private func overheads() throws -> [(name: String, share: Double, holds: Bool, text: String)] {
    try [
      ("unet", "overhead of steering a U-Net, 64 particles", 0.03),
      ("mixture", "overhead of steering a mixture, 1,000 groups of 8", 0.2),
      ("correctors", "correctors besides the scores of two perceptrons, 2,000 particles", 0.1),
    ]
    .filter { only.isEmpty || "overhead, \($0.0)".contains(only) }
    .map { model, what, bar in
      let facts = try task(
        "overhead", "--model", model, "--rounds", "\((model == "mixture" ? 20 : 2) * rounds + 1)"
      ).run()
      let share = facts["share"] ?? .nan
      let size = facts["parameters"].map { " of \(Int($0)) parameters" } ?? ""
      func percent(_ x: Double) -> String { String(format: "%.1f %%", 100 * x) }
      return (
        "overhead, \(model)", share, share <= bar,
        "\(what)\(size): \(percent(share)) of the time (bar \(percent(bar))) \(share <= bar ? "holds" : "FAILS")"
      )
    }
  }

  // MARK: Text

  private func row(_ cells: [String]) -> String {
    zip(cells, [26, 11, 11, 8, 9, 8, 9, 5]).map { cell, width in
      cell + String(repeating: " ", count: max(1, width - cell.count))
    }.joined()
  }

  private func line(_ outcome: Comparison.Outcome) -> String {
    func format(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
    func time(_ seconds: Double) -> String {
      seconds < 0.01 ? format(1000 * seconds, 3) + " ms" : format(seconds, 3) + " s"
    }
    return row([
      outcome.comparison.name, time(outcome.median(outcome.likely)), time(outcome.median(outcome.peer)),
      format(outcome.ratio, 2),
      format(outcome.ratioOfFastest, 2),
      outcome.ratioOfProcessors.isFinite ? format(outcome.ratioOfProcessors, 2) : "", outcome.bar,
      outcome.holds.map { $0 ? "holds" : "FAILS" } ?? "",
    ])
  }

  private func machine() throws -> [(String, String)] {
    let information = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
    let model =
      information.split(separator: "\n").first { $0.hasPrefix("model name") }
      .flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    let versions = Process()
    versions.executableURL = URL(fileURLWithPath: python)
    versions.arguments = [
      "-c",
      """
      import importlib.metadata as m, sys
      print("Python", sys.version.split()[0], *(x for p in ("torch", "torchcfm", "torchdiffeq", "scipy", "particles", "jax", "blackjax", "transformers", "tokenizers", "statsmodels", "pgmpy", "pyagrum", "cvxpy", "scs") for x in (p, m.version(p))))
      """,
    ]
    let pipe = Pipe()
    versions.standardOutput = pipe
    try versions.run()
    let peers = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    return [
      ("processor", "\(model) with \(ProcessInfo.processInfo.activeProcessorCount) cores"),
      ("instructions", Libtorch.processorCapability), ("threads", "\(threads)"),
      ("libtorch", Libtorch.version),
      ("peers:", peers.trimmingCharacters(in: .whitespacesAndNewlines)), ("rounds", "\(rounds)"),
    ]
  }

  /// What is stated besides the times: the share of the peak, the errors of the likelihoods and the memory.
  private func remarks(_ outcomes: [Comparison.Outcome]) throws -> [(
    name: String, value: Double, text: String
  )] {
    var remarks: [(name: String, value: Double, text: String)] = []
    for outcome in outcomes where outcome.comparison.name == "training, torchcfm" {
      let rate = outcome.median(outcome.likely, "gigaflops")
      let peak = try task("peak").run()["gigaflops"] ?? .nan
      remarks.append(
        (
          "shareOfPeak", rate / peak,
          "training runs at \(Int(rate)) GFLOP/s, \(Int((100 * rate / peak).rounded())) % of the \(Int(peak)) GFLOP/s of a 2048³ product"
        ))
    }
    for outcome in outcomes where outcome.comparison.name.hasPrefix("likelihood") {
      let (mine, theirs) = (outcome.median(outcome.likely, "error"), outcome.median(outcome.peer, "error"))
      remarks.append(
        (
          "error of \(outcome.comparison.name)", mine,
          "\(outcome.comparison.name): mean absolute error \(formatNumber(mine)) in \(Self.likelySteps) steps, peer \(formatNumber(theirs)) in \(Self.peerSteps)"
        ))
    }
    for outcome in outcomes where ["language, greedy", "language, scoring"].contains(outcome.comparison.name)
    {
      let isReading = outcome.comparison.name == "language, greedy"
      let rate =
        outcome.median(outcome.likely, isReading ? "gigabytes" : "gigaflop") / outcome.median(outcome.likely)
      let peak = try task("peak").run()[isReading ? "bandwidth" : "gigaflops"] ?? .nan
      let share = Int((100 * rate / peak).rounded())
      remarks.append(
        (
          "share of peak, \(outcome.comparison.name)", rate / peak,
          isReading
            ? "decoding reads weights at \(formatNumber(rate)) GB/s, \(share) % of the \(formatNumber(peak)) GB/s of a sum over memory"
            : "scoring runs at \(Int(rate)) GFLOP/s, \(share) % of the \(Int(peak)) GFLOP/s of a 2048³ product"
        ))
    }
    let watched = ["language, training": 0.7, "preference, DPO step": 0.5]
    for outcome in outcomes {
      guard let bar = watched.first(where: { outcome.comparison.name.hasPrefix($0.key) })?.value else {
        continue
      }
      let (mine, theirs) = (
        outcome.median(outcome.likely, "megabytes"), outcome.median(outcome.peer, "megabytes")
      )
      remarks.append(
        (
          "share of memory, \(outcome.comparison.name)", mine / theirs,
          "\(outcome.comparison.name): peak memory \(Int(mine)) MB, peer \(Int(theirs)) MB, ratio \(formatNumber(mine / theirs)) (bar \(bar))"
        ))
    }
    if outcomes.contains(where: { $0.comparison.name.hasPrefix("likelihood") }) {
      let memory = try [250, 1_000, 4_000].map { count in
        (count, try task("likelihood", "--steps", "1", "--count", "\(count)").run()["megabytes"] ?? .nan)
      }
      for (count, megabytes) in memory {
        remarks.append(
          ("megabytes of \(count) points", megabytes, "peak memory of \(count) points: \(Int(megabytes)) MB"))
      }
    }
    return remarks
  }

  // MARK: JSON

  private func write(
    _ machine: [(String, String)], _ outcomes: [Comparison.Outcome], _ remarks: [(String, Double)]
  ) throws {
    let object: [String: Any] = [
      "machine": Dictionary(uniqueKeysWithValues: machine),
      "remarks": Dictionary(uniqueKeysWithValues: remarks),
      "comparisons": outcomes.map { outcome -> [String: Any] in
        [
          "name": outcome.comparison.name, "ratio": outcome.ratio, "ratioOfFastest": outcome.ratioOfFastest,
          "ratioOfProcessors": outcome.ratioOfProcessors.isFinite
            ? outcome.ratioOfProcessors : NSNull() as Any,
          "bar": outcome.bar, "holds": outcome.holds as Any,
          "likely": outcome.likely, "peer": outcome.peer,
        ]
      },
    ]
    let data = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    try data.write(to: URL(fileURLWithPath: output), options: .atomic)
  }
}
