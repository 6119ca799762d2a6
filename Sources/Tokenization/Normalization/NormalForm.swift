/// A Unicode normal form that a vocabulary was trained on.
enum NormalForm: Sendable, Equatable {
  /// Canonical composition.
  case nfc
  /// Canonical composition after compatibility decomposition.
  case nfkc

  /// The well-formed UTF-8 in `text[range]` in this form, or nil when it is in this form already.
  func normalized(_ text: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    let tables = NormalizationTables.shared
    let watched = self == .nfc ? tables.changesUnderNFC : tables.changesUnderNFKC
    if !Self.scalars(text, range, contains: { watched.contains($0) }) { return nil }
    var composer = Composer(tables: tables, decompositions: self == .nfc ? tables.canonical : tables.compatibility)
    Self.forEachScalar(text, range) { composer.append($0) }
    return composer.finish()
  }

  private static func scalars(_ text: [UInt8], _ range: Range<Int>, contains isWatched: (UInt32) -> Bool) -> Bool {
    // Below U+0300 only the compatibility form changes anything, and nothing in ASCII.
    var place = range.lowerBound
    while place < range.upperBound {
      if text[place] < 0x80 {
        place += 1
        continue
      }
      let (scalar, length) = decode(text, place)
      if isWatched(scalar) { return true }
      place += length
    }
    return false
  }

  private static func forEachScalar(_ text: [UInt8], _ range: Range<Int>, _ body: (UInt32) -> Void) {
    var place = range.lowerBound
    while place < range.upperBound {
      let (scalar, length) = decode(text, place)
      body(scalar)
      place += length
    }
  }

  /// The scalar that begins at `place` of well-formed UTF-8.
  private static func decode(_ text: [UInt8], _ place: Int) -> (UInt32, Int) {
    let first = UInt32(text[place])
    func tail(_ offset: Int) -> UInt32 { UInt32(text[place + offset] & 0x3F) }
    if first < 0x80 { return (first, 1) }
    if first < 0xE0 { return ((first & 0x1F) << 6 | tail(1), 2) }
    if first < 0xF0 { return ((first & 0x0F) << 12 | tail(1) << 6 | tail(2), 3) }
    return ((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4)
  }
}

/// Decomposes, orders marks by class, and composes (Unicode, 3.11), one character with its marks at a time.
private struct Composer {
  let tables: NormalizationTables
  let decompositions: NormalizationTables.Decompositions
  private var output: [UInt8] = []
  /// A character of class 0 and what follows it up to the next one, with their classes.
  private var pending: [(scalar: UInt32, combining: UInt8)] = []
  private var isOrdered = true

  init(tables: NormalizationTables, decompositions: NormalizationTables.Decompositions) {
    self.tables = tables
    self.decompositions = decompositions
  }

  mutating func append(_ scalar: UInt32) {
    if let syllable = Hangul.decomposed(scalar) {
      for part in syllable where part != 0 { add(part) }
    } else if let parts = decompositions.find(scalar) {
      for part in parts { add(part) }
    } else {
      add(scalar)
    }
  }

  private mutating func add(_ scalar: UInt32) {
    let combining = tables.combiningClass(scalar)
    if combining == 0, !pending.isEmpty { flush(before: scalar) }
    if let last = pending.last, last.combining > combining, combining > 0 { isOrdered = false }
    pending.append((scalar, combining))
  }

  /// Puts marks in the order of their classes, and those of one class in the order in which they came.
  private mutating func order() {
    if isOrdered { return }
    isOrdered = true
    let marks = pending.firstIndex { $0.combining > 0 } ?? pending.count
    let sorted = pending[marks...].enumerated().sorted {
      ($0.element.combining, $0.offset) < ($1.element.combining, $1.offset)
    }
    pending.replaceSubrange(marks..., with: sorted.map(\.element))
  }

  /// Composes what is pending. If `next`, which begins the next character, then composes with it, it is left pending.
  private mutating func flush(before next: UInt32) {
    compose()
    // A starter can compose with the starter before it only if nothing is left between them.
    if pending.count == 1, pending[0].combining == 0, tables.composition(pending[0].scalar, next) != nil { return }
    write()
  }

  private mutating func compose() {
    order()
    guard let first = pending.first, first.combining == 0 else { return }
    var starter = first.scalar
    var kept: [(scalar: UInt32, combining: UInt8)] = []
    var last: UInt8 = 0
    for mark in pending.dropFirst() {
      let isBlocked = !kept.isEmpty && (last == 0 || last >= mark.combining)
      if !isBlocked, let composed = tables.composition(starter, mark.scalar) {
        starter = composed
      } else {
        kept.append(mark)
        last = mark.combining
      }
    }
    pending = [(starter, 0)] + kept
  }

  private mutating func write() {
    for (scalar, _) in pending {
      output.append(contentsOf: UTF8.encode(Unicode.Scalar(scalar) ?? "\u{FFFD}") ?? .init())
    }
    pending.removeAll(keepingCapacity: true)
  }

  mutating func finish() -> [UInt8] {
    compose()
    write()
    return output
  }
}

/// Hangul syllables, which decompose and compose by arithmetic (Unicode, 3.12).
enum Hangul {
  private static let (syllables, leads, vowels, tails): (UInt32, UInt32, UInt32, UInt32) = (
    0xAC00, 0x1100, 0x1161, 0x11A7
  )

  /// Lead, vowel and tail of a syllable; a tail of 0 is none.
  static func decomposed(_ scalar: UInt32) -> [UInt32]? {
    guard (0xAC00...0xD7A3).contains(scalar) else { return nil }
    let index = scalar - syllables
    let tail = index % 28
    return [leads + index / 588, vowels + index % 588 / 28, tail == 0 ? 0 : tails + tail]
  }

  static func composed(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if (0x1100...0x1112).contains(first), (0x1161...0x1175).contains(second) {
      return syllables + ((first - leads) * 21 + (second - vowels)) * 28
    }
    if (0xAC00...0xD7A3).contains(first), (first - syllables) % 28 == 0, (0x11A8...0x11C2).contains(second) {
      return first + (second - tails)
    }
    return nil
  }
}
