import Foundation
import Testing

@testable import Quantization

/// Blocks of one file type and what `gguf` decodes them to; `Tests/Fixtures/quantization` describes them.
struct GoldenBlocks: CustomTestStringConvertible, Sendable {
  let type: TensorType
  let blocks: [UInt8]
  /// Bit patterns of the floats.
  let values: [UInt32]

  var testDescription: String { type.name }
  var count: Int { blocks.count / type.bytesPerBlock }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/quantization")

  /// F32 has no golden file: its blocks are its values.
  static let all: [GoldenBlocks] = TensorType.allCases.compactMap { type in
    if type == .f32 { return floats() }
    guard let blocks = try? Data(contentsOf: folder.appending(path: "decode.\(type.name).blocks")),
      let values = try? Data(contentsOf: folder.appending(path: "decode.\(type.name).f32"))
    else { return nil }
    return GoldenBlocks(
      type: type, blocks: Array(blocks), values: values.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) })
  }

  private static func floats() -> GoldenBlocks {
    let values: [Float] = [
      0, -0, 1, -1, .pi, .leastNonzeroMagnitude, -.leastNormalMagnitude, .greatestFiniteMagnitude, .infinity, 1e-20,
    ]
    return GoldenBlocks(
      type: .f32, blocks: values.flatMap { value in withUnsafeBytes(of: value) { Array($0) } },
      values: values.map(\.bitPattern))
  }

  /// One row of the blocks `indices`: its bytes, and the bits it decodes to.
  func row(_ indices: [Int]) -> (bytes: [UInt8], values: [UInt32]) {
    let (bytes, elements) = (type.bytesPerBlock, type.elementsPerBlock)
    return (
      indices.flatMap { blocks[$0 * bytes..<($0 + 1) * bytes] },
      indices.flatMap { values[$0 * elements..<($0 + 1) * elements] }
    )
  }
}

/// A matrix packed group by group.
struct PackedRows {
  let layout: PackedLayout
  let rows: Int
  let columns: Int
  var bytes: [UInt8]

  init(_ type: TensorType, rows: [[UInt8]], columns: Int) {
    layout = PackedLayout(type)
    self.rows = rows.count
    self.columns = columns
    // Junk, which packing must overwrite.
    bytes = [UInt8](repeating: 0xa5, count: layout.bytes(rows: rows.count, columns: columns))
    let (layout, groupBytes) = (layout, layout.groupBytes(columns: columns))
    bytes.withUnsafeMutableBytes { destination in
      for group in 0..<(rows.count + 7) / 8 {
        let members = rows[group * 8..<min(group * 8 + 8, rows.count)]
        Array(members.joined()).withUnsafeBytes { source in
          layout.pack(
            rows: members.count, columns: columns, from: source.baseAddress!,
            to: destination.baseAddress! + group * groupBytes)
        }
      }
    }
  }

  /// Bits of a row's floats.
  func unpack(row: Int) -> [UInt32] {
    var values = [Float](repeating: .nan, count: columns)
    bytes.withUnsafeBytes { layout.unpack(row: row, columns: columns, of: $0.baseAddress!, to: &values) }
    return values.map(\.bitPattern)
  }
}
