import Compute
import Pricing
import Serving
import Usage

/// `cost`: self-host or API, for a workload given by hand or seen by the ledger.
enum Cost {
  static let command = Command(
    name: "cost", summary: "self-host or API: what a workload costs on a machine and at an API, and what would flip it",
    about: """
      The workload is given by hand: requests a day, and sizes as a number or as percentiles, such as \
      p50=300,p90=1200,p99=4000; or it is taken --from-ledger, with the speed that its requests had. The machine's speed must have been measured with this model: give --prefill-tps and \
      --decode-tps, or a file that `bench --json` wrote. The verdict is about the same open model, hosted, or the one \
      nearest in size, unless --equivalent declares others; what --against names is shown as what it would have \
      charged. How many requests wait too long is modelled (M/M/c).
      """,
    options: CostOptions.all + ObservedWorkload.options,
    run: { (arguments, console) throws(CommandFailure) in
      let question = try CostQuestion(arguments, console)
      let report = try CostReport(question)
      if arguments[Command.json] {
        return try console.json { json in report.write(to: &json) }
      }
      for line in report.lines { try console.out.line(printable(line)) }
    })
}

/// The options of `cost`.
enum CostOptions {
  static let model = Option.text("--model", "-m", value: "NAME", help: "the model; its size is read from its name")
  static let vm = Option.text("--vm", value: "TYPE", help: "the machine: a type known to `vms` (default: FARTHING_VM)")
  static let usdPerHour = Option.text("--usd-per-hour", value: "X", help: "price of the machine in dollars an hour")
  static let commitment = Option.choice(
    "--commitment", default: Commitment.onDemand, help: "how the machine is paid for")
  static let provisionedAt = Option.text(
    "--provisioned-at", value: "DATE", help: "for a machine made on that day (default: as --as-of)")
  static let requests = Option.text("--requests-per-day", value: "N", help: "requests in a day")
  static let prompt = Option.text("--prompt-tokens", value: "SIZES", help: "tokens of the prompts")
  static let completion = Option.text("--completion-tokens", value: "SIZES", help: "tokens of the answers")
  static let cached = Option.text(
    "--cached", value: "PERCENT", help: "share of prompt tokens that a cache holds, on both sides (default 0)")
  static let peak = Option.text(
    "--peak-hour", value: "PERCENT", help: "share of a day's requests in its busiest hour (default 10)")
  static let prefill = Option.text("--prefill-tps", value: "X", help: "measured prompt tokens a second")
  static let decode = Option.text(
    "--decode-tps", value: "X", help: "measured answer tokens a second, of all requests of a batch together")
  static let batch = Option<Int>.integer("--batch", in: 1...1024, default: 1, help: "requests decoded together")
  static let bench = Option.text("--bench", value: "FILE", help: "take the speeds from what `bench --json` wrote")
  static let error = Option.text(
    "--speed-error", value: "PERCENT", help: "how far speeds may be off (default: as in the file, else 5)")
  static let latency = Option.choice(
    "--latency", default: LatencyLimits.Preset.server,
    help: "limits for the 99th percentile, as MLPerf has them: server 2000 ms to the first token and 100 ms for each "
      + "further one, interactive 500 and 30")
  static let firstToken = Option<Int?>.integer(
    "--ttft-ms", in: 1...86_400_000, help: "another limit to the first token")
  static let perToken = Option<Int?>.integer(
    "--tpot-ms", in: 1...86_400_000, help: "another limit for each further token")
  static let machines = Option<Int?>.integer(
    "--machines", in: 1...1_000_000, help: "rent at most so many (default: as many as are needed)")
  static let against = Option.text(
    "--against", value: "A,B", help: "hosted models to show beside, or none (default: the list of `run`)")
  static let equivalent = Option.text(
    "--equivalent", value: "A,B", help: "hosted models that you declare as good for this workload")
  static let hostedBatch = Option.flag("--hosted-batch", help: "prices of the batch interface at the API")
  static let ratio = Option.text(
    "--token-ratio", value: "X", help: "tokens that the API counts for each of ours, from bytes per token of a sample")
  static let hostedPrompt = Option.text(
    "--hosted-prompt-tokens", value: "SIZES", help: "prompt sizes counted with the API's tokeniser")
  static let hostedCompletion = Option.text(
    "--hosted-completion-tokens", value: "SIZES", help: "answer sizes counted with the API's tokeniser")
  static let disk = Option.text("--disk-gib", value: "N", help: "GiB of disk for each machine, at the row's price")
  static let address = Option.flag("--address", help: "a public address for each machine, at the row's price")
  static let egress = Option.text(
    "--egress-gib", value: "N", help: "GiB a month that leave, for the whole workload, at the row's price")
  static let labour = Option.text("--labour-per-month", value: "X", help: "labour for self-hosting, a line of its own")
  static let exchange = Option.list(
    "--exchange", value: "EUR=X@DATE", help: "a dated rate to dollars, for machines priced in another currency")

