import Testing

@testable import FarthingCLI

@Suite struct ArgumentsTests {
  private enum Shape: String, CaseIterable { case round, square }

  private static let model = Option.text("--model", "-m", value: "FILE", help: "a file")
  private static let context: Option<Int?> = .integer("--ctx-size", "-c", in: 1...4096, help: "tokens")
  private static let topK: Option<Int> = .integer("--top-k", in: 0...Int.max, default: 40, help: "keep")
  private static let temperature: Option<Double> = .decimal("--temp", in: 0...5, default: 0.8, help: "heat")
  private static let batch: Option<Int?> = .integer("--threads-batch", "-tb", in: 1...8, help: "threads")
  private static let stop = Option.list("--stop", value: "TEXT", help: "end")
  private static let shape: Option<Shape> = .choice("--shape", default: .round, help: "form")
  private static let lengths: Option<[Int]> = .integers("--lengths", in: 0...99, default: [5], help: "sizes")
  private static let quiet = Option.flag("--quiet", "-q", help: "say less")

  private static let command = Command(
    name: "draw", summary: "draws", operands: .optional("PROMPT"),
    options: [model, context, topK, temperature, batch, stop, shape, lengths, quiet], run: { _, _ in })

  private func parse(_ words: String...) throws(CommandFailure) -> Arguments {
    try Arguments(words, for: Self.command)
  }

  private func refusal(of words: [String]) -> String? {
    do {
      _ = try Arguments(words, for: Self.command)
      return nil
    } catch .usage(let reason) {
      return reason
    } catch {
      return "\(error)"
    }
  }

  @Test func numbersWithCommas() throws {
    #expect(try parse()[Self.lengths] == [5])
    #expect(try parse("--lengths", "1,2,99")[Self.lengths] == [1, 2, 99])
    #expect(try parse("--lengths", "1", "--lengths", "7")[Self.lengths] == [7])
    for text in ["", "1,", ",1", "1,,2", "1;2", "100", "1,-1"] {
      #expect(refusal(of: ["--lengths", text])?.contains("is not a whole number") == true, "\(text)")
    }
  }

  @Test func valuesAndDefaults() throws {
    let given = try parse(
      "-m", "a.gguf", "--ctx-size=512", "hello", "-tb", "2", "--temp", "0", "--stop", "a", "--stop=", "--shape",
      "square", "-q")
    #expect(given[Self.model] == "a.gguf")
    #expect(given[Self.context] == 512)
    #expect(given[Self.topK] == 40)
    #expect(given[Self.temperature] == 0)
    #expect(given[Self.batch] == 2)
    #expect(given[Self.stop] == ["a", ""])
    #expect(given[Self.shape] == .square)
    #expect(try parse("--shape", "Square")[Self.shape] == .square)
    #expect(given[Self.quiet])
    #expect(given.operands == ["hello"])
    let empty = try parse()
    #expect(empty[Self.model] == nil && empty[Self.context] == nil && empty[Self.shape] == .round)
    #expect(!empty[Self.quiet] && !empty.has(Self.topK) && empty.operands == [])
  }

  @Test func lastOneWinsAndUnderscoresAreHyphens() throws {
    #expect(try parse("--top_k", "1", "--top-k", "2")[Self.topK] == 2)
    #expect(try parse("--top_k=7")[Self.topK] == 7)
    // Only the name: a value keeps its underscores.
    #expect(try parse("--model=a_b")[Self.model] == "a_b")
  }

  @Test func doubleHyphenEndsOptionsAndHyphenIsAnOperand() throws {
    #expect(try parse("--", "--temp").operands == ["--temp"])
    #expect(try parse("-").operands == ["-"])
    #expect(try parse("-m", "-5")[Self.model] == "-5")
    #expect(try parse("--model=--quiet")[Self.model] == "--quiet")
  }

  @Test(arguments: [
    (["--modle", "a"], "unknown option --modle; did you mean --model?"),
    (["--thr", "1"], "unknown option --thr; did you mean --threads-batch?"),
    (["--zzzzzz"], "unknown option --zzzzzz"),
    (["-c"], "option -c needs a value (N)"),
    (["-m", "--quiet"], "option -m needs a value (FILE) before --quiet"),
    (["-m", "--"], "option -m needs a value (FILE)"),
    (["--quiet=1"], "option --quiet takes no value"),
    (["-c", "0"], "option --ctx-size: '0' is not a whole number from 1 to 4096"),
    (["-c", "5k"], "option --ctx-size: '5k' is not a whole number from 1 to 4096"),
    (
      ["--top-k", "99999999999999999999"], "option --top-k: '99999999999999999999' is not a whole number of at least 0"
    ),
    (["--temp", "nan"], "option --temp: 'nan' is not a number from 0 to 5"),
    (["--temp", "-1"], "option --temp: '-1' is not a number from 0 to 5"),
    (["--shape", "oval"], "option --shape: 'oval' is not one of round, square"),
    (["a", "b"], "unexpected argument 'b' (quote a text that has spaces)"),
  ])
  func badInputIsRefusedInOneLine(words: [String], reason: String) {
    #expect(refusal(of: words) == reason)
  }

  @Test func missingOperandIsNamed() {
    let command = Command(name: "inspect", summary: "", operands: .one("FILE"), run: { _, _ in })
    #expect(throws: CommandFailure.usage("FILE is missing")) { try Arguments([], for: command) }
    // A person who asks for help is not told off first.
    #expect(throws: Never.self) { try Arguments(["--help"], for: command) }
  }

  @Test(arguments: [
    ("inpsect", "inspect"), ("tokenise", "tokenize"), ("tok", "tokenize"), ("rum", "run"), ("xyzzy", nil), ("", nil),
  ])
  func nearestName(word: String, expected: String?) {
    #expect(nearest(to: word, among: ["run", "inspect", "tokenize", "detokenize", "models"]) == expected)
  }
}
