import Files
import Report

/// How a model wants a conversation written: the chat template of its Hugging Face folder.
///
/// A template is a program in the language of jinja2, which is interpreted here with the meaning that `transformers`
/// gives it; a part of the language that is not offered is refused with its name and line, when the template is read
/// where that can be seen then. Rendering is limited in depth and work, as templates come from strangers. The text
/// already has the model's special tokens in it: encode it without adding them again.
///
/// ```swift
/// let template = try ChatTemplate.read(folder: folder) ?? .plain()
/// let prompt = try template.render([ChatMessage(role: "user", content: "Hello!")], addingGenerationPrompt: true)
/// ```
public struct ChatTemplate: Sendable {
  /// The template as it was read.
  public let text: String
  /// Tokens that the template is given by name, such as `bos_token`.
  public let specialTokens: [String: String]
  /// The day that `strftime_now` prints; without one the template finds no such function, as many provide for.
  public var date: CalendarDate?
  let program: Jinja.Template
  /// A template for conversations with tools, where the model has one of its own for them.
  private(set) var tools: (text: String, program: Jinja.Template)?

  /// - Parameters:
  ///   - file: where the text is from, for errors.
  ///   - tools: what stands in its place where the variables have `tools`: the template `tool_use` of some models.
  /// - Throws: ``LanguageError`` with the line: `malformed`, or `unsupported` for what is not offered.
  public init(
    _ text: String, file: String, specialTokens: [String: String] = [:], tools: String? = nil,
    date: CalendarDate? = nil
  ) throws(LanguageError) {
    (self.text, self.specialTokens, self.date) = (text, specialTokens, date)
    program = try Jinja.Template(text, file: file)
    if let tools { self.tools = (tools, try Jinja.Template(tools, file: "\(file) (tool_use)")) }
  }

  /// The text of a conversation.
  ///
  /// - Parameters:
  ///   - addingGenerationPrompt: whether the text ends with what an answer of the model begins with.
  ///   - variables: what else the template reads, such as `enable_thinking` or `tools` (a list of JSON schemas); they
  ///     go before special tokens of the same name.
  /// - Throws: ``LanguageError``: `badValue` with the template's own words where it refuses the conversation;
  ///   `unsupported` where it needs what is not offered, or more work than is allowed.
  public func render(
    _ messages: [ChatMessage], addingGenerationPrompt: Bool, variables: [String: JSONValue] = [:]
  ) throws(LanguageError) -> String {
    try render(messages[...], addingGenerationPrompt, variables.mapValues { ExactJSON($0) })
  }

  /// The same with variables as they stand in a JSON file.
  package func render(
    _ messages: ArraySlice<ChatMessage>, _ addsPrompt: Bool, _ variables: [String: ExactJSON]
  ) throws(LanguageError) -> String {
    var all: [String: ExactJSON] = ["tools": .null, "documents": .null]
    for (name, token) in specialTokens { all[name] = .string(token) }
    all.merge(variables) { $1 }
    all["messages"] = .array(messages.map(\.templateValue))
    all["add_generation_prompt"] = .bool(addsPrompt)
    let program = all["tools"] == .null ? program : tools?.program ?? program
    return try program.render(all, date: date)
  }

  /// A simple template for models that have none: every message on a line after its role, as in `User: Hello!`.
  ///
  /// No model is trained for it before it is fine-tuned on it, so it is used only where it is asked for. The
  /// assistant's messages end with `eos_token` where `specialTokens` has one.
  public static func plain(specialTokens: [String: String] = [:]) -> ChatTemplate {
    do {
      return try ChatTemplate(plainText, file: "plain chat template", specialTokens: specialTokens)
    } catch {
      preconditionFailure("the plain chat template: \(error)")
    }
  }

  private static let plainText = """
    {%- for message in messages %}
    {%- if message.content is not string or message.tool_calls %}
    {{- raise_exception('the plain template writes messages that are texts only') }}
    {%- endif %}
    {{- message.role | capitalize }}: {{ message.content | trim }}
    {%- if message.role == 'assistant' and eos_token is defined %}{{ eos_token }}{% endif %}
    {{- '\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}
    """
}
