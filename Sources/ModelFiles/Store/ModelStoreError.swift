import Compute

/// Why a model could not be found or fetched; the description says what to do.
public enum ModelStoreError: Error, CustomStringConvertible, Sendable {
  /// Neither FARTHING_CACHE nor XDG_CACHE_HOME nor HOME is set.
  case noCacheDirectory
  /// The cache directory cannot be made or written.
  case notWritable(directory: String, reason: String)
  /// No known model and no file has this name.
  case unknownModel(String)
  /// The model is known and not in the cache.
  case notFetched(KnownModel)
  /// FARTHING_MODEL_SOURCES or the caller names a source that there is not.
  case unknownSource(String, known: [String])
  /// Less free space than the fetch needs, in bytes; `free` is nil when a tool found the disk full.
  case diskFull(directory: String, needed: Int, free: Int?)
  /// A program that the source needs is not installed.
  case toolMissing(tool: String, package: String)
  /// A program ended with an error; its last words. `keptBytes` is what a next attempt goes on from.
  case toolFailed(tool: String, status: Int32, message: String, keptBytes: Int)
  /// The package does not hold what it should.
  case unexpectedContent(source: String, expected: String, found: String)
  /// The file that was fetched is another one.
  case wrongChecksum(source: String, expected: SHA256Digest, found: SHA256Digest)
  /// A signal came, or the caller cancelled (`signal` 0).
  case interrupted(signal: Int32, keptBytes: Int)
  /// A system call on the cache failed.
  case system(SystemError)
  /// Each source failed in its way.
  case allSourcesFailed(model: String, [(source: String, error: ModelStoreError)])

  public var description: String {
    switch self {
    case .noCacheDirectory:
      "no place for models: set FARTHING_CACHE to a directory (HOME and XDG_CACHE_HOME are not set either)"
    case .notWritable(let directory, let reason):
      "cannot write to the cache directory \(printable(directory)): \(reason); "
        + "set FARTHING_CACHE to a directory that you can write to"
    case .unknownModel(let name):
      "'\(printable(name))' is no file and no known model; known: "
        + ModelCatalogue.models.map(\.name).joined(separator: ", ")
    case .notFetched(let model):
      "\(model.name) is not on this machine yet; fetch it (\(megabytes(model.byteCount))) with: "
        + "farthing models get \(model.name)"
    case .unknownSource(let name, let known):
      "unknown model source '\(printable(name))' (FARTHING_MODEL_SOURCES); known: \(known.joined(separator: ", "))"
    case .diskFull(let directory, let needed, let free):
      "disk full: fetching needs \(megabytes(needed)) in \(printable(directory))"
        + (free.map { ", \(megabytes($0)) are free" } ?? "")
        + "; make room there or set FARTHING_CACHE to a directory on another disk"
    case .toolMissing(let tool, let package):
      "\(tool) is not installed; install it with: apt-get install \(package)"
    case .toolFailed(let tool, let status, let message, let keptBytes):
      "\(tool) failed (status \(status))" + (message.isEmpty ? "" : ": \(printable(message, limit: 400))")
        + (keptBytes > 0 ? "; \(megabytes(keptBytes)) are kept, the next attempt goes on from there" : "")
    case .unexpectedContent(let source, let expected, let found):
      "\(source) served something else: expected \(expected), found \(printable(found)); nothing was kept"
    case .wrongChecksum(let source, let expected, let found):
      "\(source) served another file: expected SHA-256 \(expected), found \(found); nothing was kept"
    case .interrupted(let signal, let keptBytes):
      "interrupted" + (signal == 0 ? "" : " by signal \(signal)")
        + (keptBytes > 0
          ? "; \(megabytes(keptBytes)) are kept, the next attempt goes on from there"
          : "; nothing was kept, the next attempt starts over")
    case .system(let error): error.description
    case .allSourcesFailed(let model, let failures):
      "\(model) could not be fetched:"
        + failures.map { "\n  \($0.source): \($0.error)" }.joined()
        + "\nWith the file at hand, give its path instead of the name."
    }
  }

  /// Whether another source may do better.
  var isOfTheSource: Bool {
    switch self {
    case .toolMissing, .toolFailed, .unexpectedContent, .wrongChecksum: true
    default: false
    }
  }
}

private func megabytes(_ byteCount: Int) -> String {
  let tenths = (byteCount + 50_000) / 100_000
  return "\(tenths / 10).\(tenths % 10) MB"
}
