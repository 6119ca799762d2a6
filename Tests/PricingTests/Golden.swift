import Foundation
import Testing

/// The cases that Tests/Fixtures/pricing/make_golden.py worked out with exact fractions.
enum Golden {
  /// Lines of a file beside the script, split at tabs.
  static func lines(_ name: String) throws -> [[String]] {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/pricing/" + name))
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
    }
  }

  static func integers(_ field: String) throws -> [Int64] {
    try field.split(separator: ",").map { try #require(Int64($0)) }
  }
}

/// A small generator of pseudo-random numbers that a printed seed repeats (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// A seed of its own for each run, printed so that a failure can be repeated.
  init(printing test: String) {
    let seed = UInt64.random(in: .min ... .max)
    print("\(test) seed \(seed)")
    self.init(seed: seed)
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Numbers of every size, the ends of the range among them.
  mutating func anyInt64() -> Int64 {
    switch next() % 8 {
    case 0: [.min, .max, 0, 1, -1].randomElement(using: &self) ?? 0
    default: Int64(bitPattern: next()) >> Int64(next() % 64)
    }
  }
}
