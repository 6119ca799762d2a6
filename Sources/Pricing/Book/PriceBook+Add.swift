import Usage

extension PriceBook {
  /// A person's own rows with one line more, from fields by the names of their columns.
  ///
  /// Since own rows stand in place of all shipped ones of that name, a line that adds to what is there (another price,
  /// a tier, hours; a machine's price from another day) takes the rest of the row from `shipped` where there is no own
  /// row yet.
  /// - Returns: the own rows, and the name of the row that the line is part of.
  /// - Throws: `table`, `unknownName` for a line about a model that is in neither book.
  public func adding(
    _ fields: [(column: String, text: String)], of part: PriceDocument.Part, to shipped: PriceBook
  ) throws(PricingError) -> (own: PriceBook, id: String) {
    switch part {
    case .hosted:
      let model = try hostedModel(with: fields, shipped)
      return (overridden(by: PriceBook(hosted: [model])), model.id)
    case .machines:
      let row = try PriceDocument.row(fields, of: .machines, file: "the row").machines
      let id = row.first?.id ?? ""
      let known = machines.contains { $0.id == id } ? machines : shipped.machines
      let others = known.filter { machine in machine.id == id && !row.contains { $0.from == machine.from } }
      return (overridden(by: PriceBook(machines: others + row)), id)
    case .tariffs, .exchange:
      let row = try PriceDocument.row(fields, of: part, file: "the row")
      return (overridden(by: row), row.tariffs.first?.model ?? row.exchange.first?.from.description ?? "")
    }
  }

  private func hostedModel(
    with fields: [(column: String, text: String)], _ shipped: PriceBook
  ) throws(PricingError) -> HostedModel {
    for field in fields where !HostedTable.columns.contains(field.column) {
      throw .table(file: "the row", line: 1, column: "", reason: "unknown column '\(field.column)'")
    }
    func value(_ column: String) -> String? { fields.first { $0.column == column }?.text }
    let line = value("line") ?? "model"
    let row = CSVRow(
      file: "the row", line: 1, columns: fields.map(\.column) + (value("line") == nil ? ["line"] : []),
      fields: fields.map(\.text) + (value("line") == nil ? ["model"] : []))
    var rows = [row]
    if line != "model" {
      let id = (value("provider") ?? "") + ":" + (value("model") ?? "")
      guard let known = hosted.first(where: { $0.id == id }) ?? shipped.hosted.first(where: { $0.id == id }) else {
        throw .unknownName(kind: "hosted model", name: id, near: NearNames.near(id, among: shipped.hosted.map(\.id)))
      }
      let table = HostedTable.write([known])
      rows.insert(
        contentsOf: table.rows.map { fields in
          CSVRow(file: "the row", line: 1, columns: table.columns, fields: fields.map { $0 ?? "" })
        }, at: 0)
    }
    let models = try HostedTable.read(rows)
    guard let model = models.first else { throw .table(file: "the row", line: 1, column: "", reason: "nothing to add") }
    return model
  }
}
