/// What tags a request must have: which keys, and for a key the values that are allowed.
public struct TagRule: Sendable, Hashable {
  public var key: String
  /// Every request must have a value of this key.
  public var isRequired: Bool
  /// Nil for any value.
  public var allowed: [String]?

  public init(key: String, isRequired: Bool, allowed: [String]?) {
    self.key = key
    self.isRequired = isRequired
    self.allowed = allowed
  }
}

/// A rule is set, changed or, with nothing in it, removed.
struct TagRuleSet: EventPayload {
  static let kind = EventKind.tagrule

  var rule: TagRule

  var fields: [String: CanonicalJSON] {
    [
      "key": .text(rule.key), "required": .bool(rule.isRequired),
      "allowed": rule.allowed.map { .list($0.map { .text($0) }) } ?? .null,
    ]
  }

  init(_ rule: TagRule) { self.rule = rule }

  init(_ fields: EventFields) throws(LedgerError) {
    rule = TagRule(
      key: try fields.text("key"), isRequired: try fields.bool("required"), allowed: try fields.optionalTexts("allowed")
    )
  }
}

extension Projector {
  func apply(_ event: TagRuleSet) throws(LedgerError) {
    let rule = event.rule
    guard rule.isRequired || rule.allowed != nil else { return try connection.run(.deleteTagRule, .text(rule.key)) }
    let allowed = rule.allowed.map { CanonicalJSON.list($0.map { .text($0) }).bytes }
    try connection.run(
      .setTagRule, .text(rule.key), .integer(rule.isRequired ? 1 : 0), .optional(allowed))
  }
}

extension Connection {
  func tagRules() throws(LedgerError) -> [TagRule] {
    var rules: [TagRule] = []
    try each(.tagRules) { row in
      var allowed: [String]?
      if let bytes = row.optionalBlob(2), case .list(let values)? = CanonicalJSON(bytes) {
        allowed = values.compactMap { if case .text(let text) = $0 { text } else { nil } }
      }
      rules.append(TagRule(key: row.text(0), isRequired: row.integer(1) != 0, allowed: allowed))
    }
    return rules
  }

  /// - Throws: `invalid` where tags break a rule.
  func checkTags(_ tags: [(key: String, value: String)]) throws(LedgerError) {
    for rule in try tagRules() {
      let values = tags.filter { Array($0.key.utf8) == Array(rule.key.utf8) }.map(\.value)
      if rule.isRequired, values.isEmpty { throw .invalid("a tag '\(rule.key)' is required (--tag \(rule.key)=…)") }
      guard let allowed = rule.allowed else { continue }
      for value in values where !allowed.contains(where: { Array($0.utf8) == Array(value.utf8) }) {
        throw .invalid("'\(value)' is not allowed for the tag '\(rule.key)': " + allowed.joined(separator: ", "))
      }
    }
  }
}

extension LedgerWriter {
  public func setTagRule(_ rule: TagRule) throws(LedgerError) {
    guard !rule.key.isEmpty else { throw .invalid("a tag has a key") }
    try transaction { (appender) throws(LedgerError) in try appender.append(TagRuleSet(rule)) }
  }
}

extension Ledger {
  public func tagRules() throws(LedgerError) -> [TagRule] {
    try locked { () throws(LedgerError) in try connection.tagRules() }
  }
}
