import Pricing
import Serving
import Usage

/// The commands that change, compare and check the book; `prices` and `vms` have the same ones.
enum PriceEdits {
  static func commands(_ half: PriceCommands.Half) -> [Command] {
    [
      add(half), remove(half), importing(half), export(half), difference(half), validate(half),
    ]
  }

  // MARK: Own rows

  private static func add(_ half: PriceCommands.Half) -> Command {
    let columns = PriceDocument.columns(of: half.part)
    let lines =
      half == .hosted
      ? " line=price, tier, hours or stated adds to the model that is there; without it the row is a model of its own."
      : ""
    return Command(
      name: half.command + " add", summary: "add an own row, or replace the one of that name",
      operands: .any("COLUMN=VALUE"),
      about: """
        A row needs a source; without as_of it was read today. Own rows stand in front of the shipped ones. Prices are \
        decimal text.\(lines) The columns: \(columns.joined(separator: ", ")).
        """,
      run: { (arguments, console) throws(CommandFailure) in
        var fields: [(column: String, text: String)] = []
        for word in arguments.operands {
          let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
          guard parts.count == 2, !parts[1].isEmpty else { throw .usage("'\(word)' is not COLUMN=VALUE") }
          fields.append((String(parts[0]), String(parts[1])))
        }
        if !fields.contains(where: { $0.column == "as_of" }) { fields.append(("as_of", "\(PriceCommands.today())")) }
        let row = fields
        let store = try PriceCommands.store()
        let shipped = try failing { () throws(PricingError) in try PriceBook.shipped() }
        var id = ""
        do throws(PriceStore.Failure) {
          try store.update { (own) throws(PricingError) in
            let added = try own.adding(row, of: half.part, to: shipped)
            id = added.id
            return added.own
          }
        } catch .pricing(let error) {
          throw .usage("\(error)")
        } catch {
          throw .failed("\(error)")
        }
        if arguments[Command.json] {
          let added = id
          return try console.json { json in
            json.field("added", added)
            json.field("file", store.path)
          }
        }
        try console.out.line("added \(printable(id)) to \(printable(store.path))")
      })
  }

  private static func remove(_ half: PriceCommands.Half) -> Command {
    Command(
      name: half.command + " remove", summary: "remove an own row; a shipped one of that name then shows again",
      operands: .one("ID"),
      run: { (arguments, console) throws(CommandFailure) in
        let id = arguments.operands[0]
        let store = try PriceCommands.store()
        var removed = 0
        try failing { () throws(PriceStore.Failure) in
          try store.update { old in
            var book = old
            book.hosted.removeAll { half == .hosted && $0.id == id }
            book.machines.removeAll { half == .machines && $0.id == id }
            removed = old.hosted.count + old.machines.count - book.hosted.count - book.machines.count
            return book
          }
        }
        guard removed > 0 else { throw .failed("no own row is called '\(id)' in \(store.path)") }
        if arguments[Command.json] { return try console.json { json in json.field("removed", removed) } }
        try console.out.line("removed \(printable(id))")
      })
  }

  // MARK: Import and export

  private static let readOn = Option.text(
    "--read-on", value: "DATE", help: "the day on which a public map was taken from its publisher (default: today)")
  private static let source = Option.text(
    "--source", value: "TEXT", help: "what the rows of a public map name as their source (default: the file's name)")
  private static let dryRun = Option.flag("--dry-run", help: "say what would be imported, and change nothing")
  private static let reasons = Option.flag("--reasons", help: "list every entry that was refused or ignored")

  private static func importing(_ half: PriceCommands.Half) -> Command {
    Command(
      name: half.command + " import", summary: "take rows from a file into the own ones", operands: .one("FILE"),
      about: """
        FILE is a book in JSON or a table in CSV as `export` writes them, or the public map of prices of the litellm \
        package (model_prices_and_context_window.json). A file of our own is taken whole or not at all; of a public \
        map every entry is accepted, refused or ignored, with a reason. `-` is standard input.
        """,
      options: [readOn, source, dryRun, reasons],
      run: { (arguments, console) throws(CommandFailure) in
        let path = arguments.operands[0]
        let bytes = try System.readAll(path, limit: 256 << 20)
        let day = try PriceCommands.day(arguments[readOn], option: "--read-on")
        let name = path.split(separator: "/").last.map { String($0) } ?? path
        let file = try failing { () throws(PricingError) in
          try PriceFile(bytes, file: path, readOn: day, source: arguments[source] ?? name)
        }
        if !arguments[dryRun] {
          let store = try PriceCommands.store()
          try failing { () throws(PriceStore.Failure) in try store.update { $0.overridden(by: file.book) } }
        }
        try report(file, arguments, console)
      })
  }

