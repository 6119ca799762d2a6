/// What events there are. The raw value stands in the events themselves.
enum EventKind: String, CaseIterable, Sendable {
  /// The first event of a writer; it names the heads of the other chains that it sees.
  case chain
  case opened, leased, settled, lost, process
  case text, forgotten, checkpoint
  case closed, adjustment
  case tariff, cap, uncapped, alert, tagrule
  case machine, interval, invoice, prices
}

/// What an event says beside its kind, its time and its place in a chain.
protocol EventPayload: Sendable {
  static var kind: EventKind { get }
  var fields: [String: CanonicalJSON] { get }
  init(_ fields: EventFields) throws(LedgerError)
}

/// An event as it is stored.
struct StoredEvent: Sendable {
  /// Its place in the order of commits.
  let id: Int64
  /// Number of its writer's row.
  let writer: Int64
  /// Its place in its chain, from zero.
  let position: Int64
  let kind: EventKind
  /// Wall clock, nanoseconds since 1970 in UTC.
  let at: Int64
  let body: [UInt8]
  let hash: [UInt8]

  init(_ row: Row) throws(LedgerError) {
    (id, writer, position, at) = (row.integer(0), row.integer(1), row.integer(2), row.integer(4))
    (body, hash) = (row.blob(5), row.blob(6))
    guard let kind = EventKind(rawValue: row.text(3)) else {
      throw .unreadableEvent("event \(id) is of the unknown kind '\(row.text(3))'")
    }
    self.kind = kind
  }

  init(id: Int64, writer: Int64, position: Int64, kind: EventKind, at: Int64, body: [UInt8], hash: [UInt8]) {
    self.id = id
    self.writer = writer
    self.position = position
    self.kind = kind
    self.at = at
    self.body = body
    self.hash = hash
  }

  func fields() throws(LedgerError) -> EventFields {
    guard case .object(let members)? = CanonicalJSON(body) else {
      throw .unreadableEvent("the text of event \(id) is not in canonical form")
    }
    return EventFields(members, event: id)
  }

  /// The text that is hashed. It holds everything that the row holds, so that no column can be changed unseen.
  static func body(
    _ kind: EventKind, writer: [UInt8], position: Int64, at: Int64, _ fields: [String: CanonicalJSON]
  ) -> [UInt8] {
    var members = fields
    members["kind"] = .text(kind.rawValue)
    members["writer"] = .text(Hex.text(writer))
    members["n"] = .integer(position)
    members["at"] = .integer(at)
    return CanonicalJSON.object(members).bytes
  }

  /// The hash of an event: of the hash before it in its chain (zeros before the first), then its text.
  static func hash(after previous: [UInt8], _ body: [UInt8]) -> [UInt8] { Hashing.sha256(previous, body) }
}

/// The members of an event's object, read with their types.
struct EventFields {
  private let members: [String: CanonicalJSON]
  private let event: Int64

  init(_ members: [String: CanonicalJSON], event: Int64) {
    self.members = members
    self.event = event
  }

  private func wrong(_ key: String) -> LedgerError {
    .unreadableEvent("event \(event): '\(key)' is missing or of another type")
  }

  func has(_ key: String) -> Bool { members[key] != nil }

  func integer(_ key: String) throws(LedgerError) -> Int64 {
    guard case .integer(let value)? = members[key] else { throw wrong(key) }
    return value
  }

  func optionalInteger(_ key: String) throws(LedgerError) -> Int64? {
    if members[key] == .null { return nil }
    return try integer(key)
  }

  func text(_ key: String) throws(LedgerError) -> String {
    guard case .text(let value)? = members[key] else { throw wrong(key) }
    return value
  }

  func optionalText(_ key: String) throws(LedgerError) -> String? {
    if members[key] == .null { return nil }
    return try text(key)
  }

  func bool(_ key: String) throws(LedgerError) -> Bool {
    guard case .bool(let value)? = members[key] else { throw wrong(key) }
    return value
  }

  func hex(_ key: String, count: Int) throws(LedgerError) -> [UInt8] {
    guard let bytes = Hex.bytes(try text(key), count: count) else { throw wrong(key) }
    return bytes
  }

  func optionalHex(_ key: String, count: Int) throws(LedgerError) -> [UInt8]? {
    if members[key] == .null { return nil }
    return try hex(key, count: count)
  }

  /// An amount in pico-units, from its decimal text.
  func amount(_ key: String) throws(LedgerError) -> Int64 {
    guard let picos = Amount.picos(try text(key)) else { throw wrong(key) }
    return picos
  }

  func optionalAmount(_ key: String) throws(LedgerError) -> Int64? {
    if members[key] == .null { return nil }
    return try amount(key)
  }

  func value(_ key: String) throws(LedgerError) -> CanonicalJSON {
    guard let value = members[key] else { throw wrong(key) }
    return value
  }

  func object(_ key: String) throws(LedgerError) -> EventFields {
    guard case .object(let value)? = members[key] else { throw wrong(key) }
    return EventFields(value, event: event)
  }

  func optionalObject(_ key: String) throws(LedgerError) -> EventFields? {
    if members[key] == .null { return nil }
    return try object(key)
  }

  func objects(_ key: String) throws(LedgerError) -> [EventFields] {
    guard case .list(let values)? = members[key] else { throw wrong(key) }
    var result: [EventFields] = []
    for value in values {
      guard case .object(let members) = value else { throw wrong(key) }
      result.append(EventFields(members, event: event))
    }
    return result
  }

  /// A list of texts, or null.
  func optionalTexts(_ key: String) throws(LedgerError) -> [String]? {
    if members[key] == .null { return nil }
    guard case .list(let values)? = members[key] else { throw wrong(key) }
    var texts: [String] = []
    for value in values {
      guard case .text(let text) = value else { throw wrong(key) }
      texts.append(text)
    }
    return texts
  }

  /// Pairs of texts.
  func pairs(_ key: String) throws(LedgerError) -> [(String, String)] {
    guard case .list(let values)? = members[key] else { throw wrong(key) }
    var result: [(String, String)] = []
    for value in values {
      guard case .list(let pair) = value, pair.count == 2, case .text(let first) = pair[0],
        case .text(let second) = pair[1]
      else { throw wrong(key) }
      result.append((first, second))
    }
    return result
  }
}

extension CanonicalJSON {
  static func optional(_ value: Int64?) -> CanonicalJSON { value.map { .integer($0) } ?? .null }
  static func optional(_ value: String?) -> CanonicalJSON { value.map { .text($0) } ?? .null }
  static func hex(_ bytes: [UInt8]) -> CanonicalJSON { .text(Hex.text(bytes)) }
  static func optionalHex(_ bytes: [UInt8]?) -> CanonicalJSON { bytes.map { hex($0) } ?? .null }
  static func amount(_ picos: Int64) -> CanonicalJSON { .text(Amount.text(picos)) }
  static func optionalAmount(_ picos: Int64?) -> CanonicalJSON { picos.map { amount($0) } ?? .null }
}
