import Foundation
import Likely
import Testing

@Suite("Text on the command line", .enabled(if: Program.isBuilt, Program.advice)) struct TextDiffusionTests {
  private static let small = Program.small + ["--length", "12", "--heads", "2"]

  /// A folder with a text and a model of it.
  private func withModel(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try Data(String(repeating: "abc ", count: 100).utf8).write(to: folder.appending(path: "text.txt"))
      let outcome = try Program.run(
        ["text-diffusion", "train", "--data", "text.txt", "--out", "model"] + Self.small, in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.output.contains("2 steps") && outcome.output.contains("bits a character"))
      try body(folder)
    }
  }

  private func lines(_ name: String, in folder: URL) throws -> [[String: Any]] {
    try String(textOf: folder.appending(path: name)).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test("train, sample and steer write what they say, the same for the same seed")
  func work() throws {
    try withModel { folder in
      for name in ["one.jsonl", "two.jsonl"] {
        let outcome = try Program.run(
          [
            "text-diffusion", "sample", "model", "--count", "5", "--steps", "4", "--prompt", "ab", "--out",
            name,
          ],
          in: folder)
        #expect(outcome.status == 0, "\(outcome.error)")
      }
      let texts = try lines("one.jsonl", in: folder).compactMap { $0["text"] as? String }
      #expect(texts.count == 5 && texts.allSatisfy { $0.count == 12 && $0.hasPrefix("ab") })
      #expect(try lines("two.jsonl", in: folder).compactMap { $0["text"] as? String } == texts)

      let steer = [
        "steer", "run", "model", "--reward", "ngram:text.txt:2", "--strength", "8", "--steps", "6",
      ]
      let all = try Program.run(
        steer + ["--groups", "3", "-k", "4", "--out", "all.jsonl", "--json", "--prompt", "c"], in: folder)
      #expect(all.status == 0 && all.output.contains("\"log_evidence\""), "\(all.error)")
      let rows = try lines("all.jsonl", in: folder)
      #expect(rows.count == 12 && rows.allSatisfy { ($0["text"] as? String)?.hasPrefix("c") == true })
      let weights = rows.compactMap { $0["weight"] as? Double }
      for group in 0..<3 { #expect(abs(weights[4 * group..<4 * group + 4].reduce(0, +) - 1) < 1e-9) }
      let best = try Program.run(steer + ["--groups", "3", "--best", "--out", "best.jsonl"], in: folder)
      #expect(best.status == 0 && best.output.contains("3 texts written"), "\(best.error)")
      #expect(try lines("best.jsonl", in: folder).count == 3)
    }
  }

  @Test("a product of two models of texts is drawn with weights, and one of a text and a table is refused")
  func product() throws {
    try withModel { folder in
      let product = [
        "correct", "product", "model", "model", "--exponents", "1,0.5", "--groups", "2", "-n", "6", "--steps",
        "4",
      ]
      let outcome = try Program.run(product + ["--out", "both.jsonl"], in: folder)
      #expect(outcome.status == 0 && outcome.output.contains("12 texts written"), "\(outcome.error)")
      let rows = try lines("both.jsonl", in: folder)
      let weights = rows.compactMap { $0["weight"] as? Double }
      #expect(rows.count == 12 && abs(weights.reduce(0, +) - 2) < 1e-9)
      let json = try Program.run(product + ["--out", "more.jsonl", "--json"], in: folder)
      #expect(json.status == 0 && json.output.contains("\"log_evidence\""), "\(json.error)")
      for (arguments, reason) in [
        (["--out", "both.csv"], ".jsonl"), (["mixture.json", "--out", "x.jsonl"], "no product"),
      ] {
        let refused = try Program.run(
          ["correct", "product", "model", "model"] + arguments, in: folder)
        #expect(refused.status == 64 && refused.error.contains(reason), "\(refused.error)")
      }
    }
  }

  @Test("a finished run is not overwritten, and resuming it gives the same bits")
  func resume() throws {
    try withModel { folder in
      let model = folder.appending(path: "model/model.safetensors")
      let bytes = try Data(contentsOf: model)
      let again = ["text-diffusion", "train", "--data", "text.txt", "--out", "model"] + Self.small
      #expect(try Program.run(again, in: folder).status == 73)
      let resumed = try Program.run(
        ["text-diffusion", "train", "--out", "model", "--resume", "--quiet"], in: folder)
      #expect(resumed.status == 0, "\(resumed.error)")
      #expect(try Data(contentsOf: model) == bytes)
    }
  }

  @Test("mistakes are named, and nothing is written")
  func mistakes() throws {
    try withModel { folder in
      try Data("xyz".utf8).write(to: folder.appending(path: "short.txt"))
      try Data().write(to: folder.appending(path: "empty.txt"))
      try Data([0xff, 0xfe, 0x41]).write(to: folder.appending(path: "bytes.txt"))
      let before = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      func refuse(_ line: String, _ status: Int32, _ words: String...) throws {
        let outcome = try Program.run(line.split(separator: " ").map(String.init), in: folder)
        #expect(outcome.status == status, "\(line): \(outcome.error)")
        for word in words { #expect(outcome.error.contains(word), "\(line): \(outcome.error)") }
      }
      let train = "text-diffusion train --out new --steps 2 --length 12 --quiet"
      try refuse(train, 64, "--data")
      try refuse("\(train) --data none.txt", 66, "none.txt", "not found")
      try refuse("\(train) --data empty.txt", 65, "empty.txt", "empty")
      try refuse("\(train) --data bytes.txt", 65, "UTF-8")
      try refuse("\(train) --data short.txt", 65, "3 symbols", "at least 12")
      try refuse("\(train) --data text.txt --heads 3", 64, "heads", "divides the width 128")
      try refuse("\(train) --data text.txt --batch 0", 64, "batch: found 0")
      try refuse("\(train) --data text.txt --validation 1", 64, "validation: found 1.0")
      try refuse("\(train) --data data:nothing", 66, "tinyshakespeare")
      let sample = "text-diffusion sample"
      try refuse("\(sample) nowhere --out x.jsonl", 66, "nowhere")
      try refuse("\(sample) model --out x.csv", 64, ".jsonl")
      try refuse("\(sample) model --count 0 --out x.jsonl", 64, "count: found 0")
      try refuse("\(sample) model --steps 0 --out x.jsonl", 64, "steps: found 0")
      try refuse("\(sample) model --prompt abz --out x.jsonl", 65, "position 2", "z (U+7A)")
      try refuse("\(sample) model --prompt abcabcabcabcabc --out x.jsonl", 64, "15 symbols", "12")
      let steer = "steer run model --out x.jsonl --groups 2 --steps 4"
      try refuse("\(steer) --reward linear:1,2", 64, "ngram:FILE")
      try refuse("\(steer) --reward ngram:text.txt:9", 64, "order from 1 to 5")
      try refuse("\(steer) --reward ngram:none.txt", 66, "none.txt")
      try refuse("\(steer) --reward ngram:short.txt", 65, "short.txt", "x (U+78)")
      try refuse("\(steer) --reward ngram:text.txt --samples 0", 64, "0 samples")
      try refuse("\(steer) --reward ngram:text.txt --tf 0.9", 64, "--tf")
      try refuse("steer run model --out x.csv --reward ngram:text.txt", 64, ".jsonl")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == before)
    }
  }
}
