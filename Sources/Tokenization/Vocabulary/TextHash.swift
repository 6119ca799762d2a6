/// A polynomial hash of byte strings over the prime 2^61 - 1, with a base drawn at random when the process starts.
///
/// The random base keeps a crafted vocabulary from filling one chain of a table. That the hash is a polynomial lets two
/// neighbouring pieces be looked up as one without reading their bytes again: see `joined`.
struct TextHash: Sendable, Equatable {
  private static let prime: UInt64 = (1 << 61) - 1
  private static let base: UInt64 = .random(in: 1 << 32..<prime - 1)
  private static let scramble: UInt64 = .random(in: 0...UInt64.max) | 1

  /// The polynomial's value, below 2^61 - 1.
  private(set) var value: UInt64 = 0

  @inline(__always)
  private static func multiply(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return reduce((product.low & prime) &+ (product.high << 3 | product.low >> 61))
  }

  @inline(__always)
  private static func reduce(_ sum: UInt64) -> UInt64 { sum >= prime ? sum &- prime : sum }

  /// The hash of the string with one more byte.
  @inline(__always)
  mutating func append(_ byte: UInt8) {
    value = Self.reduce(Self.multiply(value, Self.base) &+ UInt64(byte) &+ 1)
  }

  init() {}

  @inline(__always)
  init(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { append(byte) }
  }

  /// The hash of `left` followed by `right`; `power` is `powers(upTo:)` at the length of `right`.
  @inline(__always)
  static func joined(_ left: TextHash, _ right: TextHash, power: UInt64) -> TextHash {
    var result = TextHash()
    result.value = reduce(multiply(left.value, power) &+ right.value)
    return result
  }

  /// The hash of what follows `prefix` in a string whose hash is `whole`; `power` as for `joined`, at that rest's length.
  @inline(__always)
  static func rest(of whole: TextHash, after prefix: TextHash, power: UInt64) -> TextHash {
    var result = TextHash()
    result.value = reduce(whole.value &+ prime &- multiply(prefix.value, power))
    return result
  }

  /// The base to the power of 0, 1, ..., `length`.
  static func powers(upTo length: Int) -> [UInt64] {
    var powers: [UInt64] = [1]
    powers.reserveCapacity(length + 1)
    for index in 0..<max(0, length) { powers.append(multiply(powers[index], base)) }
    return powers
  }

  /// What a table is probed with: every bit depends on every bit of the value.
  @inline(__always)
  var bits: UInt64 {
    let product = value &* Self.scramble
    return product ^ (product >> 29)
  }

  /// The bits that a pair of token ids is found by.
  @inline(__always)
  static func bits(left: TokenID, right: TokenID) -> UInt64 {
    let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    var mixed = (key ^ base) &* scramble
    mixed ^= mixed >> 32
    mixed = mixed &* scramble
    return mixed ^ (mixed >> 29)
  }
}
