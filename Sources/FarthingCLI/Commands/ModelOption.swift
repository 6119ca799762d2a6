import Generation
import ModelFiles
import Serving
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

  /// That model, loaded with the options of the command line.
  static func served(
    _ arguments: Arguments, _ console: Console, context: Int? = nil
  ) throws(CommandFailure) -> ServedModel {
    let path = try path(arguments, console)
    var options = try EngineOptions.engineOptions(arguments)
    if let context { options.context = context }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    do {
      return try ServedModel(path: path, name: name, sha256: nil, options: options)
    } catch {
      throw .failed(String(describing: error))
    }
  }
}
