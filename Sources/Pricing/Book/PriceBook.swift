import Usage

/// What hosted models and machines cost: the rows that ship with the program, and lookups by the names people use.
///
/// Nothing is read before it is asked for: each half of the shipped book is parsed when it is first used.
public struct PriceBook: Sendable {
  public var hosted: [HostedModel]
  public var machines: [Machine]
  /// What budgets are charged.
  public var tariffs: [Tariff]
  /// Dated rates between currencies, as a person gave them.
  public var exchange: [ExchangeRate]

  public init(
    hosted: [HostedModel] = [], machines: [Machine] = [], tariffs: [Tariff] = [], exchange: [ExchangeRate] = []
  ) {
    self.hosted = hosted
    self.machines = machines
    self.tariffs = tariffs
    self.exchange = exchange
  }

  /// Both halves of the shipped book.
  public static func shipped() throws(PricingError) -> PriceBook {
    PriceBook(hosted: try shippedHosted(), machines: try shippedMachines())
  }

  /// This book with the rows of another in place of its own rows of the same name: all prices of a model, or of a
  /// machine in its region and vintage, come from one of the two and are never mixed.
  public func overridden(by own: PriceBook) -> PriceBook {
    PriceBook(
      hosted: Self.merge(hosted, own.hosted, key: \.id), machines: Self.merge(machines, own.machines, key: \.id),
      tariffs: Self.merge(tariffs, own.tariffs) { "\($0.model)\n\($0.machine)\n\($0.version)" },
      exchange: Self.merge(exchange, own.exchange) { "\($0.from)\($0.to)\($0.on)" })
  }

  private static func merge<Row>(_ rows: [Row], _ own: [Row], key: (Row) -> String) -> [Row] {
    var place: [[UInt8]: Int] = [:]
    for (index, row) in rows.enumerated() { place[Array(key(row).utf8)] = index }
    var replaced: [Int: [Row]] = [:]
    var added: [Row] = []
    for row in own {
      if let index = place[Array(key(row).utf8)] { replaced[index, default: []].append(row) } else { added.append(row) }
    }
    let overridden = Set(own.map { Array(key($0).utf8) })
    var result: [Row] = []
    for (index, row) in rows.enumerated() {
      if let new = replaced[index] {
        result += new
      } else if !overridden.contains(Array(key(row).utf8)) {
        result.append(row)
      }
    }
    return result + added
  }

  /// The hosted half of the shipped book.
  /// - Throws: `table`, if the table is broken; a test reads it whole.
  public static func shippedHosted() throws(PricingError) -> [HostedModel] {
    try HostedTable.read(ShippedTables.hosted.utf8, file: "shipped hosted prices")
  }

  /// The machine half of the shipped book.
  public static func shippedMachines() throws(PricingError) -> [Machine] {
    try MachineTable.read(ShippedTables.machines.utf8, file: "shipped machine prices")
  }

  /// The models that every comparison starts from; one of them, or both, may be historic by now.
  public static let referenceModels = ["openai:gpt-4-turbo", "openai:gpt-4o"]

  /// What a comparison shows beside them when nobody names anything: the cheap tier of today, and small open models
  /// that somebody hosts. Retired ones are left out.
  public static let comparedModels = [
    "openai:gpt-4o-mini", "openai:gpt-6-luna", "google:gemini-2.5-flash-lite",
    "together:meta-llama/Llama-3.2-1B-Instruct", "deepinfra:meta-llama/Llama-3.2-3B-Instruct",
  ]

  /// Both, in the order in which a receipt shows them.
  public static var defaultComparison: [String] { referenceModels + comparedModels }

  /// The row for `gpt-4o`, `openai:gpt-4o`, `openai/gpt-4o` or, where that is unique, the last part of a longer name,
  /// such as `Qwen2-1.5B-Instruct`. Capitals do not matter.
  /// - Throws: `unknownName` with near names; `ambiguousName` with the candidates.
  public func hostedModel(_ name: String) throws(PricingError) -> HostedModel {
    let whole = hosted.filter {
      NearNames.same($0.id, name) || NearNames.same($0.name, name) || NearNames.same($0.provider + "/" + $0.name, name)
    }
    let found = whole.isEmpty ? hosted.filter { NearNames.same($0.shortName, name) } : whole
    guard let first = found.first else {
      throw .unknownName(kind: "hosted model", name: name, near: NearNames.near(name, among: hosted.map(\.id)))
    }
    guard found.count == 1 else {
      throw .ambiguousName(kind: "hosted model", name: name, candidates: found.map(\.id))
    }
    return first
  }

