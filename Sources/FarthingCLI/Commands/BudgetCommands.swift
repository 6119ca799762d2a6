import Compute
import Metering
import Pricing
import Usage

/// `budget` and its parts: caps on spending and what they are charged.
enum BudgetCommands {
  static let all = [show, set, remove, tariff]

  private static let history = Option.flag("--history", help: "show what was spent in each period so far")

  private static let show = Command(
    name: "budget", summary: "show the caps on spending and how far each is used", options: [history],
    run: { (arguments, console) throws(CommandFailure) in
      let ledger = try LedgerCommands.reading(console)
      if arguments[history] { return try listHistory(ledger, arguments, console) }
      let caps = try failing { () throws(LedgerError) in try ledger.caps(at: Clock.unixNanos()) }
      if arguments[Command.json] {
        return try console.json { json in json.array("caps") { json in for cap in caps { write(cap, to: &json) } } }
      }
      guard !caps.isEmpty else { return try console.out.line("no caps (see `farthing help budget set`)") }
      var table = Table(columns: [
        .init(title: "cap"), .init(title: "covers", flexible: true), .init(title: "per"), .init(title: "zone"),
        .init(title: "amount", right: true), .init(title: "spent", right: true), .init(title: "held", right: true),
        .init(title: "used", right: true),
      ])
      for cap in caps {
        let used = FixedPoint.quotient(
          Int64(clamping: Int128(cap.spentPicos) * 1000 / Int128(cap.amountPicos)), by: 10, decimals: 1)
        table.rows.append([
          printable(cap.name), printable(words(cap.scope)), cap.period.rawValue, cap.zone,
          text(cap.amountPicos, cap.currency), text(cap.spentPicos, cap.currency), text(cap.heldPicos, cap.currency),
          used + " %",
        ])
      }
      try console.print(table)
    })

  private static let amount = Option.text("--usd", value: "X", help: "how much may be spent, in dollars")
  private static let period = Option<CapPeriod>.choice("--per", default: .month, help: "how often it begins anew")
  private static let zone = Option.text(
    "--zone", value: "NAME", help: "time zone in which days and months begin, such as Europe/Berlin (default: UTC)")
  private static let user = Option.text("--user", value: "NAME", help: "only what this user asks for")
  private static let tag = Option.text("--tag", value: "K=V", help: "only requests with this tag")
  private static let model = Option.text("--for-model", value: "NAME", help: "only requests to this model")

  private static let set = Command(
    name: "budget set", summary: "cap spending, or change the amount of a cap", operands: .one("NAME"),
    about: """
      A cap is charged the posted tariff (see `budget tariff`). Prompts are paid for before they are computed and \
      answers in pieces of up to 64 tokens, so that no number of processes spends more; an answer that a cap ends has \
      finish_reason length, stopped_by budget. A cap counts what is spent from its setting on.
      """,
    options: [amount, period, zone, user, tag, model],
    run: { (arguments, console) throws(CommandFailure) in
      guard let text = arguments[amount] else { throw .usage("give the amount with --usd") }
      let money: Money
      do { money = try Money(text) } catch { throw .usage("option --usd: \(error)") }
      let writer = try LedgerCommands.open()
      let scope = try scope(arguments)
      try failing { () throws(LedgerError) in
        try writer.setCap(
          arguments.operands[0], scope: scope, period: arguments[period], zone: arguments[zone] ?? "UTC",
          currency: money.currency.description, amountPicos: money.picos)
        try writer.finish()
      }
      if arguments[Command.json] { return try console.json { $0.field("cap", arguments.operands[0]) } }
      try console.out.line(
        "\(printable(arguments.operands[0])): \(money) a \(arguments[period].rawValue) for \(printable(words(scope)))")
    })

  private static let remove = Command(
    name: "budget remove", summary: "remove a cap", operands: .one("NAME"),
    run: { (arguments, console) throws(CommandFailure) in
      let writer = try LedgerCommands.open()
      try failing { () throws(LedgerError) in
        try writer.removeCap(arguments.operands[0])
        try writer.finish()
      }
      if arguments[Command.json] { return try console.json { $0.field("removed", arguments.operands[0]) } }
      try console.out.line("removed")
    })

  private static let prompt = Option.text("--prompt", value: "X", help: "dollars per million prompt tokens computed")
  private static let cached = Option.text(
    "--cached", value: "X", help: "dollars per million prompt tokens found in a cache (default: as --prompt)")
  private static let completion = Option.text(
    "--completion", value: "X", help: "dollars per million completion tokens")
  private static let fromLedger = Option.flag(
    "--from-ledger", help: "post what the model's requests have cost so far at the margin, per token")

