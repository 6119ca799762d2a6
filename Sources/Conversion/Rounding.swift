import Compute
import ModelFiles
import Quantization

extension Converter {
  /// How the numbers of tensors are rounded.
  public struct Rounding {
    /// For tensors without blocks of their own.
    public var method = RoundingMethod.search
    /// The weight of each column's error, for the search.
    public var importance: ImportanceFile?
    /// Blocks that were made elsewhere, by the tensor's name: all rows, alive as long as the converter.
    public var ready: (String) -> View<UInt8>? = { _ in nil }

    public init() {}

    /// - Throws: where the importance is that of another model.
    func of(_ item: ConversionPlan.Item) throws(ConversionError) -> TensorRounding {
      let (name, columns) = (item.tensor.name, item.tensor.columns)
      if !item.isCopied, let blocks = ready(name) { return .ready(blocks) }
      // A tensor that is copied may be of a type that is only read: then nothing is rounded.
      let type = RowEncoder.types.contains(item.type) ? item.type : .f32
      guard let encoder = RowEncoder(type: type, rounding: method) else {
        throw .memory("there is no encoder for \(type.name)")
      }
      guard method == .search, !item.isCopied, let squares = importance?.entry(name)?.meanSquares else {
        return .rows(encoder, importance: nil)
      }
      guard squares.count == columns else {
        throw .importance("'\(name)' has \(columns) columns, but the importance file has \(squares.count) for it")
      }
      do throws(SystemError) {
        let buffer = try AlignedBuffer<Float>(count: columns)
        for (index, value) in squares.enumerated() { buffer.view[index] = value }
        return .rows(encoder, importance: buffer)
      } catch {
        throw .memory(error.description)
      }
    }
  }
}

/// How one tensor is rounded.
enum TensorRounding {
  case rows(RowEncoder, importance: AlignedBuffer<Float>?)
  /// All rows are there already.
  case ready(View<UInt8>)
}
