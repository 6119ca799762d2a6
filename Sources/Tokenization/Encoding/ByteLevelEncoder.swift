/// Byte-level byte-pair encoding: a word begins as the tokens of its bytes, and neighbours merge by rank.
struct ByteLevelEncoder: Sendable {
  /// The token of each byte, or -1 where the vocabulary has none.
  let byteTokens: [TokenID]
  /// Stands for a byte without a token; where the model names none, such a byte is dropped, as the reference drops it.
  var unknown: TokenID?
  /// Bytes without a token, one after the other in a word, are one unknown token.
  var fusesUnknown = false
  let merges: MergeTable
  /// For models that take a word which is itself a token as that token, whatever the merges say.
  let wholeWords: TokenIndex?

  struct Rules: MergeRules {
    let merges: MergeTable

    @inline(__always)
    func merge(_ left: TokenID, _ right: TokenID) -> (priority: UInt32, merged: TokenID)? {
      guard let merge = merges.find(left, right) else { return nil }
      return (UInt32(truncatingIfNeeded: merge.rank), merge.result)
    }
  }

  struct Scratch {
    var merger = PairMerger<Rules>()
    var units: [TokenID] = []
  }

  /// Appends the tokens of the word `text[range]`.
  func encode(
    _ text: [UInt8], _ range: Range<Int>, in vocabulary: Vocabulary, _ scratch: inout Scratch,
    into output: inout [TokenID]
  ) {
    if let wholeWords, range.count <= vocabulary.longestToken {
      var hash = TextHash()
      for place in range { hash.append(text[place]) }
      if let token = wholeWords.find(hash, text, range, in: vocabulary) {
        output.append(TokenID(truncatingIfNeeded: token))
        return
      }
    }
    scratch.units.removeAll(keepingCapacity: true)
    var endsUnknown = false
    for place in range {
      let token = byteTokens[Int(text[place])]
      if token >= 0 {
        scratch.units.append(token)
        endsUnknown = false
      } else if let unknown, !(fusesUnknown && endsUnknown) {
        scratch.units.append(unknown)
        endsUnknown = true
      }
    }
    scratch.merger.merge(&scratch.units, by: Rules(merges: merges))
    output.append(contentsOf: scratch.units)
    if scratch.units.capacity > 1 << 16 { scratch.units = [] }
  }

  /// Appends the tokens of bytes that are not UTF-8: one each, since no merge was ever learnt across them.
  func encodeIllFormed(_ bytes: ArraySlice<UInt8>, into output: inout [TokenID]) {
    for byte in bytes {
      if byteTokens[Int(byte)] >= 0 {
        output.append(byteTokens[Int(byte)])
      } else if let unknown {
        output.append(unknown)
      }
    }
  }
}
