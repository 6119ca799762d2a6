import Foundation
import Testing

/// `importance`, `quantize --method` and `eval --reference` as people run them, on the model of this repository.
@Suite struct QualityTests {
  private let folder: URL
  private static let model = BuiltBinary.root.appending(path: "weights/gutenberg-4m").path
  private static let calibration = model + "/calibration.txt"
  private static let heldout = model + "/heldout.txt"

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "farthing-quality-" + UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }
  private func clean() { try? FileManager.default.removeItem(at: folder) }

  private func json(_ words: String...) throws -> [String: Any] {
    let outcome = try BuiltBinary.run(BuiltBinary.path, words + ["--json"])
    try #require(outcome.status == 0, "\(outcome.error)")
    return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
  }

  private func divergence(_ file: String) throws -> Double {
    let shown = try json(
      "eval", "-m", file, "--reference", Self.model, "-f", Self.heldout, "-c", "128", "--chunks", "6")
    #expect(shown["chunks"] as? Int == 6 && shown["tokens"] as? Int == 6 * 63)
    return try #require(shown["kl_mean"] as? Double)
  }

  /// The order that the whole effort is for: compensation before search before rounding to nearest.
  @Test func betterMethodsAreBetter() throws {
    defer { clean() }
    let importance = try json(
      "importance", "-m", Self.model, "-f", Self.calibration, "-o", path("i.gguf"), "-c", "128", "--chunks", "8")
    #expect(importance["matrices"] as? Int == 29 && importance["tokens"] as? Int == 1024)
    let methods: [(String, [String])] = [
      ("rtn", ["--method", "rtn"]), ("search", ["--method", "search"]),
      ("importance", ["--method", "search", "--importance", path("i.gguf")]),
      // What is done without a word.
      ("random", ["--calibration-tokens", "4096"]),
      ("both", ["--calibration-tokens", "4096", "--importance", path("i.gguf")]),
      ("text", ["--calibration", Self.calibration, "--calibration-tokens", "4096"]),
    ]
    var found: [String: Double] = [:]
    var sizes: Set<Int> = []
    for (name, words) in methods {
      let outcome = try BuiltBinary.run(
        BuiltBinary.path, ["quantize", Self.model, path(name + ".gguf"), "--type", "Q4_0", "--json"] + words)
      try #require(outcome.status == 0, "\(outcome.error)")
      let shown = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
      let method = ["rtn": "rtn", "search": "search", "importance": "search"][name] ?? "compensate"
      #expect(shown["method"] as? String == method)
      sizes.insert((try Data(contentsOf: URL(filePath: path(name + ".gguf")))).count)
      found[name] = try divergence(path(name + ".gguf"))
    }
    #expect(sizes.count == 1)
    let (nearest, search) = (try #require(found["rtn"]), try #require(found["search"]))
    #expect(search < nearest, "\(found)")
    #expect(try #require(found["importance"]) < nearest, "\(found)")
    // A tenth of the usual calibration, for the sake of time; the ladder in Benchmarks/QUALITY.md has more.
    #expect(try #require(found["random"]) < search, "\(found)")
    #expect(try #require(found["both"]) < search, "\(found)")
    #expect(try #require(found["text"]) < 0.98 * search, "\(found)")
    print("mean divergence: \(found)")
  }

  @Test func peopleSeeHowFarItIs() throws {
    defer { clean() }
    let words = ["eval", "-m", Self.model, "--reference", Self.model, "-f", Self.heldout, "-c", "64", "--chunks", "2"]
    let outcome = try BuiltBinary.run(BuiltBinary.path, words)
    #expect(outcome.status == 0 && outcome.error.isEmpty)
    for label in ["perplexity", "reference", "KL divergence, mean", "median", "99th percentile", "same top token"] {
      #expect(outcome.output.contains(label))
    }
    let shown = try json(
      "eval", "-m", Self.model, "--reference", Self.model, "-f", Self.heldout, "-c", "64", "--chunks", "2",
      "--matmul", "reference")
    for key in ["kl_mean", "kl_p99", "kl_median", "kl_standard_error"] {
      #expect(abs(try #require(shown[key] as? Double)) < 1e-6, "\(key)")
    }
    #expect(shown["top_token_agreement"] as? Double == 1)
    #expect((shown["kl_chunk_means"] as? [Double])?.count == 2)
  }

  @Test func badCommandLinesSayWhy() throws {
    defer { clean() }
    let short = path("short.txt")
    try Data("It is".utf8).write(to: URL(filePath: short))
    let quantize = ["quantize", Self.model, path("m.gguf"), "--type", "Q4_0"]
    for (words, says) in [
      (["importance", "-m", Self.model, "-o", path("i")], "-f FILE"),
      (["importance", "-m", Self.model, "-f", short], "-o FILE"),
      (["importance", "-m", Self.model, "-f", short, "-o", path("i"), "-c", "64"], "fewer than one chunk"),
      (["eval", "-m", Self.model, "-f", short, "--reference", Self.model, "-c", "64"], "fewer than one chunk"),
      (["eval", "-m", Self.model, "-f", short, "--reference", path("absent"), "-c", "64"], "absent"),
      (quantize + ["--calibration", short, "--method", "search"], "--method compensate"),
      (quantize + ["--importance", short, "--method", "rtn"], "rtn"),
      (quantize + ["--method", "compensate", "--calibration", short], "fewer than one chunk"),
      // Streams of 17 GB.
      (quantize + ["--method", "compensate", "--calibration-tokens", "16777216"], "16,777,216 calibration tokens"),
      (quantize + ["--calibration", short, "--importance", short], "exclude each other"),
      (quantize + ["--importance", short], "short.txt"),
    ] {
      let outcome = try BuiltBinary.run(BuiltBinary.path, words)
      #expect(outcome.status != 0 && outcome.errorLines.count == 1 && outcome.error.contains(says), "\(outcome.error)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["short.txt"])
  }
}
