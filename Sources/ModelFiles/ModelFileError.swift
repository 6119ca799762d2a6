import Compute

/// What is wrong with a model file: where, under which key, what was expected there and what was found.
public struct ModelFileError: Error, CustomStringConvertible, Sendable, Equatable {
  /// The sort of fault, for code that must tell them apart; people read `description`.
  public enum Kind: Sendable, Equatable {
    /// The system refused: no such file, no permission, not a regular file.
    case system
    /// The file is of another kind (text, safetensors, an archive, ...).
    case notGGUF
    /// A version, byte order or type that is valid elsewhere and that this reader does not read.
    case unsupported
    /// The file ends before what it announces.
    case truncated
    /// A value that no valid file has.
    case malformed
    /// A stated limit of `GGUFLimits` is passed.
    case limit
    /// A key or tensor that is needed is not there.
    case missing
    /// A metadata value of another type or range than the one asked for.
    case wrongType
  }

  public let kind: Kind
  /// Path of the file, or of the part of a split file.
  public let path: String
  /// Offset in the file in bytes, where the fault has one.
  public let offset: Int?
  /// The metadata key or the name of the tensor, where the fault has one.
  public let key: String?
  public let expected: String
  public let found: String

  public init(
    _ kind: Kind, path: String, offset: Int? = nil, key: String? = nil, expected: String, found: String
  ) {
    self.kind = kind
    self.path = path
    self.offset = offset
    self.key = key
    self.expected = expected
    self.found = found
  }

  init(_ error: SystemError) {
    self.init(
      .system, path: error.path, expected: "a readable model file",
      found: error.detail ?? "\(error.reason) (\(error.call))")
  }

  public var description: String {
    var text = printable(path) + ": "
    if let offset { text += "at byte \(offset), " }
    if let key { text += "'\(printable(key))': " }
    return text + "expected \(expected), found \(found)"
  }
}

/// `text` fit for one line of a terminal: control characters escaped, long text cut.
func printable(_ text: some StringProtocol, limit: Int = 120) -> String {
  var result = ""
  var length = 0
  for scalar in text.unicodeScalars {
    guard length < limit else { return result + "..." }
    let isControl = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
    result += isControl ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
    length += 1
  }
  return result
}
