/// A command of the program, declared as data: its help, its parsing and its messages all come from here.
struct Command: Sendable {
  /// The words that are not options: how the help writes them, and how many there may be.
  struct Operands: Sendable {
    let name: String
    let count: ClosedRange<Int>

    static let none = Operands(name: "", count: 0...0)
    static func one(_ name: String) -> Operands { Operands(name: name, count: 1...1) }
    static func optional(_ name: String) -> Operands { Operands(name: "[\(name)]", count: 0...1) }
    static func any(_ name: String) -> Operands { Operands(name: "[\(name) ...]", count: 0...Int.max) }
  }

  /// One or two words: `inspect`, `models get`.
  let name: String
  /// One line, for the list of commands.
  let summary: String
  var operands: Operands = .none
  /// Paragraphs for the command's own help, between its usage and its options.
  var about: String = ""
  /// Its options, in the order of the help. `--json` and `--help` are added to every command.
  var options: [any DeclaredOption] = []
  let run: @Sendable (Arguments, Console) throws(CommandFailure) -> Void

  static let json = Option.flag("--json", help: "put one JSON object on standard output")
  static let help = Option.flag("--help", "-h", help: "show this help")

  var allOptions: [any DeclaredOption] { options + [Self.json, Self.help] }
}
