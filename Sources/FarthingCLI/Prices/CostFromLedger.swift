import Metering
import Pricing
import Usage

/// A workload as the ledger has seen it, in the words of `Pricing`: the seam between the two.
struct ObservedWorkload {
  static let fromLedger = Option.flag(
    "--from-ledger", help: "take what is not given by hand from the ledger: requests a day, sizes, cache, speed, model")
  static let since = Option.text("--since", value: "DATE", help: "with --from-ledger: from this day (UTC) on")
  static let until = Option.text("--until", value: "DATE", help: "with --from-ledger: up to this day (UTC), included")
  static let bytesPerToken = Option.text(
    "--api-bytes-per-token", value: "X",
    help: "with --from-ledger: bytes a token of the API's tokeniser in a sample; gives the token ratio")

  static let options: [any DeclaredOption] = [fromLedger, since, until, bytesPerToken]

  let seen: LedgerWorkload

  /// Nil where the person did not ask for it.
  init?(_ arguments: Arguments, _ console: Console) throws(CommandFailure) {
    guard arguments[Self.fromLedger] else {
      for option in [Self.since, Self.until, Self.bytesPerToken] where arguments[option] != nil {
        throw .usage("option \(option.names[0]) goes with --from-ledger")
      }
      return nil
    }
    let from = try ReportCommand.date(arguments[Self.since], "--since")
    let to = try ReportCommand.date(arguments[Self.until], "--until").map { $0 + 86_400_000_000_000 }
    let ledger = try LedgerCommands.reading(console)
    let model = arguments[CostOptions.model]
    seen = try failing { () throws(LedgerError) in
      // The name given may be the API's; then it is no filter.
      let own = try ledger.workload(from: from, to: to, model: model)
      return model == nil || own.requests > 0 ? own : try ledger.workload(from: from, to: to)
    }
    guard seen.requests > 0 else { throw .failed("the ledger holds no answered request of that time") }
  }

  /// Requests in a mean day, to a thousandth.
  var requestsPerDay: String { FixedPoint.quotient(Int64(seen.requests), by: max(1, seen.days), decimals: 3) }

  /// Percentiles in the middle of each of a hundred equal shares, where a distribution keeps its sizes.
  func sizes(_ tokens: [Int64]) throws(PricingError) -> SizeDistribution {
    var percentiles: [(percent: ExactDecimal, tokens: Int)] = []
    for share in 0..<100 {
      let index = (2 * share + 1) * tokens.count / 200
      percentiles.append((try ExactDecimal("\(share).5"), Int(clamping: tokens[index])))
    }
    return try SizeDistribution(percentiles: percentiles)
  }

  var cachedPercent: String {
    FixedPoint.quotient(seen.cachedTokens * 100, by: max(1, seen.promptTokens), decimals: 3)
  }

  /// Rounded up, since a day's busiest hour must have its share at least.
  var peakPercent: String {
    let thousandths = (Int64(seen.busiestHour) * 100_000 + Int64(seen.requests) - 1) / Int64(seen.requests)
    return FixedPoint.text(max(4_167, min(100_000, thousandths)), decimals: 3)
  }

  /// Nil where no request was long enough to be measured.
  /// - Parameter batch: requests decoded together; nil for as many as most tokens were.
  func speed(batch: Int?) throws(PricingError) -> MeasuredSpeed? {
    guard let prefill = seen.prefill.milliPerSecond, let batch = batch ?? seen.usualBatch else { return nil }
    guard let work = seen.decode[batch], let decode = work.milliPerSecond else {
      let known = seen.decode.keys.sorted().map { String($0) }.joined(separator: ", ")
      throw .scenario("the ledger has no requests decoded \(batch) together; it has: \(known.isEmpty ? "none" : known)")
    }
    return try MeasuredSpeed(
      prefillMilli: max(1, prefill), decodeMilli: max(1, decode), batch: batch,
      errorMillionths: min(900_000, max(seen.prefill.spreadMillionths, work.spreadMillionths)),
      source: "the ledger, \(seen.requests == 1 ? "1 request" : "\(grouped(Int64(seen.requests))) requests")")
  }

  /// Tokens that the API counts for each of ours, by the text of these requests.
  func ratio(bytesPerToken text: String) throws(CommandFailure) -> ExactDecimal {
    let millionths = try TokenRatio.millionths(
      bytes: seen.textBytes, tokens: seen.textTokens, bytesPerToken: text)
    return try failing { () throws(PricingError) in
      try ExactDecimal(FixedPoint.text(millionths, decimals: 6, trimmed: true))
    }
  }

  /// A line that says where the figures come from.
  var note: String {
    "from the ledger: \(seen.requests == 1 ? "1 request" : "\(grouped(seen.requests)) requests") in "
      + "\(seen.days == 1 ? "1 day" : "\(grouped(seen.days)) days") of UTC, "
      + "\(seen.models.map { printable($0) }.joined(separator: ", ")); busiest hour \(peakPercent) %"
  }
}

/// How many tokens a vendor counts for each of ours, from the bytes that a token of either has.
enum TokenRatio {
  /// - Parameters:
  ///   - bytes: of our text, and the `tokens` that we counted in it.
  ///   - text: bytes a token of the vendor's tokeniser, in a sample of such text.
  /// - Returns: the ratio in millionths, floored.
  static func millionths(bytes: Int64, tokens: Int64, bytesPerToken text: String) throws(CommandFailure) -> Int64 {
    guard tokens > 0, bytes > 0 else { throw .failed("no request says how many bytes its text had") }
    guard let theirs = try? ExactDecimal(text), theirs.coefficient > 0, theirs.scale <= 6 else {
      throw .usage("option --api-bytes-per-token: '\(text)' is not a number above zero with at most six decimals")
    }
    var scaled = Int128(bytes) * 1_000_000
    for _ in 0..<theirs.scale { scaled *= 10 }
    return Int64(clamping: scaled / (Int128(tokens) * Int128(theirs.coefficient)))
  }
}
