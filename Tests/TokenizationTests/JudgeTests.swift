import Foundation
import ModelFiles
import Testing
import Tokenization

/// Real vocabularies against the reference's ids; see `Tests/Fixtures/tokenizers/judge.py`. Runs where the variable
/// `FARTHING_JUDGE` names a folder of case files.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["FARTHING_JUDGE"] != nil))
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
    let clock = ContinuousClock()
    var tokenizer: Tokenizer?
    let loading = try clock.measure { tokenizer = try open(path) }
    let subject = try #require(tokenizer)
    var (texts, bytes, wrong, lossy) = (0, 0, 0, 0)
    var spent = Duration.zero
    while !reader.isAtEnd {
      let text = reader.bytes()
      let expected = reader.ids()
      var ids: [TokenID] = []
      spent += try clock.measure { ids = try subject.encode(text, addSpecial: false, parseSpecial: true) }
      texts += 1
      bytes += text.count
      if ids != expected {
        wrong += 1
        if wrong <= 5 {
          let place = zip(ids, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
          print("mismatch at token \(place) of \(String(decoding: text.prefix(200), as: UTF8.self).debugDescription):")
          print("  ours", ids.dropFirst(max(0, place - 2)).prefix(12).map { ($0, subject.text($0)) })
          print("  reference", expected.dropFirst(max(0, place - 2)).prefix(12).map { ($0, subject.text($0)) })
        }
      }
      if subject.decode(ids, special: true) != text { lossy += 1 }
    }
    print(
      "\(file.lastPathComponent): \(texts) texts, \(bytes) bytes, \(wrong) mismatches, \(lossy) not restored,",
      "load \(loading), encode \(spent)")
    #expect(wrong == 0)
  }

  private func open(_ path: String) throws -> Tokenizer {
    try Tokenizer(gguf: GGUFFile(path: path))
  }
}

extension Tokenizer {
  fileprivate func text(_ id: TokenID) -> String { String(decoding: piece(id), as: UTF8.self) }
}

/// Reads a file of cases: 32-bit little-endian numbers, byte strings and lists of ids with their lengths before them.
struct CaseReader {
  private let content: [UInt8]
  private var place = 0

  init(bytes: [UInt8]) { content = bytes }

  var isAtEnd: Bool { place >= content.count }

  mutating func number() -> Int {
    defer { place += 4 }
    return (0..<4).reduce(0) { $0 | Int(content[place + $1]) << (8 * $1) }
  }

  mutating func bytes() -> [UInt8] {
    let count = number()
    defer { place += count }
    return Array(content[place..<place + count])
  }

  mutating func ids() -> [TokenID] {
    (0..<number()).map { _ in TokenID(number()) }
  }
}
