import CKernels
import Compute

/// How numbers become codes; the raw value is what users write.
public enum RoundingMethod: String, Sendable, CaseIterable {
  /// Scales from the extremes of a block, codes to nearest: the same bytes as other programs' reference.
  case rtn
  /// Scales, minima and codes that minimise the weighted square error of a block.
  case search
}

/// Turns rows of floats into the blocks of a file, each row by itself. Any number of threads may use one encoder.
///
/// The bytes depend on the rows and the importance only, not on the machine.
public struct RowEncoder: Sendable {
  public let type: TensorType
  public let rounding: RoundingMethod
  private let layout: fk_layout

  /// Nil for types that are only read: Q2_K, Q3_K, IQ4_XS.
  public init?(type: TensorType, rounding: RoundingMethod) {
    guard Self.types.contains(type) else { return nil }
    self.type = type
    self.rounding = rounding
    layout = PackedLayout(type).code
  }

  /// The types that rows can be encoded to, the largest first.
  public static let types: [TensorType] = [
    .f32, .f16, .bf16, .q8_0, .q6_K, .q5_K, .q5_1, .q5_0, .q4_K, .q4_1, .q4_0, .iq4_nl,
  ]

  /// Bytes of one row in the file.
  /// - Precondition: `columns` is a multiple of the type's block.
  public func rowBytes(columns: Int) -> Int {
    precondition(columns > 0 && columns.isMultiple(of: type.elementsPerBlock))
    return columns / type.elementsPerBlock * type.bytesPerBlock
  }

  /// Encodes rows [rows, columns].
  ///
  /// - Parameters:
  ///   - importance: [columns], the weight of each column's square error: its mean squared activation. `rtn` and the
  ///     float types have no use for it. Columns of no importance at all count a little, not nothing.
  ///   - destination: `rowBytes(columns:)` bytes a row, overwritten.
  /// - Precondition: `firstUnencodable(in:)` finds nothing; counts agree.
  public func encode(
    _ rows: View<Float>, columns: Int, importance: View<Float>? = nil, to destination: View<UInt8>
  ) {
    let count = rows.count / columns
    precondition(rows.count == count * columns && destination.count == count * rowBytes(columns: columns))
    precondition(importance == nil || importance?.count == columns)
    unsafe fk_encode_rows(
      layout, rounding == .rtn ? FK_ROUND_NEAREST : FK_ROUND_SEARCH, rows.pointer, count, columns,
      importance?.pointer, destination.pointer)
  }

  /// A number that has no place in a type.
  public struct Unencodable: Error, Equatable, CustomStringConvertible {
    /// Its index among the numbers looked at, row by row.
    public let index: Int
    public let value: Float
    /// The largest magnitude that the type takes.
    public let limit: Float
    public let type: TensorType

    /// The same, as part of a larger whole that has `offset` numbers before these.
    public func moved(by offset: Int) -> Unencodable {
      Unencodable(index: index + offset, value: value, limit: limit, type: type)
    }

    public var description: String {
      value.isFinite
        ? "\(value) is beyond \(limit), the largest that \(type.name) can hold" : "\(value) is not a number"
    }
  }

  /// The first number that this type cannot hold: an infinity, not-a-number, or one so large that a scale would leave
  /// F16. Ask before encoding.
  public func firstUnencodable(in values: View<Float>) -> Unencodable? {
    let limit = fk_largest_encodable(layout)
    let index = unsafe fk_first_beyond(values.pointer, values.count, limit)
    guard index < values.count else { return nil }
    return Unencodable(index: index, value: values[index], limit: limit, type: type)
  }
}

extension TensorType {
  /// Decodes rows as a file stores them, of any type.
  /// - Parameters:
  ///   - source: whole rows.
  ///   - destination: `columns` floats a row, overwritten.
  public func decode(_ source: View<UInt8>, columns: Int, to destination: View<Float>) {
    let rows = destination.count / columns
    let rowBytes = columns / elementsPerBlock * bytesPerBlock
    precondition(columns.isMultiple(of: elementsPerBlock) && destination.count == rows * columns)
    precondition(source.count == rows * rowBytes)
    let layout = PackedLayout(self).code
    for row in 0..<rows {
      unsafe fk_decode_row(layout, source.pointer + row * rowBytes, columns, destination.pointer + row * columns)
    }
  }
}
