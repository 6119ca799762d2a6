import Pricing
import Usage

/// The answer of `cost`, as lines for people and as JSON.
struct CostReport {
  let question: CostQuestion
  let counterpart: Counterpart
  let answer: CostAnswer
  let others: [HostedExpectation]

  init(_ question: CostQuestion) throws(CommandFailure) {
    self.question = question
    let counterpart = try failing { () throws(PricingError) in
      try Counterpart(
        for: question.workload, of: question.model, declared: question.declared, in: question.book,
        tokens: question.tokens, batch: question.hostedBatch, on: question.day)
    }
    guard let counterpart, let perRequest = counterpart.expectation.perRequest else {
      throw .failed(
        "no price known: no hosted model comparable to \(question.model ?? "this one") has a price for this workload; "
          + "declare one with --equivalent")
    }
    self.counterpart = counterpart
    guard counterpart.expectation.model.currency == question.own.price.hourly.currency else {
      throw .failed("\(counterpart.expectation.model.id) bills in \(counterpart.expectation.model.currency)")
    }
    answer = try failing { () throws(PricingError) in
      try CostAnswer(
        Scenario(workload: question.workload, own: question.own, apiPerRequest: perRequest),
        apiMarks: counterpart.expectation.marks)
    }
    others = try failing { () throws(PricingError) in
      var others: [HostedExpectation] = []
      for model in question.against where model.id != counterpart.expectation.model.id {
        others.append(
          try model.expectation(
            for: question.workload, tokens: question.tokens, batch: question.hostedBatch, on: question.day))
      }
      return others
    }
  }

  // MARK: Words

  var verdictText: String {
    switch answer.standing {
    case .firm: return answer.verdict.rawValue
    case .tie(let other): return "a tie within the measurement error: \(answer.verdict.rawValue) or \(other.rawValue)"
    case .undecided(let marks):
      return
        "undecided: \(answer.verdict.rawValue) at the stated price, but that is \(PriceCommands.marks(marks)), and at "
        + "half or twice of it the verdict is another; confirm it, for instance with --usd-per-hour"
    }
  }

  /// "requests per day times 2.34 (1000 becomes 2340) makes it: API"
  var flipText: String {
    guard let flip = answer.flip else {
      return answer.verdict == .api ? nothingText : "no single change within a factor of a thousand"
    }
    return "\(flip.lever.rawValue) \(Self.factor(flip.millionths))\(values(flip)) makes it: \(flip.verdict.rawValue)"
  }

  /// Why no single number that anybody could change makes machines cheaper.
  private var nothingText: String {
    guard let even = answer.breakEven else {
      return "no number of requests: one costs the machine as much as the API charges, or more"
    }
    let requests = { (load: Fraction) in grouped(Int64(load.text(decimals: 0)) ?? 0) }
    return "nothing near: one machine breaks even at \(requests(even.requestsPerDay)) requests a day, and there are "
      + requests(question.workload.requestsPerDay)
      + (even.feasible ? "" : "; it would have to be faster too, since it cannot serve so many within the limits")
  }

  /// Far from one in the way that people say it: "times 25,500", "divided by about 233".
  static func factor(_ millionths: Int64) -> String {
    if millionths >= 100_000_000 { return "times \(grouped(millionths / 1_000_000))" }
    if millionths >= 100_000 { return "times " + FixedPoint.text(millionths, decimals: 6, trimmed: true) }
    let divisor = 1_000_000 / max(1, millionths)
    return "divided by \(1_000_000 % max(1, millionths) == 0 ? "" : "about ")\(grouped(divisor))"
  }

  private func values(_ flip: Flip) -> String {
    guard let pair = flipValues(flip) else { return "" }
    return " (\(pair.old) becomes \(pair.new))"
  }

  private func flipValues(_ flip: Flip) -> (old: String, new: String)? {
    switch flip.lever {
    case .requests:
      let old = question.workload.requestsPerDay
      return (old.text(decimals: 3), old.scaledText(flip.millionths, decimals: 3))
    case .apiPrice:
      guard let old = counterpart.expectation.perRequest else { return nil }
      let dollars = { (millionths: Int64) in old.scaledDollars(millionths) }
      return (dollars(1_000_000) + " a request", dollars(flip.millionths) + " a request")
    case .machinePrice:
      let hour = question.own.price.hourly
      guard let old = try? hour.cost(of: Rate.nanosPerHour) else { return nil }
      return (
        old.description + " an hour", Fraction(old.picos).scaledDollars(flip.millionths) + " an hour"
      )
    case .speed:
      let speed = question.own.speed
      let text = { (factor: Int64) in
        // Of a speed below ten the decimals count.
        let milli = { (value: Int64) in
          let isSlow = Int128(value) * Int128(factor) < 10_000 * Int128(Scenario.unscaled)
          return Fraction(value).scaledText(factor, decimals: isSlow ? 3 : 0, over: 1000)
        }
        return "\(milli(speed.prefillMilli)) and \(milli(speed.decodeMilli)) tokens a second"
      }
      return (text(1_000_000), text(flip.millionths))
    case .latency: return nil
    }
  }

