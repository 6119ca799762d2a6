import Usage

extension HostedTable {
  /// The rows that read back as the same models, as exact decimal text.
  static func write(_ models: [HostedModel]) -> TableText {
    var text = TableText(columns: columns)
    for model in models {
      var first = HostedRow("model", model)
      first["mode"] = model.mode.rawValue
      first["currency"] = model.currency.description
      first["context_window"] = model.contextWindow.map { String($0) }
      first["retires"] = model.retires?.description
      first["deprecated"] = model.deprecated.map { $0 ? "true" : "false" }
      first["single_source"] = model.singleSource ? "true" : "false"
      first["as_of"] = model.readOn?.description
      if model.stale { first["stale"] = "true" }
      if model.allowance { first["allowance"] = "true" }
      first["source"] = model.source
      for (index, price) in model.prices.enumerated() {
        var row = index == 0 ? first : HostedRow("price", model)
        row["from"] = price.from?.description
        row["until"] = price.until?.description
        row["status"] = price.status.rawValue.isEmpty ? nil : price.status.rawValue
        row.set(price.base)
        text.rows.append(row.fields)
        for tier in price.tiers {
          var row = HostedRow("tier", model)
          row["from"] = price.from?.description
          row["above_input_tokens"] = String(tier.above)
          row.set(tier.prices)
          text.rows.append(row.fields)
        }
        for hours in price.hours {
          var row = HostedRow("hours", model)
          row["from"] = price.from?.description
          row["utc_start"] = PriceMark.clock(hours.startMinute)
          row["utc_end"] = PriceMark.clock(hours.endMinute)
          row.set(hours.prices)
          text.rows.append(row.fields)
        }
      }
      for statement in model.statements {
        var row = HostedRow("stated", model)
        row["context_window"] = statement.contextWindow.map { String($0) }
        row["source"] = statement.catalogue
        row.set(statement.prices)
        text.rows.append(row.fields)
      }
    }
    return text
  }
}

/// One line of the table while it is filled.
private struct HostedRow {
  var fields = [String?](repeating: nil, count: HostedTable.columns.count)

  init(_ line: String, _ model: HostedModel) {
    self["line"] = line
    self["provider"] = model.provider
    self["model"] = model.name
  }

  subscript(column: String) -> String? {
    get { HostedTable.columns.firstIndex(of: column).flatMap { fields[$0] } }
    set { if let index = HostedTable.columns.firstIndex(of: column) { fields[index] = newValue } }
  }

  mutating func set(_ prices: TokenPrices) {
    self["input_per_mtok"] = prices.input.field(per: 1_000_000)
    self["cached_input_per_mtok"] = prices.cachedInput.field(per: 1_000_000)
    self["output_per_mtok"] = prices.output.field(per: 1_000_000)
    self["batch_input_per_mtok"] = prices.batchInput.field(per: 1_000_000)
    self["batch_output_per_mtok"] = prices.batchOutput.field(per: 1_000_000)
  }
}
