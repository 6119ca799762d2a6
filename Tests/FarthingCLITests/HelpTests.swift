import Testing

@testable import FarthingCLI

@Suite struct HelpTests {
  private static let limit: Option<Int> = .integer(
    "--limit", "-n", in: 1...9, default: 5, help: "at most so many, which is a long story that must wrap")
  private static let long = Option.text("--a-very-long-option-name-indeed", value: "TEXT", help: "short")
  private static let program = Program(commands: [
    Command(name: "draw", summary: "draws what you ask for", operands: .one("PROMPT"), options: [limit, long]) {
      _, _ in
    },
    Command(name: "draw again", summary: "draws it once more") { _, _ in },
  ])

  @Test(arguments: [40, 60, 100])
  func pagesKeepToTheTerminal(columns: Int) {
    let pages = [
      Help.overview(of: Self.program, columns: columns),
      Help.page(for: Self.program.commands[0], of: Self.program, columns: columns),
    ]
    for line in pages.joined() { #expect(line.count <= columns, "\(line)") }
  }

  @Test func pageNamesWhatTheCommandDeclares() {
    let page = Help.page(for: Self.program.commands[0], of: Self.program, columns: 60).joined(separator: "\n")
    let declared = [
      "farthing draw PROMPT [options]", "--limit, -n N", "(default 5)", "--json", "--help, -h", "draw again",
    ]
    for text in declared {
      #expect(page.contains(text), "\(text)")
    }
  }
}
