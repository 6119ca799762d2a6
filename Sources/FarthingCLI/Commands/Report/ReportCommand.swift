import Compute
import Metering
import Pricing
import Serving
import Usage

/// `report`: what requests took and cost, by anything that the ledger knows of them.
enum ReportCommand {
  static let all = [command]

  enum Format: String, CaseIterable, Sendable { case table, csv }
  enum Preset: String, CaseIterable, Sendable { case server, interactive, none }

  private static let by = Option.text(
    "--by", value: "LIST", help: "up to three of hour, day, month, model, quantization, user, tag:KEY (default: day)")
  private static let since = Option.text("--since", value: "DATE", help: "from this day (UTC) on: 2026-01-31")
  private static let until = Option.text("--until", value: "DATE", help: "up to this day (UTC), which is included")
  private static let format = Option<Format>.choice("--format", default: .table, help: "how lines are written")
  private static let preset = Option<Preset>.choice(
    "--goodput", default: .server,
    help: "limits that good tokens meet: first token 2 s and 100 ms a token, 500 ms and 30 ms, or none")
  private static let against = Option.text(
    "--against", value: "A,B", help: "what these hosted models would have charged for the same tokens")

  private static let bytesPerToken = Option.text(
    "--api-bytes-per-token", value: "X",
    help: "bytes a token of their tokeniser in a sample of such text; else the same count of tokens is assumed")
  private static let tokenizers = Option<[String]>.list(
    "--tokenizer", value: "MODEL=FILE",
    help: "count stored texts with this tokeniser for a model of --against: a GGUF file, a tokenizer.json, a folder")
  private static let watts = Option.text(
    "--watts-per-vcpu", value: "X",
    help: "what a busy virtual CPU draws, to model energy (default: of --vm, where known)")
  private static let grams = Option.text(
    "--grams-per-kwh", value: "X", help: "CO2 equivalents of the grid, to model carbon (default: of --vm, where known)")
  private static let asOf = Option.text(
    "--as-of", value: "DATE", help: "list prices of --against and --what-if of this day (default: of each request's)")
  private static let whatIf = Option.text(
    "--what-if", value: "TYPE", help: "the marginal cost on this machine of `vms`; the same CPU time is assumed")

  private static let command = Command(
    name: "report", summary: "what requests took and cost, by day, model, tag or user",
    about: """
      Costs are on two bases. Marginal: CPU time of the requests alone, which flatters self-hosting. Allocated, where \
      `machine record` has watched: all that serving took in the hours of the requests, idle time included, by their CPU \
      time; with the lines below the table it adds up to what is owed for the machine. Good tokens are those of requests \
      that met the latency limits of --goodput. Latencies are at the 50th and 99th percentile. Hosted models count tokens in \
      their own way: counted with their tokeniser where --tokenizer gives it and the text was stored (as the model read \
      it, its chat template included), or where they host the model that answered; else by ratio (of --api-bytes-per-token, \
      or of the counted requests); else the same count is assumed. Energy and carbon are modelled from CPU time.
      """,
    options: [
      by, since, until, format, preset, against, tokenizers, bytesPerToken, asOf, whatIf, RunOptions.vm, watts, grams,
    ],
    run: { (arguments, console) throws(CommandFailure) in
      var query = try query(arguments)
      let models = try comparison(arguments)
      let other = try otherMachine(arguments)
      let power = try power(arguments)
      let counter = try TextCounter(arguments[tokenizers], models, console)
      let ledger = try LedgerCommands.reading(console)
      query.counted = try counter?.count(ledger) ?? [:]
      let report = try failing { () throws(LedgerError) in try ledger.report(query) }
      let ratio = try tokenRatio(arguments, report)
      let compared = models.map { model in
        let place = counter?.place(of: model)
        return HostedCounting(model, place: place, ratio: ratio ?? place.flatMap { report.ratio(at: $0)?.millionths })
      }
      let day = try date(arguments[asOf], "--as-of")
      let view = ReportView(report: report, compared: compared, day: day, other: other, power: power)
      if arguments[Command.json] { return try console.json { view.write(into: &$0) } }
      switch arguments[format] {
      case .csv: for line in view.csv() { try console.out.write(line + "\r\n") }
      case .table:
        try console.print(view.table(), whole: true)
        for note in view.notes() { try console.out.line(note) }
      }
    })

