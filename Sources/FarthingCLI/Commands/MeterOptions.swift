import Metering
import Serving

/// Options of commands that run requests: how they get into the ledger.
enum MeterOptions {
  static let user = Option.text("--user", value: "NAME", help: "who asks; the ledger can forget it")
  static let durability = Option<Durability>.choice(
    "--durability", value: "HOW", default: .normal,
    help: "wait for the disk at every commit, or at the end and at least every 50 ms")
  static let onAlert = Option.text(
    "--on-alert", value: "COMMAND",
    help: "run COMMAND with the shell when spending crosses 50, 80, 95 or 100 % of a cap")
  static let without = Option.flag("--no-ledger", help: "run unmetered: nothing is recorded and no cap holds")

  static let storeText = Option.flag(
    "--store-text", help: "keep prompt and answer in the ledger too, sealed (see `farthing help ledger text`)")

  static let all: [any DeclaredOption] = [RunOptions.tag, user, durability, onAlert, without]

  /// The meter that the options ask for; nil for none.
  static func meter(
    _ arguments: Arguments, slots: Int = 64, command: String = "run"
  ) throws(CommandFailure) -> Meter? {
    let storesText = arguments[storeText]
    if arguments[without] {
      guard !storesText else { throw .usage("--store-text stores in the ledger: not with --no-ledger") }
      return nil
    }
    var options = Meter.Options()
    options.durability = arguments[durability]
    options.onAlert = arguments[onAlert]
    options.slots = slots
    options.command = command
    options.storesText = storesText
    options.user = arguments[user]
    options.tags = try RunOptions.tags(arguments)
    return try failing { () throws(LedgerError) in try Meter(options) }
  }
}
