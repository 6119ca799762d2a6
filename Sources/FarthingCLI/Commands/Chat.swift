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
    job.console.note("chat with \(model.identity.name); an empty line or Ctrl-D ends it, Ctrl-C stops an answer")
    while let line = try nextLine() {
      Interrupt.watch()
      let answer = try job.answer(try conversation.prompt(line), with: model, on: session, isLast: false)
      conversation.add(line, answer: answer)
    }
  }

  /// What the person typed; nil at the end.
  private func nextLine() throws(CommandFailure) -> [UInt8]? {
    try? job.console.error.write(job.console.styled("> ", "1", on: job.console.error))
    guard let line = readLine(), !line.isEmpty else { return nil }
    return Array(line.utf8)
  }
}
