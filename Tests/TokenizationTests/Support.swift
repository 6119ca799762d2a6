import Foundation
import ModelFiles
import Tokenization

/// The vocabularies and ids that the reference made; see `Tests/Fixtures/tokenizers/make_fixtures.py`.
enum Fixture {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/tokenizers")

  /// Byte-level families, each with a `tokenizer.json` and a GGUF file.
  static let byteLevel = [
    "gpt-2", "mpt", "smollm", "starcoder", "refact", "command-r", "llama-bpe", "qwen2", "deepseek-llm",
    "deepseek-coder", "deepseek-v3", "falcon", "gpt-4o", "tekken",
  ]
  /// SentencePiece vocabularies with scores, in GGUF only.
  static let sentencePiece = ["llama", "gemma"]
  /// Vocabularies of characters with merges, in `tokenizer.json` only.
  static let spaced = ["llama-prepend", "llama-metaspace", "metaspace-split", "gemma-replace"]

  static func path(_ name: String) -> String { folder.appending(path: name).path }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }

  static func json(_ name: String) throws -> Tokenizer { try Tokenizer(tokenizerJSON: path(name + ".json")) }

  static func gguf(_ name: String) throws -> Tokenizer { try Tokenizer(gguf: ModelFile(path: path(name + ".gguf"))) }

  /// The texts that all ids are of.
  static func texts() throws -> [[UInt8]] {
    var reader = CaseReader(bytes: try bytes("texts.bin"))
    var texts: [[UInt8]] = []
    while !reader.isAtEnd { texts.append(reader.bytes()) }
    return texts
  }

  /// The reference's ids of each text.
  static func ids(_ name: String) throws -> [[TokenID]] {
    let content = try bytes(name + ".ids")
    var place = 0
    func number() -> Int {
      defer { place += 2 }
      return Int(content[place]) | Int(content[place + 1]) << 8
    }
    var ids: [[TokenID]] = []
    while place < content.count { ids.append((0..<number()).map { _ in TokenID(number()) }) }
    return ids
  }
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

extension Tokenizer {
  func text(_ id: TokenID) -> String { String(decoding: piece(id), as: UTF8.self) }

  /// Where two lists of ids part, in words.
  func difference(_ ours: [TokenID], _ reference: [TokenID], of text: [UInt8]) -> String {
    let place =
      zip(ours, reference).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      ?? min(ours.count, reference.count)
    func around(_ ids: [TokenID]) -> String {
      ids.dropFirst(max(0, place - 2)).prefix(8).map { "\($0) \(self.text($0).debugDescription)" }
        .joined(separator: ", ")
    }
    let start = String(decoding: text.prefix(160), as: UTF8.self).debugDescription
    return "token \(place) of \(start): ours \(around(ours)); reference \(around(reference))"
  }
}

/// Writes `bytes` to a file, which is gone when `body` returns.
func withTemporaryFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) throws -> Result {
  let file = FileManager.default.temporaryDirectory.appending(path: "farthing-\(UUID().uuidString)")
  try Data(bytes).write(to: file)
  defer { try? FileManager.default.removeItem(at: file) }
  return try body(file.path)
}

/// Whether the slow tests run too.
let runsSlowTests = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"
