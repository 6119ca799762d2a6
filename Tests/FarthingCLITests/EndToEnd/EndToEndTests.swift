import Foundation
import Testing

/// The binary as a new user meets it: what it prints where, its exit status, and what it does with bad input.
@Suite struct EndToEndTests {
  private static let fixtures = BuiltBinary.root.appending(path: "Tests/Fixtures/families")
  private static let model = fixtures.appending(path: "llama3.Q4_0.gguf").path
  private static let commands = [
    "run", "batch", "models", "models get", "inspect", "tokenize", "detokenize", "eval", "bench", "report", "ledger",
    "ledger verify",
    "ledger head", "ledger export", "ledger rebuild", "ledger backup", "ledger forget", "ledger prune", "ledger close",
    "ledger tags", "ledger adjust",
    "budget", "budget set", "budget remove", "budget tariff", "machine", "machine add", "machine record",
    "machine cost", "invoice import",
    "quantize", "importance", "compare",
  ]

  @Test func overviewNamesEveryCommand() throws {
    let outcome = try BuiltBinary.farthing("--help")
    #expect(outcome.status == 0 && outcome.error == "")
    for command in Self.commands { #expect(outcome.output.contains("  \(command) "), "\(command)") }
    #expect(try BuiltBinary.farthing().output == outcome.output)
    #expect(try BuiltBinary.farthing("--version").output.hasPrefix("farthing "))
  }

  @Test(arguments: commands)
  func everyCommandExplainsItselfOnANarrowTerminal(command: String) throws {
    let words = command.split(separator: " ").map(String.init)
    for words in [words + ["--help"], ["help"] + words] {
      let outcome = try BuiltBinary.run(BuiltBinary.path, words)
      #expect(outcome.status == 0 && outcome.error == "")
      #expect(outcome.output.hasPrefix("usage: farthing \(command)"))
    }
    let narrow = try BuiltBinary.onTerminal(["help"] + words, columns: 60)
    for line in narrow.output.split(separator: "\r\n") { #expect(line.count <= 60, "\(line)") }
  }

  @Test(arguments: [
    (["inspct"], "unknown command 'inspct'; did you mean inspect?"),
    (["inspect", "--ful", "x"], "unknown option --ful; did you mean --full?"),
    (["inspect"], "FILE is missing"), (["--json", "inspect"], "the command comes first"),
    (["tokenize", "a", "b"], "unexpected argument 'b'"), (["help", "nothing"], "unknown command 'nothing'"),
    (["inspect", "-c", "-1", "x"], "'-1' is not a whole number"),
  ])
  func misuseTakesOneLineAndStatusTwo(words: [String], reason: String) throws {
    let outcome = try BuiltBinary.run(BuiltBinary.path, words)
    #expect(outcome.status == 2)
    #expect(outcome.output == "")
    #expect(outcome.errorLines.count == 1 && outcome.error.contains(reason), "\(outcome.error)")
  }

  @Test(arguments: [
    ("/nowhere/model.gguf", "No such file"), (BuiltBinary.root.appending(path: "LICENSE").path, "text file"),
    (BuiltBinary.root.path, ".json"), ("/dev/null", "not a regular file"), ("", "no known model"),
    ("smollm", "no known model"),
    ("./bad\u{1b}[2Jname", "bad\\u{1b}[2Jname"),
  ])
  func whatIsNoModelIsSaidInOneLine(path: String, reason: String) throws {
    for words in [
      ["inspect", path], ["tokenize", "-m", path, "hello"], ["detokenize", "-m", path, "1"], ["run", "-m", path, "hi"],
    ] {
      let outcome = try BuiltBinary.run(BuiltBinary.path, words)
      #expect(outcome.status == 1)
      #expect(outcome.output == "")
      #expect(outcome.errorLines.count == 1 && outcome.error.contains(reason), "\(outcome.error)")
    }
  }

  @Test func emptyAndCutFilesAreRefused() throws {
    let whole = try Data(contentsOf: URL(filePath: Self.model))
    for length in [0, 3, 4, 23, 1000, whole.count - 1] {
      try withTemporaryFile(whole.prefix(length)) { path in
        let outcome = try BuiltBinary.farthing("inspect", path)
        #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(length): \(outcome.error)")
      }
    }
  }

  @Test func inspectShowsTheFile() throws {
    let outcome = try BuiltBinary.farthing("inspect", Self.model)
    #expect(outcome.status == 0 && outcome.error == "")
    for text in ["general.architecture", "blk.0.attn_q.weight", "Q4_0", "together"] {
      #expect(outcome.output.contains(text), "\(text)")
    }
    let narrow = try BuiltBinary.onTerminal(["inspect", Self.model], columns: 60, environment: ["NO_COLOR": "1"])
    #expect(narrow.status == 0)
    for line in narrow.output.split(separator: "\r\n") { #expect(line.count <= 60, "\(line)") }
  }

  @Test func colourIsForTerminalsAlone() throws {
    #expect(try BuiltBinary.onTerminal(["inspect", Self.model], columns: 80).output.contains("\u{1b}["))
    let refused = try BuiltBinary.onTerminal(["inspect", Self.model], columns: 80, environment: ["NO_COLOR": "1"])
    #expect(!refused.output.contains("\u{1b}"))
    #expect(try !BuiltBinary.farthing("inspect", Self.model).output.contains("\u{1b}"))
  }

  @Test(arguments: [
    ["inspect", model], ["inspect", "--full", model], ["tokenize", "-m", model, "a b"],
    ["detokenize", "-m", model, "1", "2"],
  ])
  func jsonIsOneObject(words: [String]) throws {
    let outcome = try BuiltBinary.run(BuiltBinary.path, words + ["--json"])
    #expect(outcome.status == 0 && outcome.error == "")
    #expect(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) is [String: Any])
  }

  @Test func inspectJSONHasTheFigures() throws {
    let outcome = try BuiltBinary.farthing("inspect", "--json", "-c", "64", Self.model)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let size = try FileManager.default.attributesOfItem(atPath: Self.model)[.size] as? Int
    #expect(json["bytes"] as? Int == size)
    #expect((json["metadata"] as? [String: Any])?["general.architecture"] as? String == "llama")
    #expect((json["memory"] as? [String: Any])?["context"] as? Int == 64)
    let tensors = try #require(json["tensors"] as? [[String: Any]])
    let types = try #require(json["types"] as? [String: [String: Int]])
    #expect(types.values.reduce(0) { $0 + ($1["tensors"] ?? 0) } == tensors.count)
  }

  @Test func readerThatLeavesIsNoError() throws {
    let outcome = try BuiltBinary.shell(
      "for i in 1 2 3 4 5; do \"$F\" inspect --full '\(Self.model)' | head -n 1; done")
    #expect(outcome.error == "")
    #expect(outcome.output.split(separator: "\n").count == 5)
  }

  @Test func fullDiskIsAnError() throws {
    let outcome = try BuiltBinary.shell("\"$F\" inspect '\(Self.model)' > /dev/full")
    #expect(outcome.status == 1)
    #expect(outcome.errorLines.count == 1 && outcome.error.contains("No space left"))
  }

  @Test func closedDescriptorsAreHarmless() throws {
    let outcome = try BuiltBinary.shell("\"$F\" inspect '\(Self.model)' <&- >&- 2>&-; echo $?")
    #expect(outcome.output == "0\n")
  }

  @Test func tokensGoThereAndBack() throws {
    let text = "Hello, w\u{f6}rld \u{1F600}\n\t 3.14"
    let there = try BuiltBinary.farthing(
      "tokenize", "-m", Self.model, "--ids", "--no-special", "-f", "-", input: Array(text.utf8))
    #expect(there.status == 0, "\(there.error)")
    let back = try BuiltBinary.farthing("detokenize", "-m", Self.model, input: Array(there.output.utf8))
    #expect(back.output == text)
    let listed = try BuiltBinary.farthing(
      "detokenize", "-m", Self.model, "--ids", there.output.trimmingCharacters(in: .whitespacesAndNewlines))
    #expect(listed.output == text)
  }

  @Test func tokensOfAHuggingFaceFolder() throws {
    let folder = BuiltBinary.root.appending(path: "weights/gutenberg-4m").path
    for model in [folder, folder + "/tokenizer.json"] {
      let there = try BuiltBinary.farthing("tokenize", "-m", model, "--ids", "It is a truth")
      let back = try BuiltBinary.farthing("detokenize", "-m", model, input: Array(there.output.utf8))
      #expect(there.status == 0 && back.output == "It is a truth", "\(there.error)")
    }
  }

  @Test(arguments: ["x", "99999999", "-1", "1.5"])
  func strangeIdsAreRefused(id: String) throws {
    let outcome = try BuiltBinary.farthing("detokenize", "-m", Self.model, "--ids", id)
    #expect(outcome.status == 1 && outcome.error.contains("not a token id"))
  }

  private func withTemporaryFile(_ content: Data, _ body: (String) throws -> Void) throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    try content.write(to: url)
    defer { try? FileManager.default.removeItem(at: url) }
    try body(url.path)
  }
}
