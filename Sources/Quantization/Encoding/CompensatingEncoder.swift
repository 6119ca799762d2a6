import CKernels
import Compute

/// Turns rows of floats into the blocks of a file so that a matrix's outputs change least: errors of one column are made
/// up for by the columns rounded after it, by the second moments of the inputs. `compensate.h` has the mathematics.
///
/// One encoder serves one tensor, or several of the same type that read the same inputs. Any number of threads may use it,
/// each with scratch memory of its own.
public final class CompensatingEncoder: Sendable {
  public let type: TensorType
  public let columns: Int
  private let layout: fk_layout
  private let moments: CompensationMoments
  private let feedback: AlignedBuffer<Float>
  private let pivots: AlignedBuffer<Float>
  private let order: AlignedBuffer<UInt32>

  /// Turns of coordinate descent. Four take nearly all that there is to gain: see `Benchmarks/QUALITY.md`.
  static let sweeps: Int32 = 6

  public enum Failure: Error, Equatable, CustomStringConvertible {
    /// Moments that are not a number, or all zero: the calibration says nothing.
    case moments
    case memory(SystemError)

    public var description: String {
      switch self {
      case .moments: "the second moments of the activations are not those of any text"
      case .memory(let error): error.description
      }
    }
  }

  /// Whether error compensation is for this type: those with blocks of codes. Others are exact enough.
  public static func takes(_ type: TensorType) -> Bool {
    RowEncoder.types.contains(type) && type.elementsPerBlock > 1
  }

  /// Bytes of an encoder beside the moments, and while it is made as many again.
  public static func bytes(columns: Int) -> Int { columns * columns * MemoryLayout<Float>.size }

  /// - Precondition: `takes(type)`; columns a multiple of the type's block.
  public init(type: TensorType, moments: CompensationMoments) throws(Failure) {
    let columns = moments.columns
    precondition(Self.takes(type) && columns.isMultiple(of: type.elementsPerBlock))
    (self.type, self.columns, self.moments) = (type, columns, moments)
    layout = PackedLayout(type).code
    let work: AlignedBuffer<Double>
    do throws(SystemError) {
      feedback = try AlignedBuffer(count: columns * columns)
      pivots = try AlignedBuffer(count: columns)
      order = try AlignedBuffer(count: columns)
      work = try AlignedBuffer(count: columns * (columns + 1) / 2)
    } catch {
      throw .memory(error)
    }
    Self.visitOrder(type: type, moments: moments.own.view, columns: columns, to: order.view)
    let isPositive = withExtendedLifetime(work) {
      unsafe fk_factor_moments(
        moments.own.pointer, columns, order.pointer, work.pointer, feedback.pointer, pivots.pointer)
    }
    guard isPositive else { throw .moments }
  }

  /// The order in which columns are rounded.
  static func visitOrder(type: TensorType, moments: View<Float>, columns: Int, to order: View<UInt32>) {
    unsafe fk_visit_order(PackedLayout(type).code, moments.pointer, columns, order.pointer)
  }

  /// Bytes of scratch memory that one thread needs.
  public var scratchBytes: Int { fk_compensation_scratch(layout, columns) }

  /// Encodes rows [rows, columns].
  /// - Parameters:
  ///   - scratch: `scratchBytes`, of this thread alone.
  ///   - destination: whole rows of the file, overwritten.
  /// - Precondition: `RowEncoder.firstUnencodable(in:)` finds nothing.
  public func encode(_ rows: View<Float>, scratch: View<UInt8>, to destination: View<UInt8>) {
    let count = rows.count / columns
    precondition(rows.count == count * columns && scratch.count >= scratchBytes)
    precondition(destination.count == count * (columns / type.elementsPerBlock * type.bytesPerBlock))
    var task = unsafe fk_compensation(
      layout: layout, columns: columns, moments: moments.own.pointer, feedback: feedback.pointer,
      pivots: pivots.pointer,
      cross: moments.cross?.pointer, order: order.pointer, sweeps: Self.sweeps)
    unsafe fk_compensate_rows(&task, rows.pointer, count, scratch.pointer, destination.pointer)
  }
}

/// The second moments of the inputs of some matrices, made ready for error compensation: what the encoders of all types
/// that these matrices take share, since in wide models it is large.
public final class CompensationMoments: Sendable {
  public let columns: Int
  let own: AlignedBuffer<Float>
  let cross: AlignedBuffer<Float>?

  /// Share of the mean moment that is added to each column's own, so that columns which the calibration text never moved
  /// still count, and the factors exist.
  public static let damping: Float = 0.01

  /// - Parameters:
  ///   - sums: [columns, columns], the sum or mean of x x^T over the inputs of the matrices; only their ratios matter.
  ///     Taken: nobody else may use it any more, whether this throws or not.
  ///   - cross: [columns, columns], the sum or mean, as `sums` is, of z x^T, where x are the inputs of the matrices once
  ///     the layers before them are quantised and z what they were in the original model: then the rows are fitted to give
  ///     on x what they gave on z. Taken.
  ///   - damping: the share to add; more where a matrix has another use that these inputs do not show.
  public init(
    taking sums: AlignedBuffer<Float>, cross: AlignedBuffer<Float>? = nil, columns: Int,
    damping: Float = CompensationMoments.damping
  ) throws(CompensatingEncoder.Failure) {
    precondition(sums.count == columns * columns && cross.map { $0.count == sums.count } ?? true)
    (self.columns, own, self.cross) = (columns, sums, cross)
    var mean: Float = 0
    for column in 0..<columns { mean += sums.view[column * columns + column] / Float(columns) }
    guard mean.isFinite, mean > 0, Self.areFinite(sums.view), cross.map({ Self.areFinite($0.view) }) ?? true else {
      throw .moments
    }
    condition(own.view, by: mean, damping: damping)
    if let cross { condition(cross.view, by: mean, damping: damping) }
  }

  private static func areFinite(_ values: View<Float>) -> Bool {
    unsafe fk_first_beyond(values.pointer, values.count, .greatestFiniteMagnitude) == values.count
  }

  /// Divides by the mean moment, and damps.
  private func condition(_ values: View<Float>, by mean: Float, damping: Float) {
    for index in 0..<values.count { unsafe values.pointer[index] /= mean }
    for column in 0..<columns { values[column * columns + column] += damping }
  }
}
