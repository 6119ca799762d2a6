import Foundation
import NumericsSupport
import Testing

/// `eval` as a person or a program meets it.
@Suite struct EvalTests {
  private static let model = BuiltBinary.root.appending(path: "Tests/Fixtures/families/llama.Q4_0.gguf").path
  private static let license = BuiltBinary.root.appending(path: "LICENSE").path

  @Test func jsonHasEveryField() throws {
    let outcome = try BuiltBinary.farthing(
      "eval", "-m", Self.model, "-f", Self.license, "-c", "64", "--chunks", "3", "--json")
    let object = try json(outcome)
    #expect(object["chunks"] as? Int == 3 && object["tokens"] as? Int == 3 * 31)
    #expect(try #require(object["perplexity"] as? Double) > 1)
    #expect(try #require(object["standard_error"] as? Double) > 0)
    #expect(object["quantization"] as? String == "Q4_0" && object["model"] as? String == "llama.Q4_0.gguf")
    let memory = try #require(object["memory"] as? [String: Int])
    for name in ["weights_bytes", "kv_bytes", "peak_rss_bytes"] { #expect(try #require(memory[name]) > 0) }
    #expect(outcome.error == "")
    let perplexity = try #require(object["perplexity"] as? Double)
    let plain = try BuiltBinary.farthing("eval", "-m", Self.model, "-f", Self.license, "-c", "64", "--chunks", "3")
    #expect(plain.output.hasPrefix("perplexity \(Int(perplexity))."), "\(plain.output)")
    #expect(plain.output.contains("+/-") && plain.output.contains("93 tokens in 3 chunks"))
    #expect(plain.error == "")
  }

  @Test func figureDoesNotDependOnThreadsAndBatches() throws {
    var figures: Set<String> = []
    for (threads, batch) in [("1", "128"), ("2", "7"), ("2", "64")] {
      let outcome = try BuiltBinary.farthing(
        "eval", "-m", Self.model, "-f", Self.license, "-c", "64", "--chunks", "4", "--json", "-t", threads, "-b", batch)
      figures.insert("\(try #require(try json(outcome)["mean_nll"] as? Double))")
    }
    #expect(figures.count == 1, "\(figures)")
  }

  @Test func aRealTextOnARealModel() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: file) }
    try SmolLM2Text.text(chunks: 2).write(to: file)
    let golden = try SmolLM2Reference.chunkLosses()
    let model = try SmolLM2.path()
    func perplexity(_ words: String..., chunks: Int) throws -> (found: Double, expected: Double) {
      let outcome = try BuiltBinary.run(
        BuiltBinary.path,
        ["eval", "-m", model, "-f", file.path, "--chunks", "\(chunks)", "--json"] + words)
      let object = try json(outcome)
      #expect(object["tokens"] as? Int == 255 * chunks)
      let expected = exp(golden[..<chunks].reduce(0, +) / Double(255 * chunks))
      return (try #require(object["perplexity"] as? Double), expected)
    }
    let exact = try perplexity("--matmul", "reference", chunks: 1)
    #expect(abs(exact.found / exact.expected - 1) < 1e-3)
    let integer = try perplexity(chunks: 2)
    #expect(abs(integer.found / integer.expected - 1) < 0.03)
  }

  @Test func whatCannotBeEvaluatedIsSaidInOneLine() throws {
    let short = try BuiltBinary.farthing("eval", "-m", Self.model, "-f", "-", "-c", "64", input: Array("one two".utf8))
    #expect(short.status == 1 && short.errorLines.count == 1 && short.error.contains("fewer than one chunk of 64"))
    let missing = try BuiltBinary.farthing("eval", "-m", Self.model)
    #expect(missing.status == 2 && missing.errorLines.count == 1 && missing.error.contains("-f FILE"))
    let nowhere = try BuiltBinary.farthing("eval", "-m", Self.model, "-f", "/nowhere/text")
    #expect(nowhere.status == 1 && nowhere.errorLines.count == 1 && nowhere.error.contains("/nowhere/text"))
    let long = try BuiltBinary.farthing("eval", "-m", Self.model, "-f", Self.license, "-c", "100000")
    #expect(long.status == 1 && long.errorLines.count == 1 && long.error.contains("trained on"))
  }
}
