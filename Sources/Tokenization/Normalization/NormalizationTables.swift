/// `NormalizationData`, read into tables; about 150 KB, made when the first text needs them.
struct NormalizationTables: Sendable {
  static let shared = NormalizationTables()

  /// Decompositions by code point, found by binary search.
  struct Decompositions: Sendable {
    private var points: [UInt32] = []
    private var starts: [UInt32] = [0]
    private var parts: [UInt32] = []

    mutating func append(_ point: UInt32, _ decomposition: [UInt32]) {
      points.append(point)
      parts.append(contentsOf: decomposition)
      starts.append(UInt32(parts.count))
    }

    func find(_ point: UInt32) -> ArraySlice<UInt32>? {
      guard let index = points.firstIndex(sorted: point) else { return nil }
      return parts[Int(starts[index])..<Int(starts[index + 1])]
    }

    var all: [UInt32] { points }

    /// These, and those of `other`, which has the last word.
    func merged(with other: Decompositions) -> Decompositions {
      var result = Decompositions()
      for point in Set(points).union(other.points).sorted() {
        if let decomposition = other.find(point) ?? find(point) { result.append(point, Array(decomposition)) }
      }
      return result
    }
  }

  /// A set of code points below U+30000: nothing above ever changes.
  struct PointSet: Sendable {
    private var bits = [UInt64](repeating: 0, count: 0x30000 / 64)

    mutating func insert(_ point: UInt32) {
      if point < 0x30000 { bits[Int(point >> 6)] |= 1 << UInt64(point & 63) }
    }

    func contains(_ point: UInt32) -> Bool {
      point < 0x30000 && bits[Int(point >> 6)] & 1 << UInt64(point & 63) != 0
    }
  }

  let canonical: Decompositions
  let compatibility: Decompositions
  /// The characters whose presence means that a text may not be in the form yet.
  let changesUnderNFC: PointSet
  let changesUnderNFKC: PointSet
  private let combiningStarts: [UInt32]
  private let combiningEnds: [UInt32]
  private let combiningClasses: [UInt8]
  private let pairs: [UInt64]
  private let composed: [UInt32]

  private init() {
    var (starts, ends, classes): ([UInt32], [UInt32], [UInt8]) = ([], [], [])
    Self.forEachRecord(NormalizationData.combiningClasses, radix: 10) { range, value in
      starts.append(range.first ?? 0)
      ends.append(range.last ?? 0)
      classes.append(UInt8(truncatingIfNeeded: value.first ?? 0))
    }
    var canonical = Decompositions()
    Self.forEachRecord(NormalizationData.canonical) { canonical.append($0.first ?? 0, $1) }
    var wider = Decompositions()
    Self.forEachRecord(NormalizationData.compatibility) { wider.append($0.first ?? 0, $1) }
    var compositions: [(pair: UInt64, result: UInt32)] = []
    Self.forEachRecord(NormalizationData.pairs) { pair, result in
      compositions.append((Self.key(pair.first ?? 0, pair.last ?? 0), result.first ?? 0))
    }
    compositions.sort { $0.pair < $1.pair }

    let composable = Set(compositions.map(\.result))
    var watched = PointSet()
    for (start, end) in zip(starts, ends) {
      for point in start...end { watched.insert(point) }
    }
    for composition in compositions { watched.insert(UInt32(truncatingIfNeeded: composition.pair)) }
    for point in (0x1161...0x1175) as ClosedRange<UInt32> { watched.insert(point) }
    for point in (0x11A8...0x11C2) as ClosedRange<UInt32> { watched.insert(point) }
    for point in canonical.all where !composable.contains(point) { watched.insert(point) }
    changesUnderNFC = watched
    for point in wider.all { watched.insert(point) }
    changesUnderNFKC = watched

    self.canonical = canonical
    compatibility = canonical.merged(with: wider)
    (combiningStarts, combiningEnds, combiningClasses) = (starts, ends, classes)
    pairs = compositions.map(\.pair)
    composed = compositions.map(\.result)
  }

  func combiningClass(_ point: UInt32) -> UInt8 {
    if point < 0x300 { return 0 }
    var (low, high) = (0, combiningStarts.count)
    while low < high {
      let middle = (low + high) / 2
      if combiningEnds[middle] < point { low = middle + 1 } else { high = middle }
    }
    return low < combiningStarts.count && combiningStarts[low] <= point ? combiningClasses[low] : 0
  }

  /// What two characters compose to.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if let syllable = Hangul.composed(first, second) { return syllable }
    return pairs.firstIndex(sorted: Self.key(first, second)).map { composed[$0] }
  }

  private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

  /// Reads records `left=right`, separated by white space, where both sides are numbers joined by `.` or `-`; the left
  /// ones are hexadecimal.
  private static func forEachRecord(_ text: String, radix: UInt32 = 16, _ body: ([UInt32], [UInt32]) -> Void) {
    var (left, right): ([UInt32], [UInt32]) = ([], [])
    var number: UInt32 = 0
    var isLeft = true
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        number = number * (isLeft ? 16 : radix) + UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "A")...UInt8(ascii: "F"):
        number = number * 16 + UInt32(byte - UInt8(ascii: "A")) + 10
      case UInt8(ascii: "="):
        left.append(number)
        (number, isLeft) = (0, false)
      case UInt8(ascii: "."), UInt8(ascii: "-"):
        if isLeft { left.append(number) } else { right.append(number) }
        number = 0
      default:
        if isLeft { continue }
        right.append(number)
        body(left, right)
        left.removeAll(keepingCapacity: true)
        right.removeAll(keepingCapacity: true)
        (number, isLeft) = (0, true)
      }
    }
    if !isLeft {
      right.append(number)
      body(left, right)
    }
  }
}

extension Array where Element: Comparable {
  /// Where `element` is in this ascending array.
  fileprivate func firstIndex(sorted element: Element) -> Int? {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle] < element { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low] == element ? low : nil
  }
}
