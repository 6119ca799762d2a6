import Foundation
import NumericsSupport
import Testing

/// The one object that a command prints with `--json`.
func json(_ outcome: Outcome) throws -> [String: Any] {
  try #require(outcome.status == 0, "\(outcome.error)")
  return try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
}

/// `run` as a person or a program meets it.
@Suite struct RunTests {
  private static let model = BuiltBinary.root.appending(path: "Tests/Fixtures/families/llama3.Q4_0.gguf").path
  private static let prompt = "It is a truth universally acknowledged, that a single man"

  private func run(
    _ words: String..., model: String = Self.model, environment: [String: String] = [:], input: [UInt8] = []
  ) throws -> Outcome {
    try BuiltBinary.run(
      BuiltBinary.path, ["run", "-m", model, "--raw", "--temp", "0"] + words, environment: environment, input: input)
  }

  @Test func jsonHasEveryField() throws {
    let outcome = try run("-n", "6", "--ignore-eos", "-t", "2", "--json", "--tag", "team=a b", Self.prompt)
    let object = try json(outcome)
    let ids = try #require(object["token_ids"] as? [Int])
    #expect(ids.count == 6 && object["completion_tokens"] as? Int == 6)
    #expect(try #require(object["prompt_tokens"] as? Int) > 5)
    #expect(object["cached_tokens"] as? Int == 0)
    #expect(object["finish_reason"] as? String == "length")
    #expect(!(try #require(object["text"] as? String)).isEmpty)
    #expect(object["threads"] as? Int == 2)
    #expect(!(try #require(object["isa"] as? String)).isEmpty)
    #expect(object["model"] as? String == "llama3.Q4_0.gguf")
    #expect(object["quantization"] as? String == "Q4_0")
    #expect(try #require(object["cpu_seconds"] as? Double) > 0)
    #expect((object["tags"] as? [String: String]) == ["team": "a b"])
    let timings = try #require(object["timings"] as? [String: Double])
    for name in [
      "queue_ms", "load_ms", "prefill_ms", "ttft_ms", "decode_ms", "prefill_tokens_per_second",
      "decode_tokens_per_second",
    ] {
      let value = try #require(timings[name], "\(name)")
      #expect(name == "queue_ms" ? value >= 0 : value > 0, "\(name)")
    }
    let memory = try #require(object["memory"] as? [String: Int])
    for name in ["weights_bytes", "kv_bytes", "peak_rss_bytes"] {
      #expect(try #require(memory[name], "\(name)") > 0, "\(name)")
    }
    #expect(try #require(object["cost"] as? [String: Any])["price"] is NSNull)
    let hosted = try #require(object["hosted"] as? [[String: Any]])
    let names = hosted.compactMap { $0["model"] as? String }
    #expect(names.contains("gpt-4-turbo") && names.contains("gpt-4o"), "\(names)")
    for quote in hosted { #expect(quote["read_on"] is String && quote["token_basis"] is String) }
    #expect(outcome.error == "")
  }

  @Test func tokensDoNotDependOnThreadsAndBatches() throws {
    for (model, prompt) in [(Self.model, Self.prompt), (try SmolLM2.path(), Self.longPrompt)] {
      var answers: [[Int]] = []
      for (threads, batch) in [(1, 512), (2, 1), (1, 7), (2, 64), (2, 512)] {
        let outcome = try run(
          "-n", "12", "--ignore-eos", "--json", "-t", "\(threads)", "-b", "\(batch)", "-c", "256", prompt, model: model)
        answers.append(try #require(try json(outcome)["token_ids"] as? [Int]))
      }
      #expect(answers[0].count == 12)
      for answer in answers { #expect(answer == answers[0]) }
    }
  }

  private static let longPrompt = String(
    repeating: "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in "
      + "want of a wife. However little known the feelings of such a man may be, ", count: 3)

  @Test func promptLongerThanTheContextIsRefusedWithTheNumbers() throws {
    for words in [[], ["--json"]] {
      let outcome = try BuiltBinary.run(
        BuiltBinary.path, ["run", "-m", Self.model, "--raw", "-c", "8"] + words + [Self.prompt])
      #expect(outcome.status == 1 && outcome.output == "")
      #expect(outcome.errorLines.count == 1)
      #expect(outcome.error.contains("a context of 8") && outcome.error.contains("-c"), "\(outcome.error)")
      #expect(outcome.error.contains(/the prompt has \d+ tokens/), "\(outcome.error)")
    }
    let trained = try run("-c", "100000", "x")
    #expect(trained.status == 1 && trained.error.contains("100000") && trained.error.contains("trained on"))
  }

  @Test func promptComesFromTheLineAFileOrStandardInput() throws {
    let direct = try json(try run("-n", "5", "--json", Self.prompt))["token_ids"] as? [Int]
    #expect(direct?.isEmpty == false)
    let piped = try run("-n", "5", "--json", input: Array((Self.prompt + "\n").utf8))
    #expect(try json(piped)["token_ids"] as? [Int] == direct)
    let file = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    try Data(Self.prompt.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    #expect(try json(try run("-n", "5", "--json", "-f", file.path))["token_ids"] as? [Int] == direct)
    #expect(
      try json(try run("-n", "5", "--json", "-f", "-", input: Array(Self.prompt.utf8)))["token_ids"] as? [Int] == direct
    )
    let empty = try run("-n", "5")
    #expect(empty.status == 2 && empty.errorLines.count == 1 && empty.error.contains("empty"), "\(empty.error)")
    let both = try run("-f", file.path, "prompt")
    #expect(both.status == 2 && both.errorLines.count == 1)
  }

  @Test func answerGoesToOutputAndReceiptToErrors() throws {
    let model = try SmolLM2.path()
    let object = try json(try run("-n", "8", "-c", "128", "--json", Self.prompt, model: model))
    let text = try #require(object["text"] as? String)
    let outcome = try run("-n", "8", "-c", "128", Self.prompt, model: model)
    #expect(outcome.status == 0)
    #expect(outcome.output == (text.hasSuffix("\n") ? text : text + "\n"))
    for part in ["tokens", "no price known", "--usd-per-hour", "FARTHING_VM", "gpt-4-turbo", "gpt-4o"] {
      #expect(outcome.error.contains(part), "\(part) is missing in \(outcome.error)")
    }
    for line in outcome.errorLines { #expect(line.count <= 80, "\(line)") }
    #expect(!outcome.error.contains("\u{1b}"))
  }

  @Test func stopStringsEndTheAnswer() throws {
    let text = try #require(try json(try run("-n", "30", "--ignore-eos", "--json", Self.prompt))["text"] as? String)
    // The model is random, so that not all it says is text.
    let characters = Array(text)
    let start = try #require((1..<characters.count - 1).first { characters[$0].isASCII && characters[$0 + 1].isASCII })
    let stop = String(characters[start...start + 1])
    let object = try json(try run("-n", "30", "--ignore-eos", "--json", "--stop", stop, Self.prompt))
    let place = try #require(text.range(of: stop))
    #expect(object["text"] as? String == String(text[..<place.lowerBound]))
    #expect(object["finish_reason"] as? String == "stop" && object["stopped_by"] as? String == "stop_string")
  }

  @Test func seedsRepeatAnAnswer() throws {
    func ids(_ seed: Int) throws -> [Int] {
      let outcome = try BuiltBinary.farthing(
        "run", "-m", Self.model, "--raw", "-n", "20", "--ignore-eos", "--json", "--seed", "\(seed)", Self.prompt)
      return try #require(try json(outcome)["token_ids"] as? [Int])
    }
    #expect(try ids(1) == ids(1))
    #expect(try ids(1) != ids(2))
  }

  @Test func pricesAreThoseThatWereAskedFor() throws {
    func cost(_ words: String..., environment: [String: String] = [:]) throws -> [String: Any] {
      let outcome = try BuiltBinary.run(
        BuiltBinary.path, ["run", "-m", Self.model, "--raw", "-n", "2", "--json"] + words + ["x"],
        environment: environment)
      return try #require(try json(outcome)["cost"] as? [String: Any])
    }
    let given = try cost("--usd-per-hour", "0.0168")
    #expect((given["price"] as? [String: Any])?["per_hour"] as? String == "0.0168")
    let allocated = try #require(given["allocated"] as? [String: Any])
    let parts = try #require(allocated["parts"] as? [String: [String: Any]])
    let total = try #require(allocated["pico"] as? Int)
    #expect(total > 0 && parts.values.reduce(0) { $0 + ($1["pico"] as? Int ?? 0) } == total)
    #expect(try #require(given["marginal"] as? [String: Any])["pico"] is Int)
    let machine = "t4g.small@us-east-1"
    for found in [
      try cost("--vm", machine), try cost(environment: ["FARTHING_VM": machine]),
      try cost("--vm", machine, environment: ["FARTHING_VM": "no such type"]),
    ] {
      let price = try #require(found["price"] as? [String: Any])
      #expect("\(price["machine"] ?? "")".contains("t4g.small"), "\(price)")
      // Dated, or marked as undated.
      let marks = price["marks"] as? [String]
      #expect(price["source"] is String && (price["read_on"] is String || marks?.contains("undated") == true))
    }
    #expect(try cost()["price"] is NSNull && cost()["note"] is String)
  }

  @Test func comparesWithTheHostedModelsThatWereAskedFor() throws {
    func hosted(_ against: String) throws -> [[String: Any]] {
      try #require(try json(try run("-n", "2", "--json", "--against", against, "x"))["hosted"] as? [[String: Any]])
    }
    #expect(try hosted("gpt-4o").map { $0["model"] as? String } == ["gpt-4o"])
    #expect(try hosted("gpt-4o,gpt-4-turbo").map { $0["model"] as? String } == ["gpt-4o", "gpt-4-turbo"])
    #expect(try hosted("none").isEmpty)
    #expect(try hosted("gpt-4o").allSatisfy { $0["pico"] is Int })
  }

  @Test(arguments: [
    (["--against", "gpt-nothing"], "gpt-nothing"), (["--vm", "t4g.tiny"], "t4g.tiny"),
    (["--vm", "t4g.small"], "t4g.small@us-east-1 ($0.0168/h)"),
    (["--usd-per-hour", "cheap"], "cheap"), (["--temp", "hot"], "hot"), (["--top-p", "2"], "--top-p"),
    (["--tag", "nothing"], "nothing"), (["--logit-bias", "x+1"], "x+1"), (["-b", "0"], "0"), (["-t", "0"], "0"),
  ])
  func misuseIsOneLineBeforeAnythingIsLoaded(words: [String], named: String) throws {
    let outcome = try BuiltBinary.run(BuiltBinary.path, ["run", "-m", "/nowhere/model.gguf"] + words + ["x"])
    #expect(outcome.status == 2 && outcome.output == "")
    #expect(outcome.errorLines.count == 1 && outcome.error.contains(named), "\(outcome.error)")
  }

  /// Through the model's own chat template, as `transformers` renders it.
  @Test func aRealModelAnswersAQuestion() throws {
    let asked = "List the planets of the solar system in order of distance from the sun."
    let known = try #require(try SmolLM2Reference.continuations().first { $0.messages.last?.content == asked })
    let system = try #require(known.messages.first { $0.role == "system" }).content
    let outcome = try BuiltBinary.farthing(
      "run", "-m", try SmolLM2.path(), "-c", "256", "-n", "24", "--temp", "0", "--json", "--system", system, asked)
    let object = try json(outcome)
    #expect(try #require(object["text"] as? String).contains("Mercury, Venus, Earth, Mars"))
    #expect(object["prompt_tokens"] as? Int == known.prompt.count)
    let same = zip(try #require(object["token_ids"] as? [Int32]), known.greedy).prefix { $0 == $1 }.count
    #expect(same > 8, "8-bit activations change a choice only where it is close")
  }
}
