import Foundation
import Testing

@Suite("likely epidemic", .enabled(if: Program.isBuilt, Program.advice))
struct EpidemicCommandTests {
  private func likely(_ line: String, in folder: URL) throws -> Outcome {
    try Program.run(["epidemic"] + line.split(separator: " ").map(String.init), in: folder)
  }

  private func object(_ outcome: Outcome) throws -> [String: Any] {
    #expect(outcome.status == 0, "\(outcome.error)")
    return try outcome.object()
  }

  @Test("simulate: JSON, a table with a row a time, and a page with curves and closed forms")
  func simulate() throws {
    try withTemporaryFolder { folder in
      let json = try object(try likely("simulate --until 1500 --json", in: folder))
      let forms = try #require(json["closed_form"] as? [String: Double])
      #expect(abs(forms["final_susceptible"]! - 3895.0994324) < 1e-6)
      let ratio = try #require(json["case_carrier_ratio"] as? [String: [Any]])
      let keys = ["critical_for_carriers", "critical_for_cases", "ratio", "time"]
      #expect(ratio.keys.sorted() == keys && ratio.values.allSatisfy { $0.count == 1501 })
      #expect(abs((ratio["critical_for_cases"]?[40] as? Double ?? 0) - 0.0125) < 1e-12)
      let seasonal = try object(try likely("simulate --until 20 --set Ab=0.5 --json", in: folder))
      let levels = try #require(seasonal["case_carrier_ratio"] as? [String: [Any]])
      #expect(levels["critical_for_carriers"]?.allSatisfy { $0 is NSNull } == true)
      #expect(levels["ratio"]?.allSatisfy { !($0 is NSNull) } == true)
      let compartments = try #require(json["compartments"] as? [String: [String: Double]])
      #expect(abs(compartments["S"]!["end"]! - 3895.0994324) < 1e-3)
      try Data(#"{"beta": 0.3, "C0": 50}"#.utf8).write(to: folder.appending(path: "p.json"))
      let outcome = try likely(
        "simulate --params p.json --set beta=0.25 --at 20:beta=0.1 --until 30.5 --every 2 --out page --csv e.csv",
        in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      let lines = try String(contentsOf: folder.appending(path: "e.csv"), encoding: .utf8).split(
        separator: "\n")
      #expect(lines[0] == "day,S,C,I1,I2,R,D,cases,infections" && lines.count == 18)
      #expect(lines[1].hasPrefix("0.0,99950.0,50.0") && lines[17].hasPrefix("30.5,"))
      let page = try String(contentsOf: folder.appending(path: "page/report.html"), encoding: .utf8)
      #expect(page.contains("Cases by carriers") && page.contains("day 20: beta = 0.1"))
      #expect(FileManager.default.fileExists(atPath: folder.appending(path: "page/table.csv").path))
    }
  }

  @Test("thresholds, scan, sensitivity and stochastic runs give their tables")
  func others() throws {
    try withTemporaryFolder { folder in
      let thresholds = try object(try likely("thresholds --critical beta,rC --json", in: folder))
      let patients = try likely("thresholds --set eps=0 --set phi=1", in: folder)
      #expect(patients.output.contains("I1/C in the growth phase: there are no carriers"))
      #expect(abs((thresholds["r0"] as? Double ?? 0) - 3.375946969697) < 1e-11)
      let critical = try #require(thresholds["critical"] as? [String: Any])
      #expect(abs((critical["beta"] as? Double ?? 0) - 0.059242636746) < 1e-11 && critical.count == 2)
      #expect(
        try likely("scan --grid beta=0.1:0.3:3 --grid eps=0.1:1:2:log --csv s.csv", in: folder).status == 0)
      let scan = try String(contentsOf: folder.appending(path: "s.csv"), encoding: .utf8).split(
        separator: "\n")
      #expect(scan.count == 7 && scan[0] == "beta,eps,r0,attack" && scan[6].hasPrefix("0.3"))
      let sensitivity = try likely(
        "sensitivity --range beta=0.1:0.3 --range eps=0.5:2:log --samples 50 --sobol 64 --outcome r0 --csv v.csv",
        in: folder)
      #expect(sensitivity.status == 0 && sensitivity.output.contains("PRCC"), "\(sensitivity.error)")
      let few = "stochastic --set N=500 --set C0=5 --runs 20 --until 50 --every 10 --csv r.csv"
      let runs = try likely(few, in: folder)
      #expect(runs.status == 0 && runs.output.contains("20 runs"), "\(runs.error)")
      let first = try Data(contentsOf: folder.appending(path: "r.csv"))
      #expect(try likely("\(few) --threads 2", in: folder).status == 0)
      #expect(try Data(contentsOf: folder.appending(path: "r.csv")) == first)
      #expect(try likely("stochastic --leap 0.5 --runs 5 --json", in: folder).output.contains("\"extinct\""))
    }
  }

  @Test("show prints a model that can be changed and given back")
  func show() throws {
    try withTemporaryFolder { folder in
      let text = try likely("show --model meningitis", in: folder)
      #expect(text.status == 0)
      let mine = text.output.replacingOccurrences(of: "parameter beta = 0.2", with: "parameter beta = 0.4")
      try Data(mine.utf8).write(to: folder.appending(path: "mine.model"))
      let json = try object(try likely("thresholds --model mine.model --json", in: folder))
      #expect(abs((json["r0"] as? Double ?? 0) - 2 * 3.375946969697) < 1e-10)
    }
  }

  @Test("fit: the counts that come with the program, and a table with gaps, forecast with bands")
  func fit() throws {
    try withTemporaryFolder { folder in
      let json = try object(
        try likely(
          "fit --model endemic-carriers --data data:germany --fit A,t0,th --starts 1 --forecast 10 --draws 50 --json",
          in: folder))
      #expect(abs((json["negative_log_likelihood"] as? Double ?? 0) - 869.18383) < 1e-4)
      #expect((json["means"] as? [Double])?.count == 322)
      let rows =
        ["week,cases"]
        + (1...16).map {
          "\($0),\($0 == 5 ? "" : "\([0, 1, 2, 4, 9, 20, 40, 70, 90, 80, 60, 40, 25, 15, 9, 5, 3][$0])")"
        }
      try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: folder.appending(path: "w.csv"))
      let gap = try likely("fit --data w.csv --fit beta,th", in: folder)
      #expect(gap.status == 65 && gap.error.contains("--missing"))
      let fitted = try likely(
        "fit --data w.csv --fit beta,th --missing --forecast 4 --draws 50 --out page --posterior", in: folder)
      #expect(fitted.status == 0, "\(fitted.error)")
      #expect(fitted.output.contains("condition number") && fitted.output.contains("R̂"))
      let table = try String(contentsOf: folder.appending(path: "page/table.csv"), encoding: .utf8).split(
        separator: "\n")
      #expect(table.count == 21 && table[0].hasPrefix("day,cases,mean,q0.025") && table[5].contains(",,"))
    }
  }

