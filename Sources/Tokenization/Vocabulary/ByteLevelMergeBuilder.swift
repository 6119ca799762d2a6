/// Resolves merges that are written as two texts in the byte alphabet to the tokens that they name.
struct ByteLevelMergeBuilder {
  let vocabulary: Vocabulary
  /// Of the plain tokens.
  let index: TokenIndex
  private(set) var table: MergeTable
  private let powers: [UInt64]
  private var scratch: [UInt8] = []

  init(vocabulary: Vocabulary, index: TokenIndex, limit: Int) {
    self.vocabulary = vocabulary
    self.index = index
    table = MergeTable(limit: limit)
    powers = TextHash.powers(upTo: vocabulary.longestToken)
  }

  mutating func append(
    _ left: some Collection<UInt8>, _ right: some Collection<UInt8>, at location: @autoclosure () -> String
  ) throws(TokenizerError) {
    scratch.removeAll(keepingCapacity: true)
    let isWritten = ByteAlphabet.decode(left, into: &scratch)
    let middle = scratch.count
    guard isWritten, ByteAlphabet.decode(right, into: &scratch) else {
      throw TokenizerError(.malformed, at: location(), "a merge of tokens that are not in the vocabulary")
    }
    var (leftHash, rightHash) = (TextHash(), TextHash())
    for place in 0..<middle { leftHash.append(scratch[place]) }
    for place in middle..<scratch.count { rightHash.append(scratch[place]) }
    guard let leftToken = index.find(leftHash, scratch, 0..<middle, in: vocabulary),
      let rightToken = index.find(rightHash, scratch, middle..<scratch.count, in: vocabulary),
      scratch.count - middle < powers.count,
      let result = index.find(
        TextHash.joined(leftHash, rightHash, power: powers[scratch.count - middle]), scratch, 0..<scratch.count,
        in: vocabulary)
    else {
      throw TokenizerError(.malformed, at: location(), "a merge of or into tokens that are not in the vocabulary")
    }
    table.append(TokenID(leftToken), TokenID(rightToken), gives: TokenID(result))
  }
}
