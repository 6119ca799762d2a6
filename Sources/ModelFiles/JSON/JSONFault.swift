/// What is wrong with a JSON text, in the terms that every reader of one shares; each has an error type of its own.
package struct JSONFault: Sendable {
  package enum Kind: Sendable {
    case unreadable
    case malformed
    case unsupported
    case limitExceeded
  }

  package let kind: Kind
  /// The file, or what stands for it in messages.
  package let file: String
  /// The path of the value, such as `$.model.vocab`, or nil where the fault is the whole text's.
  package let path: String?
  /// What is wrong, for example "not an integer".
  package let message: String
  /// What would be right, where one thing would.
  package var expected: String?
}

/// An error type that can tell of a fault in a JSON text.
package protocol JSONFailure: Error {
  init(_ fault: JSONFault)
}

extension ModelFileError: JSONFailure {
  package init(_ fault: JSONFault) {
    let kind: Kind =
      switch fault.kind {
      case .unreadable: .system
      case .malformed: .malformed
      case .unsupported: .unsupported
      case .limitExceeded: .limit
      }
    self.init(
      kind, path: fault.file, key: fault.path, expected: fault.expected ?? "a JSON text that can be read",
      found: fault.message)
  }
}
