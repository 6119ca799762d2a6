import Metering
import Pricing
import Usage

/// `ledger tags` and `ledger adjust`: what requests must say of themselves, and corrections.
enum LedgerRules {
  static let all = [tags, adjust]

  private static let required = Option.flag("--required", help: "every request must have this tag")
  private static let allowed = Option.text("--allow", value: "A,B", help: "only these values")
  private static let remove = Option.flag("--remove", help: "remove the rule")

  private static let tags = Command(
    name: "ledger tags", summary: "show or set the rules for tags of requests", operands: .optional("KEY"),
    about: "Without KEY: the rules. A request that breaks one is refused before its first token.",
    options: [required, allowed, remove],
    run: { (arguments, console) throws(CommandFailure) in
      let ledger: Ledger
      if let key = arguments.operands.first {
        let values = arguments[allowed].map { $0.split(separator: ",").map(String.init) }
        guard arguments[remove] || arguments[required] || values != nil else {
          throw .usage("give --required, --allow or --remove")
        }
        let rule = TagRule(
          key: key, isRequired: arguments[required] && !arguments[remove], allowed: arguments[remove] ? nil : values)
        let writer = try LedgerCommands.open()
        try failing { () throws(LedgerError) in
          try writer.setTagRule(rule)
          try writer.finish()
        }
        ledger = writer.ledger
      } else {
        ledger = try LedgerCommands.reading(console)
      }
      let rules = try failing { () throws(LedgerError) in try ledger.tagRules() }
      if arguments[Command.json] {
        return try console.json { json in
          json.array("rules") { json in
            for rule in rules {
              json.object { json in
                json.field("key", rule.key)
                json.field("required", rule.isRequired)
                if let allowed = rule.allowed {
                  json.array("allowed") { json in for value in allowed { json.value(value) } }
                } else {
                  json.null("allowed")
                }
              }
            }
          }
        }
      }
      if rules.isEmpty { try console.out.line("no rules: any tags, or none") }
      for rule in rules {
        let values = rule.allowed.map { "one of " + $0.joined(separator: ", ") } ?? "any value"
        try console.out.line(printable("\(rule.key): \(rule.isRequired ? "required" : "optional"), \(values)"))
      }
    })

  private static let amount = Option.text("--usd", value: "X", help: "the correction in dollars; may be below zero")
  private static let reason = Option.text("--reason", value: "TEXT", help: "why; it is kept")

  private static let adjust = Command(
    name: "ledger adjust", summary: "correct what a closed month said, in the present month",
    about: "Without --usd: the corrections so far. A closed month is never changed.", options: [amount, reason],
    run: { (arguments, console) throws(CommandFailure) in
      let ledger: Ledger
      if let text = arguments[amount] {
        let money: Money
        do { money = try Money(text) } catch { throw .usage("option --usd: \(error)") }
        guard let why = arguments[reason] else { throw .usage("give a --reason") }
        let writer = try LedgerCommands.open()
        try failing { () throws(LedgerError) in
          try writer.adjust(picos: money.picos, currency: money.currency.description, reason: why)
          try writer.finish()
        }
        ledger = writer.ledger
      } else {
        ledger = try LedgerCommands.reading(console)
      }
      let adjustments = try failing { () throws(LedgerError) in try ledger.adjustments() }
      if arguments[Command.json] {
        return try console.json { json in
          json.array("adjustments") { json in
            for adjustment in adjustments {
              json.object { json in
                json.field("month", adjustment.month.description)
                json.field("currency", adjustment.currency)
                json.field("amount", Money(picos: adjustment.picos).decimalText)
                json.field("reason", adjustment.reason)
              }
            }
          }
        }
      }
      if adjustments.isEmpty { try console.out.line("no corrections") }
      for adjustment in adjustments {
        let currency = (try? Currency(adjustment.currency)) ?? .usd
        let money = Money(picos: adjustment.picos, currency: currency)
        try console.out.line("\(adjustment.month)  \(money)  \(printable(adjustment.reason))")
      }
    })
}
