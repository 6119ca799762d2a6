/// How a vocabulary writes what its tokens stand for.
enum TokenSpelling: Sendable {
  /// In the byte alphabet of GPT-2.
  case byteAlphabet
  /// As text, with U+2581 for a space.
  case spaceMarks

  /// Appends what `text` stands for. If it is not written this way, appends nothing and returns false.
  func decode(_ text: some Collection<UInt8>, into output: inout [UInt8]) -> Bool {
    switch self {
    case .byteAlphabet: return ByteAlphabet.decode(text, into: &output)
    case .spaceMarks:
      SpaceMark.append(text, to: &output)
      return true
    }
  }
}

/// U+2581, which SentencePiece writes for a space.
enum SpaceMark {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  /// Appends `text` with a space for each U+2581.
  static func append(_ text: some Sequence<UInt8>, to output: inout [UInt8]) {
    let start = output.count
    for byte in text {
      output.append(byte)
      if byte == 0x81, output.count >= start + 3, output[output.count - 2] == 0x96, output[output.count - 3] == 0xE2 {
        output.removeLast(3)
        output.append(0x20)
      }
    }
  }

  /// `text` with a space for each U+2581.
  static func removed(from text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    append(text, to: &output)
    return output
  }
}

/// Resolves merges that are written as two texts to the tokens that they name.
struct MergeBuilder {
  let vocabulary: Vocabulary
  let spelling: TokenSpelling
  /// Of the plain tokens.
  let index: TokenIndex
  private(set) var table: MergeTable
  /// Of the other tokens; made when a merge names one of them.
  private var others: TokenIndex?
  private let powers: [UInt64]
  private var scratch: [UInt8] = []

  init(_ vocabulary: Vocabulary, _ spelling: TokenSpelling, index: TokenIndex, limit: Int) {
    self.vocabulary = vocabulary
    self.spelling = spelling
    self.index = index
    table = MergeTable(limit: limit)
    powers = TextHash.powers(upTo: vocabulary.longestToken)
  }

  /// Adds the merge of the next rank.
  mutating func append(
    _ left: some Collection<UInt8>, _ right: some Collection<UInt8>, at location: @autoclosure () -> String
  ) throws(TokenizerError) {
    scratch.removeAll(keepingCapacity: true)
    var isWritten = spelling.decode(left, into: &scratch)
    let middle = scratch.count
    isWritten = isWritten && spelling.decode(right, into: &scratch)
    guard isWritten, let merge = tokens(middle) else {
      throw TokenizerError(
        .malformed, at: location(), "a merge of tokens, or into one, that the vocabulary does not have")
    }
    table.append(merge.left, merge.right, gives: merge.result)
  }

  /// The tokens of the two parts of `scratch` and of the whole.
  private mutating func tokens(_ middle: Int) -> (left: TokenID, right: TokenID, result: TokenID)? {
    let end = scratch.count
    guard end - middle < powers.count else { return nil }
    var (left, right) = (TextHash(), TextHash())
    for place in 0..<middle { left.append(scratch[place]) }
    for place in middle..<end { right.append(scratch[place]) }
    let whole = TextHash.joined(left, right, power: powers[end - middle])
    guard let leftToken = find(left, 0..<middle), let rightToken = find(right, middle..<end),
      let result = find(whole, 0..<end)
    else { return nil }
    return (leftToken, rightToken, result)
  }

  private mutating func find(_ hash: TextHash, _ range: Range<Int>) -> TokenID? {
    if let token = index.find(hash, scratch, range, in: vocabulary) { return TokenID(token) }
    let others = self.others ?? TokenIndex(vocabulary) { !vocabulary.isPlain($0) }
    self.others = others
    return others.find(hash, scratch, range, in: vocabulary).map { TokenID($0) }
  }
}
