import Pricing
import Usage

/// A receipt for people: plain ASCII lines for a terminal of a given width.
public enum ReceiptText {
  /// - Parameters:
  ///   - width: columns of the terminal; less than 20 counts as 20.
  ///   - lines: of a batch, what its lines came to; nil for one request.
  /// - Returns: lines, each with its line end; none wider than `width`, none ending in a space.
  public static func render(_ receipt: Receipt, lines: String? = nil, width: Int = 80) -> String {
    var layout = ReceiptLayout(width: width)
    layout.heading("receipt")
    addUsage(receipt.usage, lines, to: &layout)
    addCost(receipt.cost, receipt.usage, to: &layout)
    addHosted(receipt.hosted, to: &layout)
    if let entry = receipt.ledger { add(entry, to: &layout) }
    return layout.text
  }

  /// The same in a line or two, for between the turns of a chat: what the turn took, and the least that it cost.
  public static func summary(_ receipt: Receipt, width: Int = 80) -> String {
    let usage = receipt.usage
    let cached = usage.tokens.cached > 0 ? " (\(usage.tokens.cached) cached)" : ""
    var parts = ["\(usage.tokens.prompt)\(cached) + \(usage.tokens.completion) tokens"]
    if let first = usage.timings.firstTokenNanos { parts.append("first after \(duration(first))") }
    if let speed = usage.decodeSpeed { parts.append("\(tokensPerSecond(speed)) tokens/s") }
    if case .known(let cost) = receipt.cost { parts.append("\(cost.marginal.total.text()) here (marginal)") }
    if let quote = receipt.hosted.first(where: { $0.money != nil && !$0.isHistoric }), let money = quote.money {
      parts.append("\(money.text()) at \(shown(String(quote.model.shortName)))")
    }
    if case .endToken = usage.finish {} else { parts.append(finish(usage.finish)) }
    var layout = ReceiptLayout(width: width)
    layout.heading("[" + parts.joined(separator: "; ") + "]")
    return layout.text
  }

  // MARK: What it took

  private static func addUsage(_ usage: UsageRecord, _ lines: String?, to layout: inout ReceiptLayout) {
    let threads = usage.execution.threads == 1 ? "1 thread" : "\(usage.execution.threads) threads"
    layout.fact(
      "model",
      "\(shown(usage.model.name)), \(shown(usage.model.quantization)); \(threads), \(shown(usage.execution.isa))")
    let cached = usage.tokens.cached > 0 ? " (\(usage.tokens.cached) cached)" : ""
    layout.fact("tokens", "\(usage.tokens.prompt) prompt\(cached) + \(usage.tokens.completion) completion")
    addGuesses(usage.tokens, to: &layout)
    let timings = usage.timings
    if let lines {
      layout.fact("lines", lines)
      layout.fact("time", "\(duration(timings.totalNanos)); load \(duration(timings.loadNanos))")
    } else {
      layout.fact("finished", finish(usage.finish))
      let first = timings.firstTokenNanos.map { duration($0) } ?? "none"
      layout.fact(
        "first token", "\(first); load \(duration(timings.loadNanos)), queue \(duration(timings.queueNanos))")
    }
    layout.fact("prefill", phase(timings.prefillNanos, usage.prefillSpeed))
    layout.fact("decode", phase(timings.decodeNanos, usage.decodeSpeed))
    layout.fact(
      "CPU", "\(seconds(usage.cpu.processNanos)) in all, \(seconds(usage.cpu.requestNanos)) for the request")
    layout.fact(
      "memory",
      "\(bytes(usage.memory.peakResidentBytes)) at peak; weights \(bytes(usage.memory.weightBytes)),"
        + " KV \(bytes(usage.memory.kvBytes))")
  }

  private static func addGuesses(_ tokens: TokenCounts, to layout: inout ReceiptLayout) {
    guard tokens.draftAccepted + tokens.draftRejected > 0 else { return }
    layout.fact("guessed", "\(tokens.draftAccepted) tokens rightly, \(tokens.draftRejected) wrongly")
  }