  private static let tariff = Command(
    name: "budget tariff", summary: "show or post what caps are charged for a token of a model",
    operands: .optional("MODEL"),
    about: "MODEL is the name in a receipt, or * for all models without a tariff of their own. Without it: a list.",
    options: [prompt, cached, completion, fromLedger],
    run: { (arguments, console) throws(CommandFailure) in
      guard let model = arguments.operands.first else {
        return try list(try LedgerCommands.reading(console), arguments, console)
      }
      let writer = try LedgerCommands.open()
      let tariff: TokenTariff
      if arguments[fromLedger] {
        tariff = try failing { () throws(LedgerError) in try writer.ledger.measuredTariff(model: model) }
      } else {
        guard let input = arguments[prompt], let output = arguments[completion] else {
          throw .usage("give --prompt and --completion, or --from-ledger")
        }
        let prices = (
          try perToken(input, "--prompt"), try perToken(arguments[cached] ?? input, "--cached"),
          try perToken(output, "--completion")
        )
        tariff = try failing { () throws(LedgerError) in
          try TokenTariff(currency: "USD", uncached: prices.0, cached: prices.1, completion: prices.2)
        }
      }
      try failing { () throws(LedgerError) in
        try writer.postTariff(tariff, model: model)
        try writer.finish()
      }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("model", model)
          write(tariff, to: &json)
        }
      }
      try console.out.line("\(printable(model)): \(words(tariff))")
    })

  private static func listHistory(
    _ ledger: Ledger, _ arguments: Arguments, _ console: Console
  ) throws(CommandFailure) {
    let periods = try failing { () throws(LedgerError) in try ledger.capHistory() }
    if arguments[Command.json] {
      return try console.json { json in
        json.array("periods") { json in
          for period in periods {
            json.object { json in
              json.field("cap", period.cap)
              json.field("since", UTCTime.text(unixNanos: period.since))
              json.field("currency", period.currency)
              json.field("spent", Money(picos: period.spentPicos).decimalText)
              json.field("held", Money(picos: period.heldPicos).decimalText)
            }
          }
        }
      }
    }
    var table = Table(columns: [
      .init(title: "cap"), .init(title: "since"), .init(title: "spent", right: true), .init(title: "held", right: true),
    ])
    for period in periods {
      table.rows.append([
        printable(period.cap), UTCTime.text(unixNanos: period.since), text(period.spentPicos, period.currency),
        text(period.heldPicos, period.currency),
      ])
    }
    try console.print(table)
  }

  private static func list(_ ledger: Ledger, _ arguments: Arguments, _ console: Console) throws(CommandFailure) {
    let tariffs = try failing { () throws(LedgerError) in try ledger.tariffs() }
    if arguments[Command.json] {
      return try console.json { json in
        json.array("tariffs") { json in
          for posted in tariffs {
            json.object { json in
              json.field("model", posted.model)
              json.field("since", UTCTime.text(unixNanos: posted.since))
              write(posted.tariff, to: &json)
            }
          }
        }
      }
    }
    if tariffs.isEmpty { try console.out.line("no tariffs") }
    for posted in tariffs {
      try console.out.line(
        "\(printable(posted.model)) since \(UTCTime.text(unixNanos: posted.since)): \(words(posted.tariff))")
    }
  }

  /// Dollars per million as whole pico-dollars per token.
  private static func perToken(_ text: String, _ option: String) throws(CommandFailure) -> Int64 {
    let money: Money
    do { money = try Money(text) } catch { throw .usage("option \(option): \(error)") }
    guard money.picos >= 0, money.picos % 1_000_000 == 0 else {
      throw .usage("option \(option): '\(text)' is not a price of at most six decimals, zero or above")
    }
    return money.picos / 1_000_000
  }

  private static func scope(_ arguments: Arguments) throws(CommandFailure) -> BudgetScope {
    switch (arguments[user], arguments[tag], arguments[model]) {
    case (nil, nil, nil): return .all
    case (let name?, nil, nil): return .user(name)
    case (nil, nil, let name?): return .model(name)
    case (nil, let text?, nil):
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else { throw .usage("option --tag: '\(text)' is not KEY=VALUE") }
      return .tag(key: parts[0], value: parts[1])
    default: throw .usage("a cap covers a user, a tag, a model or everything: give one of --user, --tag, --for-model")
    }
  }

  private static func words(_ scope: BudgetScope) -> String {
    switch scope {
    case .all: "everything"
    case .model(let name): "model \(name)"
    case .user(let name): "user \(name)"
    case .tag(let key, let value): "\(key)=\(value)"
    }
  }

  private static func words(_ tariff: TokenTariff) -> String {
    let prices = [tariff.uncached, tariff.cached, tariff.completion].map { perMillion($0) }
    return "\(tariff.currency) \(prices[0]) prompt, \(prices[1]) cached, \(prices[2]) completion, per million tokens"
  }

  private static func perMillion(_ picos: Int64) -> String { FixedPoint.text(picos, decimals: 6, trimmed: true) }

  private static func text(_ picos: Int64, _ code: String) -> String {
    ((try? Currency(code)).map { Money(picos: picos, currency: $0) } ?? Money(picos: picos)).text()
  }

  private static func write(_ tariff: TokenTariff, to json: inout JSONWriter) {
    json.field("currency", tariff.currency)
    json.field("prompt_per_million", perMillion(tariff.uncached))
    json.field("cached_per_million", perMillion(tariff.cached))
    json.field("completion_per_million", perMillion(tariff.completion))
  }

  private static func write(_ cap: CapStatus, to json: inout JSONWriter) {
    json.object { json in
      json.field("name", cap.name)
      json.field("covers", words(cap.scope))
      json.field("period", cap.period.rawValue)
      json.field("zone", cap.zone)
      json.field("since", UTCTime.text(unixNanos: cap.since))
      json.field("currency", cap.currency)
      json.field("amount", Money(picos: cap.amountPicos).decimalText)
      json.field("spent", Money(picos: cap.spentPicos).decimalText)
      json.field("held", Money(picos: cap.heldPicos).decimalText)
      json.array("announced") { json in for percent in cap.announced { json.value(percent) } }
    }
  }
}
