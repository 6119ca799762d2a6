/// A value in a JSON text, and its path, such as `$.model.vocab`; for the few values whose faults must be named.
package struct JSONTree<Failure: JSONFailure>: Sendable {
  package let node: JSONNode
  package let path: String
  /// The file, or what stands for it in errors.
  package let file: String

  package init(_ text: JSONText<Failure>) {
    node = text.root
    path = "$"
    file = text.name
  }

  private init(node: JSONNode, path: String, file: String) {
    self.node = node
    self.path = path
    self.file = file
  }

  /// A member that is there and is not null.
  package subscript(key: String) -> JSONTree? {
    guard let member = node.member(key), member.kind != .null else { return nil }
    return JSONTree(node: member, path: path + "." + key, file: file)
  }

  package func required(_ key: String) throws(Failure) -> JSONTree {
    guard let member = self[key] else {
      throw Failure(
        JSONFault(kind: .malformed, file: file, path: path + "." + key, message: "missing", expected: "this key"))
    }
    return member
  }

  /// The elements of an array.
  package func elements() throws(Failure) -> [JSONTree] {
    guard node.kind == .array else { throw wrongType("an array") }
    return (0..<node.count).compactMap { index in
      node.element(index).map { JSONTree(node: $0, path: "\(path)[\(index)]", file: file) }
    }
  }

  package func requireObject() throws(Failure) {
    guard node.kind == .object else { throw wrongType("an object") }
  }

  package func bytes() throws(Failure) -> [UInt8] {
    guard let bytes = node.bytes else { throw wrongType("a string") }
    return bytes
  }

  package func text() throws(Failure) -> String { String(decoding: try bytes(), as: UTF8.self) }

  package func bool() throws(Failure) -> Bool {
    guard let bool = node.bool else { throw wrongType("true or false") }
    return bool
  }

  package func integer() throws(Failure) -> Int {
    guard let integer = node.integer else { throw wrongType("an integer") }
    return integer
  }

  /// The truth value of a member; `default` where it is not there.
  package func bool(_ key: String, default value: Bool) throws(Failure) -> Bool {
    try self[key]?.bool() ?? value
  }

  /// The `type` of a component.
  package func type() throws(Failure) -> String { try required("type").text() }

  package func wrongType(_ expected: String) -> Failure {
    Failure(JSONFault(kind: .malformed, file: file, path: path, message: "not \(expected)", expected: expected))
  }

  package func unsupported(_ what: String) -> Failure {
    Failure(JSONFault(kind: .unsupported, file: file, path: path, message: what))
  }
}
