import Metering
import Pricing
import Usage

/// A report as a table, as CSV and as JSON.
struct ReportView {
  let report: Report
  let compared: [HostedCounting]
  /// The day of the list prices, nanoseconds since 1970; nil for the day of each request.
  let day: Int64?
  /// What a vCPU would cost on another machine.
  let other: HourlyPrice?
  let power: PowerModel
  /// For each line what each of the compared models would have charged: every request is priced once.
  let hosted: [[HostedFigure]]

  init(report: Report, compared: [HostedCounting], day: Int64?, other: HourlyPrice?, power: PowerModel) {
    (self.report, self.compared, self.day, self.other, self.power) = (report, compared, day, other, power)
    hosted = report.lines.map { line in compared.map { report.hosted($0, for: line.figures, day: day) } }
  }

  // MARK: A table for people

  func table() -> Table {
    let titles = [
      "requests", "prompt", "cached", "completion", "first p50", "p99", "per token p50", "p99", "good", "marginal",
      "per million",
    ]
    let hasCharges = report.lines.contains { $0.figures.charged > 0 }
    let numbers =
      titles + (report.machines.isEmpty ? [] : ["allocated"]) + (hasCharges ? ["charged", "over cost"] : [])
      + compared.map { String($0.model.shortName) }
      + (other == nil ? [] : ["what if"]) + (power.power == nil ? [] : ["energy"])
      + (power.power == nil || power.grid == nil ? [] : ["carbon"])
    var table = Table(
      columns: report.query.dimensions.map { .init(title: $0.title) }
        + numbers.map { .init(title: $0, right: true) })
    for (line, hosted) in zip(report.lines, hosted) {
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
      cells += hosted.map { $0.amount.map { $0.text() } ?? "unknown" }
      if let other { cells.append(cost(figures.totals.cpuNanos, on: other).map { $0.text() } ?? "unknown") }
      if let energy = power.microWattHours(ofCPUNanos: figures.totals.cpuNanos) { cells.append(scaled(energy, "Wh")) }
      if let carbon = power.micrograms(ofCPUNanos: figures.totals.cpuNanos) { cells.append(scaled(carbon, "g")) }
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
    notes.append(powerText)
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

  func cost(_ cpuNanos: Int64, on price: HourlyPrice) -> Money? {
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

  /// One text where all models have one basis, else one for each.
  private var basisText: String {
    let texts = compared.indices.map { basis(at: $0) }
    if let first = texts.first, texts.allSatisfy({ $0 == first }) { return first }
    return zip(compared, texts).map { "\($0.model.shortName): \($1)" }.joined(separator: "; ")
  }

  private func basis(at index: Int) -> String {
    let counting = compared[index]
    var bases: [TokenBasis: Int64] = [:]
    for figures in hosted { bases.merge(figures[index].bases) { $0 + $1 } }
    let texts = TokenBasis.allCases.filter { bases[$0] != nil }.map { basis -> String in
      let requests = bases.count > 1 ? " (\(count(bases[basis] ?? 0)))" : ""
      switch basis {
      case .counted: return "their tokens counted" + requests
      case .ratio:
        let ratio = FixedPoint.text(counting.ratio ?? 0, decimals: 6, trimmed: true)
        let sample = counting.place.flatMap { report.ratio(at: $0) }.map { " in \(count($0.requests))" } ?? ""
        return "their tokens by ratio, \(ratio) for each of ours\(sample)" + requests
      case .sameCount: return "same count of tokens assumed" + requests
      }
    }
    return texts.isEmpty ? "no requests" : texts.joined(separator: ", ")
  }

  private var powerText: String {
    guard let watts = power.power else {
      return "energy and carbon: unknown (give --watts-per-vcpu and --grams-per-kwh, or --vm TYPE)"
    }
    func text(_ input: PowerModel.Input, _ unit: String) -> String {
      "\(FixedPoint.text(input.milli, decimals: 3, trimmed: true)) \(unit) (\(input.source))"
    }
    let energy = "modelled: CPU time of the requests at \(text(watts, "W for a busy vCPU"))"
    guard let grid = power.grid else { return "energy \(energy); carbon: unknown (give --grams-per-kwh)" }
    return "energy and carbon \(energy), \(text(grid, "g CO2e for a kWh"))"
  }

  /// Millionths of a unit, in the larger or smaller unit that people would say.
  private func scaled(_ millionths: Int64, _ unit: String) -> String {
    if millionths >= 1_000_000_000 {
      return FixedPoint.quotient(millionths, by: 1_000_000_000, decimals: 3) + " k" + unit
    }
    if millionths >= 1_000_000 { return FixedPoint.quotient(millionths, by: 1_000_000, decimals: 3) + " " + unit }
    return FixedPoint.quotient(millionths, by: 1_000, decimals: 3) + " m" + unit
  }
}