  static let all: [any DeclaredOption] = [
    model, vm, usdPerHour, commitment, provisionedAt, requests, prompt, completion, cached, peak, prefill, decode,
    batch, bench, error, latency, firstToken, perToken, machines, against, equivalent, hostedBatch, ratio, hostedPrompt,
    hostedCompletion, disk, address, egress, labour, exchange, PriceCommands.asOf,
  ]

  enum Commitment: String, CaseIterable, Sendable {
    case onDemand = "on-demand"
    case oneYear = "one-year"
    case threeYear = "three-year"
    case spot

    var kind: MachinePriceKind {
      switch self {
      case .onDemand: .onDemand
      case .oneYear: .oneYear
      case .threeYear: .threeYear
      case .spot: .spot
      }
    }
  }
}

/// What was asked, read from the command line and the price book.
struct CostQuestion {
  let day: CivilDate
  let book: PriceBook
  let workload: Workload
  let own: SelfHosting
  let model: String?
  let declared: [HostedModel]
  let against: [HostedModel]
  let tokens: HostedTokens
  let hostedBatch: Bool
  /// What the ledger was asked for; nil where all is given by hand.
  let observed: ObservedWorkload?

  init(_ arguments: Arguments, _ console: Console) throws(CommandFailure) {
    day = try PriceCommands.day(arguments[PriceCommands.asOf])
    let book = try PriceCommands.book()
    self.book = book
    observed = try ObservedWorkload(arguments, console)
    workload = try Self.workload(arguments, observed)
    own = try Self.own(arguments, workload, book, day, observed)
    let served = observed?.seen.models ?? []
    model = (arguments[CostOptions.model] ?? (served.count == 1 ? served[0] : nil)).map { name in
      String(name.split(separator: "/").last ?? name[...])
    }
    declared = try Self.models(arguments[CostOptions.equivalent], book, option: "--equivalent")
    let nanos = PriceCommands.nanos(day)
    against =
      try arguments[CostOptions.against].map { (names) throws(CommandFailure) in
        names == "none" ? [] : try Self.models(names, book, option: "--against")
      } ?? book.comparison(at: nanos)
    tokens = try Self.tokens(arguments, observed)
    hostedBatch = arguments[CostOptions.hostedBatch]
    guard model != nil || !declared.isEmpty else {
      throw .usage(
        "which API is a fair comparison? Name the model with --model, such as SmolLM2-135M-Instruct, or declare an API "
          + "as good with --equivalent")
    }
  }

  private static func decimal(
    _ text: String?, _ option: some DeclaredOption, default standard: Int64
  ) throws(CommandFailure) -> ExactDecimal {
    guard let text else { return ExactDecimal(standard) }
    return try read(option) { () throws(PricingError) in try ExactDecimal(text) }
  }

  private static func read<Value>(
    _ option: some DeclaredOption, _ body: () throws(PricingError) -> Value
  ) throws(CommandFailure) -> Value {
    do { return try body() } catch { throw .usage("option \(option.names[0]): \(error)") }
  }

  /// - Parameter seen: of the ledger's requests, where none are given by hand.
  private static func sizes(
    _ arguments: Arguments, _ option: Option<String?>, _ observed: ObservedWorkload? = nil, seen: [Int64] = []
  ) throws(CommandFailure) -> SizeDistribution {
    if let text = arguments[option] {
      return try read(option) { () throws(PricingError) in try SizeDistribution(text) }
    }
    guard let observed else { throw .usage("\(option.names[0]) is missing") }
    return try read(option) { () throws(PricingError) in try observed.sizes(seen) }
  }

