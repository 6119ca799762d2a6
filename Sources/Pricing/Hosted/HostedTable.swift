import Usage

/// Reads and checks tables of hosted prices.
///
/// Each line is one statement, by its column `line`: `model` (a model with the price in force when it was read),
/// `price` (its price from another day on), `tier` and `hours` (conditions of the price with the same `from`), `stated`
/// (what one catalogue says where they disagree). Lines about one model stand together, the `model` line first.
enum HostedTable {
  static let columns = [
    "line", "provider", "model", "mode", "currency", "from", "status", "above_input_tokens", "utc_start", "utc_end",
    "input_per_mtok", "cached_input_per_mtok", "output_per_mtok", "batch_input_per_mtok", "batch_output_per_mtok",
    "context_window", "retires", "deprecated", "single_source", "as_of", "source", "until", "stale", "allowance",
  ]
  static let required = ["line", "provider", "model", "input_per_mtok", "output_per_mtok", "source"]

  /// - Throws: `table` with line and column.
  static func read(_ bytes: some Sequence<UInt8>, file: String) throws(PricingError) -> [HostedModel] {
    try read(CSVTable(bytes, file: file, columns: columns, required: required).rows)
  }

  /// - Throws: `table` with line and column.
  static func read(_ rows: [CSVRow]) throws(PricingError) -> [HostedModel] {
    var models: [HostedModel] = []
    var seen: Set<[UInt8]> = []
    for row in rows {
      let provider = try row.required("provider")
      let name = try row.required("model")
      if row.text("line") == "model" {
        let model = try model(row, provider: provider, name: name)
        guard seen.insert(Array(model.id.utf8)).inserted else { throw row.error("model", "\(model.id) is there twice") }
        models.append(model)
      } else {
        guard let last = models.indices.last, models[last].names(provider, name) else {
          throw row.error("model", "this line does not follow the model line of \(provider):\(name)")
        }
        try add(row, to: &models[last])
      }
    }
    for index in models.indices {
      models[index].prices.sort { Self.precedes($0.from, $1.from) }
      for price in models[index].prices.indices {
        models[index].prices[price].tiers.sort { $0.above < $1.above }
      }
    }
    return models
  }

  private static func model(_ row: CSVRow, provider: String, name: String) throws(PricingError) -> HostedModel {
    let mode = row.text("mode") ?? HostedModel.Mode.chat.rawValue
    guard let mode = HostedModel.Mode(rawValue: mode) else { throw row.error("mode", "unknown mode '\(mode)'") }
    var model = HostedModel(
      provider: provider, name: name, mode: mode, currency: try row.currency("currency"),
      contextWindow: try row.integer("context_window", in: 1...1_000_000_000), retires: try row.date("retires"),
      deprecated: try row.flag("deprecated"), singleSource: try row.flag("single_source") ?? true,
      readOn: try row.date("as_of"), stale: try row.flag("stale") ?? false,
      allowance: try row.flag("allowance") ?? false, source: try row.required("source"), prices: [], statements: [])
    model.prices.append(try price(row, model))
    return model
  }

  private static func add(_ row: CSVRow, to model: inout HostedModel) throws(PricingError) {
    switch row.text("line") {
    case "price":
      let new = try price(row, model)
      guard !model.prices.contains(where: { $0.from == new.from }) else {
        throw row.error("from", "two prices of \(model.id) begin on the same day")
      }
      model.prices.append(new)
    case "tier":
      guard let above = try row.integer("above_input_tokens", in: 1...1_000_000_000) else {
        throw row.error("above_input_tokens", "a value is missing")
      }
      let version = try version(row, model)
      guard !model.prices[version].tiers.contains(where: { $0.above == above }) else {
        throw row.error("above_input_tokens", "this tier of \(model.id) is there twice")
      }
      model.prices[version].tiers.append(PriceTier(above: above, prices: try prices(row, model.currency)))
    case "hours":
      let hours = PriceHours(
        startMinute: try minute(row, "utc_start"), endMinute: try minute(row, "utc_end"),
        prices: try prices(row, model.currency))
      guard hours.startMinute != hours.endMinute else { throw row.error("utc_end", "these hours are empty") }
      let version = try version(row, model)
      for minute in 0..<1440 where hours.contains(secondOfDay: minute * 60) {
        guard !model.prices[version].hours.contains(where: { $0.contains(secondOfDay: minute * 60) }) else {
          throw row.error("utc_start", "these hours of \(model.id) overlap others")
        }
      }
      model.prices[version].hours.append(hours)
    case "stated":
      model.statements.append(
        CatalogueStatement(
          catalogue: try row.required("source"), prices: try prices(row, model.currency),
          contextWindow: try row.integer("context_window", in: 1...1_000_000_000)))
    case let kind:
      throw row.error("line", "unknown kind '\(kind ?? "")'; expected model, price, tier, hours or stated")
    }
  }

  private static func price(_ row: CSVRow, _ model: HostedModel) throws(PricingError) -> HostedPrice {
    guard let status = HostedPrice.Status(rawValue: row.text("status") ?? "") else {
      throw row.error("status", "expected announced, confirmed, cancelled or nothing")
    }
    let from = try row.date("from")
    let until = try row.date("until")
    if let from, let until, until <= from { throw row.error("until", "this price ends before it begins") }
    return HostedPrice(
      from: from, until: until, status: status, base: try prices(row, model.currency), tiers: [], hours: [])
  }

  /// The price whose first day the line names.
  private static func version(_ row: CSVRow, _ model: HostedModel) throws(PricingError) -> Int {
    let from = try row.date("from")
    guard let index = model.prices.firstIndex(where: { $0.from == from }) else {
      throw row.error("from", "\(model.id) has no price that begins on this day")
    }
    return index
  }

  private static func prices(_ row: CSVRow, _ currency: Currency) throws(PricingError) -> TokenPrices {
    TokenPrices(
      input: try perMillion(row, "input_per_mtok", currency),
      cachedInput: try perMillion(row, "cached_input_per_mtok", currency),
      output: try perMillion(row, "output_per_mtok", currency),
      batchInput: try perMillion(row, "batch_input_per_mtok", currency),
      batchOutput: try perMillion(row, "batch_output_per_mtok", currency))
  }

  private static func perMillion(_ row: CSVRow, _ column: String, _ currency: Currency) throws(PricingError) -> Rate? {
    try row.rate(column, per: 1_000_000, of: .token, currency: currency)
  }

  /// `04:30` as minutes since midnight; `24:00` is the end of the day.
  private static func minute(_ row: CSVRow, _ column: String) throws(PricingError) -> Int {
    let text = try row.required(column)
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.count == 2 }),
      let hour = Int(Substring(parts[0])), let minute = Int(Substring(parts[1])),
      (0...23).contains(hour) && (0...59).contains(minute) || hour == 24 && minute == 0 && column == "utc_end"
    else { throw row.error(column, "expected a time of day like 04:30, found '\(text)'") }
    return hour * 60 + minute
  }

  static func precedes(_ left: CivilDate?, _ right: CivilDate?) -> Bool {
    guard let right else { return false }
    guard let left else { return true }
    return left < right
  }
}

extension HostedModel {
  fileprivate func names(_ provider: String, _ name: String) -> Bool {
    self.provider.utf8.elementsEqual(provider.utf8) && self.name.utf8.elementsEqual(name.utf8)
  }
}
