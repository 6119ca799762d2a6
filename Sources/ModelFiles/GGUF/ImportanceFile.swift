import Quantization

/// Mean squared activations of the input columns of matrices, as a GGUF file that llama.cpp's tools write and read too.
///
/// The format: `general.type` is "imatrix"; `imatrix.datasets` names the texts, `imatrix.chunk_count` and
/// `imatrix.chunk_size` say how much of them was computed. For each matrix NAME there are two tensors in F32:
/// `NAME.in_sum2` [columns, 1], the sums of squares of each input column over all tokens, and `NAME.counts` [1, 1], the
/// tokens. Other tensors and keys are passed over.
public struct ImportanceFile: Sendable {
  public struct Entry: Sendable, Equatable {
    /// The matrix, as model files name it.
    public let name: String
    /// [columns]
    public let sums: [Float]
    public let tokens: Float

    public init(name: String, sums: [Float], tokens: Float) {
      (self.name, self.sums, self.tokens) = (name, sums, tokens)
    }

    /// The mean squares, or nil where no token was seen.
    public var meanSquares: [Float]? { tokens > 0 ? sums.map { $0 / tokens } : nil }
  }

  public let entries: [Entry]
  public let datasets: [String]
  public let chunks: Int
  public let chunkTokens: Int

  public init(entries: [Entry], datasets: [String], chunks: Int, chunkTokens: Int) {
    (self.entries, self.datasets, self.chunks, self.chunkTokens) = (entries, datasets, chunks, chunkTokens)
  }

  /// Of the matrix called `name`.
  public func entry(_ name: String) -> Entry? { entries.first { $0.name == name } }

  private static let kind = "imatrix"
  private static let sumsSuffix = ".in_sum2"
  private static let countsSuffix = ".counts"

  /// Reads such a file.
  /// - Throws: where it is another kind of file, a number is not one, or a matrix lacks its count.
  public init(path: String) throws(ModelFileError) {
    let file = try ModelFile(path: path)
    let type = try file.metadata.string("general.type")?.description
    guard type == Self.kind else {
      throw ModelFileError(
        .malformed, path: path, key: "general.type", expected: "\"\(Self.kind)\"",
        found: type.map { "\"\($0)\"" } ?? "none")
    }
    var entries: [Entry] = []
    for tensor in file.tensors where tensor.name.hasSuffix(Self.sumsSuffix) {
      let name = String(tensor.name.dropLast(Self.sumsSuffix.utf8.count))
      let sums = try Self.numbers(of: tensor, in: file)
      let counts = try Self.numbers(of: file.loadable(name + Self.countsSuffix), in: file)
      guard counts.count == 1 else {
        throw ModelFileError(
          .malformed, path: path, key: name + Self.countsSuffix, expected: "one count", found: "\(counts.count)")
      }
      entries.append(Entry(name: name, sums: sums, tokens: counts[0]))
    }
    guard !entries.isEmpty else {
      throw ModelFileError(
        .missing, path: path, key: "*" + Self.sumsSuffix, expected: "tensors of this name", found: "none")
    }
    self.entries = entries
    datasets = []
    chunks = try file.metadata.integer("imatrix.chunk_count") ?? 0
    chunkTokens = try file.metadata.integer("imatrix.chunk_size") ?? 0
  }

  private static func numbers(of tensor: TensorInfo, in file: ModelFile) throws(ModelFileError) -> [Float] {
    guard tensor.type == .f32 else {
      throw ModelFileError(.malformed, path: file.path, key: tensor.name, expected: "F32", found: tensor.type.name)
    }
    let bytes = unsafe file.bytes(of: tensor)
    var numbers: [Float] = []
    numbers.reserveCapacity(tensor.elementCount)
    for index in 0..<tensor.elementCount {
      let value = unsafe bytes.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
      guard value.isFinite, value >= 0 else {
        throw ModelFileError(
          .malformed, path: file.path, key: tensor.name, expected: "numbers that are not negative", found: "\(value)")
      }
      numbers.append(value)
    }
    return numbers
  }

  /// Writes the file, whole or not at all.
  public func write(to path: String, inputs: [String]) throws(GGUFWriterError) {
    var keys = GGUFKeys()
    keys.set("general.type", string: Self.kind)
    keys.set("imatrix.datasets", strings: datasets.map { Array($0.utf8) })
    keys.set("imatrix.chunk_count", integer: chunks)
    keys.set("imatrix.chunk_size", integer: chunkTokens)
    let writer = try GGUFWriter(
      path: path, keys: keys,
      tensors: entries.flatMap { entry in
        [
          .init(name: entry.name + Self.sumsSuffix, type: .f32, dimensions: [entry.sums.count, 1]),
          .init(name: entry.name + Self.countsSuffix, type: .f32, dimensions: [1, 1]),
        ]
      }, inputs: inputs)
    for entry in entries {
      for numbers in [entry.sums, [entry.tokens]] {
        let bytes = numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number.bitPattern >> (8 * $0)) }
        }
        let fault: GGUFWriterError? = unsafe bytes.withUnsafeBytes { bytes in
          do throws(GGUFWriterError) { try unsafe writer.append(bytes) } catch { return error }
          return nil
        }
        if let fault { throw fault }
      }
    }
    try writer.finish()
  }
}
