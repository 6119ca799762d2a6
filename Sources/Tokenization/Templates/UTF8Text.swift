/// Operations on valid UTF-8 that count and compare by code point, as Python's strings do. All are linear.
enum UTF8Text {
  /// The code point at `offset`, which begins one, and its length in bytes.
  static func decode(_ bytes: [UInt8], at offset: Int) -> (scalar: Unicode.Scalar, length: Int) {
    let first = UInt32(bytes[offset])
    if first < 0x80 { return (Unicode.Scalar(UInt8(first)), 1) }
    let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
    guard offset + length <= bytes.count else { return ("\u{FFFD}", bytes.count - offset) }
    var code = first & (0x7F >> UInt32(length))
    for index in 1..<length { code = code << 6 | UInt32(bytes[offset + index] & 0x3F) }
    return (Unicode.Scalar(code) ?? "\u{FFFD}", length)
  }

  /// The first offset of the code point that ends before `offset`, which is above zero.
  static func previous(_ bytes: [UInt8], before offset: Int) -> Int {
    var start = offset - 1
    while start > 0 && bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }

  static func scalarCount(_ bytes: some Sequence<UInt8>) -> Int {
    var count = 0
    for byte in bytes where byte & 0xC0 != 0x80 { count += 1 }
    return count
  }

  /// The code points in order.
  static func scalars(_ bytes: [UInt8]) -> [Unicode.Scalar] {
    var out: [Unicode.Scalar] = []
    out.reserveCapacity(bytes.count)
    var at = 0
    while at < bytes.count {
      let (scalar, length) = decode(bytes, at: at)
      out.append(scalar)
      at += length
    }
    return out
  }

  /// The byte offset of code point number `index`, counted on from `start`; the end when there are fewer.
  static func offset(_ bytes: [UInt8], ofScalar index: Int, from start: Int = 0) -> Int {
    var at = start
    var left = index
    while at < bytes.count {
      if bytes[at] & 0xC0 != 0x80 {
        if left == 0 { return at }
        left -= 1
      }
      at += 1
    }
    return at
  }

  // MARK: White space

