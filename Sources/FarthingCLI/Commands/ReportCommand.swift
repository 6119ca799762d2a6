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
      that met the latency limits of --goodput. Latencies are at the 50th and 99th percentile.
      """,
    options: [by, since, until, format, preset, against, bytesPerToken, asOf, whatIf],
    run: { (arguments, console) throws(CommandFailure) in
      let query = try query(arguments)
      let compared = try comparison(arguments)
      let other = try otherMachine(arguments)
      let writer = try LedgerCommands.open()
      let report = try failing { () throws(LedgerError) in try writer.ledger.report(query) }
      let ratio = try tokenRatio(arguments, report)
      let day = try date(arguments[asOf], "--as-of")
      let view = ReportView(report: report, compared: compared, ratio: ratio, day: day, other: other)
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

/// A report as a table, as CSV and as JSON.
struct ReportView {
  let report: Report
  let compared: [HostedModel]
  /// Tokens that hosted models count for each of ours, in millionths; nil where the same count is assumed.
  let ratio: Int64?
  /// The day of the list prices, nanoseconds since 1970; nil for the day of each request.
  let day: Int64?
  /// What a vCPU would cost on another machine.
  let other: HourlyPrice?

  // MARK: A table for people

  func table() -> Table {
    let titles = [
      "requests", "prompt", "cached", "completion", "first p50", "p99", "per token p50", "p99", "good", "marginal",
      "per million",
    ]
    let hasCharges = report.lines.contains { $0.figures.charged > 0 }
    let numbers =
      titles + (report.machines.isEmpty ? [] : ["allocated"]) + (hasCharges ? ["charged", "over cost"] : [])
      + compared.map { String($0.shortName) }
      + (other == nil ? [] : ["what if"])
    var table = Table(
      columns: report.query.dimensions.map { .init(title: $0.title) }
        + numbers.map { .init(title: $0, right: true) })
    for line in report.lines {
      let figures = line.figures
      var cells = line.labels.map { printable($0) }
      cells += [figures.totals.requests, figures.totals.prompt, figures.totals.cached, figures.totals.completion].map {
        grouped($0)
      }
      for latency in [figures.firstToken, figures.perToken] {
        cells += [50, 99].map { percent in latency.percentile(percent).map { milliseconds($0) } ?? "-" }
      }
      cells.append(share(figures.goodTokens, of: figures.tokens))
      cells.append(marginal(line))
      cells.append(figures.marginalPerMillion(of: figures.tokens).map { text($0, line.currency) } ?? "-")
      if !report.machines.isEmpty { cells.append(allocated(figures)) }
      if hasCharges {
        cells.append(figures.charged > 0 ? text(figures.charge, line.currency) : "-")
        cells.append(figures.recovery.map { text($0, line.currency) } ?? "-")
      }
      cells += compared.map { model in hosted(model, figures.sizes).map { $0.text() } ?? "unknown" }
      if let other { cells.append(cost(figures.totals.cpuNanos, on: other).map { $0.text() } ?? "unknown") }
      table.rows.append(cells)
    }
    return table
  }

  func notes() -> [String] {
    var notes: [String] = []
    let open = report.lines.reduce(0) { $0 + $1.figures.open }
    let lost = report.lines.reduce(0) { $0 + $1.figures.lost }
    let unpriced = report.lines.reduce(0) { $0 + $1.figures.totals.unpriced }
    if open > 0 { notes.append("under way and in no figure: \(count(open))") }
    if lost > 0 { notes.append("lost with their process, with the tokens that they had: \(count(lost))") }
    if unpriced > 0 { notes.append("without a price and in no cost: \(count(unpriced))") }
    if report.cutRequests > 0 { notes.append("pruned and not shown: \(count(report.cutRequests))") }
    if report.lines.isEmpty {
      notes.append("no requests")
    } else {
      let recorder = report.machines.isEmpty ? " (no recorder of machine time: see `farthing help machine`)" : ""
      notes.append("marginal: CPU time of the requests alone; it flatters self-hosting" + recorder)
    }
    notes += allocationNotes()
    if report.processes.cpuNanos > 0 {
      let time = report.processes
      notes.append(
        "processes: \(seconds(time.cpuNanos)) of CPU time = \(seconds(time.requestNanos)) of requests + "
          + "\(seconds(time.overheadNanos)) overhead")
    }
    if let other {
      let name = other.machine?.id ?? "that machine"
      notes.append("what if: on \(name) at \(other.kind.rawValue) price, marginal; the same CPU time is assumed")
    }
    if !compared.isEmpty { notes.append("hosted: the same text at list prices\(dayText); \(basisText)") }
    return notes
  }

  private func count(_ requests: Int64) -> String { requests == 1 ? "1 request" : "\(grouped(requests)) requests" }
  private func seconds(_ nanos: Int64) -> String { FixedPoint.text(nanos, decimals: 9, trimmed: true) + " s" }

  /// The parts of what is owed for each machine; they add up to it.
  private func allocationNotes() -> [String] {
    let provisional = report.lines.reduce(0) { $0 + $1.figures.provisionalRequests }
    var notes = report.machines.map { machine in
      func part(_ picos: Int64) -> String { text(picos, machine.machine.currency) }
      return "\(printable(machine.machine.machine)): \(part(machine.basisPicos)) "
        + (machine.billedHours == machine.hours ? "billed" : machine.billedHours > 0 ? "partly billed" : "expected")
        + " = \(part(machine.requestPicos)) in hours of requests + \(part(machine.unaskedPicos)) in hours without any"
        + " + \(part(machine.otherPicos)) other programs + \(part(machine.unobservedPicos)) unobserved"
    }
    if provisional > 0 {
      notes.append("allocated is provisional, since their hour is not over: \(count(provisional))")
    }
    return notes
  }

  private func allocated(_ figures: ReportFigures) -> String {
    guard figures.allocatedRequests > 0 else { return "unobserved" }
    let parts = figures.allocated.sorted { $0.key < $1.key }.map { text($0.value, $0.key) }
    let isWhole = figures.allocatedRequests == figures.totals.requests + figures.open
    return parts.joined(separator: " + ") + (isWhole ? "" : " +?")
  }

  private func cost(_ cpuNanos: Int64, on price: HourlyPrice) -> Money? {
    try? price.hourly.divided(by: price.vcpus, unit: .vcpuNanosecond).cost(of: cpuNanos)
  }

  private func marginal(_ line: Report.Line) -> String {
    let totals = line.figures.totals
    if totals.unpriced == totals.requests { return "no price" }
    return text(totals.marginalPicos, line.currency) + (totals.unpriced > 0 ? " +?" : "")
  }

  private func text(_ picos: Int64, _ code: String) -> String {
    guard let currency = try? Currency(code) else { return "-" }
    return Money(picos: picos, currency: currency).text()
  }

  private func share(_ part: Int64, of whole: Int64) -> String {
    whole > 0 ? FixedPoint.quotient(part * 100, by: whole, decimals: 1) + " %" : "-"
  }

  private func milliseconds(_ nanos: Int64) -> String {
    FixedPoint.quotient(nanos, by: 1_000_000, decimals: nanos < 10_000_000 ? 1 : 0) + " ms"
  }

  private var dayText: String { day.map { " of \(CivilDate(unixNanos: $0))" } ?? "" }

  private var basisText: String {
    guard let ratio else { return "same count of tokens assumed" }
    return "their tokens by ratio, \(FixedPoint.text(ratio, decimals: 6, trimmed: true)) for each of ours"
  }

  /// Our count as they would have counted it, to the nearest token.
  private func theirs(_ tokens: Int64) -> Int {
    guard let ratio else { return Int(tokens) }
    return Int(clamping: (Int128(tokens) * Int128(ratio) + 500_000) / 1_000_000)
  }

  /// What a hosted model would have charged for requests of these sizes; nil where it has no price for one of them.
  private func hosted(_ model: HostedModel, _ sizes: [RequestSize: Int64]) -> Money? {
    var total: Int128 = 0
    var currency = Currency.usd
    for (size, count) in sizes {
      let request = HostedRequest(
        tokens: TokenCounts(
          prompt: theirs(size.prompt), cached: theirs(size.cached), completion: theirs(size.completion)))
      let hour = day.map { $0 / 3_600_000_000_000 + size.hour % 24 } ?? size.hour
      guard let money = (try? model.quote(request, at: hour * 3_600_000_000_000))?.money else { return nil }
      total += Int128(money.picos) * Int128(count)
      currency = money.currency
    }
    return Int64(exactly: total).map { Money(picos: $0, currency: currency) }
  }

  // MARK: For programs

  private static let columns = [
    "currency", "requests", "lost", "open", "prompt_tokens", "cached_tokens", "completion_tokens", "good_requests",
    "good_tokens", "cpu_seconds", "ttft_p50_ms", "ttft_p90_ms", "ttft_p99_ms", "tpot_p50_ms", "tpot_p90_ms",
    "tpot_p99_ms", "total_p50_ms", "total_p90_ms", "total_p99_ms", "unpriced_requests", "marginal",
    "marginal_per_million", "marginal_per_million_good", "charged", "over_recovery", "allocated", "allocated_requests",
    "provisional_requests",
  ]

  /// The values of a line in the order of `columns`; nil is unknown.
  private func values(_ line: Report.Line) -> [String?] {
    let figures = line.figures
    let totals = figures.totals
    var values: [String?] = [line.currency.isEmpty ? nil : line.currency]
    values += [
      totals.requests, figures.lost, figures.open, totals.prompt, totals.cached, totals.completion,
      figures.goodRequests, figures.goodTokens,
    ].map { String($0) }
    values.append(FixedPoint.text(totals.cpuNanos, decimals: 9, trimmed: true))
    for latency in [figures.firstToken, figures.perToken, figures.total] {
      values += [50, 90, 99].map { percent in
        latency.percentile(percent).map { FixedPoint.text($0, decimals: 6, trimmed: true) }
      }
    }
    values.append(String(totals.unpriced))
    let isPriced = totals.unpriced < totals.requests
    let amounts: [Int64?] = [
      isPriced ? totals.marginalPicos : nil, figures.marginalPerMillion(of: figures.tokens),
      figures.marginalPerMillion(of: figures.goodTokens), figures.charged > 0 ? figures.charge : nil, figures.recovery,
    ]
    values += amounts.map { $0.map { Money(picos: $0).decimalText } }
    let allocated = figures.allocated.sorted { $0.key < $1.key }.map {
      "\(Money(picos: $0.value).decimalText) \($0.key)"
    }
    values.append(allocated.isEmpty ? nil : allocated.joined(separator: " + "))
    return values + [figures.allocatedRequests, figures.provisionalRequests].map { String($0) }
  }

  func csv() -> [String] {
    let dimensions = report.query.dimensions.map(\.title)
    var lines = [dimensions + Self.columns + compared.map { "hosted:" + $0.shortName }]
    for line in report.lines {
      lines.append(
        line.labels + values(line).map { $0 ?? "" }
          + compared.map { hosted($0, line.figures.sizes)?.decimalText ?? "" })
    }
    return lines.map { $0.map(Self.field).joined(separator: ",") }
  }

  /// A field as RFC 4180 has it. A label that a spreadsheet would take for a formula gets an apostrophe before it.
  private static func field(_ text: String) -> String {
    let isFormula = text.utf8.first.map { "=+@\t\r".utf8.contains($0) } ?? false
    let text = isFormula ? "'" + text : text
    guard text.utf8.contains(where: { "\",\r\n".utf8.contains($0) }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  func write(into json: inout JSONWriter) {
    json.array("bases") { json in
      json.value("marginal")
      if !report.machines.isEmpty { json.value("allocated") }
    }
    json.field("pruned_requests", report.cutRequests)
    json.object("processes") { json in
      json.field("cpu_seconds", report.processes.cpuNanos, decimals: 9)
      json.field("request_cpu_seconds", report.processes.requestNanos, decimals: 9)
      json.field("overhead_cpu_seconds", report.processes.overheadNanos, decimals: 9)
    }
    json.array("machines") { json in
      for machine in report.machines { json.object { write(machine, into: &$0) } }
    }
    json.array("by") { json in for dimension in report.query.dimensions { json.value(dimension.title) } }
    json.array("lines") { json in
      for line in report.lines {
        json.object { json in
          json.object("labels") { json in
            for (dimension, label) in zip(report.query.dimensions, line.labels) { json.field(dimension.title, label) }
          }
          write(line, into: &json)
        }
      }
    }
  }

  private func write(_ machine: MachineSpending, into json: inout JSONWriter) {
    json.field("machine", machine.machine.machine)
    json.field("currency", machine.machine.currency)
    json.field("hours", machine.hours)
    json.field("billed_hours", machine.billedHours)
    let parts = [
      ("owed", machine.basisPicos), ("hours_of_requests", machine.requestPicos),
      ("hours_without_requests", machine.unaskedPicos), ("other_programs", machine.otherPicos),
      ("unobserved", machine.unobservedPicos),
    ]
    for (name, picos) in parts { json.field(name, Money(picos: picos).decimalText) }
  }

  /// Amounts are decimal text, counts and milliseconds numbers.
  private func write(_ line: Report.Line, into json: inout JSONWriter) {
    let figures = line.figures
    let texts = [
      "currency", "marginal", "marginal_per_million", "marginal_per_million_good", "charged", "over_recovery",
    ]
    for (column, value) in zip(Self.columns, values(line)) where texts.contains(column) { json.field(column, value) }
    json.field("requests", figures.totals.requests)
    json.field("lost", figures.lost)
    json.field("open", figures.open)
    json.field("unpriced_requests", figures.totals.unpriced)
    json.field("prompt_tokens", figures.totals.prompt)
    json.field("cached_tokens", figures.totals.cached)
    json.field("completion_tokens", figures.totals.completion)
    json.field("good_requests", figures.goodRequests)
    json.field("good_tokens", figures.goodTokens)
    json.field("cpu_seconds", figures.totals.cpuNanos, decimals: 9)
    json.field("prompt_cpu_seconds", figures.promptCPUNanos, decimals: 9)
    json.array("allocated") { json in
      for (currency, picos) in figures.allocated.sorted(by: { $0.key < $1.key }) {
        json.object { json in
          json.field("currency", currency)
          json.field("amount", Money(picos: picos).decimalText)
        }
      }
    }
    json.field("allocated_requests", figures.allocatedRequests)
    json.field("provisional_requests", figures.provisionalRequests)
    for (name, latency) in [
      ("ttft_ms", figures.firstToken), ("time_per_output_token_ms", figures.perToken), ("total_ms", figures.total),
    ] {
      json.object(name) { json in
        for percent in [50, 90, 99] { json.field("p\(percent)", latency.percentile(percent), decimals: 6) }
      }
    }
    if let other {
      json.object("what_if") { json in
        json.field("machine", other.machine?.id)
        json.field("basis", "marginal, same CPU time assumed")
        json.field("amount", cost(figures.totals.cpuNanos, on: other)?.decimalText)
      }
    }
    json.array("hosted") { json in
      for model in compared {
        json.object { json in
          json.field("model", model.name)
          json.field("provider", model.provider)
          json.field("token_basis", ratio == nil ? "same count" : "ratio")
          if let ratio { json.field("token_ratio", FixedPoint.text(ratio, decimals: 6, trimmed: true)) }
          json.field("amount", hosted(model, figures.sizes)?.decimalText)
        }
      }
    }
  }
}
