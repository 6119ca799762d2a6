import Compute
import Glibc
import Quantization

/// A model as it lies on the disk, in the terms of GGUF whatever its format: a GGUF file (versions 2 and 3, also split
/// into parts, also of a vocabulary only), or a folder that Hugging Face's transformers wrote.
///
/// A folder's configuration becomes the keys that GGUF has for it, without those of the vocabulary, and its tensors get
/// GGUF's names. Vectors, which GGUF keeps in F32, are decoded when the folder is opened; matrices stay where they are,
/// and where GGUF has another order of rows, `TensorInfo` says so.
///
/// - Ownership: maps the file (each part) and keeps it mapped; all bytes it hands out live as long as it does.
/// - Threads: immutable; safe from any thread.
/// - Errors: everything is checked when the file is opened; a tensor of a type that is not computed with is an error
///   only where it is asked for to be loaded.
public final class ModelFile: Sendable {
  /// The path it was opened by; of a split model, the first part; of a folder, the folder.
  public let path: String
  /// The version of GGUF, 2 or 3; nil for a folder.
  public let version: UInt32?
  /// The metadata; of a split model, of its first part.
  public let metadata: GGUFMetadata
  /// The tensors that can be loaded, in the order of the file.
  public let tensors: [TensorInfo]
  /// The tensors that cannot be loaded, since their type is not computed with.
  public let unreadableTensors: [UnreadableTensor]
  /// The mapped parts; one for a file that is not split. Of a folder, its files of tensors, and behind them the decoded
  /// vectors, which are in memory only.
  public let parts: [MappedFile]
  /// Positions in `tensors`, and behind them in `unreadableTensors`.
  private let index: NameIndex

  /// Opens the file at `path`, and with the first part of a split model all other parts beside it; or the folder.
  public convenience init(path: String) throws(ModelFileError) {
    if Files.isDirectory(path) {
      try self.init(folder: path) { (path) throws(ModelFileError) in try ModelFile.mapIfPresent(path) }
      return
    }
    try self.init(first: try ModelFile.map(path)) { (partPath) throws(ModelFileError) in try ModelFile.map(partPath) }
  }

  /// Reads a folder.
  /// - Parameter open: maps the file with the given path, or gives nil where there is none.
  package init(
    folder: String, open: (String) throws(ModelFileError) -> MappedFile?
  ) throws(ModelFileError) {
    let model = try HuggingFaceModel(folder: folder, open: open)
    (path, version, metadata, tensors) = (folder, nil, model.metadata, model.tensors)
    (parts, unreadableTensors) = (model.parts, [])
    index = NameIndex(tensors.map(\.name))
  }

  /// Reads a GGUF model that is in memory already.
  /// - Parameter openPart: gives the part with the given path, derived from the first part's.
  package init(
    first: MappedFile, openPart: (String) throws(ModelFileError) -> MappedFile
  ) throws(ModelFileError) {
    let header = try GGUFHeader(first, part: 0)
    var (parts, tensors, unreadable) = ([first], header.tensors, header.unreadable)
    if let split = try SplitInfo(header.metadata) {
      guard split.number == 0 else { throw split.notFirst(first.path) }
      for number in 1..<split.count {
        let part = try openPart(try split.path(ofPart: number, first: first.path))
        let limit = GGUFLimits.tensors - tensors.count - unreadable.count
        let partHeader = try GGUFHeader(part, part: number, tensorLimit: limit)
        try split.check(partHeader.metadata, part: part, number: number)
        parts.append(part)
        tensors += partHeader.tensors
        unreadable += partHeader.unreadable
      }
      try split.check(tensorCount: tensors.count + unreadable.count, first)
    }
    (path, version, metadata) = (first.path, header.version, header.metadata)
    (self.parts, self.tensors, unreadableTensors) = (parts, tensors, unreadable)
    index = NameIndex(tensors.map(\.name) + unreadable.map(\.name))
    if let duplicate = index.duplicate { throw twice(duplicate) }
  }

  /// Whether this is a folder of Hugging Face's transformers.
  public var isFolder: Bool { version == nil }

  /// Bytes of the file, all parts together; of a folder, of its tensors.
  public var fileBytes: Int {
    isFolder ? tensors.reduce(0) { $0 + $1.byteCount } : parts.reduce(0) { $0 + $1.byteCount }
  }

  /// Every file that the model is read from.
  public var sourcePaths: [String] {
    guard isFolder else { return parts.map(\.path) }
    return Files.entries(path).filter { !$0.isDirectory && !$0.name.hasSuffix(".gguf") }.map { path + "/" + $0.name }
  }

