/// The help pages, made from the commands' declarations.
enum Help {
  static func overview(of program: Program, columns: Int?) -> [String] {
    var lines = wrapped("farthing \(Program.version): \(Program.summary)", to: columns ?? 100)
    lines += ["", "usage: farthing COMMAND [options]", "", "commands:"] + list(program.commands, columns: columns)
    lines += [""]
    lines += wrapped(
      "`farthing help COMMAND` shows a command's options; `farthing --version` shows the version.", to: columns ?? 100)
    return lines
  }

  private static func list(_ commands: [Command], columns: Int?) -> [String] {
    let listed = commands.map { command in
      (heading: [command.name, command.operands.name].filter { !$0.isEmpty }.joined(separator: " "), command.summary)
    }
    return entries(listed, columns: columns)
  }

  /// A command's page; below it the commands of `program` whose names begin with its name.
  static func page(for command: Command, of program: Program, columns: Int?) -> [String] {
    let parts = ["farthing", command.name, command.operands.name, "[options]"].filter { !$0.isEmpty }
    var lines = ["usage: " + parts.joined(separator: " "), ""]
    lines += wrapped(command.summary, to: columns ?? 100)
    if !command.about.isEmpty { lines += [""] + wrapped(command.about, to: columns ?? 100) }
    lines += ["", "options:"]
    let listed = command.allOptions.map { option in
      (heading: option.names.joined(separator: ", ") + (option.valueName.map { " " + $0 } ?? ""), option.help)
    }
    lines += entries(listed, columns: columns)
    let further = program.commands.filter { $0.name.hasPrefix(command.name + " ") }
    return further.isEmpty ? lines : lines + ["", "further commands:"] + list(further, columns: columns)
  }

  /// Two columns: headings, and their texts wrapped beside them. A long heading stands on a line of its own.
  private static func entries(_ entries: [(heading: String, text: String)], columns: Int?) -> [String] {
    let indent = 2
    let widest = entries.map { displayColumns($0.heading) }.max() ?? 0
    let column = min(indent + min(widest, 26) + 2, (columns ?? 100) / 2)
    let width = (columns ?? 100) - column
    var lines: [String] = []
    for entry in entries {
      let start = String(repeating: " ", count: indent) + entry.heading
      var text = wrapped(entry.text, to: width)[...]
      if displayColumns(start) + 2 <= column {
        lines.append(padded(start, to: column) + (text.popFirst() ?? ""))
      } else {
        lines.append(start)
      }
      lines += text.map { String(repeating: " ", count: column) + $0 }
    }
    return lines
  }
}
