import CKernels
import Compute

/// How a matrix of some file type lies in memory for the kernels: groups of eight rows, interleaved. `CKernels.h` draws
/// the layouts; this is their face in Swift.
public struct PackedLayout: Sendable, Equatable {
  let code: fk_layout

  /// The layout that matrices of `type` are packed to. Several types never share one: packing is lossless, and each
  /// type has scales of its own.
  public init(_ type: TensorType) {
    code =
      switch type {
      case .f32: FK_LAYOUT_F32
      case .f16: FK_LAYOUT_F16
      case .bf16: FK_LAYOUT_BF16
      case .q8_0: FK_LAYOUT_S8
      case .q4_0: FK_LAYOUT_U4Z
      case .q4_1: FK_LAYOUT_U4M
      case .q4_K: FK_LAYOUT_U4K
      case .q5_0: FK_LAYOUT_U5Z
      case .q5_1: FK_LAYOUT_U5M
      case .q5_K: FK_LAYOUT_U5K
      case .q6_K: FK_LAYOUT_U6S16
      case .q2_K: FK_LAYOUT_U4M16
      case .q3_K: FK_LAYOUT_U4S16
      case .iq4_nl: FK_LAYOUT_C4
      case .iq4_xs: FK_LAYOUT_C4K
      }
  }

  /// Rows of a group: packed matrices have their rows rounded up to it.
  public static let groupRows = Int(FK_GROUP_ROWS)

  /// Whether its kernels take float activations instead of quantised ones.
  public var isFloat: Bool { code == FK_LAYOUT_F32 || code == FK_LAYOUT_F16 || code == FK_LAYOUT_BF16 }

  /// Bytes of one group of eight rows.
  /// - Precondition: `columns` is a multiple of the type's block.
  public func groupBytes(columns: Int) -> Int {
    columns / fk_layout_columns(code) * fk_layout_group_bytes(code)
  }

  /// Bytes of a whole matrix.
  public func bytes(rows: Int, columns: Int) -> Int {
    (rows + Self.groupRows - 1) / Self.groupRows * groupBytes(columns: columns)
  }

  /// Packs the rows of one group (up to eight; missing ones become zero).
  /// - Parameters:
  ///   - source: rows one after another, as the file holds them.
  ///   - destination: `groupBytes(columns:)` bytes, overwritten.
  public func pack(
    rows: Int, columns: Int, from source: UnsafeRawPointer, to destination: UnsafeMutableRawPointer
  ) {
    unsafe fk_pack_group(
      code, source.assumingMemoryBound(to: UInt8.self), rows, columns,
      destination.assumingMemoryBound(to: UInt8.self))
  }

  /// Decodes row `row` of a packed matrix to `columns` floats: the same floats as decoding the file's row gives.
  public func unpack(
    row: Int, columns: Int, of matrix: UnsafeRawPointer, to destination: UnsafeMutablePointer<Float>
  ) {
    let group = unsafe matrix + row / Self.groupRows * groupBytes(columns: columns)
    unsafe fk_unpack_row(
      code, group.assumingMemoryBound(to: UInt8.self), row % Self.groupRows, columns, destination)
  }

  /// The matrix product of this layout: y [tokens, yStride] = x [tokens, columns] times `groups` groups of packed rows.
  /// - Parameter x: `fk_activations[columns / 32]` a token, or `columns` floats a token where `isFloat`.
  public func multiply(
    _ kernels: Kernels, weights: UnsafeRawPointer, groups: Int, columns: Int, x: UnsafeRawPointer, tokens: Int,
    y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    unsafe fk_matmul_of(kernels.table, code)(
      weights.assumingMemoryBound(to: UInt8.self), groups, columns, x, tokens, y, yStride)
  }
}
