import Compute
import ModelFiles
import Quantization

/// Rounds some rows of one tensor, eight rows a chunk.
///
/// Each chunk writes its own rows of `output` and its own places in the lists of figures, so that the sums, which are
/// taken over rows in order, do not depend on who computed what.
final class SlabJob: PoolJob {
  /// What rounding did to one row.
  struct RowError {
    /// Sums of squares: of the differences, and of the numbers.
    var error = 0.0
    var signal = 0.0
    /// The block of 32 numbers that lost most: its sum of squared differences, and where it begins.
    var worst = 0.0
    var worstColumn = 0
    /// The first number that cannot be stored.
    var badColumn: Int?
  }

  private static let rowsPerChunk = PackedLayout.groupRows
  private static let figureBlock = 32

  private let file: ModelFile
  private let tensor: TensorInfo
  private let type: TensorType
  private let source: PackedLayout
  private let target: PackedLayout
  private let isCopied: Bool
  let rowBytes: Int
  /// The rows of the slab under way.
  private var rows = 0..<0
  let output: AlignedBuffer<UInt8>
  private let errors: AlignedBuffer<RowError>
  private let values: AlignedBuffer<Float>
  private let bytes: AlignedBuffer<UInt8>
  private let packedBytes: Int

  /// - Parameter slabBytes: about how many bytes of the new tensor a slab has.
  init(_ file: ModelFile, _ item: ConversionPlan.Item, threads: Int, slabBytes: Int) throws(SystemError) {
    (self.file, tensor, type, isCopied) = (file, item.tensor, item.type, item.isCopied)
    source = PackedLayout(tensor.type)
    target = PackedLayout(type)
    rowBytes = tensor.columns / type.elementsPerBlock * type.bytesPerBlock
    let rows = max(1, min(slabBytes / rowBytes, tensor.rows))
    output = try AlignedBuffer(count: rows * rowBytes)
    errors = try AlignedBuffer(count: rows)
    // Numbers and what became of them, for the rows of one chunk.
    values = try AlignedBuffer(count: threads * 2 * Self.rowsPerChunk * tensor.columns)
    packedBytes = max(
      source.groupBytes(columns: tensor.columns), target.groupBytes(columns: tensor.columns))
    bytes = try AlignedBuffer(count: threads * (packedBytes + Self.rowsPerChunk * tensor.rowBytes))
  }

  /// Rows of a slab.
  var slabRows: Int { errors.count }

  /// Sets the rows that the next run is for. Returns its chunks.
  func begin(_ rows: Range<Int>) -> Int {
    precondition(rows.count <= slabRows)
    self.rows = rows
    return (rows.count + Self.rowsPerChunk - 1) / Self.rowsPerChunk
  }

  func error(ofRow row: Int) -> RowError { errors.view[row - rows.lowerBound] }

  /// A number of the tensor, for messages.
  func value(row: Int, column: Int) -> Float {
    readRows(row..<row + 1, worker: 0)
    return value(0, worker: 0)[column]
  }

  func perform(chunk: Int, worker: Int) {
    let first = rows.lowerBound + chunk * Self.rowsPerChunk
    let some = first..<min(first + Self.rowsPerChunk, rows.upperBound)
    readRows(some, worker: worker)
    for row in some { errors.view[row - rows.lowerBound] = RowError() }
    for row in some { findBad(value(row - first, worker: worker), row) }
    let place = (first - rows.lowerBound) * rowBytes
    if isCopied {
      unsafe file.readRows(some, of: tensor, to: output.pointer + place)
      for row in some { addSignal(value(row - first, worker: worker), row) }
      return
    }
    for row in some where error(ofRow: row).badColumn == nil {
      RowEncoding.encode(
        value(row - first, worker: worker), as: type,
        to: output.part((row - rows.lowerBound) * rowBytes, rowBytes))
    }
    measure(some, worker: worker)
  }

  private func value(_ row: Int, worker: Int) -> View<Float> {
    values.part((worker * 2 * Self.rowsPerChunk + row) * tensor.columns, tensor.columns)
  }

  private func rounded(_ row: Int, worker: Int) -> View<Float> {
    value(row + Self.rowsPerChunk, worker: worker)
  }

  /// Decodes rows to the worker's numbers.
  private func readRows(_ some: Range<Int>, worker: Int) {
    let scratch = packedBytes + Self.rowsPerChunk * tensor.rowBytes
    let packed = bytes.part(worker * scratch, packedBytes)
    let raw = bytes.part(worker * scratch + packedBytes, Self.rowsPerChunk * tensor.rowBytes)
    unsafe file.readRows(some, of: tensor, to: raw.pointer)
    decode(raw, source, rows: some.count, packed: packed) { value($0, worker: worker) }
  }

  private func decode(
    _ raw: View<UInt8>, _ layout: PackedLayout, rows: Int, packed: View<UInt8>, to row: (Int) -> View<Float>
  ) {
    unsafe layout.pack(rows: rows, columns: tensor.columns, from: raw.pointer, to: packed.pointer)
    for index in 0..<rows {
      unsafe layout.unpack(row: index, columns: tensor.columns, of: packed.pointer, to: row(index).pointer)
    }
  }

  private func findBad(_ numbers: View<Float>, _ row: Int) {
    for column in 0..<numbers.count where !numbers[column].isFinite {
      errors.view[row - rows.lowerBound].badColumn = column
      return
    }
  }

  private func addSignal(_ numbers: View<Float>, _ row: Int) {
    var signal = 0.0
    for column in 0..<numbers.count { signal += Double(numbers[column]) * Double(numbers[column]) }
    errors.view[row - rows.lowerBound].signal = signal
  }

  /// Decodes what was written and compares.
  private func measure(_ some: Range<Int>, worker: Int) {
    let scratch = packedBytes + Self.rowsPerChunk * tensor.rowBytes
    let place = (some.lowerBound - rows.lowerBound) * rowBytes
    decode(
      output.part(place, some.count * rowBytes), target, rows: some.count,
      packed: bytes.part(worker * scratch, packedBytes)
    ) { rounded($0, worker: worker) }
    for row in some where error(ofRow: row).badColumn == nil {
      let index = row - some.lowerBound
      errors.view[row - rows.lowerBound] = Self.compare(
        value(index, worker: worker), rounded(index, worker: worker))
    }
  }

  private static func compare(_ numbers: View<Float>, _ rounded: View<Float>) -> RowError {
    var result = RowError()
    for start in stride(from: 0, to: numbers.count, by: figureBlock) {
      var block = 0.0
      for column in start..<min(start + figureBlock, numbers.count) {
        let (number, other) = (Double(numbers[column]), Double(rounded[column]))
        if !other.isFinite, result.badColumn == nil { result.badColumn = column }
        block += (number - other) * (number - other)
        result.signal += number * number
      }
      result.error += block
      if block > result.worst { (result.worst, result.worstColumn) = (block, start) }
    }
    return result
  }
}