  private static func workload(
    _ arguments: Arguments, _ observed: ObservedWorkload?
  ) throws(CommandFailure) -> Workload {
    guard let requests = arguments[CostOptions.requests] ?? observed?.requestsPerDay else {
      throw .usage("--requests-per-day is missing")
    }
    let prompt = try sizes(arguments, CostOptions.prompt, observed, seen: observed?.seen.prompts ?? [])
    let completion = try sizes(arguments, CostOptions.completion, observed, seen: observed?.seen.completions ?? [])
    let perDay = try decimal(requests, CostOptions.requests, default: 0)
    let cached = try decimal(
      arguments[CostOptions.cached] ?? observed?.cachedPercent, CostOptions.cached, default: 0)
    let peak = try decimal(arguments[CostOptions.peak] ?? observed?.peakPercent, CostOptions.peak, default: 10)
    do {
      return try Workload(
        requestsPerDay: perDay, prompt: prompt, completion: completion, cachedPercent: cached, peakPercent: peak)
    } catch { throw .usage("\(error)") }
  }

  private static func models(
    _ names: String?, _ book: PriceBook, option: String
  ) throws(CommandFailure) -> [HostedModel] {
    var models: [HostedModel] = []
    for name in (names ?? "").split(separator: ",") {
      do { models.append(try book.hostedModel(String(name))) } catch { throw .usage("option \(option): \(error)") }
    }
    return models
  }

  private static func tokens(
    _ arguments: Arguments, _ observed: ObservedWorkload?
  ) throws(CommandFailure) -> HostedTokens {
    if let observed, let text = arguments[ObservedWorkload.bytesPerToken] {
      guard arguments[CostOptions.ratio] == nil, arguments[CostOptions.hostedPrompt] == nil else {
        throw .usage("give one of --api-bytes-per-token, --token-ratio and --hosted-prompt-tokens")
      }
      return .ratio(try observed.ratio(bytesPerToken: text))
    }
    switch (arguments[CostOptions.hostedPrompt], arguments[CostOptions.hostedCompletion], arguments[CostOptions.ratio])
    {
    case (nil, nil, nil): return .sameCount
    case (nil, nil, let ratio?): return .ratio(try decimal(ratio, CostOptions.ratio, default: 1))
    case (_?, _?, nil):
      return .counted(
        prompt: try sizes(arguments, CostOptions.hostedPrompt),
        completion: try sizes(arguments, CostOptions.hostedCompletion))
    default: throw .usage("give --token-ratio, or both --hosted-prompt-tokens and --hosted-completion-tokens")
    }
  }

  // MARK: The machine

  private static func own(
    _ arguments: Arguments, _ workload: Workload, _ book: PriceBook, _ day: CivilDate, _ observed: ObservedWorkload?
  ) throws(CommandFailure) -> SelfHosting {
    var limits = arguments[CostOptions.latency].limits
    if let limit = arguments[CostOptions.firstToken] { limits.firstTokenMillis = limit }
    if let limit = arguments[CostOptions.perToken] { limits.perTokenMillis = limit }
    let price = try price(arguments, book, day)
    return SelfHosting(
      price: price, speed: try speed(arguments, observed), limits: limits,
      machineLimit: arguments[CostOptions.machines],
      extras: try extras(arguments, workload, price))
  }

  private static func price(
    _ arguments: Arguments, _ book: PriceBook, _ day: CivilDate
  ) throws(CommandFailure) -> HourlyPrice {
    var machine: Machine?
    if let name = arguments[CostOptions.vm] ?? System.environment("FARTHING_VM") {
      let made = try PriceCommands.day(
        arguments[CostOptions.provisionedAt] ?? day.description, option: "--provisioned-at")
      machine = try read(CostOptions.vm) { () throws(PricingError) in
        try dollars(book.machine(name, on: day, provisionedAt: made), arguments[CostOptions.exchange], book, day)
      }
    }
    if let given = arguments[CostOptions.usdPerHour] {
      return try read(CostOptions.usdPerHour) { () throws(PricingError) in
        try .given(Rate.perHour(given), vcpus: Host().processors, machine: machine)
      }
    }
    guard let machine else { throw .usage("which machine? Give --vm TYPE or --usd-per-hour X, or set FARTHING_VM") }
    return try read(CostOptions.vm) { () throws(PricingError) in
      if machine.serverless != nil {
        // Billed by the request: an hour of it costs nothing.
        return HourlyPrice.serverless(machine, marks: machine.rowMarks(on: day))
      }
      return try machine.price(arguments[CostOptions.commitment].kind, at: PriceCommands.nanos(day))
    }
  }

