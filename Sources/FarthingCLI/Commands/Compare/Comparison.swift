import Conversion
import Pricing
import Usage

/// The levels of one model beside each other, and under which conditions they were measured.
struct Comparison {
  let model: String
  let text: String
  let context: Int
  var chunks = 0
  var scoredTokens = 0
  var isa = ""
  let threads: Int
  let price: HourlyPrice?
  let promptTokens: Int
  let answerTokens: Int
  let repetitions: Int
  /// How the levels were made.
  let method: QuantizeMethod
  var levels: [LevelFigures] = []

  var unbeaten: [Bool] { LevelFigures.unbeaten(levels) }

  /// The rate that full load costs: on burst machines dearer than the list price.
  var rate: Rate? { price.map { $0.saturated ?? $0.hourly } }

  /// What the price is, in one line.
  var priceLine: String? {
    guard let price, let rate else { return nil }
    let amount = rate.decimalText(per: Rate.nanosPerHour) ?? "?"
    let saturated = price.saturated == nil ? "" : ", of a machine under full load, past its credits"
    return
      "\(price.machine?.id ?? "this machine"): \(rate.currency.prefix)\(amount) an hour "
      + "(\(price.kind.rawValue)\(saturated))"
  }

  static let columns = [
    "level", "bytes", "bits per weight", "resident", "prefill tok/s", "decode tok/s", "perplexity", "mean KL",
    "99 % KL",
    "same top token", "$/M in", "$/M out", "",
  ]

  /// The cells of a level, as the table and the page show them.
  func cells(_ level: LevelFigures, isUnbeaten: Bool) -> [String] {
    [
      level.name, grouped(level.fileBytes), Self.decimal(level.bitsPerWeight, 3), readableBytes(level.residentBytes),
      Self.decimal(level.prefill.median, 1), Self.decimal(level.decode.median, 1),
      Self.decimal(level.perplexity, 3) + (level.perplexityError.map { " ± " + Self.decimal($0, 3) } ?? ""),
      level.klMean.map { Self.decimal($0, 6) + (level.klError.map { " ± " + Self.decimal($0, 6) } ?? "") } ?? "-",
      level.klP99.map { Self.decimal($0, 5) } ?? "-",
      level.agreement.map { Self.decimal($0 * 100, 2) + " %" } ?? "-",
      level.inputPerMillion?.text() ?? "-", level.outputPerMillion?.text() ?? "-", isUnbeaten ? "unbeaten" : "",
    ]
  }

  static func decimal(_ value: Double, _ decimals: Int) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "-" }
    let scale = (0..<decimals).reduce(1.0) { product, _ in product * 10 }
    return FixedPoint.text(Int64((value * scale).rounded()), decimals: decimals)
  }

  /// The conditions, in lines that stand above the figures.
  var conditions: [String] {
    var lines = [
      "levels made by quantize --method \(method.rawValue)",
      "\(model), scored on \(text): \(grouped(scoredTokens)) tokens in \(grouped(chunks)) chunks of \(context); "
        + "KL against the model as it is",
      "speeds: median of \(repetitions) runs of \(promptTokens) tokens in and \(answerTokens) out, \(threads) "
        + "\(threads == 1 ? "thread" : "threads"), \(isa); resident: the largest of those processes",
    ]
    lines.append(
      priceLine.map { "money: the machine's time for a million tokens at these speeds, \($0)" }
        ?? "no price known for this machine; give --vm TYPE or --usd-per-hour X")
    return lines
  }

  func print(to console: Console) throws(CommandFailure) {
    for line in conditions { try console.out.line(line) }
    try console.out.line()
    var table = Table(columns: Self.columns.enumerated().map { .init(title: $1, right: $0 > 0 && $0 < 12) })
    for (level, isUnbeaten) in zip(levels, unbeaten) { table.rows.append(cells(level, isUnbeaten: isUnbeaten)) }
    try console.print(table, whole: true)
    try console.out.line("\nunbeaten: no other level is at least as good on every axis and better on one.")
  }

  func write(to json: inout JSONWriter) {
    json.field("model", model)
    json.field("text", text)
    json.field("context", context)
    json.field("chunks", chunks)
    json.field("tokens", scoredTokens)
    json.field("threads", threads)
    json.field("isa", isa)
    json.field("method", method.rawValue)
    json.field("machine", price?.machine?.id)
    json.field("usd_per_hour", rate?.decimalText(per: Rate.nanosPerHour))
    json.array("levels") { json in
      for (level, isUnbeaten) in zip(levels, unbeaten) {
        json.object { json in Self.write(level, isUnbeaten, to: &json) }
      }
    }
  }

  private static func write(_ level: LevelFigures, _ isUnbeaten: Bool, to json: inout JSONWriter) {
    json.field("type", level.name)
    json.field("path", level.path)
    json.field("bytes", level.fileBytes)
    json.field("bits_per_weight", level.bitsPerWeight)
    json.field("peak_rss_bytes", level.residentBytes)
    for (name, speed) in [("prefill", level.prefill), ("decode", level.decode)] {
      json.object("\(name)_tokens_per_second") { json in
        json.field("median", speed.median)
        json.field("min", speed.least)
        json.field("max", speed.most)
      }
    }
    json.field("perplexity", level.perplexity)
    json.field("standard_error", level.perplexityError)
    json.field("kl_mean", level.klMean)
    json.field("kl_standard_error", level.klError)
    json.field("kl_p99", level.klP99)
    json.field("top_token_agreement", level.agreement)
    json.field("input_usd_per_million", level.inputPerMillion?.decimalText)
    json.field("output_usd_per_million", level.outputPerMillion?.decimalText)
    json.field("unbeaten", isUnbeaten)
  }
}
