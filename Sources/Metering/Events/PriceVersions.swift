import Pricing

/// The rows of the price book that requests are priced with, as text, and what CPU time costs by them. In the ledger once
/// for each content, so that an export can be priced anew by anybody, without the program's own tables.
public struct PriceRows: Sendable, Hashable {
  /// SHA-256 over the canonical text of the rows: 32 bytes.
  let version: [UInt8]
  let rows: CanonicalJSON

  /// - Parameters:
  ///   - price: of the machine; nil where nobody said.
  ///   - hosted: the models that receipts compare with.
  public init(price: HourlyPrice?, hosted: [HostedModel]) {
    var members: [String: CanonicalJSON] = ["charged": .null, "machine": .null]
    if let price {
      members["charged"] = .object([
        "kind": .text(price.kind.rawValue), "currency": .text(price.hourly.currency.description),
        "picos": .integer(price.hourly.picos), "per": .integer(price.hourly.quantity),
        "vcpus": .text(price.vcpus.description),
      ])
      if let machine = price.machine {
        members["machine"] = Self.objects(.machines, of: PriceBook(machines: [machine])).first ?? .null
      }
    }
    members["hosted"] = .list(Self.objects(.hosted, of: PriceBook(hosted: hosted)))
    self.init(.object(members))
  }

  private init(_ rows: CanonicalJSON) {
    self.rows = rows
    version = Hashing.sha256(rows.bytes)
  }

  private static func objects(_ part: PriceDocument.Part, of book: PriceBook) -> [CanonicalJSON] {
    PriceDocument.rows(part, of: book).map { fields in
      .object(Dictionary(fields.map { ($0.column, CanonicalJSON.text($0.text)) }) { first, _ in first })
    }
  }

  init(_ fields: EventFields) throws(LedgerError) {
    self.init(try fields.value("rows"))
    guard version == (try fields.hex("version", count: Hashing.size)) else {
      throw .unreadableEvent("price rows whose hash is another one")
    }
  }
}

/// Requests from here on, in any chain, may name this version of the prices.
struct PricesRecorded: EventPayload {
  static let kind = EventKind.prices
  var prices: PriceRows
  var fields: [String: CanonicalJSON] { ["version": .hex(prices.version), "rows": prices.rows] }
  init(_ prices: PriceRows) { self.prices = prices }
  init(_ fields: EventFields) throws(LedgerError) { prices = try PriceRows(fields) }
}

extension Projector {
  func apply(_ event: PricesRecorded, id: Int64) throws(LedgerError) {
    try connection.run(.insertPriceVersion, .blob(event.prices.version), .integer(id))
  }
}

extension Appender {
  /// Records prices unless they are.
  mutating func record(_ prices: PriceRows) throws(LedgerError) {
    let isKnown = try connection.first(.priceVersion, .blob(prices.version)) { _ in true } ?? false
    if !isKnown { try append(PricesRecorded(prices)) }
  }
}

extension Connection {
  /// Every recorded version.
  func priceVersions() throws(LedgerError) -> [PriceRows] {
    var ids: [Int64] = []
    try each(.priceVersions) { ids.append($0.integer(0)) }
    var versions: [PriceRows] = []
    for id in ids {
      let event = try first(.event, .integer(id)) { (row) throws(LedgerError) in try StoredEvent(row) }
      if let event { versions.append(try PricesRecorded(try event.fields()).prices) }
    }
    return versions
  }
}
