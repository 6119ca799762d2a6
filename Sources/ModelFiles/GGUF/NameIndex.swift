/// Finds names in a list by their bytes, in O(log n), at four bytes an entry.
///
/// Names are compared as UTF-8, since two different names of a file may be equal as `String` (canonical equivalence).
struct NameIndex: Sendable {
  /// Positions in the list, in the order of the names' bytes.
  private let order: [Int32]

  /// - Returns: the index, and the later one of two positions that carry the same name, if there are such.
  static func make(_ names: [String]) -> (index: NameIndex, duplicate: Int?) {
    var order = Array(0..<Int32(names.count))
    // Ties are put in the order of the list, so that of two equal names the second is reported.
    order.sort { compare(names[Int($0)], names[Int($1)]) ?? ($0 < $1) }
    var duplicate: Int?
    for (one, next) in zip(order, order.dropFirst()) where compare(names[Int(one)], names[Int(next)]) == nil {
      duplicate = min(duplicate ?? .max, Int(next))
    }
    return (NameIndex(order: order), duplicate)
  }

  /// The position of `name`, where `nameAt` tells the name at a position.
  func find(_ name: String, nameAt: (Int) -> String) -> Int? {
    var low = 0
    var high = order.count
    while low < high {
      let middle = low + (high - low) / 2
      let position = Int(order[middle])
      switch NameIndex.compare(nameAt(position), name) {
      case nil: return position
      case true?: low = middle + 1
      case false?: high = middle
      }
    }
    return nil
  }

  /// Whether `one` comes before `other` by bytes; nil when they are the same bytes.
  private static func compare(_ one: String, _ other: String) -> Bool? {
    if one.utf8.elementsEqual(other.utf8) { return nil }
    return one.utf8.lexicographicallyPrecedes(other.utf8)
  }
}
