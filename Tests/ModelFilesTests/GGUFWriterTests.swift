import Glibc
import Quantization
import Testing

@testable import ModelFiles

@Suite struct GGUFWriterTests {
  private let directory = TemporaryDirectory()
  private var path: String { directory.path + "/out.gguf" }

  private func keys() -> GGUFKeys {
    var keys = GGUFKeys()
    keys.set("general.architecture", string: "llama")
    keys.set("a.count", integer: 7)
    keys.set("a.share", float: 0.25)
    keys.set("a.truth", bool: true)
    keys.set("a.words", strings: [Array("one".utf8), [], Array("d\u{00E9}j\u{00E0}".utf8)])
    keys.set("a.kinds", integers: [-1, 2])
    keys.set("a.scores", floats: [0.5, -3])
    keys.set("a.turns", bools: [true, false])
    return keys
  }

  private let tensors = [
    GGUFWriter.Tensor(name: "x", type: .f32, dimensions: [3, 2]),
    GGUFWriter.Tensor(name: "y", type: .q8_0, dimensions: [32]),
    GGUFWriter.Tensor(name: "z", type: .bf16, dimensions: [5]),
  ]

  private func writer(_ keys: GGUFKeys, inputs: [String] = []) throws(GGUFWriterError) -> GGUFWriter {
    try GGUFWriter(path: path, keys: keys, tensors: tensors, inputs: inputs)
  }

  private func fill(_ writer: GGUFWriter) throws {
    for tensor in tensors {
      let bytes = (0..<tensor.byteCount).map { UInt8(truncatingIfNeeded: $0 * 5 + 1) }
      // In two pieces, as slabs come.
      let middle = bytes.count / 2
      for piece in [bytes[..<middle], bytes[middle...]] { try piece.withUnsafeBytes { try writer.append($0) } }
    }
  }

  @Test(arguments: [nil, 64, 8] as [Int?]) func whatIsWrittenIsReadBack(alignment: Int?) throws {
    var keys = keys()
    if let alignment { keys.set("general.alignment", integer: alignment) }
    let writer = try writer(keys)
    try fill(writer)
    #expect(directory.list().contains { $0.hasPrefix("out.gguf.farthing-partial-") })
    try writer.finish()
    #expect(directory.list() == ["out.gguf"])
    let file = try ModelFile(path: path)
    #expect(file.fileBytes == writer.fileBytes && file.version == 3)
    #expect(file.metadata.keys == keys.keys)
    #expect(try file.metadata.integer("a.count") == 7 && file.metadata.float("a.share") == 0.25)
    #expect(try file.metadata.bool("a.truth") == true)
    let words = try file.metadata.requiredStrings("a.words")
    #expect((0..<words.count).map { words.text(at: $0) } == ["one", "", "d\u{00E9}j\u{00E0}"])
    let turns = try #require(try file.metadata.bools("a.turns"))
    #expect(turns.count == 2 && turns[0] && !turns[1])
    #expect(try file.metadata.requiredIntegers("a.kinds")[0] == -1)
    #expect(try file.metadata.requiredFloats("a.scores")[1] == -3)
    for (tensor, wanted) in zip(file.tensors, tensors) {
      #expect(tensor.name == wanted.name && tensor.type == wanted.type && tensor.dimensions == wanted.dimensions)
      #expect(tensor.offset.isMultiple(of: alignment ?? 32))
      #expect(Array(file.bytes(of: tensor)) == (0..<tensor.byteCount).map { UInt8(truncatingIfNeeded: $0 * 5 + 1) })
    }
  }

  @Test func theOrderOfTensorsDoesNotShow() throws {
    let inOrder = try writer(keys())
    try fill(inOrder)
    try inOrder.finish()
    let file = try ModelFile(path: path)
    let expected = file.tensors.map { Array(file.bytes(of: $0)) }
    let writer = try GGUFWriter(path: directory.path + "/other.gguf", keys: keys(), tensors: tensors, inputs: [])
    try writer.begin(2)
    try expected[2].withUnsafeBytes { try writer.append($0) }
    // The first that is missing, then the one behind it.
    for index in 0..<2 { try expected[index].withUnsafeBytes { try writer.append($0) } }
    try writer.finish()
    let other = try ModelFile(path: writer.path)
    #expect(other.tensors.map { Array(other.bytes(of: $0)) } == expected && other.fileBytes == file.fileBytes)
  }

