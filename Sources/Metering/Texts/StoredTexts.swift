/// The text of a request was stored, sealed; the event holds a hash of the sealed bytes, which says nothing about them.
/// The bytes lie in a table of their own, from which they can be deleted while the chain stays whole.
struct TextStored: EventPayload {
  static let kind = EventKind.text

  var request: [UInt8]
  var digest: [UInt8]

  var fields: [String: CanonicalJSON] { ["request": .hex(request), "digest": .hex(digest)] }

  init(request: [UInt8], digest: [UInt8]) {
    self.request = request
    self.digest = digest
  }

  init(_ fields: EventFields) throws(LedgerError) {
    request = try fields.hex("request", count: 16)
    digest = try fields.hex("digest", count: Hashing.size)
  }
}

/// A stored text, without what it says.
public struct StoredText: Sendable, Hashable {
  public let request: RequestIdentity
  /// When it was stored, nanoseconds since 1970.
  public let at: Int64
  /// Prompt and answer together.
  public let bytes: Int64
}

extension Appender {
  /// Stores a sealed text, in the transaction that closes its request.
  mutating func store(_ sealed: [UInt8], key: TextKey, request: [UInt8]) throws(LedgerError) {
    try connection.run(
      .insertText, .blob(request), .integer(at), .blob(key.fingerprint), .blob(sealed))
    try append(TextStored(request: request, digest: Hashing.sha256(sealed)))
  }
}

extension Ledger {
  /// The stored texts, the oldest first.
  public func texts() throws(LedgerError) -> [StoredText] {
    try locked { () throws(LedgerError) in
      var texts: [StoredText] = []
      try connection.each(.texts) { row in
        // Nonce, length and tag are no text.
        texts.append(
          StoredText(request: RequestIdentity(bytes: row.blob(0)), at: row.integer(1), bytes: row.integer(2) - 48))
      }
      return texts
    }
  }

  /// The text of a request.
  /// - Parameter name: 32 hexadecimal digits, or `last` for the one that was stored last.
  /// - Throws: `invalid` where none is stored; `textKey`; `wrongKey`; `tamperedText`.
  public func text(of name: String, key: () throws(LedgerError) -> TextKey) throws(LedgerError) -> RequestText {
    let request = try textRequest(name)
    let row = try locked { () throws(LedgerError) in
      try connection.first(.text, .blob(request)) { (fingerprint: $0.blob(0), sealed: $0.blob(1)) }
    }
    guard let row else { throw .invalid("no text is stored of the request \(Hex.text(request))") }
    let key = try key()
    guard row.fingerprint == key.fingerprint else { throw .wrongKey(path: key.path, request: Hex.text(request)) }
    guard let text = key.unseal(row.sealed, request: request) else { throw .tamperedText(request: Hex.text(request)) }
    return text
  }

  func textRequest(_ name: String) throws(LedgerError) -> [UInt8] {
    if name == "last" {
      let last = try locked { () throws(LedgerError) in try connection.first(.lastText) { $0.blob(0) } }
      guard let last else { throw .invalid("no text is stored; `run --store-text` stores it") }
      return last
    }
    guard let request = Hex.bytes(name, count: 16) else {
      throw .invalid("'\(name)' is not the name of a request: 32 hexadecimal digits, or last")
    }
    return request
  }
}

extension LedgerWriter {
  /// Deletes the stored text of a request.
  /// - Parameter name: as for `Ledger.text(of:key:)`.
  /// - Throws: `invalid` where none is stored.
  public func forgetText(of name: String) throws(LedgerError) {
    let request = try ledger.textRequest(name)
    try transaction { (appender) throws(LedgerError) in
      let sealed = try appender.connection.first(.text, .blob(request)) { $0.blob(1) }
      guard let sealed else { throw .invalid("no text is stored of the request \(Hex.text(request))") }
      try appender.connection.run(.deleteText, .blob(request))
      try appender.append(ValueForgotten(hash: Hashing.sha256(sealed)))
    }
    try ledger.clearLog()
  }
}