  private static func dollars(
    _ machine: Machine, _ given: [String], _ book: PriceBook, _ day: CivilDate
  ) throws(PricingError) -> Machine {
    guard machine.currency != .usd else { return machine }
    var rates = book.exchange
    for text in given { rates.append(try ExchangeRate(text)) }
    guard let rate = rates.rate(from: machine.currency, to: .usd, on: day) else {
      throw .noExchangeRate(machine.currency, .usd)
    }
    return try machine.converted(by: rate)
  }

  private static func speed(
    _ arguments: Arguments, _ observed: ObservedWorkload?
  ) throws(CommandFailure) -> MeasuredSpeed {
    let isGiven = arguments[CostOptions.prefill] != nil || arguments[CostOptions.decode] != nil
    let seen = try read(ObservedWorkload.fromLedger) { () throws(PricingError) -> MeasuredSpeed? in
      guard arguments[CostOptions.bench] == nil, !isGiven else { return nil }
      return try observed?.speed(batch: arguments.has(CostOptions.batch) ? arguments[CostOptions.batch] : nil)
    }
    var speed: MeasuredSpeed
    if let seen {
      speed = seen
    } else if let path = arguments[CostOptions.bench] {
      let bytes = try System.readAll(path)
      speed = try read(CostOptions.bench) { () throws(PricingError) in
        try MeasuredSpeed(bench: bytes, file: path, batch: arguments[CostOptions.batch])
      }
    } else {
      guard let prefill = arguments[CostOptions.prefill], let decode = arguments[CostOptions.decode] else {
        throw .usage("the speed is never assumed: give --prefill-tps and --decode-tps, or --bench FILE")
      }
      let milli = { (text: String, option: Option<String?>) throws(CommandFailure) -> Int64 in
        try read(option) { () throws(PricingError) in try ExactDecimal(text).thousandths() }
      }
      let (reading, writing) = (try milli(prefill, CostOptions.prefill), try milli(decode, CostOptions.decode))
      speed = try read(CostOptions.prefill) { () throws(PricingError) in
        try MeasuredSpeed(
          prefillMilli: reading, decodeMilli: writing, batch: arguments[CostOptions.batch], errorMillionths: 50_000,
          source: "given")
      }
    }
    if let text = arguments[CostOptions.error] {
      let error = try read(CostOptions.error) { () throws(PricingError) in try ExactDecimal(text).thousandths() }
      speed = try read(CostOptions.error) { () throws(PricingError) in
        try MeasuredSpeed(
          prefillMilli: speed.prefillMilli, decodeMilli: speed.decodeMilli, batch: speed.batch,
          errorMillionths: error * 10, source: speed.source)
      }
    }
    return speed
  }

  private static func extras(
    _ arguments: Arguments, _ workload: Workload, _ price: HourlyPrice
  ) throws(CommandFailure) -> SelfHosting.Extras {
    var extras = SelfHosting.Extras()
    let rows = price.machine?.extras
    if let text = arguments[CostOptions.disk] {
      extras.perMachine.append(
        try read(CostOptions.disk) { () throws(PricingError) in
          try .quantity("disk", ExactDecimal(text), at: rows?.disk)
        })
    }
    if arguments[CostOptions.address] {
      extras.perMachine.append(
        try read(CostOptions.address) { () throws(PricingError) in
          try .quantity("address", ExactDecimal(1), at: rows?.address)
        })
    }
    if let text = arguments[CostOptions.egress] {
      extras.perRequest.append(
        try read(CostOptions.egress) { () throws(PricingError) in
          try .perRequest("egress", ExactDecimal(text), at: rows?.egress, of: workload)
        })
    }
    if let text = arguments[CostOptions.labour] {
      extras.once.append(
        try read(CostOptions.labour) { () throws(PricingError) in
          try .amount("labour", Money(text))
        })
    }
    return extras
  }
}
