import Tokenization

/// Uses a tokeniser in every way.
public enum TokenizerExercise {
  public static let texts: [[UInt8]] = [
    [], Array("a".utf8), Array("ab abc <s> </s>  e\u{301} 12 \u{4E2D} \u{1F600}\n".utf8), [0xFF, 0xE2, 0x82, 0x20],
    [UInt8](repeating: 0x61, count: 300), [UInt8](repeating: 0x20, count: 300),
  ]

  /// - Throws: what encoding throws; an id outside the vocabulary ends the process.
  public static func run(_ tokenizer: Tokenizer) throws(TokenizerError) {
    for text in texts {
      let ids = try tokenizer.encode(text, parseSpecial: true)
      let plain = try tokenizer.encode(text, addSpecial: false, parseSpecial: false)
      for id in ids + plain { precondition(id >= 0 && Int(id) < tokenizer.count, "an id outside the vocabulary") }
      var stream = StreamingDetokenizer(tokenizer, special: true)
      for id in ids { _ = stream.append(id) }
      _ = stream.finish()
      _ = tokenizer.decode(ids, special: true)
    }
    _ = tokenizer.piece(TokenID(tokenizer.count))
  }
}
