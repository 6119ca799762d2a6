import Compute
import ModelFiles
import Quantization

/// A weight matrix [rows, columns], packed for the kernels, and its bias where it has one.
@safe public final class Linear: @unchecked Sendable {
  // What a product reads comes first: it is fetched from memory anew in each step, behind all weights between.
  public let rows: Int
  public let columns: Int
  /// Set once, by `WeightLoader.pack`, before the model is handed out; by `load` where weights come as they are asked for.
  fileprivate(set) var packed: View<UInt8>
  /// Bytes of eight packed rows.
  private(set) var groupBytes: Int
  private(set) var layout: PackedLayout {
    didSet { groupBytes = layout.groupBytes(columns: columns) }
  }
  public private(set) var type: TensorType
  let bias: AlignedBuffer<Float>?
  let source: TensorInfo
  private static let notPacked = unsafe View<UInt8>(.allocate(capacity: 1), count: 0)

  fileprivate init(_ source: TensorInfo, bias: AlignedBuffer<Float>?) {
    self.source = source
    self.bias = bias
    rows = source.rows
    columns = source.columns
    type = source.type
    layout = PackedLayout(source.type)
    groupBytes = layout.groupBytes(columns: columns)
    packed = Self.notPacked
  }

  public var name: String { source.name }

  static let groupRows = PackedLayout.groupRows

  var packedBytes: Int { layout.bytes(rows: rows, columns: columns) }

  /// Memory of this matrix alone: blocks that took the place of the file's, or that were read for a while.
  private var own: AlignedBuffer<UInt8>?

  /// The blocks that are not computed with, where both the file's and others are kept.
  private var spare: (type: TensorType, layout: PackedLayout, packed: View<UInt8>, own: AlignedBuffer<UInt8>?)?
  private var isReplaced = false

  /// Reads the matrix from the file into memory of its own.
  func load(_ file: ModelFile, on pool: WorkerPool) throws(SystemError) {
    let buffer = try AlignedBuffer<UInt8>(count: packedBytes)
    (packed, own) = (buffer.view, buffer)
    let job = PackJob(file)
    job.matrix = self
    pool.run(job, chunks: job.chunks)
    file.release(source)
  }

  /// Gives that memory back. What replaced the file's blocks is lost.
  func unload() {
    (type, layout, packed, own) = (source.type, PackedLayout(source.type), Self.notPacked, nil)
    (spare, isReplaced) = (nil, false)
  }

  /// Takes other blocks instead of the file's: whole rows, one after another.
  /// - Parameter keepingOriginal: keeps the file's as well, for `show(replaced:)`.
  func replace(type: TensorType, blocks: View<UInt8>, keepingOriginal: Bool = false) throws(SystemError) {
    let rowBytes = columns / type.elementsPerBlock * type.bytesPerBlock
    precondition(columns.isMultiple(of: type.elementsPerBlock) && blocks.count == rows * rowBytes)
    let layout = PackedLayout(type)
    let buffer = try AlignedBuffer<UInt8>(count: layout.bytes(rows: rows, columns: columns))
    let groupBytes = layout.groupBytes(columns: columns)
    for row in stride(from: 0, to: rows, by: Self.groupRows) {
      let members = min(Self.groupRows, rows - row)
      unsafe layout.pack(
        rows: members, columns: columns, from: blocks.part(row * rowBytes, members * rowBytes).pointer,
        to: buffer.part(row / Self.groupRows * groupBytes, groupBytes).pointer)
    }
    show(replaced: false)
    spare = keepingOriginal ? (self.type, self.layout, packed, own) : nil
    (self.type, self.layout, packed, own) = (type, layout, buffer.view, buffer)
    isReplaced = true
  }

  /// Computes with the file's blocks or with those that replaced them, where both are kept.
  func show(replaced: Bool) {
    guard let other = spare, replaced != isReplaced else { return }
    spare = (type, layout, packed, own)
    (type, layout, packed, own) = other
    isReplaced = replaced
  }

  /// Decodes one row to floats.
  /// - Precondition: row < rows and destination.count == columns.
  func unpack(row: Int, to destination: View<Float>) {
    precondition(row >= 0 && row < rows && destination.count == columns)
    unsafe layout.unpack(row: row, columns: columns, of: UnsafeRawPointer(packed.pointer), to: destination.pointer)
  }
}