  static let mistakes: [Mistake] = [
    Mistake("unknown model", "epidemic simulate --model menengitis", 66, "menengitis", "presets"),
    Mistake("unknown parameter", "epidemic simulate --set betta=1", 64, "betta", "did you mean beta?"),
    Mistake("negative rate", "epidemic simulate --set beta=-1", 64, "beta", "≥ 0"),
    Mistake("share above one", "epidemic thresholds --set phi=1.5", 64, "phi", "[0.0, 1.0]"),
    Mistake("no number", "epidemic simulate --set beta=x", 64, "NAME=VALUE"),
    Mistake("too many carriers", "epidemic simulate --set C0=200000", 64, "compartment S"),
    Mistake("no exit", "epidemic thresholds --set th=0 --set rC=0", 65, "compartment C", "R0 is infinite"),
    Mistake("no end", "epidemic simulate --until 0", 64, "--until"),
    Mistake("too many rows", "epidemic simulate --every 1e-9", 64, "--every"),
    Mistake("event without a date", "epidemic simulate --at beta=1", 64, "no colon"),
    Mistake(
      "event after the end", "epidemic simulate --until 20 --at 30:beta=1", 64, "--at", "20", "--until"),
    Mistake("event before the start", "epidemic stochastic --runs 1 --at=-1:beta=1", 64, "--at", "from 0"),
    Mistake("event for thresholds", "epidemic thresholds --at 30:beta=1", 64, "--at", "--set"),
    Mistake(
      "event for R0", "epidemic scan --grid beta=0.1:0.2:3 --outcome r0 --at 30:beta=1", 64, "--at", "--set"),
    Mistake("event out of range", "epidemic simulate --at 30:phi=1.5", 64, "30: phi = 1.5", "[0.0, 1.0]"),
    Mistake(
      "too many", "epidemic stochastic --set N=1e20 --runs 3 --until 5 --leap 0.1", 65, "deterministic"),
    Mistake(
      "grid twice", "epidemic scan --grid beta=0.1:0.2:3 --grid beta=0.1:0.3:3", 64, "--grid beta", "twice"),
    Mistake("no interval", "epidemic fit --data none.csv --fit beta --interval 0", 64, "--interval"),
    Mistake("no parameters", "epidemic simulate --params none.json", 66, "none.json"),
    Mistake("no counts", "epidemic fit --data none.csv --fit beta", 66, "none.csv"),
    Mistake(
      "nothing to fit", "epidemic fit --data data:germany --fit alpha --model endemic-carriers", 64, "alpha"),
    Mistake("grid without a count", "epidemic scan --grid beta=0.1:0.2", 64, "NAME=LOW:HIGH:COUNT"),
    Mistake("no grid", "epidemic scan", 64, "--grid"),
    Mistake("unknown outcome", "epidemic scan --grid beta=0.1:0.2:3 --outcome peak:X", 64, "peak:X"),
    Mistake("no range", "epidemic sensitivity", 64, "--range"),
    Mistake("not a power", "epidemic sensitivity --range beta=0.1:0.2 --sobol 100", 64, "power of 2"),
    Mistake(
      "too few samples", "epidemic sensitivity --range beta=0.1:0.2 --samples 2 --sobol 0", 64, "samples"),
    Mistake("no runs", "epidemic stochastic --runs 0", 64, "--runs"),
    Mistake("no leap", "epidemic stochastic --leap 0 --runs 1", 64, "leap"),
  ]

