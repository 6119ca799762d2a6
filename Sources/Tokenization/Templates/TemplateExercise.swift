extension ChatTemplate {
  /// Limits under which any template ends quickly, in a slow build too.
  package static var tightLimits: TemplateLimits {
    var limits = TemplateLimits()
    limits.sourceBytes = 64 << 10
    limits.steps = 100_000
    limits.outputBytes = 1 << 20
    limits.memoryBytes = 8 << 20
    return limits
  }

  /// Reads `source` and renders a conversation that has most of what templates look for: the entry point for fuzzing.
  /// Whatever the bytes are, this returns within `tightLimits`.
  /// - Returns: the rendered text, or the error.
  @discardableResult
  package static func exercise(_ source: [UInt8]) -> Result<String, TemplateError> {
    do {
      let template = try ChatTemplate(bytes: source, limits: tightLimits)
      return .success(
        try template.render(
          standardConversation, addGenerationPrompt: true, bosToken: "<s>", eosToken: "</s>",
          tools: standardTools, extra: [("enable_thinking", true), ("n", 3), ("long", .string(longText))],
          clock: .fixed(.init(secondsSinceEpoch: 1_785_056_703))))
    } catch {
      return .failure(error)
    }
  }

  private static let longText = String(repeating: "The quick brown fox, ", count: 200)

  private static let standardConversation: [ChatMessage] = {
    let call: TemplateValue = [
      "id": "call00001", "type": "function",
      "function": ["name": "weather", "arguments": ["city": "Zürich", "days": 2, "where": ["lat": 1.5, "on": true]]],
    ]
    return [
      ChatMessage(role: "system", content: "You help."), ChatMessage(role: "user", content: "Hi <there> \u{1F600}"),
      ChatMessage(
        role: "assistant", content: .null,
        fields: [.init("tool_calls", .list([call])), .init("reasoning_content", "Look it up.")]),
      ChatMessage(
        role: "tool", content: "21.5", fields: [.init("name", "weather"), .init("tool_call_id", "call00001")]),
      ChatMessage(role: "assistant", content: "<think>\nso\n</think>\n\nIt is warm."),
      ChatMessage(
        role: "user", content: [["type": "text", "text": "And this? e\u{301}"], ["type": "image"]], fields: []),
    ]
  }()

  private static let standardTools: TemplateValue = [
    [
      "type": "function",
      "function": [
        "name": "weather", "description": "Tells\nthe weather",
        "parameters": [
          "type": "object", "required": ["city"],
          "properties": ["city": ["type": "string", "enum": ["a", "b"]], "days": ["type": ["integer", "null"]]],
        ],
      ],
    ]
  ]
}
