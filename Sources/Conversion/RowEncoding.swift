import Compute
import Quantization

/// Rounds a row of floats to a type, number by number.
enum RowEncoding {
  /// The types that rows can be rounded to.
  static let types: [TensorType] = [.f32, .f16, .bf16, .q8_0]

  /// - Parameters:
  ///   - row: finite numbers, whole blocks of `type`.
  ///   - bytes: room for the row, overwritten.
  static func encode(_ row: View<Float>, as type: TensorType, to bytes: View<UInt8>) {
    switch type {
    case .f32:
      for index in 0..<row.count { store(row[index].bitPattern, at: 4 * index, in: bytes) }
    case .f16:
      for index in 0..<row.count { store(Float16(row[index]).bitPattern, at: 2 * index, in: bytes) }
    case .bf16:
      for index in 0..<row.count {
        // To the nearest, ties to even.
        let bits = row[index].bitPattern
        store(UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16), at: 2 * index, in: bytes)
      }
    case .q8_0:
      for block in 0..<row.count / 32 { encodeQ8(row.part(32 * block, 32), to: bytes.part(34 * block, 34)) }
    default: preconditionFailure("no encoder for \(type.name)")
    }
  }

  private static func encodeQ8(_ block: View<Float>, to bytes: View<UInt8>) {
    var largest: Float = 0
    for index in 0..<32 { largest = max(largest, abs(block[index])) }
    let scale = largest / 127
    let inverse = scale == 0 ? 0 : 1 / scale
    store(Float16(scale).bitPattern, at: 0, in: bytes)
    for index in 0..<32 {
      let code = (block[index] * inverse).rounded(.toNearestOrAwayFromZero)
      bytes[2 + index] = UInt8(bitPattern: Int8(max(-127, min(127, code))))
    }
  }

  private static func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int, in bytes: View<UInt8>) {
    for index in 0..<Value.bitWidth / 8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }
}