  @Test("mistakes are named with a way out, and leave nothing", arguments: mistakes)
  func refused(_ mistake: Mistake) throws {
    try withTemporaryFolder { folder in
      let outcome = try Program.run(mistake.arguments, in: folder)
      #expect(outcome.status == mistake.status && !outcome.isKilled, "\(outcome.status): \(outcome.error)")
      for word in mistake.words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      #expect(outcome.output.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test("broken files are told by place")
  func broken() throws {
    try withTemporaryFolder { folder in
      for (text, words) in [
        ("{\"beta\": }", ["p.json, byte"]), ("[1]", ["no object"]),
        ("{\"beta\": \"x\"}", ["beta", "a number"]),
        ("{\"beta\": 1, \"beta\": 2}", ["p.json"]),
      ] {
        try Data(text.utf8).write(to: folder.appending(path: "p.json"))
        let outcome = try likely("simulate --params p.json", in: folder)
        #expect(outcome.status == 65, "\(text): \(outcome.error)")
        for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      }
      for (text, more, words) in [
        ("week,cases\n7,0\n14,0\n21,0\n", "", ["no cases in 3 counts"]),
        ("week,cases\n7,1\n14,2\n14,3\n", " --time week", ["w.csv:4, week", "rising times"]),
      ] {
        try Data(text.utf8).write(to: folder.appending(path: "w.csv"))
        let outcome = try likely("fit --data w.csv --fit beta\(more)", in: folder)
        #expect(outcome.status == 65, "\(text): \(outcome.error)")
        for word in words { #expect(outcome.error.contains(word), "\(outcome.error)") }
      }
      try Data("compartments S I\nS -> I : S*bata\n".utf8).write(to: folder.appending(path: "m.model"))
      let outcome = try likely("simulate --model m.model", in: folder)
      #expect(outcome.status == 65 && outcome.error.contains("m.model:2, character 3"))
    }
  }
}
