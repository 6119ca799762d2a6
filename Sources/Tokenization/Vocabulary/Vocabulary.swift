/// The number of a token: its row in the model's embedding.
public typealias TokenID = Int32

/// What a token is for, with the numbers that GGUF uses.
enum TokenKind: UInt8, Sendable {
  case normal = 1
  case unknown = 2
  case control = 3
  case userDefined = 4
  case unused = 5
  case byte = 6
}

/// All tokens of a model: one flat run of bytes, the ends of the tokens in it, and a kind (and perhaps a score) for each.
///
/// Tokens are bytes and never `String`, whose equality would merge entries that are canonically equivalent. What is
/// stored is what a token stands for in a text: byte-level alphabets are decoded, SentencePiece's U+2581 is a space, and
/// a byte token is its byte. Several tokens can so have the same bytes; only *plain* ones are found by them.
struct Vocabulary: Sendable {
  static let maximumCount = 1 << 22
  static let maximumTokenBytes = 0xFFFF

  private(set) var bytes: [UInt8] = []
  private var ends: [UInt32] = []
  private var kinds: [UInt8] = []
  /// One per token, or none at all.
  private(set) var scores: [Float] = []
  private(set) var longestToken = 0

  /// In `kinds`: the token is what the encoder's own steps can produce, so it is found by its bytes.
  private static let plainFlag: UInt8 = 0x80

  var count: Int { ends.count }

  mutating func reserve(count: Int, bytes byteCount: Int) {
    bytes.reserveCapacity(byteCount)
    ends.reserveCapacity(count)
    kinds.reserveCapacity(count)
  }

  /// Adds the next token. `isPlain` says whether it takes part in the encoder's own steps.
  mutating func append(
    _ token: some Collection<UInt8>, kind: TokenKind, isPlain: Bool, at location: @autoclosure () -> String
  ) throws(TokenizerError) {
    let length = token.count
    guard length <= Self.maximumTokenBytes else {
      throw TokenizerError(
        .limitExceeded, at: location(), "a token of \(length) bytes; at most \(Self.maximumTokenBytes) are accepted")
    }
    guard count < Self.maximumCount, bytes.count + length <= Int(UInt32.max) else {
      throw TokenizerError(.limitExceeded, at: location(), "more than \(Self.maximumCount) tokens")
    }
    bytes.append(contentsOf: token)
    ends.append(UInt32(bytes.count))
    kinds.append(kind.rawValue | (isPlain ? Self.plainFlag : 0))
    longestToken = max(longestToken, length)
  }

  mutating func setScores(_ values: [Float]) {
    precondition(values.count == count)
    scores = values
  }

  mutating func setKind(_ kind: TokenKind, of id: Int, isPlain: Bool) {
    kinds[id] = kind.rawValue | (isPlain ? Self.plainFlag : 0)
  }

  func contains(_ id: TokenID) -> Bool { id >= 0 && Int(id) < count }

  /// Where a token's bytes are. - Precondition: `0 <= id < count`.
  @inline(__always)
  func range(_ id: Int) -> Range<Int> {
    (id == 0 ? 0 : Int(ends[id - 1]))..<Int(ends[id])
  }

  func token(_ id: Int) -> ArraySlice<UInt8> { bytes[range(id)] }

  @inline(__always)
  func kind(_ id: Int) -> TokenKind { TokenKind(rawValue: kinds[id] & ~Self.plainFlag) ?? .normal }

  @inline(__always)
  func isPlain(_ id: Int) -> Bool { kinds[id] & Self.plainFlag != 0 }

  @inline(__always)
  func score(_ id: Int) -> Float { scores.isEmpty ? 0 : scores[id] }

  /// Whether the token's bytes are those of `other` in `range`.
  @inline(__always)
  func token(_ id: Int, equals other: [UInt8], in range: Range<Int>) -> Bool {
    let own = self.range(id)
    guard own.count == range.count else { return false }
    var (left, right) = (own.lowerBound, range.lowerBound)
    while right < range.upperBound {
      if bytes[left] != other[right] { return false }
      left += 1
      right += 1
    }
    return true
  }

  var byteCount: Int { bytes.count + ends.count * 5 + scores.count * 4 }
}

/// Finds tokens by their bytes. The vocabulary is passed in, so that an index can be dropped when loading is over.
struct TokenIndex: Sendable {
  private var table: ProbeTable

  /// An index of the tokens that `isIncluded` picks. Of several with the same bytes the first is found; empty tokens are
  /// never found.
  init(_ vocabulary: Vocabulary, including isIncluded: (Int) -> Bool) {
    table = ProbeTable(limit: vocabulary.count)
    for id in 0..<vocabulary.count where isIncluded(id) {
      let range = vocabulary.range(id)
      if range.isEmpty { continue }
      var hash = TextHash()
      for place in range { hash.append(vocabulary.bytes[place]) }
      let bits = hash.bits
      if table.find(bits, { vocabulary.token($0, equals: vocabulary.bytes, in: range) }) == nil {
        table.insert(id, hash: bits)
      }
    }
  }

  var byteCount: Int { table.byteCount }

  /// The token whose bytes are those of `text` in `range` and hash to `hash`.
  @inline(__always)
  func find(_ hash: TextHash, _ text: [UInt8], _ range: Range<Int>, in vocabulary: Vocabulary) -> Int? {
    table.find(hash.bits) { vocabulary.token($0, equals: text, in: range) }
  }

  func find(_ text: [UInt8], in vocabulary: Vocabulary) -> Int? {
    find(TextHash(text), text, 0..<text.count, in: vocabulary)
  }

  /// The token of each single byte, or -1.
  func byteTokens(in vocabulary: Vocabulary) -> [TokenID] {
    (UInt8(0)...255).map { byte in find([byte], in: vocabulary).map { TokenID($0) } ?? -1 }
  }
}
