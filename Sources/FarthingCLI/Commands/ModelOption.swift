import ModelFiles
import Tokenization

/// The option that names a model, shared by every command that needs one.
enum ModelOption {
  static let model = Option.text("--model", "-m", value: "MODEL", help: "a GGUF file")

  /// The path of the model file that the command line asks for.
  static func path(_ arguments: Arguments, _ console: Console) throws(CommandFailure) -> String {
    guard let path = arguments[model] else { throw .usage("a model is missing; give one with -m MODEL") }
    return path
  }

  /// The tokeniser of that file, which may hold a vocabulary only.
  static func tokenizer(_ arguments: Arguments, _ console: Console) throws(CommandFailure) -> Tokenizer {
    let path = try path(arguments, console)
    let file = try failing { () throws(ModelFileError) in try GGUFFile(path: path) }
    do {
      return try Tokenizer(gguf: file)
    } catch {
      throw .failed("\(path): \(error)")
    }
  }
}
