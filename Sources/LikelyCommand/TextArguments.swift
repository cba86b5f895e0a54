import ArgumentParser
import Likely

/// How a training on texts is watched, on the command line.
struct TextLoopArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Share of the text's end, or of the texts, held out for validation.", valueName: "share"))
  var validation = 0.1

  @Option(help: ArgumentHelp("Steps between validations.", valueName: "n"))
  var validateEvery = 500

  @Option(help: ArgumentHelp("Steps between checkpoints.", valueName: "n"))
  var checkpointEvery = 500

  @Option(help: ArgumentHelp("float32, or bf16-mixed.", valueName: "kind"))
  var precision = Precision.float32

  func validate() throws {
    for (name, value) in [("--validate-every", validateEvery), ("--checkpoint-every", checkpointEvery)]
    where value < 0 {
      throw ValidationError("\(name) \(value): at least 0")
    }
  }
}

/// The keys of texts in JSON lines, on the command line.
struct TextKeyArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Key of a prompt.", valueName: "key"))
  var promptKey = "prompt"

  @Option(help: ArgumentHelp("Key of a response, or of a list of them.", valueName: "key"))
  var responseKey = "response"

  @Option(help: ArgumentHelp("Key of a plain text, where a line has no prompt.", valueName: "key"))
  var textKey = "text"

  var keys: TextKeys {
    var keys = TextKeys()
    (keys.prompt, keys.response, keys.text) = (promptKey, responseKey, textKey)
    return keys
  }
}
