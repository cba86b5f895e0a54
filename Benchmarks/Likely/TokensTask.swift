import ArgumentParser
import Foundation
import Likely

/// What a tokeniser makes of lines, a JSON object each, for the comparison with Hugging Face's.
struct TokensTask: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tokens")
  @Option(help: "A tokenizer.json.")
  var tokenizer: String
  @Option(help: "A JSON list of texts.")
  var lines: String

  func run() throws {
    let tokenizer = try Tokenizer(contentsOf: URL(fileURLWithPath: tokenizer))
    let lines = try JSONDecoder().decode([String].self, from: Data(contentsOf: URL(fileURLWithPath: lines)))
    let (all, bare) = (tokenizer.encode(lines), tokenizer.encode(lines, addingSpecialTokens: false))
    func list(_ tokens: [Int]) -> JSONValue { .array(tokens.map { .integer($0) }) }
    for i in lines.indices {
      let object: JSONValue = [
        "tokens": list(all[i]), "bare": list(bare[i]), "text": .string(tokenizer.decode(bare[i])),
      ]
      print(object.compact)
    }
  }
}
