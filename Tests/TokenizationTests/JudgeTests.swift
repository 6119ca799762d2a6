import Foundation
import ModelFiles
import Testing
import Tokenization

/// Real vocabularies against the reference's ids; see `Tests/Fixtures/tokenizers/judge.py`. Runs where the variable
/// `FARTHING_JUDGE` names a folder of case files.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["FARTHING_JUDGE"] != nil, "see Tests/Fixtures/tokenizers/judge.py"),
  .serialized)
struct JudgeTests {
  static var caseFiles: [URL] {
    guard let folder = ProcessInfo.processInfo.environment["FARTHING_JUDGE"] else { return [] }
    let files = try? FileManager.default.contentsOfDirectory(
      at: URL(filePath: folder), includingPropertiesForKeys: nil)
    return (files ?? []).filter { $0.pathExtension == "cases" }.sorted { $0.path < $1.path }
  }

  @Test(arguments: caseFiles)
  func idsAreTheReferences(_ file: URL) throws {
    var reader = CaseReader(bytes: [UInt8](try Data(contentsOf: file)))
    let path = String(decoding: reader.bytes(), as: UTF8.self)
    let pre = String(decoding: reader.bytes(), as: UTF8.self)
    let parseSpecial = reader.number() == 1
    let clock = ContinuousClock()
    var tokenizer: Tokenizer?
    let loading = try clock.measure { tokenizer = try open(path, pre) }
    let subject = try #require(tokenizer)
    var (texts, bytes, wrong, lossy) = (0, 0, 0, 0)
    var spent = Duration.zero
    while !reader.isAtEnd {
      let text = reader.bytes()
      let expected = reader.ids()
      var ids: [TokenID] = []
      spent += try clock.measure {
        ids = try subject.encode(text, addSpecial: false, parseSpecial: parseSpecial)
      }
      texts += 1
      bytes += text.count
      if ids != expected {
        wrong += 1
        if wrong <= 3 { print("mismatch:", subject.difference(ids, expected, of: text)) }
      }
      if subject.decode(ids, special: true) != text { lossy += 1 }
    }
    print(
      "\(file.lastPathComponent): \(texts) texts, \(bytes) bytes, \(wrong) mismatches, \(lossy) not restored,",
      "load \(loading), encode \(spent)")
    #expect(wrong == 0)
  }

  private func open(_ path: String, _ pre: String) throws -> Tokenizer {
    if path.hasSuffix(".gguf") {
      return try Tokenizer(gguf: ModelFile(path: path), preTokenizer: pre.isEmpty ? nil : pre)
    }
    return try Tokenizer(tokenizerJSON: path)
  }
}