  /// White space as `str.isspace` has it (Unicode classes Zs, WS, B and S), also for `strip`, `split` and tags.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  static func trimStart(
    _ bytes: [UInt8], _ range: Range<Int>, where drop: (Unicode.Scalar) -> Bool = isSpace
  ) -> Int {
    var at = range.lowerBound
    while at < range.upperBound {
      let (scalar, length) = decode(bytes, at: at)
      guard drop(scalar) else { break }
      at += length
    }
    return at
  }

  static func trimEnd(
    _ bytes: [UInt8], _ range: Range<Int>, where drop: (Unicode.Scalar) -> Bool = isSpace
  ) -> Int {
    var end = range.upperBound
    while end > range.lowerBound {
      let start = previous(bytes, before: end)
      guard drop(decode(bytes, at: start).scalar) else { break }
      end = start
    }
    return end
  }

  // MARK: Search

  /// Finds occurrences of `needle` in linear time whatever the two contain (Knuth, Morris and Pratt 1977).
  struct Search {
    let needle: [UInt8]
    /// For each prefix of the needle, the length of the longest proper prefix that also ends it.
    private var borders: [Int] = []

    init(_ needle: [UInt8]) {
      self.needle = needle
      guard needle.count > 1 else { return }
      borders = [Int](repeating: 0, count: needle.count)
      var length = 0
      for index in 1..<needle.count {
        while length > 0 && needle[index] != needle[length] { length = borders[length - 1] }
        if needle[index] == needle[length] { length += 1 }
        borders[index] = length
      }
    }

    /// The offset of the first occurrence at or after `start`. An empty needle is nowhere.
    func first(in bytes: [UInt8], from start: Int = 0) -> Int? {
      guard let head = needle.first else { return nil }
      if needle.count == 1 { return start < bytes.count ? bytes[start...].firstIndex(of: head) : nil }
      var length = 0
      var at = start
      while at < bytes.count {
        let byte = bytes[at]
        while length > 0 && byte != needle[length] { length = borders[length - 1] }
        if byte == needle[length] { length += 1 }
        at += 1
        if length == needle.count { return at - length }
      }
      return nil
    }

    /// How many occurrences there are that do not overlap, from the left; at most `limit`.
    func count(in bytes: [UInt8], limit: Int = .max) -> Int {
      var count = 0
      var at = 0
      while count < limit, let next = first(in: bytes, from: at) {
        count += 1
        at = next + needle.count
      }
      return count
    }
  }

  static func contains(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
    needle.isEmpty || Search(needle).first(in: bytes) != nil
  }

  /// `str.replace`: at most `limit` occurrences from the left. An empty needle stands before each code point and at
  /// the end.
  static func replace(_ bytes: [UInt8], _ needle: [UInt8], with other: [UInt8], limit: Int) -> [UInt8] {
    var out: [UInt8] = []
    var left = limit
    if needle.isEmpty {
      var at = 0
      while left > 0 && at <= bytes.count {
        out.append(contentsOf: other)
        left -= 1
        guard at < bytes.count else { return out }
        let length = decode(bytes, at: at).length
        out.append(contentsOf: bytes[at..<at + length])
        at += length
      }
      out.append(contentsOf: bytes[at...])
      return out
    }
    let search = Search(needle)
    var at = 0
    while left > 0, let found = search.first(in: bytes, from: at) {
      out.append(contentsOf: bytes[at..<found])
      out.append(contentsOf: other)
      at = found + needle.count
      left -= 1
    }
    out.append(contentsOf: bytes[at...])
    return out
  }

  // MARK: Splitting

  /// `str.split(separator, limit)` as byte ranges; the separator is not empty.
  static func split(_ bytes: [UInt8], on separator: [UInt8], limit: Int) -> [Range<Int>] {
    let search = Search(separator)
    var parts: [Range<Int>] = []
    var at = 0
    while parts.count < limit, let found = search.first(in: bytes, from: at) {
      parts.append(at..<found)
      at = found + separator.count
    }
    parts.append(at..<bytes.count)
    return parts
  }

  /// `str.rsplit(separator, limit)`: like `split`, but the cuts are chosen from the right.
  static func splitFromEnd(_ bytes: [UInt8], on separator: [UInt8], limit: Int) -> [Range<Int>] {
    let parts = split(bytes.reversed(), on: separator.reversed(), limit: limit)
    return parts.reversed().map { bytes.count - $0.upperBound..<bytes.count - $0.lowerBound }
  }

  /// `str.split(None, limit)`: runs of white space separate, and none is kept but at the end of what is left uncut.
  static func splitOnSpace(_ bytes: [UInt8], limit: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var at = trimStart(bytes, 0..<bytes.count)
    while at < bytes.count {
      if parts.count == limit {
        parts.append(at..<bytes.count)
        break
      }
      let end = trimStart(bytes, at..<bytes.count) { !isSpace($0) }
      parts.append(at..<end)
      at = trimStart(bytes, end..<bytes.count)
    }
    return parts
  }

  /// `str.rsplit(None, limit)`.
  static func splitOnSpaceFromEnd(_ bytes: [UInt8], limit: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var end = trimEnd(bytes, 0..<bytes.count)
    while end > 0 {
      if parts.count == limit {
        parts.append(0..<end)
        break
      }
      let start = trimEnd(bytes, 0..<end) { !isSpace($0) }
      parts.append(start..<end)
      end = trimEnd(bytes, 0..<start)
    }
    return parts.reversed()
  }

  /// `str.splitlines(keepEnds)`: lines end at the line and paragraph separators of Unicode too. At most `limit` cuts.
  static func lines(_ bytes: [UInt8], keepEnds: Bool, limit: Int = .max) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    var at = 0
    while at < bytes.count && parts.count < limit {
      let (scalar, length) = decode(bytes, at: at)
      switch scalar.value {
      case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
        let isPair = scalar.value == 0x0D && at + 1 < bytes.count && bytes[at + 1] == 0x0A
        let next = at + length + (isPair ? 1 : 0)
        parts.append(start..<(keepEnds ? next : at))
        start = next
        at = next
      default: at += length
      }
    }
    if start < bytes.count { parts.append(start..<bytes.count) }
    return parts
  }

  /// Order by code point, which is the order of the bytes.
  static func isLess(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
}
