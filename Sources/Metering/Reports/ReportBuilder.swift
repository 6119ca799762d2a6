import Usage

extension Ledger {
  /// Adds requests up by the query's dimensions.
  /// - Throws: `overflow` where a sum leaves 64 bits.
  public func report(_ query: ReportQuery) throws(LedgerError) -> Report {
    precondition(query.dimensions.count <= ReportQuery.mostDimensions)
    return try locked { () throws(LedgerError) in
      try connection.run(.beginReading)
      defer { try? connection.run(.commit) }
      var builder = try ReportBuilder(query, connection)
      return try builder.build()
    }
  }
}

/// Reads every request of a span once.
private struct ReportBuilder {
  /// Numbers that stand for the labels of a line.
  private struct Key: Hashable {
    var first: Int64 = 0
    var second: Int64 = 0
    var third: Int64 = 0
    var currency: Int = 0

    subscript(index: Int) -> Int64 {
      get { index == 0 ? first : index == 1 ? second : third }
      set {
        switch index {
        case 0: first = newValue
        case 1: second = newValue
        default: third = newValue
        }
      }
    }
  }

  private let query: ReportQuery
  private let connection: Connection
  private var indices: [Key: Int] = [:]
  private var keys: [Key] = []
  private var figures: [ReportFigures] = []
  private var currencies: [[UInt8]] = []
  private var users: [[UInt8]: Int64] = [:]
  private var quantizations: [String] = []
  private let loaded: LoadedCosts
  private var models: [Int64: (name: String, quantization: Int64)] = [:]
  /// For each dimension that is a tag: requests that have it and the tag's number, by request.
  private var tags: [Int: TagColumn] = [:]

  /// Tags in the order of their requests, read along with them.
  private struct TagColumn {
    var entries: [(request: Int64, tag: Int64)] = []
    var position = 0

    mutating func tag(of request: Int64) -> Int64 {
      while position < entries.count, entries[position].request < request { position += 1 }
      return position < entries.count && entries[position].request == request ? entries[position].tag : 0
    }
  }

  init(_ query: ReportQuery, _ connection: Connection) throws(LedgerError) {
    self.query = query
    self.connection = connection
    loaded = try LoadedCosts(
      connection, from: query.from, to: query.to, now: query.now ?? Files.unixNanos())
    var quantizations: [String] = []
    var models: [Int64: (name: String, quantization: Int64)] = [:]
    try connection.each(.models) { row in
      let quantization = row.text(2)
      let index = quantizations.firstIndex(of: quantization) ?? quantizations.count
      if index == quantizations.count { quantizations.append(quantization) }
      models[row.integer(0)] = (row.text(1), Int64(index))
    }
    self.quantizations = quantizations
    self.models = models
    for (index, dimension) in query.dimensions.enumerated() {
      guard case .tag(let key) = dimension else { continue }
      var column = TagColumn()
      try connection.each(.reportTags, .text(key)) { row in column.entries.append((row.integer(0), row.integer(1))) }
      tags[index] = column
    }
  }

  mutating func build() throws(LedgerError) -> Report {
    var builder = self
    if query.from == .min, query.to == .max {
      try connection.each(.reportAllRows) { (row) throws(LedgerError) in try builder.add(row) }
    } else {
      try connection.each(.reportRows, .integer(query.from), .integer(query.to)) { (row) throws(LedgerError) in
        try builder.add(row)
      }
    }
    var cut: Int64 = 0
    try connection.each(.cutTotals) { cut += $0.integer(5) }
    var processes = ProcessTime()
    try connection.each(.processes, .integer(query.from), .integer(query.to)) { (row) throws(LedgerError) in
      var one = ProcessTime()
      (one.cpuNanos, one.requestNanos) = (row.integer(0), row.integer(1))
      try processes.add(one)
    }
    return Report(
      query: query, lines: try builder.lines(), models: models.mapValues(\.name), cutRequests: cut,
      machines: loaded.machines, processes: processes)
  }

  private mutating func add(_ row: Row) throws(LedgerError) {
    let index = slot(for: key(of: row))
    guard row.integer(2) != 0 else {
      figures[index].open += 1
      return
    }
    var one = Totals()
    one.requests = 1
    (one.prompt, one.cached, one.completion) = (row.integer(6), row.integer(7), row.integer(8))
    one.cpuNanos = row.integer(9)
    let marginal = row.optionalInteger(15)
    one.unpriced = marginal == nil ? 1 : 0
    one.marginalPicos = marginal ?? 0
    try figures[index].totals.add(one)
    if row.integer(2) == 2 { figures[index].lost += 1 }
    figures[index].promptCPUNanos &+= row.integer(17)
    if let bytes = row.optionalInteger(18), bytes > 0 {
      figures[index].textBytes &+= bytes &+ row.integer(19)
      figures[index].textTokens &+= one.prompt &+ one.completion
    }
    if let share = loaded.shares[row.integer(0)] { try add(share, to: index) }
    if let charge = row.optionalInteger(16) {
      figures[index].charged += 1
      figures[index].charge = try Amount.sum(figures[index].charge, charge, "a sum of charges")
      figures[index].chargedCost += one.marginalPicos
    }
    addLatency(row, tokens: one.prompt &+ one.completion, completion: one.completion, to: index)
    if query.keepsSizes {
      let counted = query.counted.isEmpty ? [] : query.counted[RequestIdentity(bytes: row.blob(20))] ?? []
      let size = RequestSize(
        tokens: TokenCounts(
          prompt: Int(row.integer(6)), cached: Int(row.integer(7)), completion: Int(row.integer(8))),
        minute: Self.floored(row.integer(1), RequestSize.minuteNanos), model: row.integer(4), counted: counted)
      figures[index].sizes.append(size)
    }
  }