  private static func phase(_ nanos: Int64, _ speed: Speed?) -> String {
    guard let speed else { return duration(nanos) }
    return "\(tokensPerSecond(speed)) tokens/s in \(duration(nanos))"
  }

  private static func finish(_ reason: FinishReason) -> String {
    let detail =
      switch reason {
      case .endToken: "end token"
      case .stopToken(let id): "stop token \(id)"
      case .stopString(let bytes): "stop string '\(shown(String(decoding: bytes.prefix(40), as: UTF8.self)))'"
      case .tokenLimit: "token limit"
      case .contextFull: "the context is full"
      case .budget: "budget"
      case .interrupted: "interrupted"
      case .disconnected: "the client went away"
      case .failed(let message): shown(String(message.prefix(200)))
      }
    return "\(reason.name): \(detail)"
  }

  // MARK: What it cost here

  private static func addCost(_ cost: Receipt.CostHere, _ usage: UsageRecord, to layout: inout ReceiptLayout) {
    switch cost {
    case .noPrice:
      layout.fact("cost here", Receipt.noPriceAdvice)
    case .failed(let error):
      layout.fact("cost here", "not computed: \(shown(error.description))")
    case .known(let cost):
      layout.fact("cost here", priceLine(cost.price))
      if let note = burstNote(cost.price) { layout.fact("", note) }
      layout.table(rows(cost, usage))
    }
  }

  private static func rows(_ cost: MachineCost, _ usage: UsageRecord) -> [ReceiptLayout.Row] {
    var rows: [ReceiptLayout.Row] = []
    if let allocated = cost.allocated {
      rows.append(row("allocated", allocated.whole.total, "the whole run, \(duration(allocated.wholeNanos))"))
      rows.append(row("request", allocated.request, duration(allocated.requestNanos), level: 1))
      rows.append(row("load", allocated.load, duration(allocated.loadNanos), level: 1))
      rows.append(row("rest", allocated.rest, duration(allocated.restNanos), level: 1))
      if let note = perMillion(allocated.whole) { rows.append(note) }
    }
    let vcpus = cost.price.vcpus == ExactDecimal(1) ? "1 vCPU" : "\(cost.price.vcpus) vCPUs"
    let cpu = "\(seconds(usage.cpu.requestNanos)) of CPU on \(vcpus); flatters self-hosting"
    rows.append(row("marginal", cost.marginal.total, cpu))
    if let note = perMillion(cost.marginal) { rows.append(note) }
    return rows
  }

  private static func perMillion(_ figure: CostFigure) -> ReceiptLayout.Row? {
    let parts = [figure.inputPerMillion.map { $0.text() + " in" }, figure.outputPerMillion.map { $0.text() + " out" }]
    let known = parts.compactMap { $0 }
    guard !known.isEmpty else { return nil }
    return ReceiptLayout.Row(
      level: 1, label: "per million tokens: " + known.joined(separator: ", "), amount: "", remark: "")
  }

  private static func row(_ label: String, _ money: Money, _ remark: String, level: Int = 0) -> ReceiptLayout.Row {
    ReceiptLayout.Row(level: level, label: label, amount: money.text(), remark: remark)
  }

  private static func priceLine(_ price: HourlyPrice) -> String {
    let isGiven = price.kind == .given
    let readOn = isGiven ? nil : price.machine?.readOn.map { "read \($0)" }
    let remarks = [readOn].compactMap { $0 } + price.marks.map(\.description)
    let hourly = "\(price.hourly.currency.prefix)\(perHour(price.hourly)) an hour"
    let name = price.machine.map { shown($0.id) + ", " } ?? ""
    return name + (isGiven ? "as given: " : price.kind.rawValue + ": ") + hourly
      + (remarks.isEmpty ? "" : " (" + remarks.joined(separator: "; ") + ")")
  }