  /// The tensor called `name`, or nil when there is none that can be loaded. Loading code asks `loadable(_:)` or
  /// `loadableIfPresent(_:)`, which tell a tensor that is absent from one that cannot be read.
  public func tensor(_ name: String) -> TensorInfo? {
    guard let position = index.find(name), position < tensors.count else { return nil }
    return tensors[position]
  }

  /// The tensor called `name`.
  /// - Throws: when it is absent or of a type that is not computed with.
  public func loadable(_ name: String) throws(ModelFileError) -> TensorInfo {
    guard let tensor = try loadableIfPresent(name) else {
      throw ModelFileError(.missing, path: path, key: name, expected: "a tensor of this name", found: "none")
    }
    return tensor
  }

  /// The tensor called `name`, or nil when it is absent.
  /// - Throws: when it is there in a type that is not computed with.
  public func loadableIfPresent(_ name: String) throws(ModelFileError) -> TensorInfo? {
    guard let position = index.find(name) else { return nil }
    guard position < tensors.count else { throw unreadable(unreadableTensors[position - tensors.count]) }
    return tensors[position]
  }

  /// - Throws: for the first tensor, if any, of a type that is not computed with.
  public func checkAllLoadable() throws(ModelFileError) {
    if let tensor = unreadableTensors.first { throw unreadable(tensor) }
  }

  /// The tensor's bytes as they are in the file; valid as long as self. Aligned to the file's alignment, at least 8.
  /// - Precondition: `tensor` is of this file, and its rows lie in order.
  public func bytes(of tensor: TensorInfo) -> UnsafeRawBufferPointer {
    precondition(tensor.inOrder, "rows of another order are read by readRows")
    return unsafe parts[tensor.part].bytes(in: tensor.range)
  }

  /// Copies rows of a tensor, in GGUF's order.
  /// - Parameter destination: `rows.count * tensor.rowBytes` bytes, overwritten.
  /// - Precondition: `tensor` is of this file and has these rows.
  public func readRows(_ rows: Range<Int>, of tensor: TensorInfo, to destination: UnsafeMutableRawPointer) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rows, "rows outside the tensor")
    let source = unsafe parts[tensor.part].bytes(in: tensor.range)
    guard let base = source.baseAddress, !rows.isEmpty else { return }
    let rowBytes = tensor.rowBytes
    if tensor.inOrder {
      return unsafe destination.copyMemory(from: base + rows.lowerBound * rowBytes, byteCount: rows.count * rowBytes)
    }
    for row in rows {
      unsafe (destination + (row - rows.lowerBound) * rowBytes)
        .copyMemory(from: base + tensor.place(ofRow: row) * rowBytes, byteCount: rowBytes)
    }
  }

  /// Gives all pages back to the kernel; they come back unchanged when read again.
  public func release() {
    for part in parts { part.release(0..<part.byteCount) }
  }

  /// The same for the pages of a tensor.
  /// - Precondition: `tensor` is of this file.
  public func release(_ tensor: TensorInfo) {
    parts[tensor.part].release(tensor.range)
  }

  /// The same for some rows, where these lie together in the file.
  public func release(_ rows: Range<Int>, of tensor: TensorInfo) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rows, "rows outside the tensor")
    guard tensor.inOrder else { return }
    let start = tensor.range.lowerBound + rows.lowerBound * tensor.rowBytes
    parts[tensor.part].release(start..<start + rows.count * tensor.rowBytes)
  }

  private static func map(_ path: String) throws(ModelFileError) -> MappedFile {
    do {
      return try MappedFile(path: path)
    } catch {
      throw ModelFileError(error)
    }
  }

  /// The file at `path`, or nil where there is none.
  private static func mapIfPresent(_ path: String) throws(ModelFileError) -> MappedFile? {
    do {
      return try MappedFile(path: path)
    } catch {
      if error.code == ENOENT { return nil }
      throw ModelFileError(error)
    }
  }

  private func twice(_ position: Int) -> ModelFileError {
    let other = position - tensors.count
    let (part, infoOffset, name) =
      other < 0
      ? (tensors[position].part, tensors[position].infoOffset, tensors[position].name)
      : (unreadableTensors[other].part, unreadableTensors[other].infoOffset, unreadableTensors[other].name)
    return ModelFileError(
      .malformed, path: parts[part].path, offset: infoOffset, key: name, expected: "each tensor once", found: "it twice"
    )
  }

  private func unreadable(_ tensor: UnreadableTensor) -> ModelFileError {
    ModelFileError(
      .unsupported, path: parts[tensor.part].path, offset: tensor.infoOffset, key: tensor.name,
      expected: "a tensor of type \(TensorType.allNames)", found: "\(tensor.typeName) (code \(tensor.typeCode))")
  }
}
