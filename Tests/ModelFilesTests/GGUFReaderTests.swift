import Glibc
import HostileFiles
import Quantization
import Testing

@testable import ModelFiles

/// What valid files give.
@Suite struct GGUFReaderTests {
  @Test func scalars() throws {
    let metadata = try open(.everything).metadata
    #expect(try metadata.string("general.architecture") == "llama")
    #expect(try metadata.integer("llama.context_length") == 2048)
    #expect(try metadata.float("llama.rope.freq_base") == 10_000)
    #expect(try metadata.integer("test.u8") == 200)
    #expect(try metadata.integer("test.i8") == -3)
    #expect(try metadata.integer("test.u16") == 65_535)
    #expect(try metadata.integer("test.i16") == -300)
    #expect(try metadata.integer("test.i32") == -70_000)
    #expect(try metadata.integer("test.u64") == 1 << 40)
    #expect(try metadata.integer("test.i64") == -1 << 40)
    #expect(try metadata.float("test.f64") == 0.1)
    #expect(try metadata.float("test.i8") == -3)
    #expect(try metadata.bool("test.bool") == true)
    #expect(try metadata.bool("tokenizer.ggml.add_bos_token") == false)
    #expect(try metadata.integer("absent") == nil)
    #expect(try metadata.strings("absent") == nil)
    #expect(metadata.typeName("absent") == nil)
    #expect(metadata.typeName("tokenizer.ggml.tokens") == "array of string")
  }

  @Test func arrays() throws {
    let metadata = try open(.everything).metadata
    let tokens = try metadata.requiredStrings("tokenizer.ggml.tokens")
    #expect(tokens.count == 11)
    #expect(tokens.text(at: 0) == "<s>")
    #expect(tokens.text(at: 8) == "\u{120}a")
    #expect(tokens.bytes(at: 9).isEmpty)
    #expect(Array(tokens.bytes(at: 10)) == [0x65, 0xCC, 0x81])
    var visited = 0
    tokens.visit { index, bytes in
      #expect(index == visited)
      #expect(Array(bytes) == Array(tokens.bytes(at: index)))
      visited += 1
    }
    #expect(visited == 11)
    let types = try metadata.requiredIntegers("tokenizer.ggml.token_type")
    #expect((0..<types.count).map { types[$0] } == [3, 3] + [Int](repeating: 1, count: 9))
    let scores = try metadata.requiredFloats("tokenizer.ggml.scores")
    #expect((0..<scores.count).map { scores[$0] } == (0..<11).map { -Double($0) })
    let bools = try #require(try metadata.bools("test.bools"))
    #expect((0..<bools.count).map { bools[$0] } == [true, false, true])
    #expect(try metadata.integers("test.empty")?.count == 0)
    guard case .nested(count: 1)? = metadata.value("test.nested") else {
      Issue.record("a nested array is not listed as one")
      return
    }
  }