  private var machineName: String {
    question.own.price.machine?.id ?? "the machine"
  }

  var lines: [String] {
    let api = counterpart.expectation
    let percent = { (millionths: Int64) in FixedPoint.quotient(millionths, by: 10_000, decimals: 1) + " %" }
    var lines = [
      "verdict: \(verdictText)", "would flip it: \(flipText)", question.observed?.note ?? "",
      "self-host on \(machineName) (\(question.own.price.kind.rawValue), "
        + "\(PriceCommands.hour(question.own.price.hourly)) an hour):",
    ]
    if let own = answer.selfHosted {
      lines.append(
        "  \(own.perMonth.text()) a month with \(Self.count(own.machines))"
          + (own.perMillion.map { ", \($0.text()) per million tokens" } ?? ""))
      if let input = own.inputPerMillion, let output = own.outputPerMillion {
        lines.append("  per million by the time they take: \(input.text()) in, \(output.text()) out")
      }
    } else {
      lines.append("  cannot serve all of it within the latency limits")
    }
    for line in question.own.extras.all { lines.append("  of it \(line.name): \(line.text)") }
    let busy = answer.busy
    lines.append(
      "  busy in the peak hour: \(busy.peakShare.percentText) of \(Self.count(busy.machines)); "
        + "the limits allow \(percent(busy.allowedMillionths)) (modelled)"
    )
    lines.append("  one request takes a machine \(busy.secondsPerRequest.text(decimals: 3)) s; speed \(speedText)")
    let marks = question.own.price.marks
    if !marks.isEmpty { lines.append("  price: \(PriceCommands.marks(marks))") }
    lines.append("API \(api.model.id) (\(counterpart.reason.rawValue); tokens: \(basisText)):")
    lines.append(
      "  \(answer.api.perMonth.text()) a month"
        + (answer.api.perMillion.map { ", \($0.text()) per million tokens" } ?? ""))
    if !api.marks.isEmpty { lines.append("  price: \(PriceCommands.marks(api.marks))") }
    lines += planLines
    if !others.isEmpty {
      lines.append("others would have charged a month (no saving unless you declare them --equivalent):")
      for other in others { lines.append("  \(other.model.id): " + charged(other)) }
    }
    return lines
  }

  private var planLines: [String] {
    var lines: [String] = []
    if let even = answer.breakEven {
      lines.append(
        "break-even: \(even.requestsPerDay.text(decimals: 0)) requests a day, "
          + "\(grouped(Int(even.tokensPerMonth.text(decimals: 0)) ?? 0)) tokens a month on one machine"
          + (even.feasible ? "" : ", more than one can serve within the limits"))
    } else {
      lines.append("break-even: none, a request costs the machine as much as the API charges, or more")
    }
    if answer.verdict == .hybrid {
      lines.append(
        "hybrid: \(answer.best.served.text(decimals: 0)) requests a day on \(Self.count(answer.best.machines)), "
          + "the rest at the API: \(answer.best.cost.scaledDollars(1_000_000)) a month")
    }
    return lines
  }

  private static func count(_ machines: Int64) -> String { machines == 1 ? "1 machine" : "\(machines) machines" }

  private var basisText: String {
    switch question.tokens.basis {
    case .counted: "counted with its tokeniser"
    case .ratio: "by ratio"
    case .sameCount: "same count assumed"
    }
  }

  private var speedText: String {
    let speed = question.own.speed
    let milli = { (value: Int64) in FixedPoint.text(value, decimals: 3, trimmed: true) }
    return "\(milli(speed.prefillMilli)) prefill, \(milli(speed.decodeMilli)) decode tokens a second at batch "
      + "\(speed.batch) (\(speed.source), error "
      + FixedPoint.quotient(speed.errorMillionths, by: 10_000, decimals: 1) + " %)"
  }

  func monthly(_ expectation: HostedExpectation) -> Money? {
    try? expectation.perMonth(of: question.workload)
  }

  private func charged(_ expectation: HostedExpectation) -> String {
    let marks = expectation.marks.isEmpty ? "" : " (\(PriceCommands.marks(expectation.marks)))"
    guard let money = monthly(expectation) else {
      return "no price known: \(expectation.unknown?.description ?? "")\(marks)"
    }
    return money.text() + marks
  }
}

