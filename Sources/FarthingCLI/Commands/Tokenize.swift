import Tokenization
import Usage

/// `tokenize [TEXT]`: text to token ids, as the model's own tokeniser has it.
enum Tokenize {
  private static let file = Option.text(
    "--file", "-f", value: "FILE", help: "take the text from a file, byte for byte; - is standard input")
  private static let idsOnly = Option.flag("--ids", help: "print the ids alone, as a list on one line")
  private static let noSpecial = Option.flag("--no-special", "--no-bos", help: "add no BOS or EOS token")
  private static let noParseSpecial = Option.flag(
    "--no-parse-special", help: "take text that looks like a control token as plain text")

  static let command = Command(
    name: "tokenize", summary: "show the tokens of a text", operands: .optional("TEXT"),
    about: "The text comes from TEXT, from a file with -f, or from standard input.",
    options: [ModelOption.model, file, idsOnly, noSpecial, noParseSpecial],
    run: { (arguments, console) throws(CommandFailure) in
      let text = try Self.text(arguments)
      let tokenizer = try ModelOption.tokenizer(arguments, console)
      let ids = try failing { () throws(TokenizerError) in
        try tokenizer.encode(
          text, addSpecial: !arguments[noSpecial], parseSpecial: !arguments[noParseSpecial])
      }
      if arguments[Command.json] {
        try console.json { json in
          json.array("ids") { json in for id in ids { json.value(id) } }
          json.array("pieces") { json in for id in ids { json.value(utf8: tokenizer.piece(id)) } }
          json.field("count", ids.count)
        }
      } else if arguments[idsOnly] {
        try console.out.line("[" + ids.map { String($0) }.joined(separator: ", ") + "]")
      } else {
        for id in ids {
          let piece = printable(String(decoding: tokenizer.piece(id), as: UTF8.self))
          try console.out.line(padded(String(id), to: 6, right: true) + "  '" + piece + "'")
        }
      }
    })

  private static func text(_ arguments: Arguments) throws(CommandFailure) -> [UInt8] {
    if let path = arguments[file] {
      guard arguments.operands.isEmpty else { throw .usage("give TEXT or -f FILE, not both") }
      return try System.readAll(path)
    }
    if let text = arguments.operands.first, text != "-" { return Array(text.utf8) }
    guard !arguments.operands.isEmpty || !System.isTerminal(0) else { throw .usage("TEXT is missing") }
    return try System.readAll("-")
  }
}

/// `detokenize [ID ...]`: token ids to the bytes that they stand for.
enum Detokenize {
  private static let file = Option.text(
    "--file", "-f", value: "FILE", help: "take the ids from a file; - is standard input")
  private static let idList = Option.text("--ids", value: "LIST", help: "the ids, such as 1,2,3")
  private static let noSpecial = Option.flag("--no-special", help: "leave out control tokens such as BOS and EOS")

  static let command = Command(
    name: "detokenize", summary: "show the text of token ids", operands: .any("ID"),
    about: """
      The ids come from the arguments, from --ids, from a file with -f, or from standard input. They may be apart by \
      spaces, commas or line ends, and stand in brackets. The text's bytes are written as they are.
      """,
    options: [ModelOption.model, idList, file, noSpecial],
    run: { (arguments, console) throws(CommandFailure) in
      let source = try Self.source(arguments)
      let tokenizer = try ModelOption.tokenizer(arguments, console)
      let ids = try Self.ids(in: source, below: tokenizer.count)
      let bytes = tokenizer.decode(ids, special: !arguments[noSpecial])
      if arguments[Command.json] {
        try console.json { json in
          json.field("text", utf8: bytes)
          json.array("ids") { json in for id in ids { json.value(id) } }
        }
      } else {
        try console.out.write(bytes)
        if console.out.isTerminal { try console.out.line() }
      }
    })

  private static func source(_ arguments: Arguments) throws(CommandFailure) -> [UInt8] {
    let given = [arguments.has(file), arguments.has(idList), !arguments.operands.isEmpty].filter(\.self).count
    guard given <= 1 else { throw .usage("give the ids in one way: as arguments, with --ids or with -f") }
    if let path = arguments[file] { return try System.readAll(path) }
    if let list = arguments[idList] { return Array(list.utf8) }
    if !arguments.operands.isEmpty { return Array(arguments.operands.joined(separator: " ").utf8) }
    guard !System.isTerminal(0) else { throw .usage("the ids are missing") }
    return try System.readAll("-")
  }

  static func ids(in source: [UInt8], below count: Int) throws(CommandFailure) -> [TokenID] {
    let separators = Set(" \t\r\n,[]".utf8)
    var ids: [TokenID] = []
    for word in source.split(whereSeparator: separators.contains) {
      let text = String(decoding: word.prefix(40), as: UTF8.self)
      guard let id = TokenID(text), id >= 0, id < count else {
        throw .failed("'\(text)' is not a token id of this model (0 to \(count - 1))")
      }
      ids.append(id)
    }
    return ids
  }
}
