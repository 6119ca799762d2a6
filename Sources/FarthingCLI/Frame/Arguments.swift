/// The words after a command's name, sorted into options and operands and checked.
struct Arguments {
  /// What is not an option: a prompt, a file. As many as the command's `operands` allow.
  let operands: [String]
  private let texts: [String: [String]]

  /// The value of an option that the command declares.
  subscript<Value>(option: Option<Value>) -> Value {
    // Every text was checked by the initialiser, so reading it again cannot fail.
    (try? option.value(of: texts[option.names[0]] ?? [])) ?? option.initial
  }

  func has(_ option: some DeclaredOption) -> Bool {
    texts[option.names[0]] != nil
  }

  /// Sorts `words`: options anywhere, as `--name value`, `--name=value` or `-n value`; after `--` all are operands,
  /// and so is a lone `-`, which stands for standard input. Underscores in a long name count as hyphens.
  init(_ words: [String], for command: Command) throws(CommandFailure) {
    var declared: [String: any DeclaredOption] = [:]
    for option in command.allOptions {
      for name in option.names { declared[name] = option }
    }
    var operands: [String] = []
    var texts: [String: [String]] = [:]
    var index = 0
    while index < words.count {
      let word = words[index]
      index += 1
      if word == "--" {
        operands += words[index...]
        break
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      let (name, attached) = Self.split(word)
      guard let option = declared[name] else {
        throw .usage(Self.unknown(option: name, among: declared.keys))
      }
      texts[option.names[0], default: []].append(
        try Self.value(of: option, as: name, attached: attached, words: words, at: &index, declared: declared))
    }
    for option in command.allOptions {
      guard let given = texts[option.names[0]] else { continue }
      do {
        try option.check(given)
      } catch {
        throw .usage("option \(option.names[0]): '\(given.last ?? "")' is not \(error.expected)")
      }
    }
    let help = texts[Command.help.names[0]] != nil
    if !help { try Self.check(operands, for: command) }
    self.operands = operands
    self.texts = texts
  }

  private static func split(_ word: String) -> (name: String, attached: String?) {
    guard word.hasPrefix("--") else { return (word, nil) }
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0].map { $0 == "_" ? "-" : $0 })
    return (name, parts.count == 2 ? String(parts[1]) : nil)
  }

  private static func value(
    of option: any DeclaredOption, as name: String, attached: String?, words: [String], at index: inout Int,
    declared: [String: any DeclaredOption]
  ) throws(CommandFailure) -> String {
    guard let valueName = option.valueName else {
      if attached != nil { throw .usage("option \(name) takes no value") }
      return ""
    }
    if let attached { return attached }
    guard index < words.count, words[index] != "--" else {
      throw .usage("option \(name) needs a value (\(valueName))")
    }
    let next = words[index]
    if declared[split(next).name] != nil {
      throw .usage("option \(name) needs a value (\(valueName)) before \(next)")
    }
    index += 1
    return next
  }

  private static func unknown(option name: String, among known: some Sequence<String>) -> String {
    let near = nearest(to: name, among: known.filter { $0.hasPrefix("--") == name.hasPrefix("--") })
    return "unknown option \(name)" + (near.map { "; did you mean \($0)?" } ?? "")
  }

  private static func check(_ operands: [String], for command: Command) throws(CommandFailure) {
    if operands.count < command.operands.count.lowerBound {
      throw .usage("\(command.operands.name) is missing")
    }
    if operands.count > command.operands.count.upperBound {
      let extra = operands[command.operands.count.upperBound]
      let hint = command.operands.count.upperBound > 0 ? " (quote a text that has spaces)" : ""
      throw .usage("unexpected argument '\(extra)'\(hint)")
    }
  }
}
