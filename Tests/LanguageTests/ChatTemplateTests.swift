import Foundation
import Language
import Report
import Testing

@Suite("Chat templates") struct ChatTemplateTests {
  /// Turns between marks.
  static let marked =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"

  private func message(_ role: String, _ content: String) -> ChatMessage {
    ChatMessage(role: role, content: content)
  }

  @Test("variables go before special tokens, tools and documents are none unless given")
  func variables() throws {
    let template = try ChatTemplate(
      "{{ bos_token }}{{ tools is none }}{{ documents is none }}{{ extra is defined }}{{ x | tojson }}",
      file: "t", specialTokens: ["bos_token": "<s>"])
    let plain = try template.render([], addingGenerationPrompt: false, variables: ["x": [1, 2.5, "é"]])
    #expect(plain == #"<s>TrueTrueFalse[1, 2.5, "é"]"#)
    let given = try template.render(
      [], addingGenerationPrompt: false,
      variables: ["bos_token": "B", "tools": [["name": "f"]], "extra": nil, "x": nil])
    #expect(given == "BFalseTrueTruenull")
  }

  @Test("a template for tools is used where there are tools")
  func toolTemplate() throws {
    let template = try ChatTemplate("plain", file: "t", tools: "tools {{ tools | length }}")
    #expect(try template.render([], addingGenerationPrompt: false) == "plain")
    #expect(try template.render([], addingGenerationPrompt: false, variables: ["tools": nil]) == "plain")
    #expect(try template.render([], addingGenerationPrompt: false, variables: ["tools": [[:]]]) == "tools 1")
  }

