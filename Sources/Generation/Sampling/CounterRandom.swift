/// Random numbers that are a function of a seed and a position: no state, so that a token drawn at a position is the
/// same whatever was computed before it, beside it or twice.
///
/// Philox 4x32-10: ten rounds of two 32-bit multiplications over a 128-bit counter under a 64-bit key. Source: Salmon,
/// Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405. The
/// tests hold it against the known answers published with their Random123 library.
public struct CounterRandom: Sendable, Hashable {
  public let seed: UInt64

  public init(seed: UInt64) { self.seed = seed }

  /// A uniform number in [0, 1), a multiple of 2^-53.
  public func uniform(at position: Int) -> Double {
    let counter = UInt64(bitPattern: Int64(position))
    let words = Self.block(
      counter: SIMD4(UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 0),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    let bits = UInt64(words.y) << 32 | UInt64(words.x)
    return Double(bits >> 11) * 0x1p-53
  }

  /// The 128 random bits of one counter value.
  static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var state = counter
    var key = key
    for _ in 0..<10 {
      let left = state.x.multipliedFullWidth(by: 0xD251_1F53)
      let right = state.z.multipliedFullWidth(by: 0xCD9E_8D57)
      state = SIMD4(right.high ^ state.y ^ key.x, right.low, left.high ^ state.w ^ key.y, left.low)
      key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return state
  }
}
