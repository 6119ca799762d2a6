import Compute
import Foundation
import HostileFiles

/// The tiny models and golden logits that `Tests/Fixtures/families` describes.
public struct FamilyFixture: Decodable, Sendable, CustomStringConvertible {
  public let name: String
  public let type: String
  public let model: String
  public let prompt: [Int32]
  public let positions: [Int]
  public let vocab: Int
  let logits: String

  public var description: String { "\(name) \(type)" }

  struct Absent: Error, CustomStringConvertible { let description: String }

  static let folder = Fixtures.folder.appending(path: "families")

  /// Empty where the manifest cannot be read; a test says so.
  public static let all: [FamilyFixture] = {
    struct Manifest: Decodable { let fixtures: [FamilyFixture] }
    guard let data = try? Data(contentsOf: folder.appending(path: "families.json")),
      let manifest = try? JSONDecoder().decode(Manifest.self, from: data)
    else { return [] }
    return manifest.fixtures
  }()

  public static func named(_ name: String, _ type: String) throws -> FamilyFixture {
    guard let found = all.first(where: { $0.name == name && $0.type == type }) else {
      throw Absent(description: "no fixture \(name) \(type)")
    }
    return found
  }

  public var path: String { Self.folder.appending(path: model).path }

  /// F32, F16 or BF16: its matrix products are of floats.
  public var isFloat: Bool { ["F32", "F16", "BF16"].contains(type) }

  /// One layer of the 27B model's fixture costs as much as one of any other, and it has 62.
  public var isDeep: Bool { name == "gemma3-27b" }

  /// [positions.count, vocab]
  public func goldenLogits() throws -> [Float] {
    try Fixtures.values("families/" + logits)
  }

  /// The prompt, and behind it ids drawn at random, always the same: `count` together.
  public func tokens(_ count: Int, seed: UInt64 = 0) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    let behind = (0..<max(0, count - prompt.count)).map { _ in Int32.random(in: 0..<Int32(vocab), using: &random) }
    return Array((prompt + behind).prefix(count))
  }
}

/// Golden files of the repository.
public enum Fixtures {
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")

  /// A file of little-endian numbers.
  public static func values<Number: BitwiseCopyable>(_ path: String) throws -> [Number] {
    let data = try Data(contentsOf: folder.appending(path: path))
    return data.withUnsafeBytes { bytes in
      (0..<bytes.count / MemoryLayout<Number>.stride).map {
        bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Number>.stride, as: Number.self)
      }
    }
  }
}

/// Instruction sets that a real model is tried with. Plain code would take an hour for it; small models of every family
/// and weight type hold it to the others.
public func kernelsOfRealModels() -> [Kernels] {
  runsSlowTests ? Kernels.all.filter { $0.name != Kernels.baseline.name } : [.best]
}

/// Whether the long sweeps run too.
public let runsSlowTests = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"

/// A seed for what a test draws at random: another each run, or the one in FARTHING_TEST_SEED. Failures print it.
public func testSeed() -> UInt64 {
  ProcessInfo.processInfo.environment["FARTHING_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...UInt64.max)
}