  private static func burstNote(_ price: HourlyPrice) -> String? {
    guard let saturated = price.saturated, let burst = price.machine?.burst else { return nil }
    return "burstable: decode saturates the CPU, the price covers \(burst.baselinePercent) % of each vCPU; once credits"
      + " are spent an hour costs \(saturated.currency.prefix)\(perHour(saturated))"
  }

  private static func perHour(_ rate: Rate) -> String {
    rate.decimalText(per: Rate.nanosPerHour) ?? "(\(rate))"
  }

  // MARK: What others would have charged

  private static func addHosted(_ quotes: [HostedQuote], to layout: inout ReceiptLayout) {
    guard let basis = quotes.first?.basis else { return }
    layout.fact("hosted", "the same tokens at list prices; \(assumption(basis))")
    layout.table(
      quotes.map { quote in
        var remarks = [quote.model.readOn.map { "read \($0)" } ?? ""]
        if case .unknown(let reason) = quote.total { remarks.insert(reason.description, at: 0) }
        remarks += quote.marks.map(\.description)
        return ReceiptLayout.Row(
          label: shown("\(quote.model.shortName) (\(quote.model.provider))"), amount: quote.money?.text() ?? "unknown",
          remark: remarks.filter { !$0.isEmpty }.joined(separator: "; "))
      })
  }

  private static func assumption(_ basis: TokenBasis) -> String {
    switch basis {
    case .counted: "tokens counted with the vendor's tokeniser"
    case .ratio: "tokens estimated from the bytes of the text"
    case .sameCount: "same count assumed, vendors count tokens differently"
    }
  }

  // MARK: The day so far

  private static func add(_ entry: LedgerEntry, to layout: inout ReceiptLayout) {
    let requests = entry.requests == 1 ? "1 request" : "\(entry.requests) requests"
    let amounts = entry.amounts.map { $0.text() }.joined(separator: " + ")
    let unpriced = entry.unpriced > 0 ? "\(entry.unpriced) without a price" : ""
    let cost = [amounts.isEmpty ? "" : amounts + " marginal", unpriced].filter { !$0.isEmpty }
    layout.fact(
      "today",
      "\(requests), \(entry.promptTokens) + \(entry.completionTokens) tokens; \(cost.joined(separator: ", ")) "
        + "(\(entry.day), UTC)")
  }

  // MARK: Numbers

  /// `0 ms`, `3.4 ms`, `310 ms`, `3.21 s`.
  static func duration(_ nanos: Int64) -> String {
    if nanos < 50_000 { return "0 ms" }
    if nanos < 9_950_000 { return FixedPoint.quotient(nanos, by: 1_000_000, decimals: 1) + " ms" }
    if nanos < 999_500_000 { return FixedPoint.quotient(nanos, by: 1_000_000, decimals: 0) + " ms" }
    return seconds(nanos)
  }

  private static func seconds(_ nanos: Int64) -> String {
    FixedPoint.quotient(nanos, by: 1_000_000_000, decimals: 2) + " s"
  }

  static func bytes(_ count: Int64) -> String {
    if count < 1_000_000 { return FixedPoint.quotient(count, by: 1_000, decimals: 1) + " kB" }
    if count < 10_000_000_000 { return FixedPoint.quotient(count, by: 1_000_000, decimals: 1) + " MB" }
    return FixedPoint.quotient(count, by: 1_000_000_000, decimals: 1) + " GB"
  }

  private static func tokensPerSecond(_ speed: Speed) -> String {
    FixedPoint.quotient(speed.milliPerSecond, by: 1_000, decimals: speed.milliPerSecond < 10_000 ? 2 : 1)
  }

  /// Text from files and from people, without anything that could move a terminal's cursor: what is not printable ASCII
  /// becomes a question mark.
  static func shown(_ text: String) -> String {
    String(
      decoding: text.unicodeScalars.prefix(400).map {
        $0.isASCII && $0.value >= 0x20 && $0.value < 0x7F
          ? UInt8($0.value) : UInt8(ascii: "?")
      }, as: UTF8.self)
  }
}
