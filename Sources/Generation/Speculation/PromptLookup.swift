import Tokenization

/// Guesses the next tokens without a model: where the text so far ended in the same tokens before, what followed then may
/// follow again. Answers that quote their prompt (summaries, edits, code) are full of such places.
///
/// Source of the idea: Saxena, "Prompt lookup decoding", 2023. A guess costs one scan of the text and never an allocation.
enum PromptLookup {
  /// Tokens at the end that must have stood there before: the longest is tried first.
  static let matchLengths = [3, 2]

  /// Replaces `draft` by the tokens, at most `limit`, that followed the latest earlier place with the same ending.
  static func draft(_ text: [TokenID], limit: Int, into draft: inout [TokenID]) {
    draft.removeAll(keepingCapacity: true)
    guard limit > 0 else { return }
    for length in matchLengths {
      guard let start = latestMatch(text, length) else { continue }
      // A short match says little: it gets a short guess.
      let most = length == 2 ? min(limit, 2) : limit
      for index in start..<min(start + most, text.count) { draft.append(text[index]) }
      return
    }
  }

  /// Where the text goes on after the latest earlier occurrence of its last `length` tokens.
  private static func latestMatch(_ text: [TokenID], _ length: Int) -> Int? {
    guard text.count > length else { return nil }
    let ending = text.count - length
    let last = text[text.count - 1]
    // `end` is one past an earlier occurrence.
    var end = text.count - 1
    while end >= length {
      if text[end - 1] == last {
        var offset = 0
        while offset < length - 1, text[end - length + offset] == text[ending + offset] { offset += 1 }
        if offset == length - 1 { return end }
      }
      end -= 1
    }
    return nil
  }
}
