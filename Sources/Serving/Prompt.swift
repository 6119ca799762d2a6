import Generation
import Tokenization

/// A prompt as tokens, and the text that they were made from.
public struct Prompt: Sendable {
  public let tokens: [TokenID]
  /// As the model reads it; empty where tokens were given and no text.
  public let text: [UInt8]
  public var bytes: Int { text.count }

  /// Tokens that somebody else made; the text is not known.
  public init(tokens: [TokenID]) {
    self.tokens = tokens
    text = []
  }

  /// Text as it is, with the special tokens that the model adds to every text.
  public init(raw text: [UInt8], _ tokenizer: Tokenizer) throws(GenerationError) {
    self.text = text
    do { tokens = try tokenizer.encode(text, addSpecial: true, parseSpecial: true) } catch { throw .tokenizer(error) }
  }

  /// A conversation, as the model's chat template writes it, ending where the assistant's answer begins.
  public init(
    _ messages: [ChatMessage], template: ChatTemplate, _ tokenizer: Tokenizer
  ) throws(PromptError) {
    func text(of token: TokenID?) -> String? { token.map { String(decoding: tokenizer.piece($0), as: UTF8.self) } }
    let rendered: String
    do throws(TemplateError) {
      rendered = try template.render(
        messages, addGenerationPrompt: true, bosToken: text(of: tokenizer.special.bos) ?? "",
        eosToken: text(of: tokenizer.special.eos) ?? "")
    } catch {
      throw .template(error)
    }
    let utf8 = Array(rendered.utf8)
    self.text = utf8
    // Some templates write BOS themselves: it must not stand there twice.
    let bos = tokenizer.special.bos.map { tokenizer.piece($0) } ?? []
    let hasBOS = !bos.isEmpty && utf8.starts(with: bos)
    do throws(TokenizerError) {
      tokens = try tokenizer.encode(utf8, addSpecial: !hasBOS, parseSpecial: true)
    } catch {
      throw .generation(.tokenizer(error))
    }
  }
}

/// Why a prompt cannot be made.
public enum PromptError: Error, CustomStringConvertible, Sendable {
  case template(TemplateError)
  case generation(GenerationError)

  public var description: String {
    switch self {
    case .template(let error): "chat template: \(error)"
    case .generation(let error): error.description
    }
  }
}
