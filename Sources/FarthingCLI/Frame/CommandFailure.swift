/// Why a command ends early. What the process does then, and the exit status, follow from the case alone.
enum CommandFailure: Error, Equatable {
  /// The command could not do its work. One line on standard error; exit status 1.
  case failed(String)
  /// The command line itself is wrong. One line on standard error that points to the help; exit status 2.
  case usage(String)
  /// Ctrl-C. Nothing is said, since the person knows; exit status 130, as shells report it.
  case interrupted
  /// The reader of standard output has gone, as `| head` does when it has seen enough. That is no fault of anybody:
  /// nothing is said and the exit status is 0.
  case outputClosed

  var exitStatus: Int32 {
    switch self {
    case .failed: 1
    case .usage: 2
    case .interrupted: 130
    case .outputClosed: 0
    }
  }
}

/// Runs `body` and turns an error of a lower module, which describes itself, into a failed command.
func failing<Result, Failure: Error>(
  _ body: () throws(Failure) -> Result
) throws(CommandFailure) -> Result {
  do {
    return try body()
  } catch {
    throw .failed(String(describing: error))
  }
}