  @Test("a date is printed where it is given; without one there is no strftime_now")
  func date() throws {
    let source =
      "{% if strftime_now is defined %}{{ strftime_now('%A %a %d %-d %m %B %b %Y %y %j %F %%') }}{% endif %}"
    var template = try ChatTemplate(source, file: "t")
    #expect(try template.render([], addingGenerationPrompt: false) == "")
    template.date = try CalendarDate(year: 2024, month: 2, day: 9)
    #expect(
      try template.render([], addingGenerationPrompt: false)
        == "Friday Fri 09 9 02 February Feb 2024 24 040 2024-02-09 %")
    template.date = try CalendarDate(year: 2000, month: 12, day: 31)
    #expect(
      try template.render([], addingGenerationPrompt: false)
        == "Sunday Sun 31 31 12 December Dec 2000 00 366 2000-12-31 %")
    for (year, month, day) in [(2023, 2, 29), (2024, 13, 1), (2024, 4, 31), (1900, 2, 29), (0, 1, 1)] {
      #expect(throws: LanguageError.self) { try CalendarDate(year: year, month: month, day: day) }
    }
    let timed = try ChatTemplate(
      "\n{{ strftime_now('%H:%M') }}", file: "t", date: CalendarDate(year: 2024, month: 1, day: 1))
    let error = #expect(throws: LanguageError.self) { try timed.render([], addingGenerationPrompt: false) }
    #expect(error?.kind == .unsupported && error?.place == "line 2" && error?.found.contains("%H:%M") == true)
  }

  @Test("messages keep their other keys, without nulls, and thoughts under both names")
  func messages() throws {
    let template = try ChatTemplate(
      "{% for m in messages %}{{ m | tojson }}\n{% endfor %}", file: "t")
    let messages = [
      try ChatMessage(["role": "user", "name": "n", "content": nil]),
      try ChatMessage(["role": "assistant", "content": "a", "thinking": "b", "z": ["y": nil]]),
      try ChatMessage(["role": "assistant", "reasoning": "c", "content": [["type": "text", "text": "d"]]]),
    ]
    #expect(
      try template.render(messages, addingGenerationPrompt: false) == """
        {"role": "user", "name": "n"}
        {"thinking": "b", "role": "assistant", "content": "a", "z": {"y": null}, "reasoning_content": "b"}
        {"thinking": "c", "role": "assistant", "reasoning": "c", "content": [{"type": "text", "text": "d"}], \
        "reasoning_content": "c"}

        """)
    #expect(messages[0].content == nil && messages[1].content == "a" && messages[2].content == nil)
    #expect(messages[1].role == "assistant")
    #expect(message("user", "é") != message("user", "e\u{301}"))
    #expect(Set([message("user", "a"), message("user", "a"), messages[0]]).count == 2)
    for json: JSONValue in [["content": "x"], ["role": 1], "x", ["role": "user", "content": 5]] {
      #expect(throws: LanguageError.self) { try ChatMessage(json) }
    }
  }

  @Test("the plain template writes texts after their roles, and refuses what it cannot write")
  func plain() throws {
    let conversation = [
      message("system", "Be kind."), message("user", " Hi! "), message("assistant", "Yes?"),
    ]
    #expect(
      try ChatTemplate.plain().render(conversation, addingGenerationPrompt: true)
        == "System: Be kind.\nUser: Hi!\nAssistant: Yes?\nAssistant:")
    let marked = ChatTemplate.plain(specialTokens: ["eos_token": "</s>"])
    #expect(
      try marked.turns(conversation).first?.segments == [
        .init(text: "System: Be kind.\nUser: Hi!\nAssistant:", isResponse: false),
        .init(text: " Yes?</s>\n", isResponse: true),
      ])
    let parts = try ChatMessage(["role": "user", "content": [["type": "text", "text": "x"]]])
    let error = #expect(throws: LanguageError.self) {
      try ChatTemplate.plain().render([parts], addingGenerationPrompt: false)
    }
    #expect(error?.found == "the plain template writes messages that are texts only")
  }

  // MARK: Turns

  @Test("a conversation is one text in which what the assistant wrote is marked")
  func turns() throws {
    let template = try ChatTemplate(Self.marked, file: "t")
    let conversation = [
      message("user", "a"), message("assistant", "b"), message("user", "c"), message("assistant", "d"),
      message("user", "e"),
    ]
    let texts = try template.turns(conversation)
    #expect(
      texts.map(\.segments) == [
        [
          .init(text: "<|user|>a<|end|>\n<|assistant|>", isResponse: false),
          .init(text: "b<|end|>\n", isResponse: true),
          .init(text: "<|user|>c<|end|>\n<|assistant|>", isResponse: false),
          .init(text: "d<|end|>\n", isResponse: true),
          .init(text: "<|user|>e<|end|>\n", isResponse: false),
        ]
      ])
    #expect(texts[0].text == (try template.render(conversation, addingGenerationPrompt: false)))
    // Two answers in a row, and one at the start.
    let answers = try template.turns([message("assistant", "x"), message("assistant", "y")])
    #expect(answers[0].segments.map(\.isResponse) == [false, true, false, true])
    #expect(
      answers[0].segments.map(\.text) == ["<|assistant|>", "x<|end|>\n", "<|assistant|>", "y<|end|>\n"])
  }

  @Test("an accent at the start of an answer stays with the answer")
  func accents() throws {
    let template = try ChatTemplate(
      "{% for m in messages %}{{ m.content }}{% endfor %}{{ '' if not add_generation_prompt }}", file: "t")
    let text = try template.turns([message("user", "e"), message("assistant", "\u{301}!")])[0]
    #expect(text.segments.count == 2)
    #expect(text.segments[0].text.utf8.elementsEqual("e".utf8))
    #expect(text.segments[1].text.utf8.elementsEqual("\u{301}!".utf8))
  }

  @Test("where earlier turns are written differently later, every turn is a text of its own")
  func fallback() throws {
    let source = """
      {% for m in messages %}<|{{ m.role }}|>
      {%- if m.reasoning_content and loop.last %}<think>{{ m.reasoning_content }}</think>{% endif %}
      {{- m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}
      """
    let template = try ChatTemplate(source, file: "t")
    let conversation = [
      message("user", "a"), try ChatMessage(["role": "assistant", "content": "b", "reasoning_content": "r"]),
      message("user", "c"), try ChatMessage(["role": "assistant", "content": "d", "reasoning_content": "s"]),
    ]
    #expect(
      try template.turns(conversation).map(\.segments) == [
        [
          .init(text: "<|user|>a<|end|><|assistant|>", isResponse: false),
          .init(text: "<think>r</think>b<|end|>", isResponse: true),
        ],
        [
          .init(
            text: "<|user|>a<|end|><|assistant|>b<|end|><|user|>c<|end|><|assistant|>", isResponse: false),
          .init(text: "<think>s</think>d<|end|>", isResponse: true),
        ],
      ])
    // A message that follows the last answer changes it too.
    #expect(try template.turns(Array(conversation[..<3])).count == 1)
  }

  @Test("no assistant, a prompt that its answer does not begin with, and refusals name the message")
  func turnErrors() throws {
    let template = try ChatTemplate(Self.marked, file: "t")
    let none = #expect(throws: LanguageError.self) { try template.turns([message("user", "a")]) }
    #expect(none?.kind == .badValue && none?.found == "1 messages, none of the assistant")
    let open = try ChatTemplate(
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}",
      file: "t")
    let conversation = [
      message("user", "a"), message("assistant", "<think>b"), message("user", "c"), message("assistant", "d"),
    ]
    let error = #expect(throws: LanguageError.self) { try open.turns(conversation) }
    #expect(error?.place == "message 4 of 4" && error?.kind == .badValue)
    let strict = try ChatTemplate(
      "{% if messages[0].role != 'user' %}{{ raise_exception('users begin') }}{% endif %}", file: "t")
    let refused = #expect(throws: LanguageError.self) {
      try strict.turns([message("system", "a"), message("assistant", "b")])
    }
    #expect(refused?.found == "users begin" && refused?.place == "line 1, message 2 of 2")
  }

  // MARK: Folders

  private func write(_ files: [String: String], in folder: URL) throws {
    for (name, text) in files {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: url)
    }
  }

  @Test("a folder's template is its file, else a member of its configuration, else nothing")
  func reading() throws {
    try withTemporaryFolder { folder in
      #expect(try ChatTemplate.read(folder: folder) == nil)
      try write(
        ["tokenizer_config.json": #"{"model_max_length": 1000000000000000019884624838656}"#], in: folder)
      #expect(try ChatTemplate.read(folder: folder) == nil)
      try write(
        [
          "tokenizer_config.json": """
          {"chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}", "bos_token": "<s>",
           "eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": false}, "pad_token": null,
           "model_max_length": 1000000000000000019884624838656}
          """,
          "special_tokens_map.json":
            #"{"eos_token": {"content": "<end>"}, "additional_special_tokens": ["<a>"]}"#,
        ], in: folder)
      let member = try #require(try ChatTemplate.read(folder: folder))
      #expect(try member.render([], addingGenerationPrompt: false) == "<s><end>False")
      try write(["chat_template.jinja": "file {{ eos_token }}"], in: folder)
      let file = try #require(try ChatTemplate.read(folder: folder))
      #expect(try file.render([], addingGenerationPrompt: false) == "file <end>")
    }
  }

  @Test("of templates by name, the default is used, and that for tools with tools")
  func named() throws {
    try withTemporaryFolder { folder in
      try write(
        [
          "tokenizer_config.json": """
          {"chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}],
           "eos_token": "<e>", "added_tokens_decoder": {}}
          """,
          "special_tokens_map.json": #"{"eos_token": "not read, as the added tokens are listed"}"#,
        ], in: folder)
      let template = try #require(try ChatTemplate.read(folder: folder))
      #expect(template.specialTokens == ["eos_token": "<e>"])
      #expect(try template.render([], addingGenerationPrompt: false, variables: ["tools": [1]]) == "t")
      let copy = folder.appendingPathComponent("copy")
      try template.write(to: copy)
      let variant = copy.appendingPathComponent("additional_chat_templates/tool_use.jinja")
      #expect(try String(contentsOf: variant, encoding: .utf8) == "t")
      let again = try #require(try ChatTemplate.read(folder: copy))
      #expect(try again.render([], addingGenerationPrompt: false, variables: ["tools": [1]]) == "t")
      #expect(again.text == "d" && again.specialTokens == template.specialTokens)
      try write(
        ["tokenizer_config.json": #"{"chat_template": [{"name": "rag", "template": "d"}]}"#], in: folder)
      let error = #expect(throws: LanguageError.self) { try ChatTemplate.read(folder: folder) }
      #expect(error?.kind == .unsupported && error?.found == "the templates rag")
    }
  }

  @Test("a template that is written is the file that was read, byte for byte")
  func writing() throws {
    try withTemporaryFolder { folder in
      let source = "{# é\u{301} #}\r\n{{ messages[0].content }}\n\n"
      let template = try ChatTemplate(
        source, file: "t", specialTokens: ["bos_token": "<\"s\">", "pad_token": "é"])
      try template.write(to: folder)
      let bytes = try Data(contentsOf: folder.appendingPathComponent("chat_template.jinja"))
      #expect(bytes == Data(source.utf8))
      let again = try #require(try ChatTemplate.read(folder: folder))
      #expect(again.text.utf8.elementsEqual(source.utf8) && again.specialTokens == template.specialTokens)
    }
  }

  @Test("malformed files are refused with their names")
  func malformedFiles() throws {
    for (files, file, place) in [
      (["tokenizer_config.json": "{"], "tokenizer_config.json", nil),
      (["tokenizer_config.json": "[]"], "tokenizer_config.json", ""),
      (["tokenizer_config.json": #"{"eos_token": 5}"#], "tokenizer_config.json", "eos_token"),
      (
        ["tokenizer_config.json": #"{"chat_template": {"a": "b"}}"#], "tokenizer_config.json", "chat_template"
      ),
      (
        ["tokenizer_config.json": #"{"chat_template": "\n{{ 1 +"}"#], "tokenizer_config.json, chat_template",
        "line 2"
      ),
      (["chat_template.jinja": "a\n{% nope %}"], "chat_template.jinja", "line 2"),
    ] as [([String: String], String, String?)] {
      try withTemporaryFolder { folder in
        try write(files, in: folder)
        let error = #expect(throws: LanguageError.self) { try ChatTemplate.read(folder: folder) }
        #expect(error?.file == file && error?.place == place, "\(String(describing: error))")
      }
    }
    try withTemporaryFolder { folder in
      try Data([0x61, 0xff]).write(to: folder.appendingPathComponent("chat_template.jinja"))
      let error = #expect(throws: LanguageError.self) { try ChatTemplate.read(folder: folder) }
      #expect(error?.kind == .malformed && error?.found == "bytes that are not UTF-8")
    }
  }
}
