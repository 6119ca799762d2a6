import Compute
import Foundation
import Testing
import Tokenization
import Transformers

@testable import Generation

/// Prefixes on disk: a second process skips the prefill, and no file can do harm.
@Suite struct PrefixFileTests {
  private static func withFile(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "prefixes-" + UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private static func request(_ prompt: [TokenID]) -> GenerationRequest {
    var request = GenerationRequest(prompt: prompt)
    request.sampling = .greedy
    request.tokenLimit = 5
    request.ignoreEnd = true
    return request
  }

  private static func run(_ engine: Engine, _ prompt: [TokenID]) throws -> GenerationResult {
    try Generator(Session(engine)).run(request(prompt), observer: Recorder())
  }

  @Test(arguments: TinyModel.names)
  func anotherProcessFindsThem(name: String) throws {
    try Self.withFile { path in
      var random = TestRandom(seed: 1)
      let first = try TinyModel.engine(name, positions: 1_024)
      let texts = (0..<3).map { _ in first.tokens(150, &random) }
      let prompts = texts + [Array(texts[0].prefix(70)) + first.tokens(80, &random)]
      #expect(first.restorePrefixes(from: path, model: "m") == .absent)
      let expected = try prompts.map { try Self.run(first, $0).tokens }
      try first.savePrefixes(to: path, model: "m")
      let second = try TinyModel.engine(name, positions: 1_024)
      // Three texts of two blocks, and one that shares the first with another.
      #expect(second.restorePrefixes(from: path, model: "m") == .restored(tokens: 7 * 64))
      for (prompt, tokens) in zip(prompts, expected) {
        let result = try Self.run(second, prompt)
        #expect(result.tokens == tokens && result.counts.cached == 128)
      }
      // Nothing is new: the file stays as it is.
      let before = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
      try second.savePrefixes(to: path, model: "m")
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64 == before)
      // Less room than the file needs: as much as fits.
      let small = try TinyModel.engine(name, positions: 256)
      #expect(small.restorePrefixes(from: path, model: "m") == .restored(tokens: 256))
      #expect(try Self.run(small, prompts[1]).tokens == expected[1])
    }
  }

  @Test func strangersAreRefusedByName() throws {
    try Self.withFile { path in
      var random = TestRandom(seed: 2)
      let engine = try TinyModel.engine()
      _ = try Self.run(engine, engine.tokens(100, &random))
      try engine.savePrefixes(to: path, model: "one")
      let other = try TinyModel.engine()
      for (model, reason) in [("two", "another model"), ("longer name", "another model")] {
        guard case .refused(let why) = other.restorePrefixes(from: path, model: model) else {
          Issue.record("a file of another model was taken")
          continue
        }
        #expect(why.contains(reason))
      }
      for (content, reason) in [
        ("", "not a file of prefixes"), ("farthing-prefix\0xxxxxxxxxxxxxxxxxxxxxxxxxxx", "version"),
      ] {
        try Data(content.utf8).write(to: URL(filePath: path))
        guard case .refused(let why) = other.restorePrefixes(from: path, model: "one") else {
          Issue.record("\(content) was taken")
          continue
        }
        #expect(why.contains(reason), "\(why)")
      }
      guard case .refused = other.restorePrefixes(from: FileManager.default.temporaryDirectory.path, model: "one")
      else {
        Issue.record("a folder was taken")
        return
      }
      #expect(other.prefixes.count == 0 && other.hasAllBlocks)
    }
  }

  /// Files cut or changed at random places are refused whole; nothing crashes.
  @Test func damageIsFound() throws {
    let seed = testSeed()
    print("damageIsFound: seed \(seed)")
    try Self.withFile { path in
      var random = TestRandom(seed: seed)
      let engine = try TinyModel.engine()
      _ = try Self.run(engine, engine.tokens(200, &random))
      try engine.savePrefixes(to: path, model: "m")
      let whole = try Data(contentsOf: URL(filePath: path))
      let victim = try TinyModel.engine()
      for round in 0..<300 {
        var damaged = whole
        switch round % 3 {
        case 0: damaged = whole.prefix(Int.random(in: 0..<whole.count, using: &random))
        case 1: damaged[Int.random(in: 0..<whole.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        default: damaged[Int.random(in: 0..<64, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
        }
        guard damaged != whole else { continue }
        try damaged.write(to: URL(filePath: path))
        guard case .refused = victim.restorePrefixes(from: path, model: "m") else {
          Issue.record("seed \(seed), round \(round)")
          return
        }
        #expect(victim.prefixes.count == 0)
      }
    }
  }
}