  @Test func keysAreCopiedMergedAndRemoved() throws {
    let writer = try writer(keys())
    try fill(writer)
    try writer.finish()
    var copy = GGUFKeys(copying: try ModelFile(path: path).metadata)
    #expect(copy.head(tensors: 0) == keys().head(tensors: 0))
    var others = GGUFKeys()
    others.set("a.count", integer: 8)
    others.set("b", bool: false)
    copy.merge(others)
    copy.remove("a.words")
    #expect(
      copy.keys == ["general.architecture", "a.count", "a.share", "a.truth", "a.kinds", "a.scores", "a.turns", "b"])
    #expect(try copy.metadata(path: "").integer("a.count") == 8)
  }

  @Test func anUnfinishedFileLeavesNothing() throws {
    let old = directory.write("out.gguf", "what was there")
    do {
      let writer = try writer(keys())
      try [UInt8](repeating: 1, count: 4).withUnsafeBytes { try writer.append($0) }
    }
    #expect(directory.list() == ["out.gguf"])
    #expect(Files.size(old) == "what was there".utf8.count)
  }

  @Test func theOutputIsNotTheInput() throws {
    let input = directory.write("out.gguf", "input")
    #expect(throws: GGUFWriterError.self) { try writer(keys(), inputs: [input]) }
    let other = directory.write("in.gguf", "input")
    _ = unlink(input)
    for link in [symlink, Glibc.link] {
      #expect(link(other, input) == 0)
      let error = #expect(throws: GGUFWriterError.self) { try writer(keys(), inputs: [other]) }
      #expect(error?.description.contains("the output is the input") == true)
      _ = unlink(input)
    }
    #expect(directory.list() == ["in.gguf"] && Files.size(other) == 5)
  }

  @Test func aLinkStaysAndItsTargetIsReplaced() throws {
    let target = directory.write("target.gguf", "old")
    #expect(symlink(target, path) == 0)
    let writer = try writer(keys())
    try fill(writer)
    try writer.finish()
    #expect(writer.path.hasSuffix("/target.gguf"))
    #expect(Files.size(target) == writer.fileBytes)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test func placesThatCannotBeWritten() throws {
    let old = directory.write("out.gguf", "old", mode: 0o444)
    let readOnly = #expect(throws: GGUFWriterError.self) { try writer(keys()) }
    #expect(readOnly?.description.contains("read-only") == true)
    #expect(Files.size(old) == 3)
    for (path, says) in [
      (directory.path, "no regular file"), (directory.path + "/", "name of a file"), ("", "name of a file"),
      (directory.path + "/absent/out.gguf", "No such file"), ("/dev/null", "no regular file"),
    ] {
      let error = #expect(throws: GGUFWriterError.self) {
        try GGUFWriter(path: path, keys: keys(), tensors: tensors, inputs: [])
      }
      #expect(error?.description.contains(says) == true, "\(String(describing: error))")
    }
    #expect(directory.list() == ["out.gguf"])
  }

  @Test func aDiskThatIsTooSmallIsToldBefore() throws {
    let huge = [GGUFWriter.Tensor(name: "x", type: .f32, dimensions: [1 << 20, 1 << 40])]
    let error = #expect(throws: GGUFWriterError.self) {
      try GGUFWriter(path: path, keys: keys(), tensors: huge, inputs: [])
    }
    guard case .noSpace? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(directory.list().isEmpty)
  }

  @Test func whatADeadWriterLeftIsRemoved() throws {
    _ = directory.write("out.gguf.farthing-partial-4194399", "half")
    _ = directory.write("other.gguf.farthing-partial-4194399", "of another output")
    let living = directory.write("out.gguf.farthing-partial-4194398", "of a writer that lives")
    let descriptor = Glibc.open(living, O_RDONLY)
    defer { close(descriptor) }
    #expect(flock(descriptor, LOCK_EX) == 0)
    let writer = try writer(keys())
    try fill(writer)
    try writer.finish()
    #expect(
      directory.list() == [
        "other.gguf.farthing-partial-4194399", "out.gguf", "out.gguf.farthing-partial-4194398",
      ])
  }
}