  private static func report(_ file: PriceFile, _ arguments: Arguments, _ console: Console) throws(CommandFailure) {
    let book = file.book
    let rows = [
      ("hosted", book.hosted.count), ("machines", book.machines.count), ("tariffs", book.tariffs.count),
      ("exchange", book.exchange.count),
    ]
    guard case .map(let result) = file else {
      if arguments[Command.json] {
        return try console.json { json in
          for (name, count) in rows { json.field(name, count) }
          json.field("imported", !arguments[dryRun])
        }
      }
      let counts = rows.filter { $0.1 > 0 }.map { "\($0.1) \($0.0)" }
      return try console.out.line(
        (arguments[dryRun] ? "would import " : "imported ")
          + (counts.isEmpty ? "nothing" : counts.joined(separator: ", ")))
    }
    if arguments[Command.json] {
      return try console.json { json in
        json.field("entries", result.entries)
        json.field("accepted", result.accepted)
        json.field("refused", result.refused.count)
        json.field("ignored", result.ignored.count)
        json.field("imported", !arguments[dryRun])
        for (name, left) in [("refused_reasons", result.refused), ("ignored_reasons", result.ignored)] {
          json.object(name) { json in
            for (reason, count) in PriceImport.counts(left) { json.field(reason, count) }
          }
        }
        guard arguments[reasons] else { return }
        for (name, left) in [("refused_entries", result.refused), ("ignored_entries", result.ignored)] {
          json.object(name) { json in for entry in left { json.field(entry.key, entry.reason) } }
        }
      }
    }
    try console.out.line(
      "\(grouped(result.entries)) entries: \(grouped(result.accepted)) accepted, "
        + "\(grouped(result.refused.count)) refused, "
        + "\(grouped(result.ignored.count)) ignored" + (arguments[dryRun] ? " (nothing was changed)" : ""))
    for (name, left) in [("refused", result.refused), ("ignored", result.ignored)] {
      for (reason, count) in PriceImport.counts(left) {
        try console.out.line("  \(name) \(padded(grouped(count), to: 5, right: true))  \(reason)")
      }
      guard arguments[reasons] else { continue }
      for entry in left { try console.out.line("  \(name): \(printable(entry.key)): \(entry.reason)") }
    }
  }

  private static let format = Option.choice(
    "--format", default: PriceDocument.Format.json, help: "one book in JSON, or this half of it in CSV")
  private static let own = Option.flag("--own", help: "only own rows")
  private static let output = Option.text(
    "--output", "-o", value: "FILE", help: "write to FILE instead of standard output; it is whole or not there")

  private static func export(_ half: PriceCommands.Half) -> Command {
    Command(
      name: half.command + " export", summary: "write the book so that `import` gives the same one again",
      options: [format, own, output],
      run: { (arguments, console) throws(CommandFailure) in
        let book = try arguments[own] ? PriceCommands.ownPrices() : PriceCommands.book()
        let bytes =
          arguments[format] == .csv && !arguments[Command.json]
          ? PriceDocument.csv(half.part, of: book) : PriceDocument.json(book)
        guard let path = arguments[output] else { return try console.out.write(bytes) }
        try failing { () throws(PriceStore.Failure) in try PriceStore.replace(path, with: bytes) }
        console.note("wrote \(bytes.count) bytes to \(path)")
      })
  }

  // MARK: Comparing and checking

