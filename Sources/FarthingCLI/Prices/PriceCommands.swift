import Compute
import Pricing
import Serving
import Usage

/// What the commands about prices have in common: which book they read, for which day, and how they write a row.
enum PriceCommands {
  /// The half of the book that a command is about.
  enum Half: Sendable {
    case hosted, machines

    var command: String { self == .hosted ? "prices" : "vms" }
    var part: PriceDocument.Part { self == .hosted ? .hosted : .machines }
  }

  static let asOf = Option.text(
    "--as-of", value: "DATE", help: "prices of that day, such as 2026-01-31 (default: today)")
  static let all = Option.flag("--all", help: "rows that are retired or no longer hold too")
  static let provider = Option.text("--provider", value: "NAME", help: "only rows of this provider")

  static func store() throws(CommandFailure) -> PriceStore {
    guard let store = PriceStore(environment: System.environment) else {
      throw .failed("\(PriceStore.Failure.noPlace)")
    }
    return store
  }

  /// A person's own rows; none where there is no place for them.
  static func ownPrices() throws(CommandFailure) -> PriceBook {
    guard let store = PriceStore(environment: System.environment) else { return PriceBook() }
    return try failing { () throws(PriceStore.Failure) in try store.own() }
  }

  static func book() throws(CommandFailure) -> PriceBook {
    let own = try ownPrices()
    return try failing { () throws(PricingError) in try PriceBook.shipped().overridden(by: own) }
  }

  static func today() -> CivilDate { CivilDate(unixNanos: Clock.unixNanos()) }

  static func day(_ text: String?, option: String = "--as-of") throws(CommandFailure) -> CivilDate {
    guard let text else { return PriceCommands.today() }
    guard let day = CivilDate(text) else { throw .usage("option \(option): '\(text)' is not a date like 2026-01-31") }
    return day
  }

  /// Midnight, for calculations that ask for a moment.
  static func nanos(_ day: CivilDate) -> Int64 {
    let (nanos, overflow) = Int64(day.dayNumber).multipliedReportingOverflow(by: 86_400_000_000_000)
    return overflow ? (day.dayNumber < 0 ? .min : .max) : nanos
  }

  static func marks(_ marks: [PriceMark]) -> String { marks.map(\.description).joined(separator: "; ") }

  static func million(_ rate: Rate?) -> String {
    guard let rate else { return "-" }
    return rate.currency.prefix + (rate.decimalText(per: 1_000_000) ?? rate.description)
  }

  static func hour(_ rate: Rate?) -> String {
    guard let rate else { return "-" }
    return rate.currency.prefix + (rate.decimalText(per: Rate.nanosPerHour) ?? rate.description)
  }

  static func contains(_ text: String, _ part: String?) -> Bool {
    guard let part else { return true }
    let (bytes, wanted) = (Array(text.lowercased().utf8), Array(part.lowercased().utf8))
    guard bytes.count >= wanted.count else { return false }
    return (0...(bytes.count - wanted.count)).contains { bytes[$0...].starts(with: wanted) }
  }

  // MARK: JSON

  static func write(_ prices: TokenPrices, to json: inout JSONWriter) {
    for (name, rate) in [
      ("input", prices.input), ("cached_input", prices.cachedInput), ("output", prices.output),
      ("batch_input", prices.batchInput), ("batch_output", prices.batchOutput),
    ] {
      json.field(name + "_per_million", rate?.decimalText(per: 1_000_000))
    }
  }

  static func write(_ marks: [PriceMark], to json: inout JSONWriter) {
    json.array("marks") { json in for mark in marks { json.value(mark.description) } }
    json.field(
      "trust", marks.trust == .sound ? "sound" : marks.trust == .weak ? "weak" : "historic")
  }
}
