import Compute
import Quantization

/// A GGUF model file, versions 2 and 3, also split into parts, also of a vocabulary only.
///
/// - Ownership: maps the file (each part) and keeps it mapped; all bytes it hands out live as long as it does.
/// - Threads: immutable; safe from any thread.
/// - Errors: everything is checked when the file is opened; a tensor of a type that is not computed with is an error
///   only where it is asked for to be loaded.
public final class GGUFFile: Sendable {
  /// The path it was opened by; of a split model, the first part.
  public let path: String
  /// The format's version, 2 or 3.
  public let version: UInt32
  /// The metadata; of a split model, of its first part.
  public let metadata: GGUFMetadata
  /// The tensors that can be loaded, in the order of the file.
  public let tensors: [TensorInfo]
  /// The tensors that cannot be loaded, since their type is not computed with.
  public let unreadableTensors: [UnreadableTensor]
  /// The mapped parts; one for a file that is not split.
  public let parts: [MappedFile]
  /// Positions in `tensors`, and behind them in `unreadableTensors`.
  private let index: NameIndex

  /// Opens the file at `path`, and with the first part of a split model all other parts beside it.
  public convenience init(path: String) throws(ModelFileError) {
    try self.init(first: try GGUFFile.map(path)) { (partPath) throws(ModelFileError) in try GGUFFile.map(partPath) }
  }

  /// Reads a model that is in memory already.
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

  /// Bytes of the file, all parts together.
  public var fileBytes: Int { parts.reduce(0) { $0 + $1.byteCount } }

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
  /// - Precondition: `tensor` is of this file.
  public func bytes(of tensor: TensorInfo) -> UnsafeRawBufferPointer {
    unsafe parts[tensor.part].bytes(in: tensor.range)
  }

  /// Gives the tensor's pages back to the kernel; they come back unchanged when read again.
  /// - Precondition: `tensor` is of this file.
  public func release(_ tensor: TensorInfo) {
    parts[tensor.part].release(tensor.range)
  }

  private static func map(_ path: String) throws(ModelFileError) -> MappedFile {
    do {
      return try MappedFile(path: path)
    } catch {
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

/// What the `split.*` keys say: this file is one of several.
struct SplitInfo {
  /// This part, from 0.
  let number: Int
  /// Number of parts, at least 2.
  let count: Int
  /// Tensors of all parts together, where stated.
  let tensorCount: Int?

  /// Nil when the file is not split.
  init?(_ metadata: GGUFMetadata) throws(ModelFileError) {
    guard let count = try metadata.integer("split.count"), count > 1 else { return nil }
    guard count <= GGUFLimits.parts else {
      throw metadata.invalid("split.count", expected: "at most \(GGUFLimits.parts)", found: "\(count)")
    }
    let number = try metadata.integer("split.no") ?? 0
    guard number >= 0, number < count else {
      throw metadata.invalid("split.no", expected: "0 to \(count - 1)", found: "\(number)")
    }
    self.number = number
    self.count = count
    tensorCount = try metadata.integer("split.tensors.count")
  }

  /// The path of part `number`, made from the first part's, which ends in `-00001-of-0000N.gguf`.
  func path(ofPart number: Int, first: String) throws(ModelFileError) -> String {
    let ending = SplitInfo.ending(number: 0, count: count)
    guard first.utf8.count > ending.utf8.count, first.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8),
      let stem = String(first.utf8.dropLast(ending.utf8.count))
    else {
      throw ModelFileError(
        .malformed, path: first, key: "split.count",
        expected: "the first of \(count) parts to be named ...\(ending), so that the others can be found",
        found: "this name")
    }
    return stem + SplitInfo.ending(number: number, count: count)
  }

  func notFirst(_ path: String) -> ModelFileError {
    ModelFileError(
      .malformed, path: path, key: "split.no",
      expected: "the first part, ...\(SplitInfo.ending(number: 0, count: count))",
      found: "part \(number + 1) of \(count)")
  }

  /// That a further part belongs to this model and stands in its place.
  func check(_ metadata: GGUFMetadata, part: MappedFile, number: Int) throws(ModelFileError) {
    let found = try SplitInfo(metadata)
    guard let found, found.number == number, found.count == count else {
      throw ModelFileError(
        .malformed, path: part.path, key: "split.no", expected: "part \(number + 1) of \(count)",
        found: found.map { "part \($0.number + 1) of \($0.count)" } ?? "a file that is not split")
    }
  }

  func check(tensorCount found: Int, _ first: MappedFile) throws(ModelFileError) {
    guard let tensorCount, tensorCount != found else { return }
    throw ModelFileError(
      .malformed, path: first.path, key: "split.tensors.count", expected: "\(tensorCount) tensors in all parts",
      found: "\(found)")
  }

  private static func ending(number: Int, count: Int) -> String {
    func padded(_ value: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
    return "-\(padded(number + 1))-of-\(padded(count)).gguf"
  }
}