extension CostReport {
  func write(to json: inout JSONWriter) {
    json.field("as_of", question.day.description)
    json.field("verdict", answer.verdict.rawValue)
    switch answer.standing {
    case .firm: json.field("standing", "firm")
    case .tie(let other):
      json.field("standing", "tie")
      json.field("tie_with", other.rawValue)
    case .undecided(let marks):
      json.field("standing", "undecided")
      json.array("undecided_because") { json in for mark in marks { json.value(mark.description) } }
    }
    if let flip = answer.flip {
      json.object("flip") { json in
        json.field("change", flip.lever.rawValue)
        json.field("factor", FixedPoint.text(flip.millionths, decimals: 6, trimmed: true))
        json.field("verdict", flip.verdict.rawValue)
        let values = flipValues(flip)
        json.field("from", values?.old)
        json.field("to", values?.new)
      }
    } else {
      json.null("flip")
    }
    json.field("currency", question.own.price.hourly.currency.description)
    if let seen = question.observed?.seen {
      json.object("from_ledger") { json in
        json.field("requests", seen.requests)
        json.field("days", seen.days)
        json.array("models") { json in for model in seen.models { json.value(model) } }
      }
    }
    json.field("requests_per_day", question.workload.requestsPerDay.text(decimals: 6))
    json.field("tokens_per_month", (try? question.workload.tokensPerMonth())?.text(decimals: 3))
    writeSelf(to: &json)
    writeAPI(to: &json)
    if let even = answer.breakEven {
      json.object("break_even") { json in
        json.field("requests_per_day", even.requestsPerDay.text(decimals: 6))
        json.field("tokens_per_month", even.tokensPerMonth.text(decimals: 0))
        json.field("feasible_on_one_machine", even.feasible)
      }
    } else {
      json.null("break_even")
    }
    json.object("plan") { json in
      json.field("machines", answer.best.machines)
      json.field("requests_per_day_on_machines", answer.best.served.text(decimals: 6))
      json.field("per_month", answer.best.cost.decimalDollars)
    }
  }

  private func writeSelf(to json: inout JSONWriter) {
    let own = question.own
    json.object("self_host") { json in
      json.field("machine", own.price.machine?.id)
      json.field("price", own.price.kind.rawValue)
      json.field("per_hour", own.price.hourly.decimalText(per: Rate.nanosPerHour))
      PriceCommands.write(own.price.marks, to: &json)
      json.field("machines", answer.selfHosted?.machines)
      json.field("per_month", answer.selfHosted?.perMonth.decimalText)
      json.field("per_million_tokens", answer.selfHosted?.perMillion?.decimalText)
      json.field("input_per_million", answer.selfHosted?.inputPerMillion?.decimalText)
      json.field("output_per_million", answer.selfHosted?.outputPerMillion?.decimalText)
      json.object("extras") { json in for line in own.extras.all { json.field(line.name, line.text) } }
      json.field("feasible", answer.selfHosted != nil)
      json.object("busy") { json in
        json.field("peak_share", answer.busy.peakShare.text(decimals: 6))
        json.field("machines", answer.busy.machines)
        json.field("allowed_share", FixedPoint.text(answer.busy.allowedMillionths, decimals: 6))
        json.field("allowed_share_is_modelled", true)
        json.field("seconds_per_request", answer.busy.secondsPerRequest.text(decimals: 9))
      }
      json.object("speed") { json in
        json.field("prefill_tokens_per_second", own.speed.prefillMilli, decimals: 3)
        json.field("decode_tokens_per_second", own.speed.decodeMilli, decimals: 3)
        json.field("batch", own.speed.batch)
        json.field("error", FixedPoint.text(own.speed.errorMillionths, decimals: 6))
        json.field("source", own.speed.source)
      }
    }
  }

  private func writeAPI(to json: inout JSONWriter) {
    json.object("api") { json in
      json.field("model", counterpart.expectation.model.id)
      json.field("why", counterpart.reason.rawValue)
      json.field("token_basis", counterpart.expectation.basis.rawValue)
      json.field("per_month", answer.api.perMonth.decimalText)
      json.field("per_million_tokens", answer.api.perMillion?.decimalText)
      PriceCommands.write(counterpart.expectation.marks, to: &json)
    }
    json.array("would_have_charged") { json in
      for other in others {
        json.object { json in
          json.field("model", other.model.id)
          json.field("per_month", monthly(other)?.decimalText)
          json.field("unknown", other.unknown?.description)
          json.field("token_basis", other.basis.rawValue)
          PriceCommands.write(other.marks, to: &json)
        }
      }
    }
  }
}

extension SelfHosting.Extras {
  /// Every line, with its amount a month, or for a request.
  fileprivate var all: [(name: String, text: String)] {
    perMachine.map { ("\($0.name) a machine and month", $0.picos.decimalDollars) }
      + once.map { ("\($0.name) a month", $0.picos.decimalDollars) }
      + perRequest.map { ("\($0.name) a request", $0.picos.decimalDollars) }
  }
}