/// Collects the tensors that a family names, checks their shapes, and then packs them all.
///
/// Packing goes tensor by tensor in the order of the file, on all threads, and gives each source range back to the kernel
/// behind it, so that memory holds one copy of the weights from the first run on.
final class WeightLoader {
  let file: ModelFile
  private var matrices: [Linear] = []

  init(_ file: ModelFile) { self.file = file }

  /// The layouts of the matrices asked for so far, each once.
  var layouts: [PackedLayout] {
    var found: [PackedLayout] = []
    for matrix in matrices where !found.contains(matrix.layout) { found.append(matrix.layout) }
    return found
  }

  /// The matrix `name`.weight [rows, columns], with `name`.bias [rows] where the file has one.
  /// - Throws: when it is absent, of a type that is not computed with, or of another shape.
  func matrix(_ name: String, rows: Int, columns: Int) throws(ModelError) -> Linear {
    guard let found = try matrixIfPresent(name, rows: rows, columns: columns) else {
      throw .file(
        ModelFileError(
          .missing, path: file.path, key: name + ".weight", expected: "a tensor of this name", found: "none"))
    }
    return found
  }

  func matrixIfPresent(_ name: String, rows: Int, columns: Int) throws(ModelError) -> Linear? {
    guard let tensor = try tensor(name + ".weight", dimensions: [columns, rows]) else { return nil }
    let linear = Linear(tensor, bias: try vectorIfPresent(name + ".bias", count: rows))
    matrices.append(linear)
    return linear
  }

  /// The vector called `name` of `count` elements, decoded to floats.
  func vector(_ name: String, count: Int) throws(ModelError) -> AlignedBuffer<Float> {
    guard let found = try vectorIfPresent(name, count: count) else {
      throw .file(
        ModelFileError(.missing, path: file.path, key: name, expected: "a tensor of this name", found: "none"))
    }
    return found
  }

  func vectorIfPresent(_ name: String, count: Int) throws(ModelError) -> AlignedBuffer<Float>? {
    guard let tensor = try tensor(name, dimensions: [count]) else { return nil }
    let layout = PackedLayout(tensor.type)
    do {
      let group = try AlignedBuffer<UInt8>(count: layout.groupBytes(columns: count))
      let values = try AlignedBuffer<Float>(count: count)
      let source = unsafe file.bytes(of: tensor)
      withExtendedLifetime((group, values)) {
        guard let base = source.baseAddress else { return }
        unsafe layout.pack(rows: 1, columns: count, from: base, to: group.pointer)
        unsafe layout.unpack(row: 0, columns: count, of: group.pointer, to: values.pointer)
      }
      return values
    } catch {
      throw .system(error)
    }
  }

  private func tensor(_ name: String, dimensions: [Int]) throws(ModelError) -> TensorInfo? {
    do throws(ModelFileError) {
      guard let tensor = try file.loadableIfPresent(name) else { return nil }
      // Trailing extents of 1 say nothing.
      var found = tensor.dimensions
      while found.count > dimensions.count, found.last == 1 { found.removeLast() }
      guard found == dimensions else {
        throw ModelFileError(
          .malformed, path: file.path, key: name, expected: "dimensions \(dimensions)", found: "\(tensor.dimensions)")
      }
      return tensor
    } catch {
      throw .file(error)
    }
  }

  /// For models whose matrices are packed later, each by itself.
  func packNothing() throws(ModelError) -> AlignedBuffer<UInt8> {
    do { return try AlignedBuffer(count: 0) } catch { throw .system(error) }
  }

  /// Packs every matrix asked for so far.
  /// - Returns: the memory that holds them; the matrices point into it, so it must live as long as they.
  func pack(on pool: WorkerPool) throws(ModelError) -> AlignedBuffer<UInt8> {
    matrices.sort { ($0.source.part, $0.source.offset) < ($1.source.part, $1.source.offset) }
    let lineBytes = 64
    var total = 0
    for matrix in matrices {
      total += (matrix.packedBytes + lineBytes - 1) / lineBytes * lineBytes
    }
    let arena: AlignedBuffer<UInt8>
    do { arena = try AlignedBuffer(count: total, hugePages: true) } catch { throw .system(error) }
    // Keys, vocabulary and vectors are copied by now; their pages would stay until the last matrix is packed.
    file.release()
    var offset = 0
    let job = PackJob(file)
    for matrix in matrices {
      matrix.packed = arena.part(offset, matrix.packedBytes)
      offset += (matrix.packedBytes + lineBytes - 1) / lineBytes * lineBytes
      job.matrix = matrix
      pool.run(job, chunks: job.chunks)
      file.release(matrix.source)
    }
    return arena
  }
}

