/// Turns tokens into text one by one, and never hands out half a character.
///
/// Bytes that may still become a character are held back until the next token, or until `finish`; bytes that can no
/// longer become one are handed out as they are.
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let special: Bool
  private var held: [UInt8] = []

  /// - Parameter special: whether control and unknown tokens show their names.
  public init(_ tokenizer: Tokenizer, special: Bool = false) {
    self.tokenizer = tokenizer
    self.special = special
  }

  /// The bytes that are certain now that this token has come.
  public mutating func append(_ id: TokenID) -> [UInt8] {
    held.append(contentsOf: tokenizer.decode([id], special: special))
    let ready = held.count - Self.incompleteTail(held)
    if ready == 0 { return [] }
    defer { held.removeFirst(ready) }
    return Array(held[..<ready])
  }

  /// The bytes that were held back; no token will complete them any more.
  public mutating func finish() -> [UInt8] {
    defer { held.removeAll() }
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
