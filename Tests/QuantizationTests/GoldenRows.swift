import Compute
import Foundation

@testable import Quantization

/// The rows that `gguf` was given to encode, and its blocks of one type.
struct GoldenRows: Sendable {
  static let columns = 256

  /// [43, 256]
  static let values: [Float] = {
    let data = (try? Data(contentsOf: GoldenBlocks.folder.appending(path: "encode.rows.f32"))) ?? Data()
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }()

  static var rows: Int { values.count / columns }

  private struct Manifest: Decodable {
    struct Encode: Decodable {
      struct Rows: Decodable { let cases: [String] }
      struct Kind: Decodable {
        let type: String
        let undefined: [Int]
      }
      let rows: Rows
      let types: [Kind]
    }
    let encode: Encode
  }

  private static let manifest: Manifest? =
    (try? Data(contentsOf: GoldenBlocks.folder.appending(path: "quantization.json"))).flatMap {
      try? JSONDecoder().decode(Manifest.self, from: $0)
    }

  static var labels: [String] { manifest?.encode.rows.cases ?? [] }
  static var types: [TensorType] {
    (manifest?.encode.types ?? []).compactMap { kind in TensorType.allCases.first { $0.name == kind.type } }
  }

  /// Rows where the judge converts a NaN to an integer: only what they decode to counts.
  static func undefined(_ type: TensorType) -> [Int] {
    manifest?.encode.types.first { $0.type == type.name }?.undefined ?? []
  }

  static func blocks(_ type: TensorType) -> [UInt8] {
    (try? Data(contentsOf: GoldenBlocks.folder.appending(path: "encode.\(type.name).blocks"))).map(Array.init) ?? []
  }
}

/// Encoding and decoding with arrays.
extension RowEncoder {
  func encode(_ values: [Float], columns: Int, importance: [Float]? = nil) throws -> [UInt8] {
    let source = try AlignedBuffer<Float>(count: values.count)
    for (index, value) in values.enumerated() { source.view[index] = value }
    let weights = try importance.map { importance in
      let weights = try AlignedBuffer<Float>(count: importance.count)
      for (index, value) in importance.enumerated() { weights.view[index] = value }
      return weights
    }
    let bytes = try AlignedBuffer<UInt8>(count: values.count / columns * rowBytes(columns: columns))
    // Junk, which encoding must overwrite.
    bytes.view.fill(0xa5)
    return withExtendedLifetime((source, weights, bytes)) {
      encode(source.view, columns: columns, importance: weights?.view, to: bytes.view)
      return Array(bytes.elements)
    }
  }
}

extension TensorType {
  func decode(_ bytes: [UInt8], columns: Int) throws -> [Float] {
    let source = try AlignedBuffer<UInt8>(count: bytes.count)
    for (index, value) in bytes.enumerated() { source.view[index] = value }
    let values = try AlignedBuffer<Float>(count: bytes.count / bytesPerBlock * elementsPerBlock)
    return withExtendedLifetime((source, values)) {
      decode(source.view, columns: columns, to: values.view)
      return Array(values.elements)
    }
  }
}
