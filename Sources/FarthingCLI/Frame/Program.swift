/// The program as a list of commands, and what is common to them: finding the one meant, help, exit status.
struct Program {
  static let version = "0.1.0"
  static let summary = "runs small language models on cheap CPUs and accounts for every token"

  let commands: [Command]

  /// Runs the command that `words` (without the program's own name) ask for, and returns the exit status.
  func run(_ words: [String], console: Console) -> Int32 {
    var command: Command?
    do {
      command = try find(words)
      try perform(command, words, console)
      try console.out.flush()
      return 0
    } catch {
      return report(error, in: command, console)
    }
  }

  private func perform(_ command: Command?, _ words: [String], _ console: Console) throws(CommandFailure) {
    guard let command else { return try answer(words, console) }
    let rest = words.dropFirst(command.name.split(separator: " ").count)
    let arguments = try Arguments(Array(rest), for: command)
    if arguments[Command.help] {
      return try show(Help.page(for: command, of: self, columns: console.columns), console)
    }
    try command.run(arguments, console)
  }

  /// The command whose name the words begin with, the longest name first; nil for what the program answers itself.
  private func find(_ words: [String]) throws(CommandFailure) -> Command? {
    guard let first = words.first, !["help", "--help", "-h", "--version"].contains(first) else { return nil }
    return try lookUp(words)
  }

  private func lookUp(_ words: [String]) throws(CommandFailure) -> Command {
    let matching = commands.filter { words.starts(with: $0.name.split(separator: " ").map(String.init)) }
    if let command = matching.max(by: { $0.name.utf8.count < $1.name.utf8.count }) { return command }
    let first = words.first ?? ""
    if first.hasPrefix("-") { throw .usage("the command comes first, then its options: farthing COMMAND \(first)") }
    let near = nearest(to: first, among: commands.map(\.name))
    throw .usage("unknown command '\(first)'" + (near.map { "; did you mean \($0)?" } ?? ""))
  }

  private func answer(_ words: [String], _ console: Console) throws(CommandFailure) {
    if words.first == "--version" {
      return try console.out.line("farthing \(Self.version)")
    }
    let asked = words.dropFirst().filter { !$0.hasPrefix("-") }
    if asked.isEmpty { return try show(Help.overview(of: self, columns: console.columns), console) }
    try show(Help.page(for: lookUp(Array(asked)), of: self, columns: console.columns), console)
  }

  private func show(_ lines: [String], _ console: Console) throws(CommandFailure) {
    for line in lines { try console.out.line(line) }
  }

  private func report(_ failure: CommandFailure, in command: Command?, _ console: Console) -> Int32 {
    let name = (["farthing"] + (command.map { [$0.name] } ?? [])).joined(separator: " ")
    if failure != .outputClosed {
      // What was already made belongs to the reader, whatever happened after it.
      try? console.out.flush()
      console.progress("")
    }
    let text: String? =
      switch failure {
      case .failed(let reason): reason
      case .usage(let reason): reason + " (see `farthing help\(command.map { " " + $0.name } ?? "")`)"
      case .interrupted, .outputClosed: nil
      }
    if let text {
      // One line nearly always; where a reason has several, each is made printable by itself.
      let lines = text.split(separator: "\n").map { printable(String($0)) }.joined(separator: "\n")
      // Folded before it is coloured, since colour takes no columns.
      let folded = console.folded(name + ": " + lines).dropFirst(name.count + 1)
      try? console.error.line(console.styled(name + ":", "31", on: console.error) + folded)
    }
    return failure.exitStatus
  }
}
