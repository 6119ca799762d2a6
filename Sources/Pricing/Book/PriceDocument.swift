import Usage

/// A price book as a file: one JSON object whose arrays hold the rows of the tables, column by column, as strings; or
/// one table as CSV, known by its header. What is written reads back as the same book.
public enum PriceDocument {
  /// The value of the member `schema`.
  static let schema = "farthing prices 1"

  public enum Format: String, Sendable, CaseIterable {
    case json, csv
  }

  /// One of the tables, for CSV, which holds one at a time.
  public enum Part: String, Sendable, CaseIterable {
    case hosted, machines, tariffs, exchange
  }

  public static func json(_ book: PriceBook) -> [UInt8] {
    var json = JSONWriter(pretty: true)
    json.object { json in
      json.field("schema", schema)
      for part in Part.allCases {
        let table = text(of: part, in: book)
        if !table.rows.isEmpty { table.write(part.rawValue, to: &json) }
      }
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }

  public static func csv(_ part: Part, of book: PriceBook) -> [UInt8] { text(of: part, in: book).csv() }

  /// The rows of a table, each as its fields by the names of their columns, without those that are not stated.
  public static func rows(_ part: Part, of book: PriceBook) -> [[(column: String, text: String)]] {
    let table = text(of: part, in: book)
    return table.rows.map { row in
      zip(table.columns, row).compactMap { column, field in field.map { (column: column, text: $0) } }
    }
  }

  private static func text(of part: Part, in book: PriceBook) -> TableText {
    switch part {
    case .hosted: HostedTable.write(book.hosted)
    case .machines: MachineTable.write(book.machines)
    case .tariffs: TariffTable.write(book.tariffs)
    case .exchange: ExchangeTable.write(book.exchange)
    }
  }

  /// Reads a book in JSON, or a table in CSV.
  /// - Throws: `table`: all of the file is read, or none of it.
  public static func read(_ bytes: [UInt8], file: String) throws(PricingError) -> PriceBook {
    let first = bytes.first { ![0xEF, 0xBB, 0xBF, 0x20, 0x0A, 0x0D, 0x09].contains($0) }
    guard first == UInt8(ascii: "{") else { return try readCSV(bytes, file: file) }
    return try read(JSONText(bytes, file: file), file: file)
  }

  static func read(_ json: JSONText, file: String) throws(PricingError) -> PriceBook {
    guard json["schema"]?.string == schema else {
      throw .table(file: file, line: 1, column: "schema", reason: "expected \"\(schema)\"")
    }
    for member in json.members ?? [] where member.key != "schema" {
      guard Part(rawValue: member.key) != nil else {
        throw .table(file: file, line: 1, column: "", reason: "unknown member '\(member.key)'")
      }
    }
    func rows(_ part: Part, _ columns: [String]) throws(PricingError) -> [CSVRow] {
      try json[part.rawValue]?.rows(part.rawValue, file: file, columns: columns) ?? []
    }
    return PriceBook(
      hosted: try HostedTable.read(rows(.hosted, HostedTable.columns)),
      machines: try MachineTable.read(rows(.machines, MachineTable.columns)),
      tariffs: try TariffTable.read(rows(.tariffs, TariffTable.columns)),
      exchange: try ExchangeTable.read(rows(.exchange, ExchangeTable.columns)))
  }

  /// The columns of a table, in their order.
  public static func columns(of part: Part) -> [String] {
    switch part {
    case .hosted: HostedTable.columns
    case .machines: MachineTable.columns
    case .tariffs: TariffTable.columns
    case .exchange: ExchangeTable.columns
    }
  }

  /// A book of one row, from fields by the names of their columns.
  /// - Throws: `table`.
  public static func row(
    _ fields: [(column: String, text: String)], of part: Part, file: String
  ) throws(PricingError) -> PriceBook {
    let known = columns(of: part)
    for field in fields where !known.contains(field.column) {
      throw .table(file: file, line: 1, column: "", reason: "unknown column '\(field.column)'")
    }
    let row = CSVRow(file: file, line: 1, columns: fields.map(\.column), fields: fields.map(\.text))
    switch part {
    case .hosted: return PriceBook(hosted: try HostedTable.read([row]))
    case .machines: return PriceBook(machines: try MachineTable.read([row]))
    case .tariffs: return PriceBook(tariffs: try TariffTable.read([row]))
    case .exchange: return PriceBook(exchange: try ExchangeTable.read([row]))
    }
  }

  private static func readCSV(_ bytes: [UInt8], file: String) throws(PricingError) -> PriceBook {
    let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 10_000)
    let header = lines.first { $0.first != UInt8(ascii: "#") && $0.starts(with: [0xEF, 0xBB, 0xBF, 0x23]) == false }
    let text = String(decoding: header ?? [], as: UTF8.self)
    let names = Set(text.split { ",\r\"\u{FEFF} ".contains($0) }.map { String($0) })
    if names.contains("line") {
      return PriceBook(hosted: try HostedTable.read(bytes, file: file))
    } else if names.contains("vcpus") {
      return PriceBook(machines: try MachineTable.read(bytes, file: file))
    } else if names.contains("completion_picos") {
      let table = try CSVTable(bytes, file: file, columns: TariffTable.columns, required: TariffTable.columns)
      return PriceBook(tariffs: try TariffTable.read(table.rows))
    } else if names.contains("to") {
      let table = try CSVTable(bytes, file: file, columns: ExchangeTable.columns, required: ExchangeTable.columns)
      return PriceBook(exchange: try ExchangeTable.read(table.rows))
    }
    throw .table(
      file: file, line: 1, column: "",
      reason: "neither JSON nor a table of prices: the header has none of the columns line, vcpus, completion_picos")
  }
}

