/// A hash table from keys that live elsewhere to small numbers: open addressing, linear probing, four bytes a slot.
///
/// The table stores no keys. A slot holds a number plus one (zero is an empty slot) and, in the bits that the numbers
/// leave free, a part of the hash, so that a probe rarely has to look at a key that is not the one sought.
struct ProbeTable: Sendable {
  private var slots: [UInt32]
  private let mask: Int
  private let numberBits: UInt32

  /// A table for the numbers `0..<limit`, at most 80 % full when each is inserted once.
  init(limit: Int) {
    precondition(limit < Int(UInt32.max))
    var capacity = 8
    while capacity * 4 < limit * 5 { capacity *= 2 }
    slots = [UInt32](repeating: 0, count: capacity)
    mask = capacity - 1
    numberBits = UInt32(UInt32.bitWidth - UInt32(truncatingIfNeeded: limit + 1).leadingZeroBitCount)
  }

  var byteCount: Int { slots.count * MemoryLayout<UInt32>.stride }

  /// The bits of the hash above the slot's place, moved above the number.
  @inline(__always)
  private func fingerprint(_ hash: UInt64) -> UInt32 {
    numberBits >= 32 ? 0 : UInt32(truncatingIfNeeded: hash >> 32) << numberBits
  }

  @inline(__always)
  private func number(_ slot: UInt32) -> Int {
    Int(numberBits >= 32 ? slot : slot & ((1 << numberBits) - 1)) - 1
  }

  /// The number whose key has this hash and satisfies `isKey`.
  @inline(__always)
  func find(_ hash: UInt64, _ isKey: (Int) -> Bool) -> Int? {
    let wanted = fingerprint(hash)
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let slot = slots[place]
      if slot == 0 { return nil }
      let candidate = number(slot)
      if slot == wanted | UInt32(truncatingIfNeeded: candidate + 1), isKey(candidate) { return candidate }
      place = (place + 1) & mask
    }
  }

  /// Adds a number whose key is not in the table yet.
  mutating func insert(_ number: Int, hash: UInt64) {
    var place = Int(truncatingIfNeeded: hash) & mask
    while slots[place] != 0 { place = (place + 1) & mask }
    slots[place] = fingerprint(hash) | UInt32(truncatingIfNeeded: number + 1)
  }

  /// Puts another number in the place of one whose key has the same hash.
  mutating func replace(_ old: Int, with new: Int, hash: UInt64) {
    var place = Int(truncatingIfNeeded: hash) & mask
    while slots[place] != 0, number(slots[place]) != old { place = (place + 1) & mask }
    slots[place] = fingerprint(hash) | UInt32(truncatingIfNeeded: new + 1)
  }
}
