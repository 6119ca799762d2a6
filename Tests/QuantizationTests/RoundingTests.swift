import Compute
import Testing

@testable import Quantization

/// RoundingMethod to nearest is the reference that other programs share: the same bytes.
@Suite struct RoundingTests {
  @Test(arguments: GoldenRows.types)
  func equalsTheGoldenBlocks(_ type: TensorType) throws {
    let encoder = try #require(RowEncoder(type: type, rounding: .rtn))
    let expected = GoldenRows.blocks(type)
    let found = try encoder.encode(GoldenRows.values, columns: GoldenRows.columns)
    #expect(found.count == expected.count)
    let rowBytes = encoder.rowBytes(columns: GoldenRows.columns)
    var undefined = 0
    for row in 0..<GoldenRows.rows {
      let (mine, golden) = (
        found[row * rowBytes..<(row + 1) * rowBytes], expected[row * rowBytes..<(row + 1) * rowBytes]
      )
      if GoldenRows.undefined(type).contains(row) {
        undefined += 1
        let decoded = try type.decode(Array(mine), columns: GoldenRows.columns)
        #expect(decoded.allSatisfy { $0 == 0 })
      } else {
        #expect(mine == golden, "\(GoldenRows.labels[row])")
      }
    }
    #expect(undefined == GoldenRows.undefined(type).count)
  }

  @Test func thereAreGoldenRowsOfSevenTypes() {
    #expect(GoldenRows.types == [.f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0])
    #expect(GoldenRows.rows == 43 && GoldenRows.labels.count == 43)
  }

  /// Decoding straight from the file's bytes is what packing and unpacking gives.
  @Test(arguments: GoldenBlocks.all)
  func decodesGoldenBlocks(_ golden: GoldenBlocks) throws {
    let columns = 2 * golden.type.elementsPerBlock
    for first in 0..<golden.count - 1 {
      let row = golden.row([first, first + 1])
      #expect(try golden.type.decode(row.bytes, columns: columns).map(\.bitPattern) == row.values)
    }
  }

  /// Codes and scales that are already of a type come back as they were.
  @Test(arguments: RowEncoder.types)
  func whatIsOnTheGridStaysThere(_ type: TensorType) throws {
    let columns = 4 * max(type.elementsPerBlock, 32)
    let encoder = try #require(RowEncoder(type: type, rounding: .rtn))
    var random = SplitMix(seed: 11)
    let values = (0..<columns).map { _ in Float(random.gaussian()) }
    let once = try type.decode(encoder.encode(values, columns: columns), columns: columns)
    let twice = try type.decode(encoder.encode(once, columns: columns), columns: columns)
    // A K-quant's integer scales are found anew, so there only nearly.
    let scale = once.reduce(Float(0)) { max($0, abs($1)) }
    let tolerance: Float = type.elementsPerBlock == 256 ? 0.05 : 0.002
    for (a, b) in zip(once, twice) { #expect(abs(a - b) <= tolerance * scale) }
  }

  @Test(arguments: RowEncoder.types)
  func refusesWhatHasNoPlace(_ type: TensorType) throws {
    let encoder = try #require(RowEncoder(type: type, rounding: .search))
    let values = try AlignedBuffer<Float>(count: 512)
    func first() -> RowEncoder.Unencodable? {
      withExtendedLifetime(values) { encoder.firstUnencodable(in: values.view) }
    }
    #expect(first() == nil)
    for value in [Float.infinity, -.infinity, .nan] {
      values.view[300] = value
      values.view[400] = .nan
      let found = try #require(first())
      #expect(found.index == 300 && found.description.contains("is not a number"))
    }
    values.view[400] = 0
    guard type != .f32 else { return }
    values.view[300] = .greatestFiniteMagnitude
    #expect(first()?.description.contains("the largest that \(type.name) can hold") == true)
    // The largest allowed one encodes to numbers.
    values.view[300] = try #require(first()?.limit)
    #expect(first() == nil)
    for rounding in RoundingMethod.allCases {
      let encoder = try #require(RowEncoder(type: type, rounding: rounding))
      let decoded = try type.decode(encoder.encode(Array(values.elements), columns: 512), columns: 512)
      #expect(decoded.allSatisfy { $0.isFinite }, "\(rounding)")
      #expect(abs(decoded[300] / values.view[300] - 1) < 0.15, "\(rounding)")
    }
  }

  @Test func readOnlyTypesHaveNoEncoder() {
    for type in [TensorType.q2_K, .q3_K, .iq4_xs] { #expect(RowEncoder(type: type, rounding: .rtn) == nil) }
    #expect(Set(RowEncoder.types).count == 12)
  }
}

/// A small generator with a seed that is printed where a test fails.
struct SplitMix {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In 0 ..< 1.
  mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) }

  /// Mean 0, deviation 1, near enough: twelve uniforms.
  mutating func gaussian() -> Double { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}
