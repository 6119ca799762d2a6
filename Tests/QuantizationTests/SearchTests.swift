import Compute
import Foundation
import Testing

@testable import Quantization

/// Rows of every kind, under seeds that a failure prints.
struct TestRow: CustomTestStringConvertible, Sendable {
  enum Kind: CaseIterable {
    case gaussian, heavyTailed, constant, negativeConstant, zeros, subnormal, tiny, outlier, shifted, halfZero
  }

  let kind: Kind
  let seed: UInt64
  static let columns = 512

  var testDescription: String { "\(kind), seed \(seed)" }

  static let all = Kind.allCases.flatMap { kind in (1...3).map { TestRow(kind: kind, seed: $0) } }

  var values: [Float] {
    var random = SplitMix(seed: seed)
    return (0..<Self.columns).map { column in
      switch kind {
      case .gaussian: Float(0.02 * random.gaussian())
      // A ratio of two, as heavy as t with two degrees of freedom.
      case .heavyTailed: Float(0.02 * random.gaussian() / (0.02 + random.uniform()))
      case .constant: 0.37
      case .negativeConstant: -1.5e-3
      case .zeros: 0
      case .subnormal: Float(1e-40 * random.gaussian())
      case .tiny: Float(1e-9 * random.gaussian())
      case .outlier: column % 97 == 5 ? 30 : Float(0.01 * random.gaussian())
      case .shifted: Float(1 + 0.1 * random.gaussian())
      case .halfZero: column.isMultiple(of: 2) ? 0 : Float(random.gaussian())
      }
    }
  }

  /// Importance that varies over three orders of magnitude.
  var importance: [Float] {
    var random = SplitMix(seed: seed &+ 1000)
    return (0..<Self.columns).map { _ in Float(exp(3.5 * (2 * random.uniform() - 1))) }
  }
}

/// The weighted search: never worse than rounding to nearest, and better where there is something to gain.
@Suite struct SearchTests {
  static let blockTypes = RowEncoder.types.filter { $0.elementsPerBlock > 1 }

  static func error(_ values: [Float], _ decoded: [Float], _ weights: [Float]) -> Double {
    zip(zip(values, decoded), weights).reduce(0) { sum, item in
      let difference = Double(item.0.0) - Double(item.0.1)
      return sum + Double(item.1) * difference * difference
    }
  }

  @Test(arguments: TestRow.all)
  func isNeverWorseThanRounding(_ row: TestRow) throws {
    let (values, importance) = (row.values, row.importance)
    for type in Self.blockTypes {
      let nearest = try #require(RowEncoder(type: type, rounding: .rtn))
      let search = try #require(RowEncoder(type: type, rounding: .search))
      let plain = try type.decode(nearest.encode(values, columns: TestRow.columns), columns: TestRow.columns)
      let found = try type.decode(
        search.encode(values, columns: TestRow.columns, importance: importance), columns: TestRow.columns)
      #expect(found.allSatisfy { $0.isFinite }, "\(type.name)")
      // Each block by itself, since each is searched by itself.
      let width = type.elementsPerBlock
      for start in stride(from: 0, to: TestRow.columns, by: width) {
        let part = start..<start + width
        let (before, after) = (
          Self.error(Array(values[part]), Array(plain[part]), Array(importance[part])),
          Self.error(Array(values[part]), Array(found[part]), Array(importance[part]))
        )
        #expect(after <= before * 1.0001 + 1e-30, "\(type.name), block at \(start)")
      }
    }
  }

  /// What the search is for: on ordinary weights it takes off a good part of the error.
  @Test(arguments: [TestRow.Kind.gaussian, .heavyTailed])
  func gainsOnOrdinaryRows(_ kind: TestRow.Kind) throws {
    let most: [TensorType: Double] = [.q8_0: 0.97, .q6_K: 0.97, .q5_0: 0.99, .q4_0: 0.99, .iq4_nl: 0.98]
    for type in Self.blockTypes {
      var (before, after) = (0.0, 0.0)
      for seed in UInt64(1)...8 {
        let values = TestRow(kind: kind, seed: seed).values
        let ones = [Float](repeating: 1, count: values.count)
        let nearest = try #require(RowEncoder(type: type, rounding: .rtn))
        let search = try #require(RowEncoder(type: type, rounding: .search))
        before += Self.error(
          values, try type.decode(nearest.encode(values, columns: 512), columns: 512), ones)
        after += Self.error(
          values, try type.decode(search.encode(values, columns: 512, importance: ones), columns: 512), ones)
      }
      #expect(after < (most[type] ?? 0.88) * before, "\(type.name): \(after / before)")
    }
  }

  /// Rows are independent of their neighbours, and zero importance is survived.
  @Test(arguments: blockTypes)
  func rowsAreIndependent(_ type: TensorType) throws {
    let search = try #require(RowEncoder(type: type, rounding: .search))
    let rows = [TestRow(kind: .gaussian, seed: 5).values, TestRow(kind: .heavyTailed, seed: 6).values]
    let nothing = [Float](repeating: 0, count: 512)
    for importance in [nil, nothing] {
      let together = try search.encode(rows[0] + rows[1], columns: 512, importance: importance)
      let apart = try rows.map { try search.encode($0, columns: 512, importance: importance) }
      #expect(together == apart[0] + apart[1])
      #expect(try type.decode(together, columns: 512).allSatisfy { $0.isFinite })
    }
  }

  /// The shortest row, and a constant one to within the precision of F16.
  @Test(arguments: blockTypes)
  func shortAndConstantRows(_ type: TensorType) throws {
    let columns = type.elementsPerBlock
    for rounding in RoundingMethod.allCases {
      let encoder = try #require(RowEncoder(type: type, rounding: rounding))
      for value in [Float(0.37), -0.37, 12, -0.06] {
        let decoded = try type.decode(
          encoder.encode([Float](repeating: value, count: columns), columns: columns), columns: columns)
        #expect(decoded.allSatisfy { abs($0 - value) <= abs(value) * 0.01 }, "\(rounding) \(value) \(decoded[0])")
      }
      let zeros = [Float](repeating: 0, count: columns)
      #expect(try type.decode(encoder.encode(zeros, columns: columns), columns: columns) == zeros)
    }
  }
}
