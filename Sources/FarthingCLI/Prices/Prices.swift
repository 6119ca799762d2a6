import Pricing
import Usage

/// `prices`, `prices show` and `prices reference`: what hosted models cost.
enum Prices {
  static let commands: [Command] =
    [list, show, reference] + PriceEdits.commands(.hosted)

  private static let list = Command(
    name: "prices", summary: "list what hosted models cost", operands: .optional("FILTER"),
    about: """
      Dollars per million tokens, the best first: prices that are dated and current before those that are not, cheap \
      ones before dear ones. FILTER is part of a name. Own rows, from FARTHING_PRICES or prices.json in \
      XDG_CONFIG_HOME/farthing, stand in front of the shipped ones. A dash is a price that no source states.
      """,
    options: [PriceCommands.asOf, PriceCommands.all, PriceCommands.provider],
    run: { (arguments, console) throws(CommandFailure) in
      let day = try PriceCommands.day(arguments[PriceCommands.asOf])
      let book = try PriceCommands.book()
      let chosen = book.hosted.filter { model in
        let live = !model.isRetired(at: PriceCommands.nanos(day)) && model.price(on: day) != nil
        return (arguments[PriceCommands.all] || live)
          && PriceCommands.contains(model.id, arguments.operands.first)
          && (arguments[PriceCommands.provider].map { model.provider == $0 } ?? true)
      }
      let ranked = try ranked(chosen, on: day)
      if arguments[Command.json] {
        return try console.json { json in
          json.field("as_of", day.description)
          json.array("prices") { json in for model in ranked { write(model, on: day, to: &json) } }
        }
      }
      var table = Table(columns: [
        .init(title: "model", flexible: true), .init(title: "input", right: true), .init(title: "cached", right: true),
        .init(title: "output", right: true), .init(title: "read"), .init(title: "marks"),
      ])
      for model in ranked {
        let base = model.price(on: day)?.base ?? TokenPrices()
        table.rows.append([
          printable(model.id), PriceCommands.million(base.input), PriceCommands.million(base.cachedInput),
          PriceCommands.million(base.output), model.readOn?.description ?? "-", listMarks(model, on: day),
        ])
      }
      try console.print(table)
      let left = book.hosted.count - ranked.count
      try console.out.line(
        "\n\(ranked.count) of \(book.hosted.count) models on \(day), per million tokens"
          + (left > 0 && !arguments[PriceCommands.all] ? "; --all shows retired ones too" : ""))
    })

  /// Best first, by a request of one prompt and one completion token, at midnight.
  private static func ranked(_ models: [HostedModel], on day: CivilDate) throws(CommandFailure) -> [HostedModel] {
    var result: [HostedModel] = []
    var currencies: [Currency] = []
    for model in models where !currencies.contains(model.currency) { currencies.append(model.currency) }
    for currency in currencies {
      for mode in HostedModel.Mode.allCases {
        let tokens = TokenCounts(prompt: 1_000, completion: mode == .chat ? 1_000 : 0)
        let some = models.filter { $0.currency == currency && $0.mode == mode }
        let quotes = try failing { () throws(PricingError) in
          try PriceBook.ranked(some, for: HostedRequest(tokens: tokens), at: PriceCommands.nanos(day))
        }
        result += quotes.map(\.model)
      }
    }
    return result
  }

  private static func marks(_ model: HostedModel, on day: CivilDate) -> [PriceMark] {
    let quote = try? model.quote(HostedRequest(tokens: TokenCounts()), at: PriceCommands.nanos(day))
    // What holds for some hours only is shown by `show`, and not for the hour after midnight alone.
    return (quote?.marks ?? []).filter { if case .hours = $0 { false } else { true } }
  }

  private static func listMarks(_ model: HostedModel, on day: CivilDate) -> String {
    var words = marks(model, on: day).map(\.description)
    guard let price = model.price(on: day) else { return words.joined(separator: "; ") }
    if !price.tiers.isEmpty { words.append("tiers") }
    if !price.hours.isEmpty { words.append("hours") }
    if price.status == .confirmed, let from = price.from { words.append("since \(from)") }
    return words.joined(separator: "; ")
  }

  // MARK: One model

  private static let show = Command(
    name: "prices show", summary: "show all that is known about a hosted model's prices", operands: .one("MODEL"),
    options: [PriceCommands.asOf],
    run: { (arguments, console) throws(CommandFailure) in
      let day = try PriceCommands.day(arguments[PriceCommands.asOf])
      let book = try PriceCommands.book()
      let model = try failing { () throws(PricingError) in try book.hostedModel(arguments.operands[0]) }
      if arguments[Command.json] { return try console.json { json in members(model, on: day, to: &json) } }
      for line in lines(model, on: day) { try console.out.line(printable(line)) }
    })

