/// One message of a conversation, as templates see it: a dictionary with `role`, `content` and whatever else.
public struct ChatMessage: Equatable, Sendable {
  public var role: String
  /// Text, as a rule; a list of parts for some models, null beside tool calls.
  public var content: TemplateValue
  /// Further fields, as `tool_calls` or `reasoning_content`, in order.
  public var fields: [TemplateValue.Entry]

  public init(role: String, content: String) {
    self.init(role: role, content: .string(content), fields: [])
  }

  public init(role: String, content: TemplateValue, fields: [TemplateValue.Entry]) {
    self.role = role
    self.content = content
    self.fields = fields
  }

  /// What the template gets. Reasoning has had several names: under which one it comes, templates that read
  /// `reasoning_content` or `thinking` find it, as in `transformers`.
  var value: TemplateValue {
    var entries = [TemplateValue.Entry("role", .string(role)), TemplateValue.Entry("content", content)] + fields
    let names = ["reasoning_content", "thinking", "reasoning"]
    let all = TemplateValue.dictionary(entries)
    if let reasoning = names.lazy.compactMap({ all[$0] }).first(where: { $0 != .null }) {
      if all["thinking"] == nil { entries.insert(TemplateValue.Entry("thinking", reasoning), at: 0) }
      entries.append(TemplateValue.Entry("reasoning_content", reasoning))
    }
    return .dictionary(entries)
  }
}

/// A chat template: turns a conversation into the text that a model was trained to continue.
///
/// The language is the part of Jinja that model files use, in the set-up of Hugging Face `transformers`. A template is
/// as untrusted as the file that it comes from: reading and rendering it end with text or a `TemplateError`, within
/// `TemplateLimits`. Beyond `transformers`, lists have `append`, `extend`, `insert` and `pop`.
public struct ChatTemplate: Sendable {
  private let program: Jinja.Program
  private let limits: TemplateLimits

  /// - Throws: `.syntax` or `.unsupported` with line and column; `.limit` where the source is too large or deep.
  public init(source: String, limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
    program = try Jinja.Parser.parse(source.utf8, limits: limits)
    self.limits = limits
  }

  /// Reads a template from bytes, as they stand in a file.
  public init(bytes: [UInt8], limits: TemplateLimits = TemplateLimits()) throws(TemplateError) {
    guard bytes.count <= limits.sourceBytes, String(validating: bytes, as: UTF8.self) == nil else {
      program = try Jinja.Parser.parse(bytes, limits: limits)
      self.limits = limits
      return
    }
    throw TemplateError(kind: .syntax, line: 1, column: 1, message: "the template is not valid UTF-8")
  }

  /// Renders a conversation, with the variables that `transformers` sets.
  /// - Parameters:
  ///   - addGenerationPrompt: end with the opening of the assistant's next message.
  ///   - bosToken: the text of the token that begins a sequence; nil leaves `bos_token` undefined.
  ///   - eosToken: the text of the token that ends a sequence; nil leaves `eos_token` undefined.
  ///   - tools: descriptions of functions; nil is the template's `none`.
  ///   - extra: further variables, as `enable_thinking`; they win over those above.
  ///   - clock: what `strftime_now` tells.
  /// - Throws: `.raised` with the template's words where it refuses the conversation; `.runtime`, `.unsupported` and
  ///   `.limit` with line and column.
  public func render(
    _ messages: [ChatMessage], addGenerationPrompt: Bool, bosToken: String? = nil, eosToken: String? = nil,
    tools: TemplateValue? = nil, extra: [(String, TemplateValue)] = [], clock: TemplateClock = .system
  ) throws(TemplateError) -> String {
    var context: [(String, TemplateValue)] = [
      ("messages", .list(messages.map(\.value))), ("tools", tools ?? .null), ("documents", .null),
      ("add_generation_prompt", .bool(addGenerationPrompt)),
    ]
    if let bosToken { context.append(("bos_token", .string(bosToken))) }
    if let eosToken { context.append(("eos_token", .string(eosToken))) }
    return try render(context: context + extra, clock: clock)
  }

  /// Renders with exactly these variables; of two with one name, the last counts.
  public func render(
    context: [(String, TemplateValue)], clock: TemplateClock = .system
  ) throws(TemplateError) -> String {
    let renderer = Jinja.Renderer(program, limits: limits, clock: clock)
    return String(decoding: try renderer.render(context), as: UTF8.self)
  }
}
