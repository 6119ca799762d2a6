import Compute
import Testing

@testable import Quantization

/// What encoding and decoding loses, for every type and method: relative root mean square errors on Gaussian rows and on
/// heavy-tailed ones, as a table that only an improvement may change.
@Suite struct ErrorTableTests {
  struct Entry: CustomTestStringConvertible, Sendable {
    let type: TensorType
    /// Most that rounding to nearest, and the search, may lose.
    let gaussian: (rtn: Double, search: Double)
    let heavyTailed: (rtn: Double, search: Double)

    var testDescription: String { type.name }

    init(_ type: TensorType, _ gaussian: (Double, Double), _ heavyTailed: (Double, Double)) {
      (self.type, self.gaussian, self.heavyTailed) = (type, gaussian, heavyTailed)
    }
  }

  /// Some 4 % above what was measured over 96 rows, since samples differ.
  static let table = [
    Entry(.f32, (0, 0), (0, 0)),
    Entry(.f16, (2.5e-4, 2.5e-4), (2.5e-4, 2.5e-4)),
    Entry(.bf16, (1.9e-3, 1.9e-3), (1.9e-3, 1.9e-3)),
    Entry(.q8_0, (0.0055, 0.0050), (0.0103, 0.0098)),
    Entry(.q6_K, (0.0195, 0.0172), (0.0320, 0.0309)),
    Entry(.q5_K, (0.0401, 0.0358), (0.0585, 0.0536)),
    Entry(.q5_1, (0.0394, 0.0349), (0.0583, 0.0536)),
    Entry(.q5_0, (0.0444, 0.0416), (0.0799, 0.0788)),
    Entry(.q4_K, (0.0817, 0.0730), (0.1206, 0.1062)),
    Entry(.q4_1, (0.0796, 0.0720), (0.1163, 0.1001)),
    Entry(.q4_0, (0.0910, 0.0859), (0.1433, 0.1413)),
    Entry(.iq4_nl, (0.0834, 0.0777), (0.1215, 0.1171)),
  ]

  @Test func everyTypeIsInTheTable() {
    #expect(Self.table.map(\.type).map(\.name).sorted() == RowEncoder.types.map(\.name).sorted())
  }

  private static func relative(_ values: [Float], _ decoded: [Float]) -> Double {
    let (error, signal) = zip(values, decoded).reduce((0.0, 0.0)) { sum, pair in
      let (value, difference) = (Double(pair.0), Double(pair.0) - Double(pair.1))
      return (sum.0 + difference * difference, sum.1 + value * value)
    }
    return (error / signal).squareRoot()
  }

  private static func values(_ kind: TestRow.Kind, rows: Int) -> [Float] {
    (0..<rows).flatMap { TestRow(kind: kind, seed: UInt64(100 + $0)).values }
  }

  @Test(arguments: table)
  func roundingLosesNoMoreThanTheTableSays(_ entry: Entry) throws {
    for (kind, most) in [(TestRow.Kind.gaussian, entry.gaussian), (.heavyTailed, entry.heavyTailed)] {
      let values = Self.values(kind, rows: 96)
      for (method, most) in [(RoundingMethod.rtn, most.rtn), (.search, most.search)] {
        let encoder = try #require(RowEncoder(type: entry.type, rounding: method))
        let decoded = try entry.type.decode(
          encoder.encode(values, columns: TestRow.columns), columns: TestRow.columns)
        let found = Self.relative(values, decoded)
        #expect(found <= most, "\(kind) \(method): \(found)")
        #expect(found >= 0.75 * most, "\(kind) \(method): \(found): the table is out of date")
      }
    }
  }

  /// Rows of one block, of an odd number of blocks, one row and several: each row as it would be alone.
  @Test(arguments: RowEncoder.types, [1, 2, 3, 17])
  func rowLengthsAtTheEdges(_ type: TensorType, blocks: Int) throws {
    let columns = blocks * type.elementsPerBlock
    var random = SplitMix(seed: UInt64(blocks))
    let rows = (0..<3).map { _ in (0..<columns).map { _ in Float(random.gaussian()) } }
    for method in RoundingMethod.allCases {
      let encoder = try #require(RowEncoder(type: type, rounding: method))
      let alone = try rows.map { try encoder.encode($0, columns: columns) }
      #expect(alone.allSatisfy { $0.count == encoder.rowBytes(columns: columns) })
      #expect(try encoder.encode(rows.flatMap(\.self), columns: columns) == alone.flatMap(\.self), "\(method)")
      let most = type.elementsPerBlock == 1 ? 0.005 : 0.12
      for (row, bytes) in zip(rows, alone) {
        #expect(Self.relative(row, try type.decode(bytes, columns: columns)) < most, "\(method)")
      }
    }
  }

  /// Error compensation on inputs that say nothing but their sizes is a search: the table of the search holds for it.
  @Test(arguments: table.filter { $0.type.elementsPerBlock > 1 })
  func compensationLosesNoMoreEither(_ entry: Entry) throws {
    let columns = TestRow.columns
    let moments = try AlignedBuffer<Float>(count: columns * columns)
    for column in 0..<columns { moments.view[column * columns + column] = 1 }
    for (kind, most) in [(TestRow.Kind.gaussian, entry.gaussian.search), (.heavyTailed, entry.heavyTailed.search)] {
      let values = Self.values(kind, rows: 24)
      let decoded = try withExtendedLifetime(moments) {
        let encoder = try CompensatingEncoder(type: entry.type, moments: moments.view, columns: columns)
        return try entry.type.decode(CompensationTests.encode(encoder, values), columns: columns)
      }
      #expect(Self.relative(values, decoded) <= 1.02 * most, "\(kind): \(Self.relative(values, decoded))")
    }
  }
}
