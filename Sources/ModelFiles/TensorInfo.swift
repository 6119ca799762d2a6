import Quantization

/// Where a tensor lies, its shape and its type. The bytes come from `ModelFile.bytes(of:)` and `readRows(_:of:to:)`.
public struct TensorInfo: Sendable {
  public let name: String
  public let type: TensorType
  /// Extent of the innermost dimension, which is contiguous in the file (`ne[0]` in GGUF); a multiple of
  /// `type.elementsPerBlock`.
  public let columns: Int
  /// Product of all other dimensions; 1 for a vector.
  public let rows: Int
  /// Bytes of one row.
  public let rowBytes: Int
  /// Bytes of the tensor: `rows * rowBytes`.
  public let byteCount: Int
  /// Extents, innermost first, as GGUF writes them: one to four.
  public var dimensions: [Int] { shape.dimensions }
  /// Numbers in the tensor: `rows * columns`.
  public var elementCount: Int { rows * columns }

  /// Index of the part of a split file that holds it; 0 in a single file.
  public let part: Int
  /// Offset of the first byte in its part.
  public let offset: Int
  /// Where the file describes it, for messages.
  let infoOffset: Int
  let shape: TensorShape

  /// Rows of a head whose two halves GGUF interleaves and this file does not; 0 where the rows lie in order.
  var headRows = 0

  /// Whether the rows lie in GGUF's order.
  public var inOrder: Bool { headRows == 0 }

  /// Which row of the file is row `row` in GGUF's order: GGUF puts the rows that rope turns together side by side, where
  /// transformers has the first of all pairs and then the second of all.
  func place(ofRow row: Int) -> Int { Self.place(ofRow: row, headRows: headRows) }

  static func place(ofRow row: Int, headRows: Int) -> Int {
    guard headRows > 0 else { return row }
    let (head, place) = row.quotientAndRemainder(dividingBy: headRows)
    return head * headRows + place % 2 * (headRows / 2) + place / 2
  }

  /// The range of its part's bytes.
  var range: Range<Int> { offset..<(offset + byteCount) }
}

/// A tensor that a file holds in a type that Farthing does not compute with. It can be listed; loading it is an error.
public struct UnreadableTensor: Sendable {
  public let name: String
  /// GGUF's code of the type.
  public let typeCode: UInt32
  /// The type's name, or "type 99" for an unknown code.
  public let typeName: String
  public var dimensions: [Int] { shape.dimensions }
  /// Bytes in the file, or nil when the type's block size is not known.
  public let byteCount: Int?
  public let part: Int
  public let offset: Int
  let infoOffset: Int
  let shape: TensorShape
}

/// One to four extents, without an allocation per tensor.
struct TensorShape: Sendable {
  private(set) var count = 0
  private var extents = SIMD4<Int>(repeating: 1)

  /// - Precondition: fewer than four extents so far.
  mutating func append(_ extent: Int) {
    extents[count] = extent
    count += 1
  }

  init(_ extents: [Int] = []) {
    for extent in extents { append(extent) }
  }

  var columns: Int { extents[0] }
  var dimensions: [Int] { (0..<count).map { extents[$0] } }

  /// Product of all extents but the first, or nil where it does not fit an `Int`.
  var rows: Int? {
    var product = 1
    for index in 1..<4 {
      let (next, overflow) = product.multipliedReportingOverflow(by: extents[index])
      if overflow { return nil }
      product = next
    }
    return product
  }

  /// Bytes of a row and of the tensor in blocks of the given size, or nil where they do not fit an `Int`, or the
  /// columns are not whole blocks.
  func byteCounts(elementsPerBlock: Int, bytesPerBlock: Int) -> (row: Int, tensor: Int)? {
    guard columns.isMultiple(of: elementsPerBlock), let rows else { return nil }
    let (row, rowOverflow) = (columns / elementsPerBlock).multipliedReportingOverflow(by: bytesPerBlock)
    let (tensor, overflow) = row.multipliedReportingOverflow(by: rows)
    return rowOverflow || overflow ? nil : (row, tensor)
  }
}
