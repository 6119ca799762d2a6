import Compute
import ModelFiles
import Quantization

extension Converter {
  /// How the numbers of tensors are rounded.
  public struct Rounding {
    public var method = RoundingMethod.search
    /// The weight of each column's error, for the search.
    public var importance: ImportanceFile?

    public init() {}

    /// - Throws: where the importance is that of another model.
    func of(_ item: ConversionPlan.Item) throws(ConversionError) -> TensorRounding {
      // A tensor that is copied may be of a type that is only read: then nothing is rounded.
      let type = RowEncoder.types.contains(item.type) ? item.type : .f32
      guard let encoder = RowEncoder(type: type, rounding: method) else {
        throw .memory("there is no encoder for \(type.name)")
      }
      guard method == .search, !item.isCopied, let squares = try meanSquares(item.tensor) else {
        return .rows(encoder, importance: nil)
      }
      do throws(SystemError) {
        let buffer = try AlignedBuffer<Float>(count: squares.count)
        for (index, value) in squares.enumerated() { buffer.view[index] = value }
        return .rows(encoder, importance: buffer)
      } catch {
        throw .memory(error.description)
      }
    }
  }
}

extension Converter.Rounding {
  /// What the importance says of a tensor's columns, if it says something.
  /// - Throws: where the importance is that of another model.
  public func meanSquares(_ tensor: TensorInfo) throws(ConversionError) -> [Float]? {
    guard let squares = importance?.entry(tensor.name)?.meanSquares else { return nil }
    guard squares.count == tensor.columns else {
      throw .importance(
        "'\(tensor.name)' has \(tensor.columns) columns, but the importance file has \(squares.count) for it")
    }
    return squares
  }
}

/// How one tensor is rounded.
enum TensorRounding {
  case rows(RowEncoder, importance: AlignedBuffer<Float>?)
  /// All rows are there already.
  case ready(View<UInt8>)
}