  private static func query(_ arguments: Arguments) throws(CommandFailure) -> ReportQuery {
    var query = ReportQuery()
    for word in (arguments[by] ?? "day").split(separator: ",") {
      guard let dimension = ReportQuery.Dimension(String(word)) else {
        throw .usage("option --by: '\(word)' is none of hour, day, month, model, quantization, user, tag:KEY")
      }
      query.dimensions.append(dimension)
    }
    guard query.dimensions.count <= ReportQuery.mostDimensions else {
      throw .usage("option --by: at most \(ReportQuery.mostDimensions) at once")
    }
    if let day = try date(arguments[since], "--since") { query.from = day }
    if let day = try date(arguments[until], "--until") { query.to = day + 86_400_000_000_000 }
    switch arguments[preset] {
    case .server: query.goodput = .init(firstTokenNanos: 2_000_000_000, perTokenNanos: 100_000_000)
    case .interactive: query.goodput = .init(firstTokenNanos: 500_000_000, perTokenNanos: 30_000_000)
    case .none: query.goodput = .init(firstTokenNanos: nil, perTokenNanos: nil)
    }
    query.keepsSizes = arguments[against] != nil
    return query
  }

  static func date(_ text: String?, _ option: String) throws(CommandFailure) -> Int64? {
    guard let text else { return nil }
    guard let date = CivilDate(text) else {
      throw .usage("option \(option): '\(text)' is not a day such as 2026-01-31")
    }
    return Int64(date.dayNumber) * 86_400_000_000_000
  }

  /// Their tokens for each of ours, in millionths; nil where nobody said how they count.
  private static func tokenRatio(_ arguments: Arguments, _ report: Report) throws(CommandFailure) -> Int64? {
    guard let text = arguments[bytesPerToken] else { return nil }
    let bytes = report.lines.reduce(Int64(0)) { $0 + $1.figures.textBytes }
    let tokens = report.lines.reduce(Int64(0)) { $0 + $1.figures.textTokens }
    return try TokenRatio.millionths(bytes: bytes, tokens: tokens, bytesPerToken: text)
  }

  private static func otherMachine(_ arguments: Arguments) throws(CommandFailure) -> HourlyPrice? {
    guard let name = arguments[whatIf] else { return nil }
    do {
      let choice = PriceChoice(vm: name, against: "none", localVCPUs: 1)
      let day = try date(arguments[asOf], "--as-of")
      guard let price = try ReceiptPricing(choice, at: day ?? Clock.unixNanos()).machine else {
        throw PricingError.noPrice(name: name, kind: "on demand")
      }
      return price
    } catch {
      throw .usage("option --what-if: \(error)")
    }
  }

  private static func power(_ arguments: Arguments) throws(CommandFailure) -> PowerModel {
    var machine: Machine?
    if let name = arguments[RunOptions.vm] ?? System.environment("FARTHING_VM"), !name.isEmpty {
      let day = CivilDate(unixNanos: Clock.unixNanos())
      do { machine = try PriceCommands.book().machine(name, on: day) } catch { throw .usage("option --vm: \(error)") }
    }
    do { return try PowerModel(watts: arguments[watts], grams: arguments[grams], machine: machine) } catch {
      throw .usage("options --watts-per-vcpu and --grams-per-kwh: \(error)")
    }
  }

  private static func comparison(_ arguments: Arguments) throws(CommandFailure) -> [HostedModel] {
    guard let names = arguments[against] else { return [] }
    do throws(PricingError) {
      let book = PriceBook(hosted: try PriceBook.shippedHosted())
      var models: [HostedModel] = []
      for name in names.split(separator: ",") { models.append(try book.hostedModel(String(name))) }
      return models
    } catch {
      throw .usage("option --against: \(error)")
    }
  }
}
