import Foundation
import Likely
import Testing

@Suite("Language models on the command line", .enabled(if: Program.isBuilt, Program.advice))
struct LanguageCommandTests {
  /// A folder with a text, pairs and a model of the text.
  private func withModel(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try Data(String(repeating: "the cat sat. ", count: 60).utf8).write(
        to: folder.appending(path: "text.txt"))
      try Data(
        """
        {"prompt": "the", "response": " cat"}
        {"prompt": "the cat", "response": [" sat", " cat sat. the cat sat. the cat sat."]}

        """.utf8
      ).write(to: folder.appending(path: "pairs.jsonl"))
      let outcome = try Program.run(
        ["lm", "train", "--data", "text.txt", "--context", "24", "--out", "model"] + Program.small, in: folder
      )
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.output.contains("2 steps") && outcome.output.contains("nats a token"))
      try body(folder)
    }
  }

  @Test("a trained folder scores what fits, says what does not, and generates the same for the same seed")
  func work() throws {
    try withModel { folder in
      let score = try Program.run(
        ["lm", "score", "model", "--data", "pairs.jsonl", "--out", "scores.csv"], in: folder)
      #expect(score.status == 0, "\(score.error)")
      #expect(score.error.contains("1 of 3 responses are longer than the model's 24 positions"))
      let rows = try String(textOf: folder.appending(path: "scores.csv")).split(separator: "\n")
      #expect(rows.count == 4 && rows[1].hasPrefix("1,0,3,4,-") && rows[2].hasPrefix("2,0,7,4,-"))
      #expect(rows[3].hasPrefix("2,1,7,") && rows[3].hasSuffix(",,"))

      let generate = [
        "lm", "generate", "model", "--prompt", "the", "--tokens", "9", "--samples", "3", "--out",
      ]
      for name in ["one.jsonl", "two.jsonl"] {
        #expect(try Program.run(generate + [name], in: folder).status == 0)
      }
      let one = try String(textOf: folder.appending(path: "one.jsonl"))
      #expect(try one == String(textOf: folder.appending(path: "two.jsonl")))
      #expect(one.split(separator: "\n").count == 3)

      let perplexity = try Program.run(
        ["lm", "perplexity", "model", "--data", "text.txt", "--json"], in: folder)
      #expect(perplexity.status == 0 && perplexity.output.contains("\"tokens\": 779"), "\(perplexity.error)")
      let inspect = try Program.run(["lm", "inspect", "model", "--json"], in: folder)
      #expect(inspect.status == 0 && inspect.output.contains("\"family\": \"llama\""), "\(inspect.error)")
    }
  }

  @Test("fine-tuning counts what it leaves out, and its adapter is merged")
  func finetuning() throws {
    try withModel { folder in
      let outcome = try Program.run(
        [
          "lm", "finetune", "--model", "model", "--data", "pairs.jsonl", "--lora", "2", "--steps", "2",
          "--validation",
          "0",
          "--quiet", "--out", "lora",
        ], in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("1 of 3 texts are longer than a row of 25 tokens and are left out"))
      // Ends where it is, with the configuration that the run keeps.
      let resumed = try Program.run(["lm", "finetune", "--out", "lora", "--resume", "--quiet"], in: folder)
      #expect(resumed.status == 0 && resumed.output.contains("2 steps"), "\(resumed.error)")
      let merged = try Program.run(
        ["lm", "convert", "model", "--adapter", "lora", "--out", "merged"], in: folder)
      #expect(merged.status == 0, "\(merged.error)")
      let again = try Program.run(
        ["lm", "convert", "model", "--adapter", "lora", "--out", "merged"], in: folder)
      #expect(again.status == 73 && again.error.contains("already holds"), "\(again.error)")
    }
  }

  @Test("mistakes end with what was found, what was expected and the code for it")
  func mistakes() throws {
    try withModel { folder in
      try Data("{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \n".utf8).write(
        to: folder.appending(path: "broken.jsonl"))
      func check(_ arguments: [String], _ status: Int32, _ text: String) throws {
        let outcome = try Program.run(["lm"] + arguments, in: folder)
        #expect(outcome.status == status && outcome.error.contains(text), "\(arguments): \(outcome.error)")
      }
      try check(["inspect", "nowhere"], 66, "nowhere")
      try check(["inspect", "."], 66, "found no config.json")
      try check(
        ["score", "model", "--data", "broken.jsonl", "--out", "s.csv"], 65, "broken.jsonl:2: found the end")
      try check(["score", "model", "--data", "none.jsonl", "--out", "s.csv"], 66, "none.jsonl")
      try check(["score", "model", "--data", "pairs.jsonl", "--out", "s.txt"], 64, "must end in .csv")
      try check(["generate", "model"], 64, "--prompt")
      try check(["generate", "model", "--prompt", "the", "--top-p", "2"], 65, "top-p: found 2")
      try check(
        ["generate", "model", "--prompt", String(repeating: "the ", count: 9)], 65, "expected fewer than")
      try check(["generate", "model", "--adapter", "model", "--prompt", "a"], 66, "no adapter_config.json")
      try check(["perplexity", "model", "--data", "text.txt", "--stride", "99"], 65, "stride: found 99")
      try check(
        ["train", "--data", "text.txt", "--tokenizer", "letters", "--out", "x"], 64, "characters, bpe:N")
      try check(
        ["train", "--data", "text.txt", "--context", "5000", "--out", "y"], 65, "more than the context")
      try check(
        [
          "finetune", "--model", "model", "--data", "pairs.jsonl", "--lora", "2", "--lora-targets", "c_attn",
          "--out",
          "z",
        ], 65,
        "expected some of down_proj")
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "s.csv").path))
    }
  }
}
