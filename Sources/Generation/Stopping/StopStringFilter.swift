/// Lets a text through as it comes, up to the first stop string, and never a byte of that string.
///
/// The text may be cut anywhere, also within characters. Held back are exactly the bytes at its end that may still
/// become a stop string, and the bytes of a character that is not complete. The search ends with the first byte at
/// which any stop string is complete; if several are, the longest one counts, so that the text ends before all of them.
/// What is let through in all does not depend on how the text was cut.
public struct StopStringFilter: Sendable {
  private let strings: StopStrings
  private var state = StopStrings.start
  /// Bytes not let through yet begin at `released`; those before it are removed now and then.
  private var held: [UInt8] = []
  private var released = 0
  /// Which stop string ended the text; nil as long as none has.
  public private(set) var match: Int?

  public init(_ strings: StopStrings) { self.strings = strings }

  /// How many bytes are held back.
  public var heldCount: Int { held.count - released }

  /// Takes the next bytes of the text and appends to `output` what is certain to precede any stop string.
  /// - Returns: true if a stop string is complete: the text is over, and what comes later is ignored.
  public mutating func append(_ bytes: [UInt8], to output: inout [UInt8]) -> Bool {
    if match != nil { return true }
    for byte in bytes {
      held.append(byte)
      state = strings.next(state, byte)
      if let index = strings.match(state) {
        match = index
        release(heldCount - strings.strings[index].count, to: &output)
        held.removeAll()
        released = 0
        return true
      }
    }
    let certain = held.count - strings.depth(state)
    release(certain - Self.incompleteTail(held[released..<certain]) - released, to: &output)
    return false
  }

  /// The text is over without a stop string: appends to `output` what was held back.
  public mutating func finish(to output: inout [UInt8]) {
    release(heldCount, to: &output)
    state = StopStrings.start
  }

  private mutating func release(_ count: Int, to output: inout [UInt8]) {
    output.append(contentsOf: held[released..<released + count])
    released += count
    // Moving the rest is paid for by the bytes that were let through.
    if released >= heldCount {
      held.removeFirst(released)
      released = 0
    }
  }

  /// How many bytes at the end begin a UTF-8 character that more bytes may complete.
  private static func incompleteTail(_ bytes: ArraySlice<UInt8>) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.endIndex - length]
      switch byte {
      case 0x80...0xBF: continue
      case 0xC2...0xDF: return length < 2 ? length : 0
      case 0xE0...0xEF: return length < 3 ? length : 0
      case 0xF0...0xF4: return length
      default: return 0
      }
    }
    return 0
  }
}
