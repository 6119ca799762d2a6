import Compute
import Foundation
import ModelFiles
import Testing

@testable import Transformers

/// The tiny models and golden logits that `Tests/Fixtures/families` describes.
struct FamilyFixture: Decodable, CustomTestStringConvertible {
  let name: String
  let type: String
  let model: String
  let prompt: [Int32]
  let positions: [Int]
  let vocab: Int
  let logits: String

  var testDescription: String { "\(name) \(type)" }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/families")

  static let all: [FamilyFixture] = {
    struct Manifest: Decodable { let fixtures: [FamilyFixture] }
    guard let data = try? Data(contentsOf: folder.appending(path: "families.json")),
      let manifest = try? JSONDecoder().decode(Manifest.self, from: data)
    else { return [] }
    return manifest.fixtures
  }()

  var path: String { Self.folder.appending(path: model).path }

  /// [positions.count, vocab]
  func goldenLogits() throws -> [Float] {
    let data = try Data(contentsOf: Self.folder.appending(path: logits))
    return data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
  }
}

/// Logits of all tokens of a prompt, computed in passes of the given sizes.
func logits(
  of tokens: [Int32], path: String, threads: Int = 2, passes: [Int]? = nil, product: MatrixProduct,
  kernels: Kernels = .best, kv: KVType? = nil
) throws -> [[Float]] {
  let pool = try WorkerPool(threads: threads)
  let model = try Model(try GGUFFile(path: path), pool: pool)
  return try logits(of: tokens, model: model, pool: pool, passes: passes, product: product, kernels: kernels, kv: kv)
}

func logits(
  of tokens: [Int32], model: Model, pool: WorkerPool, passes: [Int]? = nil, product: MatrixProduct,
  kernels: Kernels = .best, kv: KVType? = nil
) throws -> [[Float]] {
  let sizes = passes ?? [tokens.count]
  let pass = try ForwardPass(model, pool: pool, maxTokens: sizes.max() ?? 1, kernels: kernels, product: product)
  let type = kv ?? (product.isReference ? .f32 : .f16)
  let sequence = KVSequence(try KVCache(model.configuration, type: type, positions: tokens.count))
  var result: [[Float]] = []
  var start = 0
  var turn = 0
  while start < tokens.count {
    let end = min(start + sizes[turn % sizes.count], tokens.count)
    pass.begin()
    precondition(pass.append(tokens[start..<end], to: sequence))
    pass.run()
    for first in stride(from: 0, to: end - start, by: ForwardPass.maxLogitRows) {
      pass.logits(rows: first..<min(first + ForwardPass.maxLogitRows, end - start)) { _, row in
        result.append((0..<row.count).map { row[$0] })
      }
    }
    start = end
    turn += 1
  }
  return result
}
