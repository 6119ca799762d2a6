import Tokenization

/// A text cut into chunks of tokens, as the field measures perplexity: tokenised once, one trailing newline dropped,
/// control tokens not parsed, the remainder dropped, the first token of each chunk replaced by BOS where the model adds
/// one.
struct TextChunks {
  let tokens: [TokenID]
  let bos: TokenID?
  let length: Int

  /// - Parameter length: tokens of a chunk, at least 4 and at most the engine's context.
  init(_ text: [UInt8], _ engine: Engine, length: Int) throws(GenerationError) {
    precondition(length >= 4 && length <= engine.context)
    self.length = length
    let text = text.last == 10 ? text.dropLast() : text[...]
    do {
      tokens = try engine.tokenizer.encode(Array(text), addSpecial: true, parseSpecial: false)
    } catch {
      throw .tokenizer(error)
    }
    bos = engine.tokenizer.special.addBOS ? engine.tokenizer.special.bos : nil
  }

  var count: Int { tokens.count / length }

  subscript(_ index: Int) -> [TokenID] {
    precondition(index < count)
    var chunk = Array(tokens[index * length..<(index + 1) * length])
    if let bos { chunk[0] = bos }
    return chunk
  }
}
