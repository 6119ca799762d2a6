/// Well-formedness of UTF-8, byte by byte (Unicode, table 3-7).
enum UTF8Scanner {
  /// What the bytes from some place on are.
  enum Step: Equatable {
    /// A well-formed character of this many bytes.
    case character(Int)
    /// A beginning of a character that the end of the bytes cuts off.
    case incomplete
    /// A byte that begins no well-formed character.
    case illFormed
  }

  /// Classifies what begins at `place`. - Precondition: `place < end`.
  static func step(_ bytes: [UInt8], at place: Int, end: Int) -> Step {
    let first = bytes[place]
    if first < 0x80 { return .character(1) }
    let length: Int
    var allowed: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, allowed) = (3, 0xA0...0xBF)
    case 0xED: (length, allowed) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, allowed) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, allowed) = (4, 0x80...0x8F)
    default: return .illFormed
    }
    for offset in 1..<length {
      if place + offset >= end { return .incomplete }
      if !allowed.contains(bytes[place + offset]) { return .illFormed }
      allowed = 0x80...0xBF
    }
    return .character(length)
  }

  /// The next run of bytes in `bytes[start..<end]` that are no part of a well-formed character.
  static func nextIllFormed(_ bytes: [UInt8], from start: Int, to end: Int) -> Range<Int>? {
    var place = start
    while place < end {
      if bytes[place] < 0x80 {
        place += 1
        continue
      }
      if case .character(let length) = step(bytes, at: place, end: end) {
        place += length
        continue
      }
      let first = place
      place += 1
      while place < end {
        if case .character = step(bytes, at: place, end: end) { break }
        place += 1
      }
      return first..<place
    }
    return nil
  }
}
