import Compute
import Glibc
import Quantization

/// Why a model file could not be written. Whatever the reason, the input is as it was and no half file has the name that
/// was asked for.
public enum GGUFWriterError: Error, CustomStringConvertible, Sendable {
  /// The path asked for cannot be written, or must not be.
  case refused(path: String, reason: String)
  /// The file would not fit on the disk.
  case noSpace(path: String, needed: Int, free: Int)
  case system(SystemError)
  /// A signal asked the process to stop.
  case interrupted

  public var description: String {
    switch self {
    case .refused(let path, let reason): "\(printable(path)): \(reason)"
    case .noSpace(let path, let needed, let free):
      "\(printable(path)): the file needs \(needed) bytes, and the disk has \(free) left"
    case .system(let error): error.description
    case .interrupted: "interrupted"
    }
  }
}

/// Writes a GGUF file from its keys, the list of its tensors, and then their bytes: tensor after tensor in the order of
/// the list, or in any other that the caller asks for.
///
/// The bytes go to `OUT.farthing-partial-PID` beside the output, which takes the output's name only when it is whole and
/// on the disk. Whatever ends the writing before that removes it; where nothing could (SIGKILL, a power cut), the next
/// writer of the same output does: it knows an abandoned file by its lock, which the system has freed.
///
/// One thread writes. While a writer lives, SIGINT, SIGTERM and SIGHUP make its next call throw `interrupted`.
public final class GGUFWriter {
  public struct Tensor: Sendable {
    public let name: String
    public let type: TensorType
    /// Extents, innermost first; one to four.
    public let dimensions: [Int]

    /// - Precondition: the innermost extent is whole blocks of the type.
    public init(name: String, type: TensorType, dimensions: [Int]) {
      precondition(dimensions.first?.isMultiple(of: type.elementsPerBlock) == true && dimensions.count <= 4)
      (self.name, self.type, self.dimensions) = (name, type, dimensions)
    }

    public var byteCount: Int {
      dimensions.reduce(1, *) / type.elementsPerBlock * type.bytesPerBlock
    }
  }

  /// The path that the file will have.
  public let path: String
  /// Bytes of the whole file.
  public let fileBytes: Int
  private let partial: PartialFile
  private let interrupts = Interrupts()
  private let alignment: Int
  private let tensors: [Tensor]
  /// Where each tensor's bytes begin.
  private let offsets: [Int]
  private var isWritten: [Bool]
  /// The tensor under way, and the bytes that it still lacks.
  private var current: Int?
  private var missing = 0

  /// Checks the output and begins the file.
  /// - Parameter inputs: files that are read while this one is written; none of them may be the output.
  public init(
    path: String, keys: GGUFKeys, tensors: [Tensor], inputs: [String]
  ) throws(GGUFWriterError) {
    let target = try OutputPath(path, inputs: inputs)
    self.path = target.path
    alignment = keys.alignment
    var head = keys.head(tensors: tensors.count)
    var offset = 0
    var offsets: [Int] = []
    for tensor in tensors {
      offsets.append(offset)
      GGUFKeys.append(string: tensor.name.utf8, to: &head)
      GGUFKeys.append(UInt32(tensor.dimensions.count), to: &head)
      for extent in tensor.dimensions { GGUFKeys.append(UInt64(extent), to: &head) }
      GGUFKeys.append(tensor.type.rawValue, to: &head)
      GGUFKeys.append(UInt64(offset), to: &head)
      offset += Self.padded(tensor.byteCount, to: alignment)
    }
    head += [UInt8](repeating: 0, count: Self.padded(head.count, to: alignment) - head.count)
    fileBytes = head.count + offset
    self.tensors = tensors
    self.offsets = offsets.map { $0 + head.count }
    isWritten = tensors.map { $0.byteCount == 0 }
    partial = try PartialFile(target, byteCount: fileBytes)
    do { try partial.write(head[...]) } catch { throw .system(error) }
  }

  /// Goes to a tensor, whose bytes come next.
  /// - Precondition: none of its bytes are written, and no other tensor is under way.
  public func begin(_ index: Int) throws(GGUFWriterError) {
    precondition(current == nil && !isWritten[index], "a tensor is under way, or this one is written")
    do { try partial.seek(to: offsets[index]) } catch { throw .system(error) }
    (current, missing) = (index, tensors[index].byteCount)
  }

  /// Adds bytes of the tensor under way: the first that is not written, unless `begin` named another.
  /// - Precondition: it lacks as many.
  public func append(_ bytes: UnsafeRawBufferPointer) throws(GGUFWriterError) {
    guard interrupts.pending() == 0 else { throw .interrupted }
    if current == nil, let first = isWritten.firstIndex(of: false) { try begin(first) }
    precondition(bytes.count <= missing, "more bytes than the tensor has")
    do {
      unsafe try partial.write(bytes)
      missing -= bytes.count
      if missing == 0, let index = current {
        let bytes = tensors[index].byteCount
        let padding = Self.padded(bytes, to: alignment) - bytes
        if padding > 0 { try partial.write([UInt8](repeating: 0, count: padding)[...]) }
        isWritten[index] = true
        current = nil
      }
    } catch {
      throw .system(error)
    }
  }

  /// Whether a signal has asked the process to stop, for work between two calls.
  public var isInterrupted: Bool { interrupts.pending() != 0 }

  /// Puts the file in its place.
  /// - Precondition: every tensor is written.
  public func finish() throws(GGUFWriterError) {
    precondition(!isWritten.contains(false), "a tensor is missing")
    guard interrupts.pending() == 0 else { throw .interrupted }
    do { try partial.publish() } catch { throw .system(error) }
  }

  private static func padded(_ count: Int, to alignment: Int) -> Int {
    (count + alignment - 1) / alignment * alignment
  }
}

extension GGUFKeys {
  /// What `general.alignment` says, where it says something valid.
  var alignment: Int {
    guard let stated = try? metadata(path: "").integer("general.alignment") else { return GGUFLimits.defaultAlignment }
    return stated
  }
}
