import CKernels
import Testing

@testable import Compute

/// Half precision to and from single, against Swift's own type.
@Suite struct KernelHalfTests {
  @Test func everyHalfBecomesTheSameFloat() {
    for pattern in UInt16.min...UInt16.max {
      let expected = Float(Float16(bitPattern: pattern))
      let found = fk_f16_to_f32(pattern)
      if expected.isNaN {
        if !found.isNaN { Issue.record("\(pattern) is no number") }
      } else if found.bitPattern != expected.bitPattern {
        Issue.record("\(pattern): found \(found), expected \(expected)")
      }
      if !expected.isNaN, fk_f32_to_f16(found) != pattern { Issue.record("\(pattern) does not come back") }
    }
  }

  /// The first value that does not become the half that Swift makes of it.
  static func firstFault(_ values: some Sequence<Float>, _ convert: (Float) -> UInt16) -> Float? {
    values.first { value in
      let expected = Float16(value)
      let found = convert(value)
      return expected.isNaN ? !Float16(bitPattern: found).isNaN : found != expected.bitPattern
    }
  }

  /// Both neighbours of every half and the ties between them, at all distances that decide a rounding.
  static func ties() -> [Float] {
    var values: [Float] = []
    for pattern in UInt16(0)..<0x7c00 {
      let low = Float(Float16(bitPattern: pattern))
      let high = pattern == 0x7bff ? 65_536 : Float(Float16(bitPattern: pattern + 1))
      let tie = (low + high) / 2
      for value in [low.nextUp, tie.nextDown, tie, tie.nextUp, high.nextDown] { values += [value, -value] }
    }
    return values
  }

  static let edges: [Float] = [
    0, -0, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, .infinity, .nan, 65_504, 65_519.996,
    65_520, 65_536, 1e10, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1p-26, 0x1.ffcp-15, 0x1p-14, 0x1.ffep-15,
  ].flatMap { [$0, -$0] }

  @Test func floatsRoundToNearestEven() {
    #expect(Self.firstFault(Self.ties(), fk_f32_to_f16) == nil)
    #expect(Self.firstFault(Self.edges, fk_f32_to_f16) == nil)
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    let count = slowTests ? 50_000_000 : 200_000
    let values = (0..<count).lazy.map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }
    #expect(Self.firstFault(values, fk_f32_to_f16) == nil, "seed \(seed)")
  }

  @Test func theCheckItselfFindsFaults() {
    let truncate = { (value: Float) in Float16(sign: value.sign, exponent: 0, significand: 1).bitPattern }
    #expect(Self.firstFault([2], truncate) != nil)
    // Ties away from zero instead of to even.
    let away = { (value: Float) -> UInt16 in
      let half = Float16(value.magnitude)
      let up = half.nextUp
      let tie = (Float(half) + Float(up)) / 2
      return (value.magnitude == tie ? up : half).bitPattern | (value.sign == .minus ? 0x8000 : 0)
    }
    #expect(Self.firstFault([1, 1.5, -3], away) == nil)
    #expect(Self.firstFault(Self.ties().prefix(100), away) != nil)
  }

  /// Keys go one by one and values by eights, on some machines by different instructions.
  @Test(arguments: Kernels.all)
  func storedKeysAndValuesRoundAlike(_ kernels: Kernels) {
    let all = Self.ties() + Self.edges
    let dimensions = 512
    for start in stride(from: 0, to: all.count - dimensions, by: dimensions) {
      let row = GuardedBuffer(all[start..<start + dimensions])
      let keys = GuardedBuffer<UInt16>(count: dimensions * 64)
      let values = GuardedBuffer<UInt16>(count: dimensions * 64)
      kernels.store(key: row.view, value: row.view, type: .f16, slot: 63, keys: keys.pointer, values: values.pointer)
      var index = 0
      let keyFault = Self.firstFault(row.elements) { _ in
        defer { index += 1 }
        return keys.pointer[index * 64 + 63]
      }
      index = 0
      let valueFault = Self.firstFault(row.elements) { _ in
        defer { index += 1 }
        return values.pointer[63 * dimensions + index]
      }
      if let fault = keyFault ?? valueFault { Issue.record("\(kernels.name): \(fault)") }
    }
  }
}
