import Generation
import Tokenization

/// One line of an OpenAI batch file, read and checked, or why it cannot be answered.
///
/// Source: the Batch API's request lines (`custom_id`, `method`, `url`, `body`) and the bodies of `/v1/chat/completions` and
/// `/v1/completions`. A field that would change the answer and that is not computed here is refused by name; one that would
/// not (`user`, `metadata`) is passed over. `model` may name any model: the loaded one answers. Beyond OpenAI's fields there
/// are `top_k`, `min_p`, `repeat_penalty` and `ignore_eos`, as llama.cpp's server has them.
public struct BatchLine: Sendable {
  public enum Kind: Sendable {
    case chat
    case text
  }

  public enum Input: Sendable {
    case messages([ChatMessage])
    case text(String)
    case tokens([TokenID])
  }

  public let customID: String
  public let kind: Kind
  public let input: Input
  public let sampling: SamplingParameters
  public let stopStrings: [[UInt8]]
  /// Nil where the line states none.
  public internal(set) var tokenLimit: Int?
  public let ignoreEnd: Bool

  /// - Throws: `BatchLineError`, with the line's `custom_id` as far as it could be read.
  public init(_ line: [UInt8]) throws(BatchLineError) {
    let value: TemplateValue
    do { value = try TemplateValue(json: line) } catch {
      throw BatchLineError(customID: nil, code: "invalid_json", message: error.description)
    }
    guard case .string(let id)? = value["custom_id"] else {
      throw BatchLineError(customID: nil, code: "missing_required_parameter", message: "custom_id: a string is missing")
    }
    customID = id
    var fields = BatchFields(customID: id, value: value)
    let method = try fields.string("method")
    guard method == nil || method == "POST" else { throw fields.invalid("method", "must be \"POST\"") }
    switch try fields.string("url") {
    case "/v1/chat/completions": kind = .chat
    case "/v1/completions": kind = .text
    default: throw fields.invalid("url", "must be \"/v1/chat/completions\" or \"/v1/completions\"")
    }
    guard let body = value["body"], case .dictionary = body else { throw fields.invalid("body", "must be an object") }
    fields = BatchFields(customID: id, value: body)
    input = kind == .chat ? .messages(try fields.messages()) : try fields.prompt()
    sampling = try fields.samplingParameters()
    stopStrings = try fields.stopStrings()
    let limits = [
      try fields.integer("max_completion_tokens", 0...Int.max), try fields.integer("max_tokens", 0...Int.max),
    ]
    tokenLimit = limits.compactMap(\.self).first
    ignoreEnd = try fields.bool("ignore_eos") ?? false
    try fields.refuseWhatIsNotComputed(kind)
  }
}

/// Why a line cannot be answered.
public struct BatchLineError: Error, Sendable, Equatable {
  public let customID: String?
  /// One of OpenAI's words.
  public let code: String
  /// The field and what is wrong with it.
  public let message: String

  public init(customID: String?, code: String, message: String) {
    self.customID = customID
    self.code = code
    self.message = message
  }
}

/// Typed and bounded access to the fields of one line or body.
struct BatchFields {
  let customID: String
  let value: TemplateValue

  /// Fields that say nothing about the answer's text.
  private static let passedOver: Set = [
    "model", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "stream_options",
    "prompt_cache_retention", "verbosity", "reasoning_effort",
  ]
  private static let read: Set = [
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "presence_penalty",
    "frequency_penalty", "logit_bias", "top_k", "min_p", "repeat_penalty", "ignore_eos", "n", "best_of", "stream",
    "logprobs", "top_logprobs", "echo", "suffix", "response_format", "tools", "tool_choice", "parallel_tool_calls",
    "modalities",
  ]

  func invalid(_ name: String, _ problem: String) -> BatchLineError {
    BatchLineError(customID: customID, code: "invalid_value", message: "\(name): \(problem)")
  }

  /// A field that is there and not null.
  subscript(name: String) -> TemplateValue? {
    guard let found = value[name], found != .null else { return nil }
    return found
  }

  func string(_ name: String) throws(BatchLineError) -> String? {
    guard let found = self[name] else { return nil }
    guard case .string(let text) = found else { throw invalid(name, "must be a string") }
    return text
  }

  func bool(_ name: String) throws(BatchLineError) -> Bool? {
    guard let found = self[name] else { return nil }
    guard case .bool(let bool) = found else { throw invalid(name, "must be true or false") }
    return bool
  }

  func integer(_ name: String, _ range: ClosedRange<Int>) throws(BatchLineError) -> Int? {
    guard let found = self[name] else { return nil }
    guard case .int(let number) = found, range.contains(number) else {
      let bound =
        range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
      throw invalid(name, "must be a whole number \(bound)")
    }
    return number
  }

