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

  /// Texts of control tokens that end a generation even in files that name only one such token.
  static let endPieces = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|endoftext|>", "<|end|>", "<end_of_turn>", "</s>",
    "<eos>", "<|return|>", "<|call|>", "<|endofturn|>", "<|END_OF_TURN_TOKEN|>", "<end_of_utterance>", "<EOT>",
    "<｜end▁of▁sentence｜>",
  ]

  /// Of those, the ones that end a turn, in the order in which they are looked for where the file names none.
  static let turnEnds = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|END_OF_TURN_TOKEN|>", "<EOT>"]
}
