import Metering
import Pricing
import Usage

/// A report for programs: as CSV and as JSON.
extension ReportView {
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
    var lines = [
      dimensions + Self.columns + compared.map { "hosted:" + $0.model.shortName } + [
        "modelled_watt_hours", "modelled_grams_co2e",
      ]
    ]
    for (line, hosted) in zip(report.lines, hosted) {
      lines.append(
        line.labels + values(line).map { $0 ?? "" }
          + hosted.map { $0.amount?.decimalText ?? "" }
          + modelled(line.figures).map { $0 ?? "" })
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
    json.object("power") { json in
      for (name, input) in [("watts_per_vcpu", power.power), ("grams_co2e_per_kwh", power.grid)] {
        json.field(name, input.map { FixedPoint.text($0.milli, decimals: 3, trimmed: true) })
        json.field(name + "_source", input?.source)
      }
    }
    json.array("by") { json in for dimension in report.query.dimensions { json.value(dimension.title) } }
    json.array("lines") { json in
      for (line, hosted) in zip(report.lines, hosted) {
        json.object { json in
          json.object("labels") { json in
            for (dimension, label) in zip(report.query.dimensions, line.labels) { json.field(dimension.title, label) }
          }
          write(line, hosted, into: &json)
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
  private func write(_ line: Report.Line, _ hosted: [HostedFigure], into json: inout JSONWriter) {
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
    json.object("energy") { json in
      json.field("modelled", true)
      for (name, value) in zip(["watt_hours", "grams_co2e"], modelled(figures)) { json.field(name, value) }
    }
    json.array("hosted") { json in
      for (counting, figure) in zip(compared, hosted) { json.object { write(counting, figure, into: &$0) } }
    }
  }

  /// Energy in watt-hours and carbon in grams, as decimal text.
  private func modelled(_ figures: ReportFigures) -> [String?] {
    let nanos = figures.totals.cpuNanos
    return [power.microWattHours(ofCPUNanos: nanos), power.micrograms(ofCPUNanos: nanos)].map { value in
      value.map { FixedPoint.text($0, decimals: 6, trimmed: true) }
    }
  }

  private func write(_ counting: HostedCounting, _ figure: HostedFigure, into json: inout JSONWriter) {
    let bases = TokenBasis.allCases.filter { figure.bases[$0] != nil }
    json.field("model", counting.model.name)
    json.field("provider", counting.model.provider)
    json.field("token_basis", bases.map(\.rawValue).joined(separator: " + "))
    json.object("basis_requests") { json in for basis in bases { json.field(basis.rawValue, figure.bases[basis]) } }
    if bases.contains(.ratio), let ratio = counting.ratio {
      json.field("token_ratio", FixedPoint.text(ratio, decimals: 6, trimmed: true))
    }
    json.field("amount", figure.amount?.decimalText)
  }
}
