import Foundation
import HostileFiles
import Testing

/// What a new user tries within the first hour, with a tiny model that has a long context: narrow terminals, pipes,
/// Ctrl-C at every moment, prompts and contexts that do not fit, disks that are full, a chat.
@Suite struct FirstHourTests {
  /// A model file that exists for one test.
  private final class ModelFile {
    let path = FileManager.default.temporaryDirectory.appending(path: "farthing-\(UUID().uuidString).gguf").path

    /// - Parameter context: positions that the model says it was trained on.
    init(context: UInt32 = 1 << 17, _ change: (inout GGUFBuilder) -> Void = { _ in }) throws {
      var file = GGUFBuilder.model("llama")
      file.set("llama.context_length", .uint32(context))
      file.set("llama.attention.sliding_window", .uint32(0))
      change(&file)
      try Data(file.bytes).write(to: URL(filePath: path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  /// Always the same answer, which goes on for ever: the letter a.
  private static let greedy = ["--temp", "0", "--seed", "1", "--ignore-eos", "--logit-bias", "2+100"]

  @Test func receiptFitsANarrowTerminalAndLeavesTheAnswerAlone() throws {
    let model = try ModelFile()
    let words = ["run", "-m", model.path, "-n", "8", "--vm", "t3.small@us-east-1"] + Self.greedy + ["hello"]
    let session = try TerminalSession(words, columns: 60)
    #expect(session.end() == 0)
    let lines = session.lines
    for line in lines.drop(while: { $0 != "receipt" }) { #expect(line.count <= 60, "\(line)") }
    // The answer's last line stays on the screen, though there was progress to clear behind it.
    let piped = try BuiltBinary.run(BuiltBinary.path, words)
    let answer = piped.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init).dropLast()
    #expect(piped.status == 0 && !answer.allSatisfy(\.isEmpty), "\(piped.output)")
    #expect(Array(lines.prefix(answer.count)) == Array(answer), "\(session.shown)")
    for part in ["tokens", "decode", "allocated", "marginal", "gpt-4o"] { #expect(session.shown.contains(part)) }
  }

  @Test func aReaderThatLeavesGetsItsReceipt() throws {
    let model = try ModelFile()
    let outcome = try BuiltBinary.shell(
      "\"$F\" run -m '\(model.path)' -n -1 --ignore-eos --logit-bias 2+100 hello | head -c 3; echo \" ${PIPESTATUS[*]}\""
    )
    #expect(outcome.output == "aaa 0 0\n", "\(outcome.output)")
    #expect(outcome.error.contains("the client went away") && !outcome.error.contains("farthing run:"))
  }

  @Test func aFullDiskIsSaidAfterTheReceipt() throws {
    let model = try ModelFile()
    let outcome = try BuiltBinary.shell("\"$F\" run -m '\(model.path)' -n 4 --temp 0 hello > /dev/full")
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("receipt") && outcome.error.contains("No space left"), "\(outcome.error)")
  }

  @Test func interruptWhileDecoding() throws {
    let model = try ModelFile()
    let answer = Pipe()
    let session = try TerminalSession(
      ["run", "-m", model.path, "-n", "-1"] + Self.greedy + ["hello"], output: answer.fileHandleForWriting)
    try answer.fileHandleForWriting.close()
    let first = answer.fileHandleForReading.availableData
    #expect(!first.isEmpty)
    session.interrupt()
    let text = String(decoding: first + answer.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    #expect(session.end() == 130)
    #expect(text.hasSuffix("\n"), "a half line was left")
    #expect(session.shown.contains("cancelled: interrupted"))
    #expect(!session.shown.contains(" + 0 completion"), "\(session.shown)")
  }

  @Test func interruptWithinThePrompt() throws {
    let model = try ModelFile()
    let answer = Pipe()
    let prompt = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    try Data(String(repeating: "hello ab ", count: 15_000).utf8).write(to: prompt)
    defer { try? FileManager.default.removeItem(at: prompt) }
    let session = try TerminalSession(
      ["run", "-m", model.path, "--raw", "-t", "1", "-b", "16", "-f", prompt.path] + Self.greedy,
      output: answer.fileHandleForWriting)
    try answer.fileHandleForWriting.close()
    #expect(session.wait(for: "farthing: prompt "), "no progress is shown: \(session.shown)")
    session.interrupt()
    #expect(session.end() == 130)
    #expect(answer.fileHandleForReading.readDataToEndOfFile().isEmpty)
    #expect(session.shown.contains("cancelled: interrupted") && session.shown.contains(" + 0 completion"))
    #expect(session.lines.contains("receipt"), "the line of progress was not cleared: \(session.shown)")
  }

  @Test func aPromptLongerThanTheContextIsRefusedWithTheNumbers() throws {
    let model = try ModelFile(context: 64)
    let long = String(repeating: "hello ", count: 100)
    let outcome = try BuiltBinary.farthing("run", "-m", model.path, "--raw", long)
    #expect(outcome.status == 1 && outcome.output == "" && outcome.errorLines.count == 1, "\(outcome.error)")
    #expect(outcome.error.contains("context of 64") && outcome.error.contains(" tokens"))
    let asked = try BuiltBinary.farthing("run", "-m", model.path, "-c", "65", "hello")
    #expect(asked.status == 1 && asked.error.contains("trained on 64 positions"), "\(asked.error)")
  }

  /// Memory is refused with numbers and with the option that fits, and that option works.
  @Test func aContextBeyondMemoryIsRefusedWithTheOneThatFits() throws {
    let model = try ModelFile(context: 1 << 30)
    let refused = try BuiltBinary.farthing("run", "-m", model.path, "-c", "1073741824", "hello")
    #expect(refused.status == 1 && refused.errorLines.count == 1, "\(refused.error)")
    let advice = try #require(
      refused.error.firstMatch(of: /this needs (\d+) MiB, but .* leaves (\d+) MiB; .*: -c (\d+)/))
    #expect(try #require(Int(advice.1)) > #require(Int(advice.2)))
    // A little less, since what is free changes meanwhile.
    let fits = try #require(Int(advice.3)) / 2
    let outcome = try BuiltBinary.farthing("run", "-m", model.path, "-c", "\(fits)", "-n", "2", "hello")
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  @Test func anAddressSpaceThatIsTooSmallIsNamed() throws {
    let model = try ModelFile(context: 1 << 20)
    let outcome = try BuiltBinary.shell("ulimit -v 250000; \"$F\" run -m '\(model.path)' -c 1048576 -n 2 hello")
    #expect(outcome.status == 1 && outcome.errorLines.count == 1, "\(outcome.error)")
    #expect(outcome.error.contains("256.0 MB") && outcome.error.contains("ulimit -v"), "\(outcome.error)")
  }

  /// Weights that are no numbers: both commands end, and say so.
  @Test func aModelOfNothingButInfinitiesEnds() throws {
    let model = try ModelFile { file in
      file.tensors = file.tensors.map { $0.rescaled(to: 0x7C00) ?? $0 }
    }
    let text = String(repeating: "hello ab ", count: 40)
    let evaluated = try BuiltBinary.farthing("eval", "-m", model.path, "-c", "32", "-f", "-", input: Array(text.utf8))
    #expect(evaluated.status < 2 && evaluated.errorLines.count <= 1, "\(evaluated.status): \(evaluated.error)")
    let json = try BuiltBinary.farthing(
      "eval", "--json", "-m", model.path, "-c", "32", "-f", "-", input: Array(text.utf8))
    if json.status == 0 { _ = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) }
    let answered = try BuiltBinary.farthing("run", "-m", model.path, "-n", "2", "hello")
    #expect(answered.status == 1 && answered.error.contains("receipt"), "\(answered.error)")
  }

  @Test func aVocabularyIsNoModel() throws {
    let model = try ModelFile { $0.tensors = [] }
    let outcome = try BuiltBinary.farthing("run", "-m", model.path, "hello")
    #expect(outcome.status == 1 && outcome.error.contains("vocabulary only"), "\(outcome.error)")
    #expect(try BuiltBinary.farthing("tokenize", "-m", model.path, "hello").status == 0)
  }

  @Test func aChatOfSeveralTurns() throws {
    let model = try ModelFile()
    let session = try TerminalSession(["run", "-m", model.path, "-n", "6"] + Self.greedy, columns: 60)
    #expect(session.wait(for: "> "))
    try session.type("/receipt\n")
    #expect(session.wait(for: "there is no receipt yet"))
    try session.type("hello\n")
    #expect(session.wait(for: " + 6 tokens; "), "\(session.shown)")
    try session.type("ab ab\n")
    #expect(session.wait(for: " + 6 tokens; ", times: 2))
    // The second turn found the first in the cache.
    #expect(session.shown.contains(" cached) + 6 tokens"), "\(session.shown)")
    #expect(!session.shown.contains("receipt\r\n  model"))
    try session.type("/receipt\n")
    #expect(session.wait(for: "receipt\r\n  model"))
    #expect(session.wait(for: "> ", times: 5))
    for line in session.lines { #expect(line.count <= 60, "\(line)") }
    try session.type("\u{4}")
    #expect(session.end() == 0)
    // The shell's prompt gets a line of its own.
    #expect(session.shown.hasSuffix("\r\n"))
  }

  @Test func aChatThatOutgrowsItsContextGoesOn() throws {
    let model = try ModelFile(context: 128)
    let session = try TerminalSession(["run", "-m", model.path, "-n", "8"] + Self.greedy)
    for turn in 1...6 {
      #expect(session.wait(for: "> ", times: turn), "\(session.shown)")
      try session.type("hello hello hello hello hello hello\n")
    }
    #expect(session.wait(for: " + 8 tokens; ", times: 6), "\(session.shown)")
    let notes = session.lines.joined(separator: " ")
    #expect(notes.contains("left out: the conversation has outgrown the context of 128 tokens"), "\(notes)")
    try session.type("\n")
    #expect(session.end() == 0)
  }

  @Test func interruptsOfAChat() throws {
    let model = try ModelFile()
    let session = try TerminalSession(["run", "-m", model.path, "-n", "-1"] + Self.greedy)
    #expect(session.wait(for: "> "))
    try session.type("hello\n")
    #expect(session.wait(for: "aaaa"))
    session.interrupt()
    #expect(session.wait(for: "cancelled: interrupted"))
    #expect(session.wait(for: "> ", times: 2))
    // At the prompt it ends the chat.
    session.interrupt()
    #expect(session.end() == 130)
  }
}
