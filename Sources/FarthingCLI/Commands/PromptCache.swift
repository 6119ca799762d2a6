import Compute
import Generation
import ModelFiles
import Serving

/// `--prompt-cache FILE`: what earlier runs computed of a prompt, read before this one and written after it.
struct PromptCache {
  private let path: String
  private let engine: Engine
  /// Checksum of the model file: another model's keys and values are of no use.
  private let checksum: String

  /// Reads the file; a file that does not fit is passed over with a note. Nil where the command line names none.
  init?(_ arguments: Arguments, _ model: ServedModel, _ console: Console) throws(CommandFailure) {
    guard let path = arguments[RunOptions.promptCache] else { return nil }
    self.path = path
    engine = model.engine
    if let known = model.identity.sha256 {
      checksum = known
    } else {
      let modelPath = try ModelOption.path(arguments, console)
      let file = try failing { () throws(SystemError) in try MappedFile(path: modelPath) }
      guard let digest = SHA256.digest(of: file, isCancelled: { Interrupt.requested }) else { throw .interrupted }
      checksum = digest.description
    }
    if case .refused(let reason) = engine.restorePrefixes(from: path, model: checksum) {
      console.note("warning: \(reason); the prompt cache begins anew")
    }
  }

  /// Writes the file if there is anything new. That it cannot be written is no reason to fail: the answer is there.
  func save(_ console: Console) {
    do throws(SystemError) {
      try engine.savePrefixes(to: path, model: checksum)
    } catch {
      console.note("warning: the prompt cache was not written: \(error)")
    }
  }
}
