import Compute
import Foundation
import Testing
import Tokenization

@testable import Conversion
@testable import ModelFiles
@testable import Transformers

/// Folders against llama.cpp's converter and transformers.
@Suite struct FolderTests {
  /// Types as the manifest names them, by GGUF's own names.
  private static let typeNames = [
    "uint32": "u32", "int32": "i32", "float32": "f32", "bool": "bool", "string": "string",
  ]

  @Test(arguments: FolderFixture.all) func metadataAreTheConverters(fixture: FolderFixture) throws {
    let scratch = try Scratch()
    try convert(fixture.path, to: scratch.path("out.gguf"), "F16")
    let found = try ModelFile(path: scratch.path("out.gguf")).metadata
    let wanted = try fixture.manifest().metadata
    #expect(Set(found.keys) == Set(wanted.keys))
    #expect(try found.integer("general.file_type") == 1)
    for (key, entry) in wanted where key != "tokenizer.ggml.scores" {
      let value = try #require(found.value(key).flatMap(Golden.init), "\(key)")
      #expect(value == entry.value, "\(key)")
      let type = entry.type.split(separator: " ").map { Self.typeNames[String($0)] ?? String($0) }
      #expect(found.typeName(key) == type.joined(separator: " "), "\(key)")
    }
    guard case .list(let scores)? = wanted["tokenizer.ggml.scores"]?.value else { return }
    let own = try found.requiredFloats("tokenizer.ggml.scores")
    let kinds = try found.requiredIntegers("tokenizer.ggml.token_type")
    // Only plain tokens are merged by score.
    for id in scores.indices where kinds[id] == 1 { #expect(.number(own[id]) == scores[id], "token \(id)") }
  }

  @Test(arguments: FolderFixture.all, ["F32", "F16", "BF16"])
  func tensorsAreTheConvertersBitForBit(fixture: FolderFixture, type: String) throws {
    let scratch = try Scratch()
    try convert(fixture.path, to: scratch.path("out.gguf"), type)
    let file = try ModelFile(path: scratch.path("out.gguf"))
    let wanted = try #require(try fixture.manifest().tensors[type])
    #expect(Set(file.tensors.map(\.name)) == Set(wanted.keys))
    for tensor in file.tensors {
      let golden = try #require(wanted[tensor.name])
      #expect(tensor.type.name == golden.type && tensor.dimensions == golden.dimensions, "\(tensor.name)")
      var hash = SHA256()
      hash.update(Array(file.bytes(of: tensor))[...])
      #expect(hash.finish().description == golden.sha256, "\(tensor.name)")
    }
  }

  @Test(arguments: FolderFixture.all) func logitsAreThoseOfTransformers(fixture: FolderFixture) throws {
    let manifest = try fixture.manifest()
    let golden = try fixture.goldenLogits()
    let found = try logits(fixture.path, manifest.prompt, .reference(try OpenBLAS.load()))
    let vocab = golden.count / manifest.positions.count
    for (index, position) in manifest.positions.enumerated() {
      let wanted = golden[index * vocab..<(index + 1) * vocab]
      let worst = zip(found[position], wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst < 2e-3, "position \(position): \(worst)")
    }
  }

  /// The same floats through the same kernels: a folder and the file made of it in its own type.
  @Test(arguments: FolderFixture.all) func aFolderRunsAsTheFileMadeOfIt(fixture: FolderFixture) throws {
    let scratch = try Scratch()
    try convert(fixture.path, to: scratch.path("out.gguf"), fixture.type)
    let prompt = try fixture.manifest().prompt
    let (one, other) = (
      try logits(fixture.path, prompt, .integer), try logits(scratch.path("out.gguf"), prompt, .integer)
    )
    #expect(one.map { $0.map(\.bitPattern) } == other.map { $0.map(\.bitPattern) })
  }

  @Test(arguments: FolderFixture.all) func textBecomesTheSameTokens(fixture: FolderFixture) throws {
    let scratch = try Scratch()
    try convert(fixture.path, to: scratch.path("out.gguf"), "F16")
    let folder = try Tokenizer(of: ModelFile(path: fixture.path))
    let file = try Tokenizer(of: ModelFile(path: scratch.path("out.gguf")))
    let text = try Data(contentsOf: URL(filePath: FolderFixture.gutenberg + "/heldout.txt")).prefix(40_000)
    for sample in [Array(text), Array("  two  spaces, 12345 \u{1F600} \n\n\tend ".utf8)] {
      for special in [true, false] {
        #expect(try folder.encode(sample, parseSpecial: special) == file.encode(sample, parseSpecial: special))
      }
    }
    // A token that only looks special is one in GGUF, where it so depends on the parsing.
    let marked = Array("a <|fim_middle|> b".utf8)
    #expect(try folder.encode(marked, parseSpecial: true) == file.encode(marked, parseSpecial: true))
    #expect(folder.chatTemplate == file.chatTemplate)
    #expect((folder.chatTemplate != nil) == ["llama3", "qwen2", "qwen3"].contains(fixture.name))
    #expect(folder.special.eos == file.special.eos && folder.special.addBOS == file.special.addBOS)
    #expect(folder.endOfGeneration == file.endOfGeneration)
  }

  @Test func theRealModelIsReadWholly() throws {
    let file = try ModelFile(path: FolderFixture.gutenberg)
    #expect(file.tensors.reduce(0) { $0 + $1.elementCount } == 4_196_608)
    let keys = try GGUFKeys(of: file).metadata(path: "")
    #expect(try keys.string("tokenizer.ggml.pre") == "gpt-2")
    #expect(try keys.bool("tokenizer.ggml.add_bos_token") == false)
    #expect(try keys.requiredStrings("tokenizer.ggml.tokens").count == 4_096)
  }

  /// Logits of all positions.
  private func logits(_ path: String, _ tokens: [Int32], _ product: MatrixProduct) throws -> [[Float]] {
    let pool = try WorkerPool(threads: 2)
    let model = try Model(try ModelFile(path: path), pool: pool)
    let pass = try ForwardPass(model, pool: pool, maxTokens: tokens.count, product: product)
    let sequence = KVSequence(
      try KVCache(model.configuration, type: product.isReference ? .f32 : .f16, positions: tokens.count))
    pass.begin()
    #expect(pass.append(tokens[...], to: sequence))
    pass.run()
    var result: [[Float]] = []
    for first in stride(from: 0, to: tokens.count, by: ForwardPass.maxLogitRows) {
      pass.logits(rows: first..<min(first + ForwardPass.maxLogitRows, tokens.count)) { _, row in
        result.append((0..<row.count).map { row[$0] })
      }
    }
    return result
  }
}
