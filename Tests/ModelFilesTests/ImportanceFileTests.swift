import Foundation
import HostileFiles
import Testing

@testable import ModelFiles

/// Importance files: written and read again, read as llama.cpp writes them, and refused where they say nothing.
@Suite struct ImportanceFileTests {
  private static func inTemporaryFile(_ bytes: [UInt8]?, _ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "importance-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "importance.gguf").path
    if let bytes { try Data(bytes).write(to: URL(filePath: path)) }
    try body(path)
  }

  private static func floats(_ name: String, _ dimensions: [UInt64], _ values: [Float]) -> GGUFBuilder.Tensor {
    var tensor = GGUFBuilder.Tensor(name, dimensions, type: 0, bytes: 0)
    for value in values {
      tensor.data += (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32($0))) }
    }
    return tensor
  }

  /// A file with the tensors and keys that llama-imatrix writes, those that are passed over included.
  private static func foreign() -> GGUFBuilder {
    var file = GGUFBuilder()
    file.add("general.type", .text("imatrix"))
    file.add("imatrix.datasets", .strings(["a.txt"]))
    file.add("imatrix.chunk_count", .uint32(3))
    file.add("imatrix.chunk_size", .uint32(256))
    file.tensors = [
      floats("blk.0.attn_q.weight.in_sum2", [4, 1], [8, 0, 2, 4]), floats("blk.0.attn_q.weight.counts", [1, 1], [4]),
      floats("blk.0.attn_q.weight.in_sum", [4, 1], [-8, 0, 2, 4]), floats("blk.0.attn_q.weight.stats", [2], [0, 1]),
    ]
    return file
  }

  @Test func comesBackAsItWasWritten() throws {
    let entries = [
      ImportanceFile.Entry(name: "blk.0.ffn_down.weight", sums: [1.5, 0, 3e10], tokens: 768),
      ImportanceFile.Entry(name: "token_embd.weight", sums: [7], tokens: 768),
    ]
    try Self.inTemporaryFile(nil) { path in
      try ImportanceFile(entries: entries, datasets: ["b.txt"], chunks: 3, chunkTokens: 256).write(to: path, inputs: [])
      let read = try ImportanceFile(path: path)
      #expect(read.entries == entries && read.chunks == 3 && read.chunkTokens == 256)
      #expect(read.entry("token_embd.weight")?.meanSquares == [7.0 / 768])
      #expect(read.entry("output.weight") == nil)
    }
  }

  @Test func readsWhatOthersWrite() throws {
    try Self.inTemporaryFile(Self.foreign().bytes) { path in
      let file = try ImportanceFile(path: path)
      #expect(file.entries == [.init(name: "blk.0.attn_q.weight", sums: [8, 0, 2, 4], tokens: 4)])
      #expect(file.entries[0].meanSquares == [2, 0, 0.5, 1])
    }
  }

  @Test func refusesWhatSaysNothing() throws {
    var model = Self.foreign()
    model.keys.removeAll { $0.key.elementsEqual("general.type".utf8) }
    var uncounted = Self.foreign()
    uncounted.tensors.remove(at: 1)
    var empty = Self.foreign()
    empty.tensors.removeFirst()
    var negative = Self.foreign()
    negative.tensors[0] = Self.floats("blk.0.attn_q.weight.in_sum2", [4, 1], [8, -1, 2, 4])
    var notANumber = Self.foreign()
    notANumber.tensors[0] = Self.floats("blk.0.attn_q.weight.in_sum2", [4, 1], [8, .nan, 2, 4])
    var counts = Self.foreign()
    counts.tensors[1] = Self.floats("blk.0.attn_q.weight.counts", [2, 1], [4, 4])
    for (file, word) in [
      (model, "general.type"), (uncounted, "blk.0.attn_q.weight.counts"), (empty, "in_sum2"),
      (negative, "in_sum2"), (notANumber, "in_sum2"), (counts, "one count"),
    ] {
      try Self.inTemporaryFile(file.bytes) { path in
        let error = try #require(throws: ModelFileError.self) { try ImportanceFile(path: path) }
        #expect(error.description.contains(word), "\(error.description)")
      }
    }
  }

  /// No token seen: nothing is known of the matrix.
  @Test func noTokensNoMeans() {
    #expect(ImportanceFile.Entry(name: "a", sums: [0, 0], tokens: 0).meanSquares == nil)
  }
}
