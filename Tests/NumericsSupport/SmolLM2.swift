import Foundation
import ModelFiles

/// The real model that the tests run, where the product's own store keeps it, and what `transformers` makes of it.
public enum SmolLM2 {
  struct Missing: Error, CustomStringConvertible {
    let path: String
    var description: String {
      "these tests run SmolLM2, which is not at \(path): `./farthing test` fetches it, "
        + "and so does `farthing models get smollm2-135m`"
    }
  }

  /// - Throws: an error that says how to get it, where the cache does not have it: these tests fail, they do not skip.
  public static func path() throws -> String {
    let store = try ModelStore()
    guard let model = ModelCatalogue.find("smollm2-135m"), store.contains(model) else {
      throw Missing(path: ModelCatalogue.models.first.map { store.path(of: $0) } ?? store.directory)
    }
    return store.path(of: model)
  }
}

/// `Tests/Fixtures/reference`: the model under `transformers`, from the same file, in F32.
public enum SmolLM2Reference {
  public static let chunkLength = 512
  public static let topCount = 16
  public static let stride = 191
  /// Positions whose logits are known.
  public static let positions = 200
  /// Of the first 40 chunks.
  public static let perplexity = 18.979133986354924

  /// The first 40 chunks of 512 tokens of a real text.
  public static func text() throws -> [Int32] {
    let ids: [UInt16] = try Fixtures.values("reference/smollm2.ids.u16")
    return ids.map { Int32($0) }
  }

  public struct Logits {
    /// [positions, columns]: logits of the tokens 0, 191, 382, ...
    public let columns: [Float]
    public let columnCount: Int
    /// [positions, 16]: the largest logits and their tokens
    public let top: [Float]
    public let topIDs: [Int32]
    /// [positions]: log of the sum of exponentials over the vocabulary
    public let logSumExp: [Double]
  }

  public static func logits() throws -> Logits {
    let columns: [Float] = try Fixtures.values("reference/smollm2.columns.f32")
    return Logits(
      columns: columns, columnCount: columns.count / positions, top: try Fixtures.values("reference/smollm2.top.f32"),
      topIDs: try Fixtures.values("reference/smollm2.top.ids.i32"),
      logSumExp: try Fixtures.values("reference/smollm2.logsumexp.f64"))
  }

  /// [40]: summed negative log-likelihood of the 255 scored tokens of each chunk
  public static func chunkLosses() throws -> [Double] { try Fixtures.values("reference/smollm2.chunks.f64") }

  public struct Continuation: Decodable, Sendable {
    public struct Message: Decodable, Sendable {
      public let role: String
      public let content: String
    }
    public let messages: [Message]
    public let prompt: [Int32]
    /// 128 tokens, each the likeliest.
    public let greedy: [Int32]
    /// By how much the likeliest logit was larger than the next.
    public let gaps: [Float]
  }

  public static func continuations() throws -> [Continuation] {
    let data = try Data(contentsOf: Fixtures.folder.appending(path: "reference/smollm2.greedy.json"))
    return try JSONDecoder().decode([Continuation].self, from: data)
  }
}
