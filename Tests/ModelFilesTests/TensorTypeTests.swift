import Quantization
import Testing

@testable import ModelFiles

/// The block sizes, written down a second time, so that a slip in the table cannot pass.
@Suite struct TensorTypeTests {
  struct Row: Sendable {
    let code: UInt32
    let name: String
    let elements: Int
    let bytes: Int
  }

  static let table: [Row] = [
    Row(code: 0, name: "F32", elements: 1, bytes: 4), Row(code: 1, name: "F16", elements: 1, bytes: 2),
    Row(code: 2, name: "Q4_0", elements: 32, bytes: 18), Row(code: 3, name: "Q4_1", elements: 32, bytes: 20),
    Row(code: 6, name: "Q5_0", elements: 32, bytes: 22), Row(code: 7, name: "Q5_1", elements: 32, bytes: 24),
    Row(code: 8, name: "Q8_0", elements: 32, bytes: 34), Row(code: 10, name: "Q2_K", elements: 256, bytes: 84),
    Row(code: 11, name: "Q3_K", elements: 256, bytes: 110), Row(code: 12, name: "Q4_K", elements: 256, bytes: 144),
    Row(code: 13, name: "Q5_K", elements: 256, bytes: 176), Row(code: 14, name: "Q6_K", elements: 256, bytes: 210),
    Row(code: 20, name: "IQ4_NL", elements: 32, bytes: 18), Row(code: 23, name: "IQ4_XS", elements: 256, bytes: 136),
    Row(code: 30, name: "BF16", elements: 1, bytes: 2),
  ]

  @Test(arguments: table) func blockSize(_ row: Row) throws {
    let type = try #require(TensorType(rawValue: row.code))
    #expect(type.name == row.name)
    #expect(type.elementsPerBlock == row.elements)
    #expect(type.bytesPerBlock == row.bytes)
  }

  @Test func tableIsComplete() {
    #expect(Set(Self.table.map(\.code)) == Set(TensorType.allCases.map(\.rawValue)))
    // No type is both computed with and listed as one that is not.
    for code in UInt32(0)...300 where TensorType(rawValue: code) != nil {
      #expect(UnreadableType.layout(code: code) == nil)
    }
  }
}
