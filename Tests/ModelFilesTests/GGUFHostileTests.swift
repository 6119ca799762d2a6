import Glibc
import HostileFiles
import Testing

@testable import ModelFiles

/// Hostile and broken headers, each by name: the error says where, under which key, what was expected and found.
@Suite struct GGUFHostileTests {
  typealias Kind = ModelFileError.Kind

  private func expect(
    _ builder: GGUFBuilder, _ kind: Kind, key: String? = nil, says words: String..., offset: Int? = nil,
    at location: SourceLocation = #_sourceLocation
  ) {
    guard let error = refusal(of: builder) else {
      Issue.record("the file was accepted", sourceLocation: location)
      return
    }
    #expect(error.kind == kind, "\(error)", sourceLocation: location)
    #expect(error.key == key, "\(error)", sourceLocation: location)
    if let offset { #expect(error.offset == offset, "\(error)", sourceLocation: location) }
    #expect(error.path == "model.gguf", sourceLocation: location)
    for word in words { #expect("\(error)".contains(word), "\(error)", sourceLocation: location) }
  }

  private func vocabulary(_ change: (inout GGUFBuilder) -> Void) -> GGUFBuilder {
    var builder = GGUFBuilder.vocabularyOnly
    change(&builder)
    return builder
  }

  private func tensors(_ tensors: GGUFBuilder.Tensor...) -> GGUFBuilder {
    vocabulary { $0.tensors = tensors }
  }

  @Test func versions() {
    expect(vocabulary { $0.version = 1 }, .unsupported, says: "version 2 or 3", "found version 1", offset: 4)
    expect(vocabulary { $0.version = 4 }, .unsupported, says: "found version 4", offset: 4)
    expect(vocabulary { $0.version = 0 }, .unsupported, says: "found version 0", offset: 4)
    expect(vocabulary { $0.version = 0x0300_0000 }, .unsupported, says: "big-endian", "version 3", offset: 4)
    expect(vocabulary { $0.magic = Array("FUGG".utf8) }, .notGGUF, says: "swapped", offset: 0)
  }

  @Test func absurdCounts() {
    expect(vocabulary { $0.keyCount = .max }, .truncated, says: "key count", "\(UInt64.max)", offset: 16)
    expect(vocabulary { $0.tensorCount = .max }, .truncated, says: "tensor count", offset: 8)
    expect(vocabulary { $0.keyCount = 1 << 40 }, .truncated, says: "\(1 << 40)", offset: 16)
    // A file large enough to hold one more key than the limit.
    var builder = GGUFBuilder()
    builder.keyCount = UInt64(GGUFLimits.keys + 1)
    builder.add("padding", .string([UInt8](repeating: 0, count: 14 * GGUFLimits.keys)))
    expect(builder, .limit, says: "at most \(GGUFLimits.keys)", offset: 16)
    builder.keyCount = nil
    builder.tensorCount = UInt64(GGUFLimits.tensors + 1)
    builder.add("more", .string([UInt8](repeating: 0, count: 33 * GGUFLimits.tensors)))
    expect(builder, .limit, says: "at most \(GGUFLimits.tensors)", offset: 8)
  }

  @Test func keys() {
    expect(
      vocabulary { $0.add("general.architecture", .uint8(1)) }, .malformed, key: "general.architecture", says: "twice")
    expect(vocabulary { $0.add("", .uint8(1)) }, .malformed, says: "at least 1")
    expect(vocabulary { $0.keys.append(([0xC3, 0x28], .uint8(1))) }, .malformed, says: "UTF-8")
    let long = String(repeating: "k", count: GGUFLimits.keyBytes)
    #expect(refusal(of: vocabulary { $0.add(long, .uint8(1)) }) == nil)
    expect(vocabulary { $0.add(long + "k", .uint8(1)) }, .limit, says: "\(GGUFLimits.keyBytes)")
    expect(vocabulary { $0.add("b", .bool(2)) }, .malformed, key: "b", says: "0 or 1", "found 2")
    expect(
      vocabulary { $0.add("b", .array(elementType: 7, [.bool(1), .bool(9)])) }, .malformed, key: "b", says: "found 9")
    expect(
      vocabulary { $0.add("a", .array(elementType: 13, [])) }, .malformed, key: "a", says: "element type", "found 13")
  }

  /// An error's text stays on its line and short, whatever the file calls its keys.
  @Test func messagesAreFitForATerminal() throws {
    let error = try #require(
      refusal(of: vocabulary { $0.add("\u{1B}[31m\n\u{202E}" + String(repeating: "x", count: 5_000), .bool(2)) }))
    let text = error.description
    #expect(!text.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202E })
    #expect(text.count < 400)
  }

  @Test func nesting() {
    #expect(refusal(of: vocabulary { $0.add("n", .nested(depth: GGUFLimits.arrayDepth)) }) == nil)
    let deep = vocabulary { $0.add("n", .nested(depth: GGUFLimits.arrayDepth + 1)) }
    expect(deep, .limit, key: "n", says: "nested at most \(GGUFLimits.arrayDepth) deep")
    expect(vocabulary { $0.add("n", .nested(depth: 10_000)) }, .limit, key: "n")
  }

  @Test func alignments() {
    for bad: UInt32 in [0, 1, 4, 7, 24, 33, .max, 1 << 21] {
      let builder = vocabulary { $0.add("general.alignment", .uint32(bad)) }
      expect(builder, .malformed, key: "general.alignment", says: "power of two", "found \(bad)")
    }
    expect(
      vocabulary { $0.add("general.alignment", .text("32")) }, .wrongType, key: "general.alignment",
      says: "an integer", "string")
  }

  @Test func dimensions() {
    expect(tensors(.init("t", [0], type: 0, bytes: 32)), .malformed, key: "t", says: "dimension from 1", "found 0")
    expect(tensors(.init("t", [8, 0], type: 0, bytes: 32)), .malformed, key: "t", says: "found 0")
    expect(tensors(.init("t", [], type: 0, bytes: 32)), .malformed, key: "t", says: "1 to 4 dimensions", "found 0")
    expect(tensors(.init("t", [1, 1, 1, 1, 8], type: 0, bytes: 32)), .malformed, key: "t", says: "found 5")
    expect(tensors(.init("t", [1 << 63], type: 0, bytes: 32)), .malformed, key: "t", says: "\(UInt64(1) << 63)")
    expect(tensors(.init("t", [31], type: 2, bytes: 18)), .malformed, key: "t", says: "blocks of 32 (Q4_0)", "[31]")
    expect(tensors(.init("t", [128], type: 12, bytes: 144)), .malformed, key: "t", says: "blocks of 256 (Q4_K)")
    for wrapping: [UInt64] in [
      [1 << 32, 1 << 32], [1 << 62, 4], [1 << 62], [2, 1 << 62], [1 << 21, 1 << 21, 1 << 21, 2],
    ] {
      expect(tensors(.init("t", wrapping, type: 0, bytes: 32)), .malformed, key: "t", says: "below 2^63")
    }
  }

  @Test func places() {
    let good = GGUFBuilder.Tensor("good", [8], type: 0, bytes: 32)
    expect(tensors(good, good), .malformed, key: "good", says: "twice")
    expect(tensors(good, .init("t", [8], type: 0, offset: 31, bytes: 32)), .malformed, key: "t", says: "multiple of 32")
    expect(
      tensors(good, .init("t", [8], type: 0, offset: 0, bytes: 32)), .malformed, key: "t", says: "overlap", "'good'")
    // The later of two tensors in the file may be the earlier in the list.
    let first = GGUFBuilder.Tensor("late", [16], type: 0, offset: 32, bytes: 64)
    expect(tensors(first, .init("t", [16], type: 0, offset: 0, bytes: 64)), .malformed, key: "late", says: "overlap")
    for offset: UInt64 in [64, 1 << 40, 1 << 63, .max - 31] {
      expect(
        tensors(good, .init("t", [8], type: 0, offset: offset, bytes: 32)), .truncated, key: "t", says: "\(offset)")
    }
    expect(tensors(.init("t", [9], type: 0, bytes: 32)), .truncated, key: "t", says: "36 bytes")
    // The same holds for a type that is not computed with, whether its size is known or not.
    expect(tensors(good, .init("t", [8], type: 26, offset: 0, bytes: 32)), .malformed, key: "t", says: "overlap")
    expect(tensors(good, .init("t", [8], type: 99, offset: 0, bytes: 32)), .malformed, key: "t", says: "overlap")
    expect(tensors(good, .init("t", [8], type: 99, offset: 1 << 30, bytes: 32)), .truncated, key: "t")
    expect(tensors(.init(String(repeating: "n", count: 257), [8], type: 0, bytes: 32)), .limit, says: "256")
  }

  @Test func splitModels() throws {
    func parts(_ change: (inout [GGUFBuilder]) -> Void) -> ModelFileError? {
      var builders = GGUFBuilder.split(into: 3)
      change(&builders)
      return refusal(of: builders.map(\.bytes))
    }
    #expect(parts { _ in } == nil)
    let swapped = try #require(parts { $0.swapAt(1, 2) })
    #expect(swapped.key == "split.no" && swapped.description.contains("expected part 2 of 3, found part 3 of 3"))
    let alone = try #require(parts { $0[1].keys = [] })
    #expect(alone.found == "a file that is not split" && alone.path == "model-00002-of-00003.gguf")
    let count = try #require(parts { $0[0].keys[$0[0].keys.count - 1].value = .int32(9) })
    #expect(count.key == "split.tensors.count" && count.found == "3")
    let twice = try #require(parts { $0[2].tensors[0].name = $0[0].tensors[0].name })
    #expect(twice.found == "it twice" && twice.path == "model-00003-of-00003.gguf")
    let second = try #require(parts { $0[0].keys[$0[0].keys.count - 3].value = .uint16(1) })
    #expect(second.found == "part 2 of 3")
    let beyond = try #require(parts { $0[0].keys[$0[0].keys.count - 3].value = .uint16(3) })
    #expect(beyond.key == "split.no" && beyond.expected == "0 to 2")
    let many = try #require(parts { $0[0].keys[$0[0].keys.count - 2].value = .uint16(2_000) })
    #expect(many.expected == "at most \(GGUFLimits.parts)")
    let foreign = try #require(refusal(of: [GGUFBuilder.split(into: 3)[0].bytes]))
    #expect(foreign.expected.contains("-00001-of-00003.gguf"))
  }

  @Test(arguments: [
    ("", "an empty file"), ("GG", "only 2 bytes"), ("Once upon a time, in a file without numbers", "a text file"),
    ("\n<!DOCTYPE html><html>", "an HTML page"), ("<HTML><body>503</body>", "an HTML page"),
    ("{\"model\": 1}", "a JSON file"), ("PK\u{3}\u{4}xxxx", "a zip archive"), ("tjgg\u{3}\u{0}", "older than GGUF"),
    ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    ("\u{28}\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}          ", "a safetensors file"),
    ("\u{7F}ELF\u{2}", "a program"), ("\u{1}\u{2}\u{3}\u{4}\u{5}", "unknown content, 01 02 03 04"),
  ]) func foreignFiles(_ content: String, _ kind: String) throws {
    let error = try #require(refusal(of: [Array(content.utf8)]))
    #expect(error.kind == .notGGUF)
    #expect(error.offset == 0)
    #expect(error.found.contains(kind), "\(error)")
  }

  @Test func pathsThatAreNoFile() throws {
    let directory = TemporaryDirectory()
    func error(_ path: String) throws -> ModelFileError {
      try #require(throws: ModelFileError.self) { try ModelFile(path: path) }
    }
    #expect(try error(directory.path).found == "a folder without one")
    let fifo = directory.path + "/fifo"
    #expect(mkfifo(fifo, 0o600) == 0)
    // Would wait for a writer for ever if it were opened in the ordinary way.
    #expect(try error(fifo).found == "is a FIFO, not a regular file")
    #expect(try error("/dev/null").found == "is a device, not a regular file")
    let missing = try error(directory.path + "/missing.gguf")
    #expect(missing.kind == .system && missing.description.contains("No such file or directory"))
    #expect(try error("").kind == .system)
    if geteuid() != 0 {
      let locked = directory.write("locked.gguf", GGUFBuilder.vocabularyOnly.bytes, mode: 0)
      #expect(try error(locked).description.contains("Permission denied"))
    }
    #expect(try error(directory.write("empty.gguf", "")).found == "an empty file")
  }

  /// A file of 64 GB that takes a few kilobytes of disk: its zeros would be four thousand million empty strings.
  @Test(arguments: [UInt32(8), 9, 7]) func sparseFiles(_ elementType: UInt32) throws {
    let directory = TemporaryDirectory()
    var builder = GGUFBuilder()
    builder.add("many", .array(elementType: elementType, []))
    var bytes = builder.bytes
    // The array's length is the last field.
    bytes.replaceSubrange((bytes.count - 8)..., with: [0, 0, 0, 0, 1, 0, 0, 0])
    let path = directory.write("sparse.gguf", bytes)
    #expect(truncate(path, 64 << 30) == 0)
    let error = try #require(throws: ModelFileError.self) { try ModelFile(path: path) }
    #expect(error.kind == .limit && error.key == "many")
    #expect(error.expected.contains("the header, which may have \(GGUFLimits.headerBytes)"), "\(error)")
    // What the header may hold at most is read in good time.
    bytes.replaceSubrange((bytes.count - 8)..., with: [0, 0, 0x50, 0, 0, 0, 0, 0])
    let file = try ModelFile(path: directory.write("sparse.gguf", bytes + [UInt8](repeating: 0, count: 63 << 20)))
    #expect(file.metadata.contains("many"))
  }
}
