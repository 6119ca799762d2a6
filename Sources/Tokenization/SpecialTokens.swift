/// The tokens with a part to play beside the text, and what `Tokenizer.encode` adds by itself.
public struct SpecialTokens: Sendable, Equatable {
  /// Begins a text.
  public var bos: TokenID?
  /// Ends a text.
  public var eos: TokenID?
  /// Ends a turn of a conversation.
  public var eot: TokenID?
  /// Ends a message that expects a tool's answer.
  public var eom: TokenID?
  /// Stands for what the vocabulary cannot write.
  public var unknown: TokenID?
  public var padding: TokenID?
  /// Whether `encode` puts `bos` before a text, by the file or by the default of its kind of vocabulary.
  public var addBOS = false
  /// Whether `encode` puts `eos` after a text.
  public var addEOS = false

  public init() {}

  /// Names of control tokens that end a generation, also in files that name only one such token.
  static let endPieces =
    turnEnds + messageEnds + [
      "</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<|return|>", "<|call|>", "<|endofturn|>",
      "<end_of_utterance>", "<｜end▁of▁sentence｜>",
    ]

  /// Names of control tokens that end a turn, in the order in which they are looked for where the file names none.
  static let turnEnds = [
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<turn|>", "<EOT>",
  ]

  /// Names of control tokens that end a message to a tool.
  static let messageEnds = ["<|eom_id|>"]
}

extension Vocabulary {
  /// The control token that the first possible of these names names.
  func firstControl(among names: [String]) -> TokenID? {
    let names = names.map { Array($0.utf8) }
    var best: (place: Int, id: TokenID)?
    for id in 0..<count where kind(id) == .control {
      let text = token(id)
      if let place = names.firstIndex(where: { $0.elementsEqual(text) }), place < best?.place ?? .max {
        best = (place, TokenID(id))
      }
    }
    return best?.id
  }
}
