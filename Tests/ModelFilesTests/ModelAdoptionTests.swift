import Foundation
import Testing

@testable import ModelFiles

/// A model taken from a file on this machine instead of a source.
@Suite struct ModelAdoptionTests {
  private let content = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) })

  private func model(_ content: Data) -> KnownModel {
    var hash = SHA256()
    hash.update(Array(content)[...])
    return KnownModel(
      name: "test", fileName: "test.gguf", byteCount: content.count, sha256: hash.finish(), licence: "CC0-1.0",
      summary: "a test", sources: [])
  }

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "farthing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func entries(_ url: URL) -> [String] {
    (try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? []
  }

  @Test func theRightFileIsCopied() throws {
    try withFolder { folder in
      let (source, cache) = (folder.appending(path: "any name"), folder.appending(path: "cache/below"))
      try content.write(to: source)
      let store = try ModelStore(directory: cache.path)
      var last = 0
      let path = try store.adopt(model(content), from: source.path) { last = $0.bytes }
      #expect(try Data(contentsOf: URL(filePath: path)) == content)
      #expect(store.contains(model(content)) && last == content.count)
      #expect(entries(cache).sorted() == ["models", "models/test.gguf"])
    }
  }

  @Test func anotherFileLeavesNothing() throws {
    try withFolder { folder in
      let (source, cache) = (folder.appending(path: "file"), folder.appending(path: "cache"))
      let store = try ModelStore(directory: cache.path)
      var other = content
      other[2_500_000] ^= 1
      try other.write(to: source)
      #expect {
        try store.adopt(model(content), from: source.path)
      } throws: { error in
        if case .wrongChecksum = error as? ModelStoreError { true } else { false }
      }
      #expect(entries(cache) == [])
      try content.dropLast().write(to: source)
      #expect {
        try store.adopt(model(content), from: source.path)
      } throws: { error in
        if case .unexpectedContent = error as? ModelStoreError { true } else { false }
      }
      #expect {
        try store.adopt(model(content), from: folder.appending(path: "none").path)
      } throws: { error in
        if case .system = error as? ModelStoreError { true } else { false }
      }
      #expect(entries(cache) == [])
    }
  }

  @Test func aCacheThatCannotBeWrittenIsNamed() throws {
    try withFolder { folder in
      let source = folder.appending(path: "file")
      try content.write(to: source)
      let store = try ModelStore(directory: source.path + "/cache")
      #expect {
        try store.adopt(model(content), from: source.path)
      } throws: { error in
        if case .notWritable = error as? ModelStoreError { true } else { false }
      }
    }
  }
}