  private static func lines(_ model: HostedModel, on day: CivilDate) -> [String] {
    var lines = ["\(model.id) (\(model.mode.rawValue), \(model.currency))"]
    if let context = model.contextWindow { lines.append("context: \(grouped(context)) tokens") }
    if let retires = model.retires { lines.append(retires <= day ? "retired: \(retires)" : "retires: \(retires)") }
    lines.append("read on: \(model.readOn?.description ?? "nobody noted when")")
    lines.append("source: \(model.source)" + (model.singleSource ? " (nothing confirms it)" : ""))
    let marks = marks(model, on: day)
    if !marks.isEmpty { lines.append("marks on \(day): " + PriceCommands.marks(marks)) }
    let current = model.price(on: day)
    for price in model.prices {
      let from = price.from.map { "from \($0)" } ?? "validity unknown"
      let until = price.until.map { " until \($0)" } ?? ""
      let status = price.status == .stated ? "" : ", \(price.status.rawValue)"
      lines.append("\(from)\(until)\(status)\(price == current ? ", in force on \(day)" : ""):")
      lines.append("  " + text(price.base))
      for tier in price.tiers { lines.append("  above \(grouped(tier.above)) prompt tokens: " + text(tier.prices)) }
      for hours in price.hours {
        let times = PriceMark.hours(start: hours.startMinute, end: hours.endMinute).description
        lines.append("  \(times): " + text(hours.prices))
      }
    }
    for statement in model.statements {
      let context = statement.contextWindow.map { "; context \(grouped($0))" } ?? ""
      lines.append("\(statement.catalogue) says: " + text(statement.prices) + context)
    }
    return lines
  }

  private static func text(_ prices: TokenPrices) -> String {
    let parts = [
      ("input", prices.input), ("cached", prices.cachedInput), ("output", prices.output),
      ("batch input", prices.batchInput), ("batch output", prices.batchOutput),
    ].compactMap { name, rate in rate.map { "\(name) \(PriceCommands.million($0))" } }
    return parts.isEmpty ? "no price known" : parts.joined(separator: ", ")
  }

  static func write(_ model: HostedModel, on day: CivilDate, to json: inout JSONWriter) {
    json.object { json in members(model, on: day, to: &json) }
  }

  private static func members(_ model: HostedModel, on day: CivilDate, to json: inout JSONWriter) {
    json.field("id", model.id)
    json.field("provider", model.provider)
    json.field("model", model.name)
    json.field("mode", model.mode.rawValue)
    json.field("currency", model.currency.description)
    json.field("context_window", model.contextWindow)
    json.field("retires", model.retires?.description)
    json.field("single_source", model.singleSource)
    json.field("read_on", model.readOn?.description)
    json.field("source", model.source)
    PriceCommands.write(marks(model, on: day), to: &json)
    if let price = model.price(on: day) {
      json.object("in_force") { json in write(price, to: &json) }
    } else {
      json.null("in_force")
    }
    json.array("prices") { json in
      for price in model.prices { json.object { json in write(price, to: &json) } }
    }
    json.array("statements") { json in
      for statement in model.statements {
        json.object { json in
          json.field("catalogue", statement.catalogue)
          json.field("context_window", statement.contextWindow)
          PriceCommands.write(statement.prices, to: &json)
        }
      }
    }
  }

  private static func write(_ price: HostedPrice, to json: inout JSONWriter) {
    json.field("from", price.from?.description)
    json.field("until", price.until?.description)
    json.field("status", price.status == .stated ? "stated" : price.status.rawValue)
    PriceCommands.write(price.base, to: &json)
    json.array("tiers") { json in
      for tier in price.tiers {
        json.object { json in
          json.field("above_input_tokens", tier.above)
          PriceCommands.write(tier.prices, to: &json)
        }
      }
    }
    json.array("hours") { json in
      for hours in price.hours {
        json.object { json in
          json.field("utc", PriceMark.hours(start: hours.startMinute, end: hours.endMinute).description)
          PriceCommands.write(hours.prices, to: &json)
        }
      }
    }
  }

  // MARK: The historic comparison

  private static let reference = Command(
    name: "prices reference", summary: "show the historic comparison that talks of hosted prices start from",
    about: "1,000 prompt and 1,000 completion tokens at gpt-4-turbo and at gpt-4o, exactly.",
    options: [PriceCommands.asOf],
    run: { (arguments, console) throws(CommandFailure) in
      let day = try PriceCommands.day(arguments[PriceCommands.asOf])
      let book = try PriceCommands.book()
      let comparison = try failing { () throws(PricingError) in
        try HistoricComparison(book, at: PriceCommands.nanos(day))
      }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("name", HistoricComparison.name)
          json.field("prompt_tokens", HistoricComparison.tokens.prompt)
          json.field("completion_tokens", HistoricComparison.tokens.completion)
          json.array("quotes") { json in
            for quote in comparison.quotes {
              json.object { json in
                json.field("model", quote.model.id)
                json.field("total", quote.money?.decimalText)
                json.field("currency", quote.model.currency.description)
                PriceCommands.write(quote.marks, to: &json)
              }
            }
          }
          json.field("ratio", comparison.ratioHundredths, decimals: 2)
        }
      }
      try console.out.line("historic: 1,000 prompt + 1,000 completion tokens")
      for quote in comparison.quotes {
        let marks = PriceCommands.marks(quote.marks)
        try console.out.line(
          "  \(quote.model.id): \(quote.money?.description ?? "unknown")" + (marks.isEmpty ? "" : " (\(marks))"))
      }
      if let ratio = comparison.ratioHundredths {
        try console.out.line("  ratio: " + FixedPoint.text(ratio, decimals: 2) + " to 1")
      }
    })
}
