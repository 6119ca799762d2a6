import Foundation
import Testing

/// `bench` on a model of some kilobytes: what it reports, not how fast that is.
@Suite struct BenchTests {
  private static let model = BuiltBinary.root.appending(path: "Tests/Fixtures/families/llama3.Q4_0.gguf").path
  private static let small = [
    "bench", "-m", model, "-t", "1,2", "-p", "16", "-n", "4", "-d", "0,8", "-np", "1,3", "-r", "2", "--cold-starts",
    "1",
  ]

  @Test func reportsEveryCaseAsJSON() throws {
    let outcome = try BuiltBinary.run(BuiltBinary.path, Self.small + ["--json", "--isa", "baseline"])
    #expect(outcome.status == 0 && outcome.error == "", "\(outcome.error)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    #expect(object["isa"] as? String == "baseline")
    let results = try #require(object["results"] as? [[String: Any]])
    let found = results.map { "\($0["test"] ?? "") \($0["threads"] ?? "") \($0["depth"] ?? "") \($0["batch"] ?? "")" }
    let expected = [1, 2].flatMap { threads in
      [0, 8].flatMap { depth in
        ["prefill \(threads) \(depth) 1", "decode \(threads) \(depth) 1", "batch \(threads) \(depth) 3"]
      }
    }
    #expect(found == expected)
    for result in results {
      let speed = try #require(result["tokens_per_second"] as? [String: Double])
      let (least, median, most) = (speed["min"] ?? 0, speed["median"] ?? 0, speed["max"] ?? 0)
      #expect(least > 0 && least <= median && median <= most)
      #expect((result["samples"] as? [Double])?.count == 2)
      let ceiling = try #require(result["ceiling"] as? [String: Any])
      #expect((ceiling["tokens_per_second"] as? Double ?? 0) > 0)
    }
    let starts = try #require(object["starts"] as? [[String: Any]])
    #expect(starts.compactMap { ($0["cold_start_ms"] as? [Double])?.count } == [1, 1])
  }

  @Test func comparesWithAnEarlierRun() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "farthing-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let words = ["bench", "-m", Self.model, "-t", "1", "-p", "16", "-n", "0", "-r", "1", "--cold-starts", "0"]
    let earlier = folder.appending(path: "earlier.json")
    try Data(try BuiltBinary.run(BuiltBinary.path, words + ["--json"]).output.utf8).write(to: earlier)
    let outcome = try BuiltBinary.run(BuiltBinary.path, words + ["--json", "--baseline", earlier.path])
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any], "\(outcome.error)")
    let result = try #require((object["results"] as? [[String: Any]])?.first)
    let baseline = try #require(result["baseline"] as? [String: Double])
    let speed = try #require((result["tokens_per_second"] as? [String: Double])?["median"])
    let before = try #require(baseline["tokens_per_second"])
    #expect(abs((baseline["ratio"] ?? 0) - speed / before) < 1e-3)
    let table = try BuiltBinary.run(BuiltBinary.path, words + ["--baseline", earlier.path])
    #expect(table.status == 0 && table.output.contains("before") && table.output.contains("prefill"))
  }

  @Test(arguments: [
    (["--isa", "vax"], 2, "instruction set 'vax'"), (["--baseline", "/nowhere.json"], 1, "No such file"),
    (["-t", "0"], 2, "is not a whole number"), (["-p", "9000000"], 2, "is not a whole number"),
    (["-p", "1000000"], 1, "context"), (["--against", "/nowhere/llama-bench"], 1, "/nowhere/llama-bench"),
  ])
  func misuseIsOneLine(words: [String], status: Int32, reason: String) throws {
    let outcome = try BuiltBinary.run(
      BuiltBinary.path, ["bench", "-m", Self.model, "-n", "0", "-r", "1", "-p", "16", "--cold-starts", "0"] + words)
    #expect(outcome.status == status && outcome.output == "")
    #expect(outcome.errorLines.count == 1 && outcome.error.contains(reason), "\(outcome.error)")
  }
}