/// Packs one matrix, some groups of eight rows a chunk.
///
/// Context: packed matrices could be kept on disk and mapped. Decision: each start packs anew, into anonymous memory.
/// Of packing 810 MB of Q4_K_M (Zen 4, two threads: 0.34 s) three quarters are the system clearing the new pages. A file of that
/// size in the page cache is mapped and read once in 30 to 38 ms; from then on both kinds of page read at the same speed.
/// Rejected: a cache on disk saves that 0.3 s a start, 0.02 s for SmolLM2, for a second copy of the model on the small
/// disks of cheap machines, whose bytes would have to be checked before they are believed, and after a restart of the
/// machine it saves nothing. We would notice that it is wrong: users who start a process for each request of a large model.
private final class PackJob: PoolJob {
  let file: ModelFile
  var matrix: Linear?

  init(_ file: ModelFile) { self.file = file }

  /// A chunk's source stays in memory until it is packed: at most half a megabyte for each worker, however wide the
  /// rows are.
  private var groupsPerChunk: Int {
    let groupBytes = PackedLayout.groupRows * (matrix?.source.rowBytes ?? 1)
    return max(min((1 << 19) / max(groupBytes, 1), 32), groups / WorkerPool.maxChunks + 1)
  }

  private var groups: Int { ((matrix?.rows ?? 0) + PackedLayout.groupRows - 1) / PackedLayout.groupRows }

  var chunks: Int { (groups + groupsPerChunk - 1) / groupsPerChunk }

  func perform(chunk: Int, worker: Int) {
    guard let matrix else { return }
    let groupBytes = matrix.groupBytes
    let groupRows = PackedLayout.groupRows
    guard matrix.source.inOrder else { return packReordered(matrix, chunk) }
    guard let source = unsafe file.bytes(of: matrix.source).baseAddress else { return }
    let first = chunk * groupsPerChunk
    let last = min(first + groupsPerChunk, groups)
    for group in first..<last {
      let row = group * groupRows
      let destination = matrix.packed.part(group * groupBytes, groupBytes)
      unsafe matrix.layout.pack(
        rows: min(groupRows, matrix.rows - row), columns: matrix.columns,
        from: source + row * matrix.source.rowBytes, to: destination.pointer)
    }
    release(first * groupRows..<min(last * groupRows, matrix.rows), of: matrix.source)
  }

  /// Gives packed rows back a few megabytes at a time: what goes with them the other workers may be reading, and have to
  /// fetch again. The end of a matrix is left to whoever packs all of them.
  private func release(_ rows: Range<Int>, of source: TensorInfo) {
    let together = max(1, (4 << 20) / max(source.rowBytes, 1))
    guard rows.upperBound / together > rows.lowerBound / together else { return }
    file.release(max(0, rows.lowerBound - together)..<rows.upperBound, of: source)
  }

  /// The same for rows that the file has in another order: each group is gathered first.
  private func packReordered(_ matrix: Linear, _ chunk: Int) {
    let groupBytes = matrix.groupBytes
    let groupRows = PackedLayout.groupRows
    var gathered = [UInt8](repeating: 0, count: groupRows * matrix.source.rowBytes)
    for group in chunk * groupsPerChunk..<min((chunk + 1) * groupsPerChunk, groups) {
      let rows = group * groupRows..<min((group + 1) * groupRows, matrix.rows)
      let destination = matrix.packed.part(group * groupBytes, groupBytes)
      unsafe gathered.withUnsafeMutableBytes { gathered in
        guard let base = gathered.baseAddress else { return }
        unsafe file.readRows(rows, of: matrix.source, to: base)
        unsafe matrix.layout.pack(rows: rows.count, columns: matrix.columns, from: base, to: destination.pointer)
      }
    }
  }
}
