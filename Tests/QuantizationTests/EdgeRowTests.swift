import Compute
import Foundation
import Testing

@testable import Quantization

/// Rows at the edges of what types can hold, for every type and every way of rounding to it.
@Suite struct EdgeRowTests {
  enum Way: CaseIterable, Sendable { case rtn, search, compensation }

  /// Nil where error compensation is not for the type.
  private static func roundTrip(_ way: Way, _ type: TensorType, _ values: [Float]) throws -> [Float]? {
    let columns = values.count
    switch way {
    case .rtn, .search:
      let encoder = try #require(RowEncoder(type: type, rounding: way == .rtn ? .rtn : .search))
      return try type.decode(encoder.encode(values, columns: columns), columns: columns)
    case .compensation:
      guard CompensatingEncoder.takes(type) else { return nil }
      let moments = try AlignedBuffer<Float>(count: columns * columns)
      // Neighbours move together.
      for i in 0..<columns {
        for j in max(0, i - 1)...min(columns - 1, i + 1) { moments.view[i * columns + j] = i == j ? 1 : 0.4 }
      }
      return try withExtendedLifetime(moments) {
        let encoder = try CompensatingEncoder(type: type, moments: moments.view, columns: columns)
        return try type.decode(CompensationTests.encode(encoder, values), columns: columns)
      }
    }
  }

  private static func norm(_ values: [Float]) -> Double {
    values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  private static func distance(_ one: [Float], _ other: [Float]) -> Double {
    zip(one, other).reduce(0) { sum, pair in
      let difference = Double(pair.0) - Double(pair.1)
      return sum + difference * difference
    }.squareRoot()
  }

  /// One block, and an odd number of them.
  private static func lengths(_ type: TensorType) -> [Int] { [type.elementsPerBlock, 3 * type.elementsPerBlock] }

  @Test(arguments: RowEncoder.types, Way.allCases)
  func zerosStayZeros(_ type: TensorType, _ way: Way) throws {
    for columns in Self.lengths(type) {
      let zeros = [Float](repeating: 0, count: columns)
      if let decoded = try Self.roundTrip(way, type, zeros) { #expect(decoded == zeros) }
    }
  }

  @Test(arguments: RowEncoder.types, Way.allCases)
  func constantRowsKeepTheirNumber(_ type: TensorType, _ way: Way) throws {
    // A type's scales are F16. Extremes of a small constant leave Q6_K a factor below F16's normal numbers.
    let most = type == .bf16 ? 0.004 : type.elementsPerBlock == 1 ? 0.001 : type == .q6_K && way == .rtn ? 0.03 : 0.01
    for columns in Self.lengths(type) {
      for value in [Float(0.37), -0.37, 12, -0.06, 1e-3, 6e4] {
        let row = [Float](repeating: value, count: columns)
        guard let decoded = try Self.roundTrip(way, type, row) else { continue }
        #expect(
          Self.distance(row, decoded) <= most * Self.norm(row), "\(value) in \(columns) columns became \(decoded[0])")
      }
    }
  }

  /// Numbers below the normal ones of F32, and scales below those of F16: what is decoded is hardly further off than zeros
  /// would be. Rounding from the extremes, as other programs do it, does not look at what becomes of a minimum.
  @Test(arguments: RowEncoder.types, Way.allCases)
  func subnormalsAreNumbers(_ type: TensorType, _ way: Way) throws {
    for columns in Self.lengths(type) {
      for size in [1e-44, 1e-40, 1e-9, 1e-7, 1e-6, 2e-5] {
        var random = SplitMix(seed: 21)
        let row = (0..<columns).map { _ in Float(size * random.gaussian()) }
        guard let decoded = try Self.roundTrip(way, type, row) else { continue }
        #expect(decoded.allSatisfy { $0.isFinite })
        let lost = Self.distance(row, decoded) / max(Self.norm(row), 1e-300)
        #expect(lost <= (way == .rtn ? 3 : 1.02), "\(size) in \(columns) columns: \(lost)")
        if type == .f32 { #expect(decoded == row) }
        // What has 16 bits is exact to half of its smallest number.
        if type == .f16 { #expect(zip(row, decoded).allSatisfy { abs($0 - $1) <= 0x1p-25 }) }
        if type == .bf16 { #expect(zip(row, decoded).allSatisfy { abs($0 - $1) <= max(0x1p-134, abs($0) / 256) }) }
      }
    }
  }
}