  /// The row for `t4g.small`, `aws:t4g.small`, `t4g.small@us-east-1` or `aws:t4g.small@us-east-1`. Capitals do not
  /// matter, nor does a remark in brackets after a region or type.
  /// Of rows that differ in when their prices hold, the one in force on that day counts; of those that differ in which
  /// machines they hold for, the one for a machine made on `provisionedAt`.
  /// - Parameters:
  ///   - day: nil: the validity of rows is of no account.
  ///   - provisionedAt: nil: a machine made on `day`.
  /// - Throws: `unknownName` with near names; `ambiguousName` with the candidates and their prices.
  public func machine(
    _ name: String, on day: CivilDate? = nil, provisionedAt: CivilDate? = nil
  ) throws(PricingError) -> Machine {
    let exact = Self.inForce(machines.filter { NearNames.same($0.id, name) }, on: day, provisionedAt: nil)
    if exact.count == 1 { return exact[0] }
    var type = name[...]
    var region: Substring?
    var provider: Substring?
    if let at = type.utf8.lastIndex(of: UInt8(ascii: "@")) {
      region = type[type.utf8.index(after: at)...]
      type = type[..<at]
    }
    if let colon = type.utf8.firstIndex(of: UInt8(ascii: ":")) {
      provider = type[..<colon]
      type = type[type.utf8.index(after: colon)...]
    }
    let ofType = machines.filter { machine in
      Self.matches(machine.type, type) && (provider.map { NearNames.same(machine.provider, $0) } ?? true)
    }
    let everywhere = region.map { region in ofType.filter { Self.matches($0.region, region) } } ?? ofType
    let found = Self.inForce(everywhere, on: day, provisionedAt: provisionedAt ?? day)
    guard let first = found.first else {
      let near = ofType.isEmpty ? NearNames.near(String(type), among: machines.map(\.id)) : ofType.map(\.id)
      throw .unknownName(kind: "machine type", name: name, near: near)
    }
    guard found.count == 1 else {
      throw .ambiguousName(
        kind: "machine type", name: name,
        candidates: found.map { machine in
          let price = machine.onDemand?.decimalText(per: Rate.nanosPerHour).map {
            " (" + machine.currencyPrefix + $0 + "/h)"
          }
          return machine.id + (price ?? "")
        })
    }
    return first
  }

  /// Without the rows that do not hold on that day, or not for a machine made on that day; of rows with one id the one
  /// that began last.
  private static func inForce(_ rows: [Machine], on day: CivilDate?, provisionedAt: CivilDate?) -> [Machine] {
    let holding = rows.filter { row in
      day.map(row.holds) ?? true && provisionedAt.map(row.vintage.contains) ?? true
    }
    guard day != nil else { return holding }
    return holding.filter { row in
      !holding.contains { other in
        other.id == row.id && (other.from?.dayNumber ?? .min) > (row.from?.dayNumber ?? .min)
      }
    }
  }

  /// Equal, with or without a remark in brackets.
  private static func matches(_ text: String, _ name: Substring) -> Bool {
    NearNames.same(text, name) || NearNames.same(withoutRemark(text), name)
  }

  static func withoutRemark(_ text: String) -> Substring {
    var end = text.utf8.startIndex
    while end != text.utf8.endIndex, !text.utf8[end...].starts(with: " (".utf8) { end = text.utf8.index(after: end) }
    return text[..<end]
  }
}

/// The tables that are part of the program: constants in its read-only data.
enum ShippedTables {}

extension Machine {
  fileprivate var currencyPrefix: String { currency.prefix }
}

extension HostedModel {
  /// What follows the last slash.
  public var shortName: Substring {
    guard let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return name[...] }
    return name[name.utf8.index(after: slash)...]
  }
}