/// Posted tariffs, one line each.
enum TariffTable {
  static let columns = [
    "model", "machine", "version", "from", "currency", "prompt_picos", "cached_prompt_picos", "completion_picos",
    "source",
  ]

  static func read(_ rows: [CSVRow]) throws(PricingError) -> [Tariff] {
    var tariffs: [Tariff] = []
    for row in rows {
      guard let from = try row.date("from") else { throw row.error("from", "a value is missing") }
      let tariff: Tariff
      do {
        tariff = try Tariff(
          model: row.required("model"), machine: row.text("machine") ?? "",
          version: row.integer("version", in: 1...1_000_000_000) ?? 1, from: from, currency: row.currency("currency"),
          promptPicos: picos(row, "prompt_picos"), cachedPromptPicos: picos(row, "cached_prompt_picos"),
          completionPicos: picos(row, "completion_picos"), source: row.required("source"))
      } catch {
        if case .table = error { throw error }
        throw row.error("", error.description)
      }
      let same = tariffs.contains {
        $0.model == tariff.model && $0.machine == tariff.machine && $0.version == tariff.version
      }
      guard !same else { throw row.error("version", "this version of the tariff is there twice") }
      tariffs.append(tariff)
    }
    return tariffs
  }

  private static func picos(_ row: CSVRow, _ column: String) throws(PricingError) -> Int64 {
    guard let number = Int64(try row.required(column)), number >= 0 else {
      throw row.error(column, "expected a whole number of pico-units")
    }
    return number
  }

  static func write(_ tariffs: [Tariff]) -> TableText {
    TableText(
      columns: columns,
      rows: tariffs.map { tariff in
        [
          tariff.model, tariff.machine.isEmpty ? nil : tariff.machine, String(tariff.version), tariff.from.description,
          tariff.currency.description, String(tariff.promptPicos), String(tariff.cachedPromptPicos),
          String(tariff.completionPicos), tariff.source,
        ]
      })
  }
}

/// Rates between currencies, one line each.
enum ExchangeTable {
  static let columns = ["from", "to", "rate", "on", "source"]

  static func read(_ rows: [CSVRow]) throws(PricingError) -> [ExchangeRate] {
    var rates: [ExchangeRate] = []
    for row in rows {
      guard let rate = try row.decimal("rate") else { throw row.error("rate", "a value is missing") }
      guard let on = try row.date("on") else { throw row.error("on", "a value is missing") }
      do {
        rates.append(
          try ExchangeRate(
            from: Currency(row.required("from")), to: Currency(row.required("to")), rate: rate, on: on,
            source: row.required("source")))
      } catch {
        if case .table = error { throw error }
        throw row.error("", error.description)
      }
    }
    return rates
  }

  static func write(_ rates: [ExchangeRate]) -> TableText {
    TableText(
      columns: columns,
      rows: rates.map {
        [$0.from.description, $0.to.description, $0.rate.description, $0.on.description, $0.source]
      })
  }
}
