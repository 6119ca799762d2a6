import ModelFiles

/// Why a tokeniser could not be made, or a text not be encoded.
///
/// Everything that comes from outside (a GGUF file, a `tokenizer.json`, a text) ends here when it breaks a rule; nothing
/// of it traps.
public struct TokenizerError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The file cannot be read at all.
    case unreadable
    /// The file breaks the rules of its format: a missing key, a wrong type, an id out of range.
    case malformed
    /// The file is well-formed but asks for something that this version does not do.
    case unsupported
    /// A count or a length is beyond what is accepted; the message has both numbers.
    case limitExceeded
    /// The pattern engine gave up on a text; the message has its reason.
    case matchFailed
  }

  public let kind: Kind
  /// Where: a GGUF key, a JSON path such as `$.model.merges[12]`, or the name of a file. Empty when it is about a text.
  public let location: String
  public let message: String

  public init(_ kind: Kind, at location: String, _ message: String) {
    self.kind = kind
    self.location = location
    self.message = message
  }

  public var description: String { location.isEmpty ? message : location + ": " + message }
}

extension TokenizerError: JSONFailure {
  package init(_ fault: JSONFault) {
    let kind: Kind =
      switch fault.kind {
      case .unreadable: .unreadable
      case .malformed: .malformed
      case .unsupported: .unsupported
      case .limitExceeded: .limitExceeded
      }
    self.init(kind, at: fault.path ?? fault.file, fault.message)
  }
}

package typealias JSONDocument = JSONText<TokenizerError>
package typealias JSONValue = JSONTree<TokenizerError>