  func number(_ name: String, _ range: ClosedRange<Double>) throws(BatchLineError) -> Double? {
    guard let found = self[name] else { return nil }
    guard let number = Self.number(found), range.contains(number) else {
      throw invalid(name, "must be a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  private static func number(_ value: TemplateValue) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .float(let number): number
    default: nil
    }
  }

  // MARK: The input

  func messages() throws(BatchLineError) -> [ChatMessage] {
    guard case .list(let entries)? = self["messages"], !entries.isEmpty else {
      throw invalid("messages", "must be a list of messages, and not empty")
    }
    var messages: [ChatMessage] = []
    for (index, entry) in entries.enumerated() { messages.append(try message(entry, "messages[\(index)]")) }
    return messages
  }

  private func message(_ entry: TemplateValue, _ place: String) throws(BatchLineError) -> ChatMessage {
    guard case .dictionary(let members) = entry, case .string(let role)? = entry["role"] else {
      throw invalid(place, "must be an object with a role")
    }
    let rest = members.filter { !["role", "content"].contains($0.key) }
    switch entry["content"] {
    case .string(let text)?: return ChatMessage(role: role, content: .string(text), fields: rest)
    case .list(let parts)?:
      var text = ""
      for part in parts {
        guard part["type"] == .string("text"), case .string(let piece)? = part["text"] else {
          throw invalid("\(place).content", "only parts of type \"text\" are read")
        }
        text += piece
      }
      return ChatMessage(role: role, content: .string(text), fields: rest)
    case nil, .null?: return ChatMessage(role: role, content: .null, fields: rest)
    default: throw invalid("\(place).content", "must be a string or a list of parts")
    }
  }

  func prompt() throws(BatchLineError) -> BatchLine.Input {
    switch self["prompt"] {
    case .string(let text)?: return .text(text)
    case .list(let entries)?:
      if entries.count == 1, case .string(let text) = entries[0] { return .text(text) }
      if entries.count == 1, case .list(let tokens) = entries[0] { return .tokens(try ids(tokens)) }
      if case .int? = entries.first { return .tokens(try ids(entries)) }
      throw invalid("prompt", "must be one text or one list of token ids; give each prompt its own line")
    default: throw invalid("prompt", "must be a string or a list of token ids")
    }
  }

  private func ids(_ entries: [TemplateValue]) throws(BatchLineError) -> [TokenID] {
    var ids: [TokenID] = []
    for entry in entries {
      guard case .int(let number) = entry, let id = TokenID(exactly: number) else {
        throw invalid("prompt", "must hold token ids only")
      }
      ids.append(id)
    }
    return ids
  }

  // MARK: How to answer

  /// OpenAI's defaults: temperature 1 and nothing cut off.
  func samplingParameters() throws(BatchLineError) -> SamplingParameters {
    var parameters = SamplingParameters()
    parameters.temperature = Float(try number("temperature", 0...2) ?? 1)
    parameters.topP = Float(try number("top_p", 0...1) ?? 1)
    parameters.topK = try integer("top_k", 0...1 << 24) ?? 0
    parameters.minP = Float(try number("min_p", 0...1) ?? 0)
    parameters.presencePenalty = Float(try number("presence_penalty", -2...2) ?? 0)
    parameters.frequencyPenalty = Float(try number("frequency_penalty", -2...2) ?? 0)
    parameters.repeatPenalty = Float(try number("repeat_penalty", 0.01...100) ?? 1)
    if let seed = try integer("seed", Int.min...Int.max) { parameters.seed = UInt64(bitPattern: Int64(seed)) }
    guard let biases = self["logit_bias"] else { return parameters }
    guard case .dictionary(let entries) = biases else { throw invalid("logit_bias", "must be an object") }
    for entry in entries {
      guard let token = TokenID(entry.key), let bias = Self.number(entry.value), (-100...100).contains(bias) else {
        throw invalid("logit_bias", "\"\(entry.key)\" must be a token id with a number from -100 to 100")
      }
      // As documented there, the ends of the range ban a token or leave no other.
      parameters.logitBias.append(LogitBias(token: token, bias: bias == -100 ? -.infinity : Float(bias)))
    }
    return parameters
  }

  func stopStrings() throws(BatchLineError) -> [[UInt8]] {
    switch self["stop"] {
    case nil: return []
    case .string(let text)?: return [Array(text.utf8)]
    case .list(let entries)?:
      var strings: [[UInt8]] = []
      for entry in entries {
        guard case .string(let text) = entry else { throw invalid("stop", "must hold strings only") }
        strings.append(Array(text.utf8))
      }
      return strings
    default: throw invalid("stop", "must be a string or a list of strings")
    }
  }

  /// Refuses fields that ask for something else than one text, and fields that nobody here knows.
  func refuseWhatIsNotComputed(_ kind: BatchLine.Kind) throws(BatchLineError) {
    for name in ["n", "best_of"] {
      if let count = try integer(name, 0...Int.max), count != 1 {
        throw invalid(name, "only 1 is computed, found \(count)")
      }
    }
    for name in ["stream", "echo"] where try bool(name) == true { throw invalid(name, "is not computed in a batch") }
    if let asked = self["logprobs"], asked != .bool(false) { throw invalid("logprobs", "are not computed") }
    if let suffix = try string("suffix"), !suffix.isEmpty { throw invalid("suffix", "is not computed") }
    if let format = self["response_format"], format["type"] != .string("text") {
      throw invalid("response_format", "only {\"type\": \"text\"} is computed")
    }
    if let tools = self["tools"], tools != .list([]) { throw invalid("tools", "are not computed in a batch") }
    if let modalities = self["modalities"], modalities != .list([.string("text")]) {
      throw invalid("modalities", "only [\"text\"] is computed")
    }
    guard case .dictionary(let entries) = value else { return }
    let input: Set = kind == .chat ? ["messages"] : ["prompt"]
    for entry in entries
    where !Self.passedOver.contains(entry.key) && !Self.read.contains(entry.key) && !input.contains(entry.key) {
      throw BatchLineError(
        customID: customID, code: "unknown_parameter", message: "\(entry.key): no such field is known")
    }
  }
}
