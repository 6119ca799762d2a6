/// A value in a JSON text, and its path, such as `$.model.vocab`; for the few values whose faults must be named.
struct JSONValue: Sendable {
  let node: JSONNode
  let path: String

  init(_ document: JSONDocument) {
    node = document.root
    path = "$"
  }

  private init(node: JSONNode, path: String) {
    self.node = node
    self.path = path
  }

  /// A member that is there and is not null.
  subscript(key: String) -> JSONValue? {
    guard let member = node.member(key), member.kind != .null else { return nil }
    return JSONValue(node: member, path: path + "." + key)
  }

  func required(_ key: String) throws(TokenizerError) -> JSONValue {
    guard let member = self[key] else { throw TokenizerError(.malformed, at: path + "." + key, "missing") }
    return member
  }

  /// The elements of an array.
  func elements() throws(TokenizerError) -> [JSONValue] {
    guard node.kind == .array else { throw wrongType("an array") }
    return (0..<node.count).compactMap { index in
      node.element(index).map { JSONValue(node: $0, path: "\(path)[\(index)]") }
    }
  }

  func requireObject() throws(TokenizerError) {
    guard node.kind == .object else { throw wrongType("an object") }
  }

  func bytes() throws(TokenizerError) -> [UInt8] {
    guard let bytes = node.bytes else { throw wrongType("a string") }
    return bytes
  }

  func text() throws(TokenizerError) -> String { String(decoding: try bytes(), as: UTF8.self) }

  func bool() throws(TokenizerError) -> Bool {
    guard let bool = node.bool else { throw wrongType("true or false") }
    return bool
  }

  func integer() throws(TokenizerError) -> Int {
    guard let integer = node.integer else { throw wrongType("an integer") }
    return integer
  }

  /// The truth value of a member; `default` where it is not there.
  func bool(_ key: String, default value: Bool) throws(TokenizerError) -> Bool {
    try self[key]?.bool() ?? value
  }

  /// The `type` of a component.
  func type() throws(TokenizerError) -> String { try required("type").text() }

  func wrongType(_ expected: String) -> TokenizerError {
    TokenizerError(.malformed, at: path, "not \(expected)")
  }

  func unsupported(_ what: String) -> TokenizerError { TokenizerError(.unsupported, at: path, what) }
}
