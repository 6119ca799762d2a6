import Compute
import Foundation
import ModelFiles
import Testing
import Transformers

@testable import Conversion

/// A value of a manifest: what llama.cpp's converter wrote under a key.
enum Golden: Decodable, Equatable {
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([Golden])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else {
      self = .list(try container.decode([Golden].self))
    }
  }

  /// The same of a value that was read back.
  init?(_ value: GGUFValue) {
    switch value {
    case .integer(let number): self = .number(Double(number))
    case .unsigned(let number): self = .number(Double(number))
    case .float(let number): self = .number(number)
    case .bool(let truth): self = .bool(truth)
    case .string(let text): self = .text(text.text ?? "")
    case .integers(let list): self = .list((0..<list.count).map { .number(Double(list[$0])) })
    case .floats(let list): self = .list((0..<list.count).map { .number(list[$0]) })
    case .bools(let list): self = .list((0..<list.count).map { .bool(list[$0]) })
    case .strings(let list): self = .list((0..<list.count).map { .text(list.text(at: $0) ?? "") })
    case .nested: return nil
    }
  }
}

/// The tiny model folders that `Tests/Fixtures/folders` describes.
struct FolderFixture: CustomTestStringConvertible {
  struct Entry: Decodable {
    let type: String
    let value: Golden
  }

  struct TensorEntry: Decodable {
    let type: String
    let dimensions: [Int]
    let sha256: String

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      type = try list.decode(String.self)
      dimensions = try list.decode([Int].self)
      sha256 = try list.decode(String.self)
    }
  }

  struct Manifest: Decodable {
    let metadata: [String: Entry]
    let tensors: [String: [String: TensorEntry]]
    let prompt: [Int32]
    let positions: [Int]
  }

  let name: String
  /// The type of its weights.
  let type: String
  var testDescription: String { name }

  static let all = [
    FolderFixture(name: "llama", type: "F32"), FolderFixture(name: "llama3", type: "BF16"),
    FolderFixture(name: "qwen2", type: "F16"), FolderFixture(name: "qwen3", type: "BF16"),
    FolderFixture(name: "gemma3", type: "BF16"),
  ]

  static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let root = repository.appending(path: "Tests/Fixtures/folders")
  static let gutenberg = repository.appending(path: "weights/gutenberg-4m").path

  var path: String { Self.root.appending(path: name).path }

  func manifest() throws -> Manifest {
    try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: Self.root.appending(path: name + ".json")))
  }

  /// [positions, vocab], row-major.
  func goldenLogits() throws -> [Float] {
    let data = try Data(contentsOf: Self.root.appending(path: name + ".logits.f32"))
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}

/// A folder of its own for a test, removed when the test is over.
final class Scratch: Sendable {
  let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "farthing-conversion-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  var contents: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted() }
}

/// Converts a model; returns the reports of its tensors.
@discardableResult
func convert(
  _ input: String, to output: String, _ level: String, overrides: [ConversionPlan.Override] = [], pure: Bool = false,
  allowRequantize: Bool = false, threads: Int = 2
) throws -> [TensorReport] {
  let file = try ModelFile(path: input)
  let plan = try ConversionPlan(
    file, level: try #require(QuantizationLevel.named(level)), overrides: overrides, isPure: pure,
    allowRequantize: allowRequantize)
  let converter = try Converter(file, plan, to: output, pool: try WorkerPool(threads: threads))
  var reports: [TensorReport] = []
  while let report = try converter.convertNext() { reports.append(report) }
  try converter.finish()
  return reports
}
