/// Finds the position of a name in a list, by the name's bytes.
///
/// Two different names of a file may be equal as `String` (canonical equivalence), so that `String` is no key.
/// Hashes are seeded by the process: a file cannot be made so that its names collide.
struct NameIndex: Sendable {
  private struct Name: Hashable {
    let text: String

    static func == (one: Name, other: Name) -> Bool {
      one.text.utf8.elementsEqual(other.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
      var text = text
      text.withUTF8 { bytes in unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes)) }
    }
  }

  private var positions: [Name: Int32] = [:]
  /// The position of the first name that the list had before, if there is one.
  private(set) var duplicate: Int?

  init(_ names: [String]) {
    positions.reserveCapacity(names.count)
    for (position, name) in names.enumerated() {
      let earlier = positions.updateValue(Int32(position), forKey: Name(text: name))
      if earlier != nil, duplicate == nil { duplicate = position }
    }
  }

  /// The position of `name`, or nil where it is not in the list.
  func find(_ name: String) -> Int? {
    positions[Name(text: name)].map(Int.init)
  }
}
