/// Why stop rules are refused.
public enum StopError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A stop string without a byte: it would end every completion before it began.
  case emptyString(index: Int)
  case stringTooLong(index: Int, bytes: Int, limit: Int)
  case tooManyStrings(count: Int, limit: Int)
  case tooManyTokens(count: Int, limit: Int)
  case negativeTokenLimit(Int)

  public var description: String {
    switch self {
    case .emptyString(let index): "stop string \(index + 1) is empty"
    case .stringTooLong(let index, let bytes, let limit):
      "stop string \(index + 1) has \(bytes) bytes, but at most \(limit) are allowed"
    case .tooManyStrings(let count, let limit): "\(count) stop strings, but at most \(limit) are allowed"
    case .tooManyTokens(let count, let limit): "\(count) stop tokens, but at most \(limit) are allowed"
    case .negativeTokenLimit(let limit): "the limit of completion tokens must be 0 or more, found \(limit)"
    }
  }
}
