import Metering
import Usage

/// `ledger` and its parts: what is recorded, whether it is whole, and its care.
enum LedgerCommands {
  static let all = [show, verify, head, export, rebuild, backup, text, forget, prune, close]

  private static let heads = Option<[String]>.list(
    "--head", value: "HEAD", help: "prove that nothing before this head was cut or changed; as `ledger head` prints it")
  private static let tag = Option.text("--tag", value: "K=V", help: "forget this value of a tag, not a user")
  private static let textOption = Option.text(
    "--text", value: "REQUEST", help: "delete the stored text of this request; last for the newest one")
  private static let before = Option.text("--before", value: "DATE", help: "the first day (UTC) that stays: 2026-01-31")

  private static let show = Command(
    name: "ledger", summary: "where the ledger is and what it holds",
    about: """
      Every run is accounted for in one file: the one that FARTHING_LEDGER names, else \(LedgerLocation.machineWide) \
      where an administrator has made it, else farthing/ledger.db under XDG_DATA_HOME. Its events are chains of hashes; \
      `ledger verify` finds any change.
      """,
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try reading(console)
      let summary = try failing { () throws(LedgerError) in try ledger.summary() }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("path", ledger.path)
          json.field("ledger", summary.identity)
          json.field("schema", summary.schema)
          json.field("bytes", summary.bytes)
          json.field("events", summary.events)
          json.field("writers", summary.writers)
          json.field("requests", summary.requests)
          json.field("open_requests", summary.open)
          json.field("lost_requests", summary.lost)
          json.array("heads") { json in for head in summary.heads { json.value(head.description) } }
        }
      }
      try console.out.line("path      \(printable(ledger.path)), \(readableBytes(summary.bytes))")
      try console.out.line("ledger    \(summary.identity), schema \(summary.schema)")
      try console.out.line("events    \(grouped(summary.events)) by \(grouped(summary.writers)) writers")
      try console.out.line(
        "requests  \(grouped(summary.requests)), of them \(grouped(summary.open)) open, \(grouped(summary.lost)) lost")
      for head in summary.heads { try console.out.line("head      \(head)") }
    })

  private static let verify = Command(
    name: "ledger verify", summary: "check every hash, every chain and every table made of them",
    about: """
      A changed or missing event is found by the hashes; that the end of a chain was cut off, only by a head that was \
      noted elsewhere before: give it with --head.
      """,
    options: [heads],
    run: { (arguments, console) throws(CommandFailure) in
      var noted: [Head] = []
      for text in arguments[heads] {
        guard let head = Head(text) else { throw .usage("option --head: '\(text)' is not a head of `ledger head`") }
        noted.append(head)
      }
      let ledger = try reading(console)
      let found = try failing { () throws(LedgerError) in try ledger.verify(heads: noted) }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("whole", true)
          json.field("events", found.events)
          json.field("chains", found.chains)
          json.field("cut_chains", found.cutChains)
          json.field("requests", found.requests)
          json.field("proven_heads", found.provenHeads)
        }
      }
      let proven = noted.isEmpty ? "" : ", \(found.provenHeads) noted heads found"
      try console.out.line(
        "whole: \(grouped(found.events)) events in \(grouped(found.chains)) chains, \(grouped(found.requests)) "
          + "requests\(proven)")
    })

  private static let head = Command(
    name: "ledger head", summary: "print the heads that stand for the whole ledger",
    about: "Note them elsewhere: `ledger verify --head` then proves that nothing before them was cut or changed.",
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try reading(console)
      let heads = try failing { () throws(LedgerError) in try ledger.heads() }
      if arguments[Command.json] {
        return try console.json { json in
          json.array("heads") { json in for head in heads { json.value(head.description) } }
        }
      }
      for head in heads { try console.out.line(head.description) }
    })

  private static let export = Command(
    name: "ledger export", summary: "write the events as JSON lines to standard output",
    about: """
      The first line says which ledger it is, then comes one event a line, and the last line holds the heads. Users and \
      values of tags are hashes there.
      """,
    run: { (_, console) throws(CommandFailure) in
      let ledger = try reading(console)
      var failure: CommandFailure?
      do throws(LedgerError) {
        try ledger.export { (line) throws(LedgerError) in
          do throws(CommandFailure) { try console.out.write(line) } catch {
            failure = error
            throw .invalid("the output cannot be written")
          }
        }
      } catch {
        throw failure ?? .failed(error.description)
      }
    })

  private static let rebuild = Command(
    name: "ledger rebuild", summary: "make the tables of reports again from the events",
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try open().ledger
      let events = try failing { () throws(LedgerError) in try ledger.rebuild() }
      if arguments[Command.json] { return try console.json { $0.field("events", events) } }
      try console.out.line("made again from \(grouped(events)) events")
    })

  private static let backup = Command(
    name: "ledger backup", summary: "copy the ledger as it is now into a new file", operands: .one("FILE"),
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try reading(console)
      try failing { () throws(LedgerError) in try ledger.backup(to: arguments.operands[0]) }
      if arguments[Command.json] { return try console.json { $0.field("backup", arguments.operands[0]) } }
      try console.out.line("copied to \(printable(arguments.operands[0]))")
    })

  private static let text = Command(
    name: "ledger text", summary: "show the stored text of a request", operands: .optional("REQUEST"),
    about: """
      `run --store-text` and `batch --store-text` keep prompt and answer in the ledger, sealed with a key that lies \
      outside it: in the file that FARTHING_TEXT_KEY names, else in farthing/text.key in your folder of settings. Who \
      loses the key has lost the texts. REQUEST is a request's name, or last; without it: a list. `ledger forget` deletes \
      texts.
      """,
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try reading(console)
      guard let request = arguments.operands.first else { return try listTexts(ledger, arguments, console) }
      let text = try failing { () throws(LedgerError) in
        try ledger.text(of: request) { () throws(LedgerError) in try TextKey(path: try TextKey.location()) }
      }
      if arguments[Command.json] {
        return try console.json { json in
          for (name, bytes) in [("prompt", text.prompt), ("answer", text.answer)] {
            json.field(name, utf8: bytes)
            if String(validating: bytes, as: UTF8.self) == nil { json.field(name + "_base64", Base64.text(bytes)) }
          }
        }
      }
      for (name, bytes) in [("prompt", text.prompt), ("answer", text.answer)] {
        try console.out.line(console.bold(name))
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
          try console.out.line(printable(String(decoding: line, as: UTF8.self)))
        }
      }
    })

  private static func listTexts(
    _ ledger: Ledger, _ arguments: Arguments, _ console: Console
  ) throws(CommandFailure) {
    let texts = try failing { () throws(LedgerError) in try ledger.texts() }
    if arguments[Command.json] {
      return try console.json { json in
        json.array("texts") { json in
          for text in texts {
            json.object { json in
              json.field("request", text.request.description)
              json.field("at", UTCTime.text(unixNanos: text.at))
              json.field("bytes", text.bytes)
            }
          }
        }
      }
    }
    if texts.isEmpty { return try console.out.line("no stored texts (`run --store-text` stores them)") }
    for text in texts {
      try console.out.line(
        "\(text.request)  \(UTCTime.text(unixNanos: text.at))  \(readableBytes(Int(clamping: text.bytes)))")
    }
  }

  private static let forget = Command(
    name: "ledger forget", summary: "delete a user's name and stored texts, a tag's value, or one stored text",
    operands: .optional("USER"),
    about: """
      Events hold only hashes of names with random salts; name and salt are deleted, so the chains stay whole and what \
      was recorded can no longer be tied to anybody. Stored texts of a user's requests are deleted with the name. Backups \
      made earlier keep both.
      """,
    options: [tag, textOption],
    run: { (arguments, console) throws(CommandFailure) in
      if let request = arguments[textOption] {
        guard arguments.operands.isEmpty, arguments[tag] == nil else { throw .usage("give one thing to forget") }
        let writer = try open()
        try failing { () throws(LedgerError) in
          try writer.forgetText(of: request)
          try writer.finish()
        }
        if arguments[Command.json] { return try console.json { $0.field("forgotten", true) } }
        return try console.out.line("forgotten")
      }
      let personal: PersonalValue
      switch (arguments.operands.first, arguments[tag]) {
      case (let user?, nil): personal = .user(user)
      case (nil, let text?):
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw .usage("option --tag: '\(text)' is not KEY=VALUE") }
        personal = .tag(key: parts[0], value: parts[1])
      default: throw .usage("give a user, --tag KEY=VALUE or --text REQUEST")
      }
      let writer = try open()
      try failing { () throws(LedgerError) in
        try writer.forget(personal)
        try writer.finish()
      }
      if arguments[Command.json] { return try console.json { $0.field("forgotten", true) } }
      try console.out.line("forgotten")
    })

  private static let prune = Command(
    name: "ledger prune", summary: "cut old requests from the events, keeping what they add up to",
    about: """
      Closed requests from before a day are deleted; a checkpoint holds their sums by day and model, and a hash over the \
      heads of what was cut, so that the rest stays provable. Days of the present month cannot be cut.
      """,
    options: [before],
    run: { (arguments, console) throws(CommandFailure) in
      guard let text = arguments[before], let day = CivilDate(text) else {
        throw .usage("give --before with a day such as 2026-01-31")
      }
      let writer = try open()
      let cut = try failing { () throws(LedgerError) in
        let cut = try writer.prune(before: Int64(day.dayNumber) * 86_400_000_000_000)
        try writer.finish()
        return cut
      }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("events", cut.events)
          json.field("requests", cut.requests)
        }
      }
      try console.out.line("cut \(grouped(cut.requests)) requests, \(grouped(cut.events)) events")
    })

  private static let close = Command(
    name: "ledger close", summary: "freeze a month (UTC): nothing is added to it any more", operands: .one("MONTH"),
    about: "MONTH is written 2026-10. A month can be closed once it is over and none of its requests is under way.",
    run: { (arguments, console) throws(CommandFailure) in
      guard let month = Month(arguments.operands[0]) else { throw .usage("MONTH is written 2026-10") }
      let writer = try open()
      try failing { () throws(LedgerError) in
        try writer.closeMonth(month)
        try writer.finish()
      }
      if arguments[Command.json] { return try console.json { $0.field("closed", month.description) } }
      try console.out.line("\(month) is closed")
    })

  /// The ledger for a command that only reads: it need not be writable.
  static func reading(_ console: Console) throws(CommandFailure) -> Ledger {
    let (ledger, isOpen) = try failing { () throws(LedgerError) in
      let ledger = try Ledger.forReading(path: try LedgerLocation.path())
      return (ledger, ledger.isReadOnly ? try ledger.hasOpenRequests() : false)
    }
    if isOpen {
      console.note("read without write access: requests whose process is gone are shown as under way")
    }
    return ledger
  }

  /// The ledger, with what the dead have left open closed.
  static func open() throws(CommandFailure) -> LedgerWriter {
    try failing { () throws(LedgerError) in
      let writer = LedgerWriter(try Ledger(path: try LedgerLocation.path()))
      try writer.recover()
      return writer
    }
  }
}
