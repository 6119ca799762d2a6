import Glibc

/// A system call that failed, or a file that is not of the kind the call needs.
public struct SystemError: Error, CustomStringConvertible, Sendable, Equatable {
  /// The call that failed, for example `open`.
  public let call: String
  /// The value of `errno` after the call.
  public let code: Int32
  /// The file that the call was about; empty when it was about none.
  public let path: String
  /// What is wrong, where the code alone would not tell.
  public let detail: String?

  public init(call: String, code: Int32, path: String, detail: String? = nil) {
    self.call = call
    self.code = code
    self.path = path
    self.detail = detail
  }

  /// The system's words for `code`, for example "No such file or directory".
  public var reason: String {
    // glibc's `strerror` keeps its text per thread since 2.32, so that it is safe on every thread.
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }

  public var description: String {
    let subject = path.isEmpty ? "" : "\(path): "
    return subject + (detail ?? "\(reason) (\(call))")
  }
}
