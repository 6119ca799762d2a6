/// Turns tokens into text one by one, and never hands out half a character.
///
/// Bytes that may still become a character are held back until the next token, or until `finish`; bytes that can no
/// longer become one are handed out as they are.
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let special: Bool
  private var atStart: Bool
  /// At most three bytes.
  private var held: [UInt8] = []

  /// - Parameters:
  ///   - special: whether control and unknown tokens show their names.
  ///   - startsText: whether the first token begins a text, so that the space which some vocabularies put there is left
  ///     out, as `Tokenizer.decode` does. Generated tokens go on with a text: their first space counts.
  public init(_ tokenizer: Tokenizer, special: Bool = false, startsText: Bool = false) {
    self.tokenizer = tokenizer
    self.special = special
    atStart = startsText && tokenizer.model.addsSpaceBefore
    held.reserveCapacity(64)
  }

  /// The bytes that are certain now that this token has come.
  public mutating func append(_ id: TokenID) -> [UInt8] {
    var output: [UInt8] = []
    append(id, to: &output)
    return output
  }

  /// Appends to `output` the bytes that are certain now that this token has come; allocates nothing if `output` has room.
  public mutating func append(_ id: TokenID, to output: inout [UInt8]) {
    tokenizer.append(id, special: special, atStart: &atStart, to: &held)
    let ready = held.count - Self.incompleteTail(held)
    output.append(contentsOf: held[..<ready])
    held.removeSubrange(..<ready)
  }

  /// The bytes that were held back; no token will complete them any more.
  public mutating func finish() -> [UInt8] {
    defer { held.removeAll(keepingCapacity: true) }
    return held
  }

  /// How many bytes at the end are the beginning of a character.
  private static func incompleteTail(_ bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let place = bytes.count - length
      // A continuation byte belongs to what is before it.
      if bytes[place] & 0xC0 == 0x80 { continue }
      return UTF8Scanner.step(bytes, at: place, end: bytes.count) == .incomplete ? length : 0
    }
    return 0
  }
}
