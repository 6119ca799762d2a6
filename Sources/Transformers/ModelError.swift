import Compute
import ModelFiles

/// Why a model cannot be loaded or run. Every case is a fact about the file or the machine, never a bug of ours.
public enum ModelError: Error, CustomStringConvertible, Sendable {
  /// The file itself is broken.
  case file(ModelFileError)
  /// The file is sound, but asks for something that Farthing does not compute.
  case unsupported(path: String, key: String, expected: String, found: String)
  /// Memory, threads or files could not be had from the system.
  case system(SystemError)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .unsupported(let path, let key, let expected, let found):
      "\(path): \(key): expected \(expected), found \(found)"
    case .system(let error): error.description
    }
  }
}
