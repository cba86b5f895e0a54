import ArgumentParser
import Foundation
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

  @Option(help: ArgumentHelp("Key of a conversation, a list of messages.", valueName: "key"))
  var messagesKey = "messages"

  var keys: TextKeys {
    var keys = TextKeys()
    (keys.prompt, keys.response, keys.text) = (promptKey, responseKey, textKey)
    keys.messages = messagesKey
    return keys
  }
}

/// How conversations are written, on the command line.
struct ChatTemplateArgument: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Template for conversations, a Jinja file or plain; the model's own if left out.", valueName: "file"))
  var chatTemplate: String?

  func apply(to loaded: PretrainedModel) throws {
    guard let chatTemplate else { return }
    let tokens = loaded.specialTokenTexts
    if chatTemplate == "plain" {
      loaded.chatTemplate = .plain(specialTokens: tokens)
      return
    }
    guard let text = try? String(contentsOf: URL(argument: chatTemplate), encoding: .utf8) else {
      throw UsageError("--chat-template \(chatTemplate): plain, or a template in UTF-8 is expected")
    }
    loaded.chatTemplate = try ChatTemplate(text, file: chatTemplate, specialTokens: tokens)
  }
}

/// A model that is trained further, on the command line: which, and how much of it.
struct TunedModelArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Hugging Face folder, or run folder of `lm train`; needed unless --resume.", valueName: "folder"))
  var model: String?

  @Option(help: ArgumentHelp("Rank of a LoRA adapter; trains all weights if left out.", valueName: "rank"))
  var lora: Int?

  @Option(
    help: ArgumentHelp(
      "What the adapter is scaled by, over its rank; twice the rank if left out.", valueName: "x"))
  var loraAlpha: Double?

  @Option(
    help: ArgumentHelp(
      "Projections that the adapter changes, such as q_proj,v_proj, which it is if left out.",
      valueName: "names"))
  var loraTargets: String?

  @Option(help: ArgumentHelp("Batches whose gradients are averaged for a step.", valueName: "n"))
  var accumulate = 1

  @Option(help: ArgumentHelp("Weight decay of AdamW.", valueName: "rate"))
  var weightDecay = 0.0

  @Flag(help: "Keep little for the backward pass and compute it again: slower, in less memory.")
  var recompute = false

  func check(isResuming: Bool) throws {
    guard isResuming || model != nil else {
      throw ValidationError("Missing expected argument '--model <folder>'")
    }
    guard accumulate >= 1 else { throw ValidationError("--accumulate \(accumulate): at least 1") }
    if lora == nil, loraAlpha != nil || loraTargets != nil {
      throw ValidationError("--lora-alpha and --lora-targets: only with --lora")
    }
  }

  func load(on device: Device) throws -> PretrainedModel {
    let loaded = try PretrainedModel(folder: URL(argument: model ?? ""))
    loaded.model.move(device: device)
    return loaded
  }

  var adapter: LowRankOptions? {
    guard let lora else { return nil }
    var adapter = LowRankOptions()
    (adapter.rank, adapter.alpha) = (lora, loraAlpha ?? 2 * Double(lora))
    adapter.targets = loraTargets?.listed ?? []
    return adapter
  }
}

extension String {
  /// What stands between commas, without the spaces around it.
  var listed: [String] { split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } }
}