  @Test func tensors() throws {
    let builder = GGUFBuilder.everything
    let file = try open(builder)
    #expect(
      file.tensors.map(\.name)
        == builder.tensors.filter { $0.type != 26 }.map { String(decoding: $0.name, as: UTF8.self) })
    for expected in builder.tensors where expected.type != 26 {
      let tensor = try #require(file.tensor(String(decoding: expected.name, as: UTF8.self)))
      #expect(tensor.type.rawValue == expected.type)
      #expect(tensor.dimensions == expected.dimensions.map(Int.init))
      #expect(tensor.columns == Int(expected.dimensions[0]))
      #expect(tensor.rows == expected.dimensions.dropFirst().reduce(1) { $0 * Int($1) })
      #expect(tensor.byteCount == expected.data.count)
      #expect(tensor.rowBytes * tensor.rows == tensor.byteCount)
      #expect(Array(file.bytes(of: tensor)) == expected.data)
    }
    #expect(file.tensor("absent") == nil)
    #expect(file.fileBytes == builder.bytes.count)
  }

  @Test func tensorOfAnotherTypeIsListedAndRefusedWhenLoaded() throws {
    var builder = GGUFBuilder.everything
    builder.tensors.append(.init("from_the_future", [7], type: 99, bytes: 32))
    let file = try open(builder)
    #expect(file.unreadableTensors.map(\.name) == ["not_computed_with", "from_the_future"])
    #expect(file.unreadableTensors.map(\.typeName) == ["I32", "type 99"])
    #expect(file.unreadableTensors.map(\.byteCount) == [16, nil])
    #expect(file.tensor("from_the_future") == nil)
    #expect(try file.loadableIfPresent("absent") == nil)
    #expect(try file.loadable("output.weight").type == .f16)
    let error = try #require(throws: ModelFileError.self) { try file.loadableIfPresent("from_the_future") }
    #expect(error.kind == .unsupported && error.key == "from_the_future")
    #expect(error.found == "type 99 (code 99)")
    #expect(throws: ModelFileError.self) { try file.checkAllLoadable() }
    #expect(throws: ModelFileError.self) { try file.loadable("absent") }
  }

  @Test(arguments: [UInt32(2), 3]) func version(_ version: UInt32) throws {
    var builder = GGUFBuilder.everything
    builder.version = version
    #expect(try open(builder).version == version)
  }

  @Test(arguments: [8, 16, 32, 64, 4096]) func alignment(_ alignment: Int) throws {
    var builder = GGUFBuilder.everything
    builder.alignment = alignment
    builder.add("general.alignment", .uint32(UInt32(alignment)))
    let file = try open(builder)
    for (tensor, expected) in zip(file.tensors, builder.tensors.filter { $0.type != 26 }) {
      #expect(tensor.offset.isMultiple(of: alignment))
      #expect(Array(file.bytes(of: tensor)) == expected.data)
    }
  }

  @Test func vocabularyOnly() throws {
    let file = try open(.vocabularyOnly)
    #expect(file.tensors.isEmpty)
    #expect(try file.metadata.requiredStrings("tokenizer.ggml.merges").count == 3)
  }

  @Test(arguments: 2...4) func split(_ count: Int) throws {
    let parts = GGUFBuilder.split(into: count)
    let file = try open(parts.map(\.bytes))
    #expect(file.tensors.map(\.name) == (0..<count).map { "blk.\($0).attn_norm.weight" })
    #expect(file.tensors.map(\.part) == Array(0..<count))
    for (number, tensor) in file.tensors.enumerated() {
      #expect(Array(file.bytes(of: tensor)) == parts[number].tensors[0].data)
    }
    #expect(file.fileBytes == parts.reduce(0) { $0 + $1.bytes.count })
    #expect(try file.metadata.string("general.architecture") == "llama")
  }

  @Test func splitOnDisk() throws {
    let directory = TemporaryDirectory()
    let paths = GGUFBuilder.split(into: 3).enumerated().map { number, part in
      directory.write("m-0000\(number + 1)-of-00003.gguf", part.bytes)
    }
    #expect(try ModelFile(path: paths[0]).tensors.count == 3)
    let second = try #require(throws: ModelFileError.self) { try ModelFile(path: paths[1]) }
    #expect(second.description.contains("part 2 of 3") && second.description.contains("-00001-of-00003.gguf"))
    unlink(paths[2])
    let missing = try #require(throws: ModelFileError.self) { try ModelFile(path: paths[0]) }
    #expect(missing.kind == .system && missing.path == paths[2])
  }

  /// Two names that `String` holds for equal are two names here.
  @Test func namesAreBytes() throws {
    var builder = GGUFBuilder()
    builder.add("caf\u{E9}", .uint8(1))
    builder.add("cafe\u{301}", .uint8(2))
    builder.tensors = [
      .init("\u{212B}", [8], type: 0, bytes: 32), .init("\u{C5}", [16], type: 0, bytes: 64),
    ]
    let file = try open(builder)
    #expect(try file.metadata.integer("caf\u{E9}") == 1)
    #expect(try file.metadata.integer("cafe\u{301}") == 2)
    #expect(file.tensor("\u{212B}")?.columns == 8)
    #expect(file.tensor("\u{C5}")?.columns == 16)
  }

  @Test func gettersNameKeyTypeAndPlace() throws {
    var builder = GGUFBuilder.everything
    builder.add("big", .uint64(.max))
    builder.add("bigs", .array(elementType: 10, [.uint64(1), .uint64(.max)]))
    builder.add("nan", .float32(.nan))
    builder.add("ill", .string([0xFF, 0xFE]))
    let metadata = try open(builder).metadata
    func fault(_ body: () throws -> Void) throws -> ModelFileError {
      try #require(throws: ModelFileError.self, performing: body)
    }
    let wrong = try fault { _ = try metadata.integer("general.architecture") }
    #expect(wrong.kind == .wrongType && wrong.key == "general.architecture" && wrong.offset != nil)
    #expect(wrong.expected == "an integer" && wrong.found == "string")
    #expect(try fault { _ = try metadata.strings("test.bools") }.found == "array of bool")
    #expect(try fault { _ = try metadata.integers("test.nested") }.found == "array of array")
    #expect(try fault { _ = try metadata.integer("big") }.found == "18446744073709551615")
    #expect(try fault { _ = try metadata.integers("bigs") }.found == "a larger one, element 1")
    #expect(try fault { _ = try metadata.float("nan") }.expected == "a finite number")
    #expect(try fault { _ = try metadata.string("ill") }.found == "ill-formed bytes")
    #expect(Array(try #require(try metadata.stringBytes("ill")).bytes) == [0xFF, 0xFE])
    #expect(try fault { _ = try metadata.requiredString("absent") }.kind == .missing)
    #expect(try fault { _ = try metadata.requiredStrings("test.u8") }.kind == .wrongType)
  }
}