  private static func difference(_ half: PriceCommands.Half) -> Command {
    Command(
      name: half.command + " diff", summary: "show what changed between two books or two days",
      operands: .any("OLD [NEW]"),
      about: """
        OLD and NEW are dates (this book on that day) or files that `import` would take. Without NEW: this book today. \
        Without both: the shipped book against this one, which shows what own rows change.
        """,
      run: { (arguments, console) throws(CommandFailure) in
        guard arguments.operands.count <= 2 else { throw .usage("unexpected argument '\(arguments.operands[2])'") }
        let today = PriceCommands.today()
        let old: (book: PriceBook, day: CivilDate)
        if let word = arguments.operands.first {
          old = try side(word, today)
        } else {
          old = (try failing { () throws(PricingError) in try PriceBook.shipped() }, today)
        }
        let new: (book: PriceBook, day: CivilDate) =
          try arguments.operands.count > 1 ? side(arguments.operands[1], today) : (PriceCommands.book(), today)
        let kept = { (difference: PriceDifference, book: PriceBook) in
          half == .hosted
            ? book.hosted.contains { $0.id == difference.id } : book.machines.contains { $0.id == difference.id }
        }
        let differences = new.book.differences(from: old.book, on: old.day, and: new.day)
          .filter { kept($0, new.book) || kept($0, old.book) }
        try show(differences, arguments, console)
      })
  }

  private static func side(_ word: String, _ today: CivilDate) throws(CommandFailure) -> (
    book: PriceBook, day: CivilDate
  ) {
    if let day = CivilDate(word) { return (try PriceCommands.book(), day) }
    let bytes = try System.readAll(word, limit: 256 << 20)
    let file = try failing { () throws(PricingError) in
      try PriceFile(bytes, file: word, readOn: today, source: word)
    }
    return (file.book, today)
  }

  private static func show(
    _ differences: [PriceDifference], _ arguments: Arguments, _ console: Console
  ) throws(CommandFailure) {
    if arguments[Command.json] {
      return try console.json { json in
        json.array("differences") { json in
          for difference in differences {
            json.object { json in
              json.field("id", difference.id)
              json.field("kind", difference.kind.rawValue)
              json.array("changes") { json in
                for change in difference.changes {
                  json.object { json in
                    json.field("price", change.name)
                    json.field("old", change.old)
                    json.field("new", change.new)
                  }
                }
              }
            }
          }
        }
      }
    }
    for difference in differences {
      let changes = difference.changes.map { "\($0.name) \($0.old ?? "unknown") -> \($0.new ?? "unknown")" }
      try console.out.line(
        "\(difference.kind.rawValue) \(printable(difference.id))"
          + (difference.kind == .changed ? ": " + changes.joined(separator: ", ") : ""))
    }
    try console.out.line(differences.count == 1 ? "1 difference" : "\(differences.count) differences")
  }

  private static func validate(_ half: PriceCommands.Half) -> Command {
    Command(
      name: half.command + " validate", summary: "look for zeros, outliers, overlaps and rows past their time",
      about: "Ends with an error where a price is zero, over 20 times its siblings, or overlaps another.",
      options: [PriceCommands.asOf],
      run: { (arguments, console) throws(CommandFailure) in
        let day = try PriceCommands.day(arguments[PriceCommands.asOf])
        var book = try PriceCommands.book()
        if half == .hosted { book.machines = [] } else { book.hosted = [] }
        let checked = book
        let findings = try failing { () throws(PricingError) in try checked.findings(on: day) }
        let wrong = findings.filter { [.zero, .outlier, .overlap].contains($0.kind) }
        if arguments[Command.json] {
          try console.json { json in
            for kind in PriceFinding.Kind.allCases {
              json.field(kind.rawValue, findings.filter { $0.kind == kind }.count)
            }
            json.array("findings") { json in
              for finding in findings {
                json.object { json in
                  json.field("kind", finding.kind.rawValue)
                  json.field("id", finding.id)
                  json.field("text", finding.text)
                }
              }
            }
          }
        } else {
          for finding in findings {
            try console.out.line("\(finding.kind.rawValue)  \(printable(finding.id)): \(finding.text)")
          }
          try console.out.line("\(findings.count) findings, \(wrong.count) of them wrong prices")
        }
        if !wrong.isEmpty {
          throw .failed("\(wrong.count) prices are wrong, the first: \(wrong[0].id): \(wrong[0].text)")
        }
      })
  }
}
