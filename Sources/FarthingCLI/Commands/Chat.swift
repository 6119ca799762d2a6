import Compute
import Generation
import Serving
import Tokenization
import Usage

/// How prompts become tokens on one command line: through the model's chat template, one of the person's own, or raw.
struct Conversation {
  private let tokenizer: Tokenizer
  private let template: ChatTemplate?
  private var messages: [ChatMessage] = []

  /// - Throws: where a template is broken, or a system message has none to go into.
  init(_ tokenizer: Tokenizer, system: String?, template: ChatTemplate?, raw: Bool) throws(CommandFailure) {
    self.tokenizer = tokenizer
    if raw {
      self.template = nil
    } else if let template {
      self.template = template
    } else if let source = tokenizer.chatTemplate {
      do { self.template = try ChatTemplate(source: source) } catch {
        throw .failed("the model's chat template: \(error); give one with --chat-template, or use --raw")
      }
    } else {
      self.template = nil
    }
    if let system {
      guard self.template != nil else { throw .usage("--system needs a chat template, and this model has none") }
      messages.append(ChatMessage(role: "system", content: system))
    }
  }

  /// Whether turns can be told apart.
  var hasTemplate: Bool { template != nil }

  /// The tokens of the conversation so far and one more message of the person.
  func prompt(_ text: [UInt8]) throws(CommandFailure) -> Prompt {
    guard let template else {
      do { return try Prompt(raw: text, tokenizer) } catch { throw .failed(String(describing: error)) }
    }
    guard let content = String(validating: text, as: UTF8.self) else {
      throw .failed("the prompt is not valid UTF-8; a chat template needs text (--raw takes any bytes)")
    }
    let next = messages + [ChatMessage(role: "user", content: content)]
    do { return try Prompt(next, template: template, tokenizer) } catch { throw .failed(String(describing: error)) }
  }

  /// Forgets the oldest turn. Returns false where there is none.
  mutating func forgetOldest() -> Bool {
    guard let first = messages.firstIndex(where: { $0.role == "user" }), first + 1 < messages.count else {
      return false
    }
    messages.removeSubrange(first...first + 1)
    return true
  }

  /// Remembers a turn.
  mutating func add(_ text: [UInt8], answer: [UInt8]) {
    messages.append(ChatMessage(role: "user", content: String(decoding: text, as: UTF8.self)))
    messages.append(ChatMessage(role: "assistant", content: String(decoding: answer, as: UTF8.self)))
  }
}

/// A conversation at a terminal. What earlier turns computed stays in the session's cache.
struct Chat {
  let job: RunJob
  let model: ServedModel
  var conversation: Conversation

  func talk() throws(CommandFailure) {
    guard conversation.hasTemplate else {
      throw .usage("this model has no chat template: give a prompt, or a template with --chat-template")
    }
    let session = Session(model.engine)
    var conversation = conversation
    job.console.note(
      "chat with \(model.identity.name); Ctrl-C stops an answer, an empty line or Ctrl-D ends the chat, "
        + "\(Self.receiptCommand) shows the last receipt in full")
    var last: Receipt?
    while let line = try nextLine() {
      if line.elementsEqual(Self.receiptCommand.utf8) {
        if let last { job.show(last, isWhole: true) } else { job.console.note("there is no receipt yet") }
        continue
      }
      let prompt = try prompt(line, &conversation)
      Interrupt.watch()
      let answer = try job.answer(prompt, with: model, on: session, isLast: false)
      conversation.add(line, answer: answer.text)
      last = answer.receipt
    }
  }

  private static let receiptCommand = "/receipt"

  /// The prompt of the next turn. Where the conversation has outgrown the context, its oldest turns are left out.
  private func prompt(_ line: [UInt8], _ conversation: inout Conversation) throws(CommandFailure) -> Prompt {
    let context = model.engine.context
    // Room for an answer: a quarter of the context, but no more than was asked for.
    let most = context - min(job.tokenLimit ?? .max, context / 4) - 1
    var forgotten = 0
    var prompt = try conversation.prompt(line)
    while prompt.tokens.count > most, conversation.forgetOldest() {
      forgotten += 1
      prompt = try conversation.prompt(line)
    }
    if forgotten > 0 {
      let turns = forgotten == 1 ? "the oldest turn was" : "the \(forgotten) oldest turns were"
      job.console.note("\(turns) left out: the conversation has outgrown the context of \(context) tokens")
    }
    return prompt
  }

  /// What the person typed; nil at the end.
  private func nextLine() throws(CommandFailure) -> [UInt8]? {
    try? job.console.error.write(job.console.styled("> ", "1", on: job.console.error))
    Interrupt.watch()
    do {
      if let line = try System.readLine() { return line.isEmpty ? nil : line }
    } catch {
      try? job.console.error.line()
      throw error
    }
    // The shell's prompt belongs on a line of its own.
    try? job.console.error.line()
    return nil
  }
}