  private mutating func add(_ share: LoadedCosts.Share, to index: Int) throws(LedgerError) {
    figures[index].allocatedRequests += 1
    if share.isProvisional { figures[index].provisionalRequests += 1 }
    for (currency, picos) in share.picos {
      let sum = try Amount.sum(figures[index].allocated[currency] ?? 0, picos, "a sum of costs")
      figures[index].allocated[currency] = sum
    }
  }

  private mutating func addLatency(_ row: Row, tokens: Int64, completion: Int64, to index: Int) {
    guard let total = row.optionalInteger(11) else { return }
    let first = row.optionalInteger(10)
    figures[index].total.add(total)
    var perToken: Int64?
    if let first {
      figures[index].firstToken.add(first)
      if completion >= 2, total >= first {
        let nanos = (total - first) / (completion - 1)
        perToken = nanos
        figures[index].perToken.add(nanos)
      }
    }
    // A request without any content never met a limit on its first token.
    let isQuick = query.goodput.firstTokenNanos.map { limit in first.map { $0 <= limit } ?? false } ?? true
    let isSteady = query.goodput.perTokenNanos.map { limit in perToken.map { $0 <= limit } ?? true } ?? true
    if isQuick, isSteady {
      figures[index].goodRequests += 1
      figures[index].goodTokens += tokens
    }
  }

  // MARK: Keys and labels

  private mutating func slot(for key: Key) -> Int {
    if let index = indices[key] { return index }
    indices[key] = figures.count
    keys.append(key)
    figures.append(ReportFigures())
    return figures.count - 1
  }

  private mutating func key(of row: Row) -> Key {
    var key = Key()
    if let known = currencies.firstIndex(where: { row.matches(14, $0) }) {
      key.currency = known
    } else {
      key.currency = currencies.count
      currencies.append(row.blob(14))
    }
    for (index, dimension) in query.dimensions.enumerated() {
      key[index] =
        switch dimension {
        case .hour: Self.floored(row.integer(1), 3_600_000_000_000)
        case .day: UTCDay.number(of: row.integer(1))
        case .month: Month(unixNanos: row.integer(1)).number
        case .model: row.integer(4)
        case .quantization: models[row.integer(4)]?.quantization ?? -1
        case .user: user(row.optionalBlob(5))
        case .tag: tags[index]?.tag(of: row.integer(0)) ?? 0
        }
    }
    return key
  }

  private mutating func user(_ hash: [UInt8]?) -> Int64 {
    guard let hash else { return 0 }
    if let known = users[hash] { return known }
    let number = Int64(users.count) + 1
    users[hash] = number
    return number
  }

  private static func floored(_ value: Int64, _ divisor: Int64) -> Int64 {
    let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? quotient - 1 : quotient
  }

  private func lines() throws(LedgerError) -> [Report.Line] {
    let names = try Names(connection, users: users)
    var lines: [(order: [Int64], line: Report.Line)] = []
    for (key, sums) in zip(keys, figures) {
      var sums = sums
      sums.firstToken.sort()
      sums.perToken.sort()
      sums.total.sort()
      let labels = query.dimensions.enumerated().map { label($1, key[$0], names) }
      let order = query.dimensions.enumerated().map { isTime($1) ? key[$0] : 0 }
      lines.append(
        (
          order,
          Report.Line(
            labels: labels, currency: String(decoding: currencies[key.currency], as: UTF8.self), figures: sums)
        ))
    }
    // Times in their order; the rest by their labels' bytes.
    return lines.sorted { left, right in
      for (a, b) in zip(left.order, right.order) where a != b { return a < b }
      for (a, b) in zip(left.line.labels, right.line.labels) where a != b {
        return a.utf8.lexicographicallyPrecedes(b.utf8)
      }
      return left.line.currency < right.line.currency
    }.map(\.line)
  }

  private func isTime(_ dimension: ReportQuery.Dimension) -> Bool {
    switch dimension {
    case .hour, .day, .month: true
    default: false
    }
  }

  private func label(_ dimension: ReportQuery.Dimension, _ number: Int64, _ names: Names) -> String {
    switch dimension {
    case .hour: String(UTCTime.text(unixNanos: number * 3_600_000_000_000).prefix(13)) + ":00Z"
    case .day: CivilDate(unixNanos: number * UTCDay.nanos).description
    case .month: Month(number: number).description
    case .model: models[number]?.name ?? ""
    case .quantization: number < 0 ? "" : quantizations[Int(number)]
    case .user: number == 0 ? "(nobody named)" : names.users[number] ?? ""
    case .tag: number == 0 ? "(untagged)" : names.tags[number] ?? ""
    }
  }

  /// What hashes stand for, where that is not forgotten.
  private struct Names {
    var users: [Int64: String] = [:]
    var tags: [Int64: String] = [:]

    init(_ connection: Connection, users numbers: [[UInt8]: Int64]) throws(LedgerError) {
      var values: [[UInt8]: String] = [:]
      try connection.each(.personalRows) { row in values[row.blob(0)] = row.text(3) }
      for (hash, number) in numbers { users[number] = values[hash] ?? Self.forgotten(hash) }
      try connection.each(.tagRows) { row in
        tags[row.integer(0)] = values[row.blob(2)] ?? Self.forgotten(row.blob(2))
      }
    }

    private static func forgotten(_ hash: [UInt8]) -> String { "(forgotten \(Hex.text(hash.prefix(4))))" }
  }
}
