import Generation
import ModelFiles
import Serving
import Tokenization
import Transformers
import Usage

/// The option that names a model, shared by every command that needs one.
enum ModelOption {
  static let model = Option.text(
    "--model", "-m", value: "MODEL",
    help: """
      a GGUF file, a Hugging Face folder, or a model known by name, which is fetched when it is not here (default \
      \(standard))
      """)
  /// The model of a command line that names none.
  static let standard = "smollm2-135m"

  /// The path of the model file that the command line asks for.
  static func path(_ arguments: Arguments, _ console: Console) throws(CommandFailure) -> String {
    try path(of: arguments[model] ?? standard, console)
  }

  /// The path that `name` means, which is a path itself or the name of a known model; that is fetched if need be.
  static func path(of name: String, _ console: Console) throws(CommandFailure) -> String {
    let store: ModelStore
    do { store = try ModelStore() } catch {
      // A service may run without a home; what is given by its path needs no cache.
      if name.contains("/") || name.hasSuffix(".gguf") || System.isFile(name) { return name }
      throw .failed(error.description)
    }
    do {
      return try store.resolve(name)
    } catch .notFetched(let model) {
      return try Models.obtain(model, in: store, console)
    } catch {
      throw .failed(error.description)
    }
  }

  /// The tokeniser of that file, which may hold a vocabulary only, or be a Hugging Face `tokenizer.json` or the folder
  /// that has one.
  static func tokenizer(_ arguments: Arguments, _ console: Console) throws(CommandFailure) -> Tokenizer {
    try tokenizer(at: try path(arguments, console))
  }

  static func tokenizer(at path: String) throws(CommandFailure) -> Tokenizer {
    do {
      if System.isDirectory(path) { return try Tokenizer(folder: TokenizerFolder(path)) }
      if path.hasSuffix(".json"), System.isFile(path) {
        let config = path.dropLast("tokenizer.json".count) + "tokenizer_config.json"
        return try Tokenizer(tokenizerJSON: path, config: System.isFile(String(config)) ? String(config) : nil)
      }
    } catch {
      throw .failed(String(describing: error))
    }
    let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
    do {
      return try Tokenizer(gguf: file)
    } catch {
      throw .failed("\(path): \(error)")
    }
  }

  /// As people know the model at a path, and its checksum where that is known.
  private static func name(of path: String) -> (name: String, sha256: String?) {
    let known = (try? ModelStore())?.knownModel(at: path)
    let last = path.split(separator: "/").last { $0 != "." && $0 != ".." }.map(String.init) ?? path
    return (known?.name ?? last, known?.sha256.description)
  }

  /// What a usage record calls a model.
  static func identity(_ path: String, _ file: ModelFile) -> ModelIdentity {
    let (name, sha256) = name(of: path)
    return ModelIdentity(name: name, sha256: sha256, quantization: Model.quantization(of: file))
  }

  /// That model, loaded with the options of the command line, as `change` leaves them.
  static func served(
    _ arguments: Arguments, _ console: Console, context: Int? = nil,
    change: (inout Engine.Options) -> Void = { _ in }
  ) throws(CommandFailure) -> ServedModel {
    let path = try path(arguments, console)
    var options = try EngineOptions.engineOptions(arguments)
    if let context { options.context = context }
    change(&options)
    let (name, sha256) = name(of: path)
    do {
      return try ServedModel(path: path, name: name, sha256: sha256, options: options)
    } catch .model(.system(let error)) {
      // What was admitted by the memory that there is may still be more than this process is allowed to address.
      let limit = System.addressSpaceLimit().map { "; it may use \(readableBytes($0)) of address space (ulimit -v)" }
      throw .failed(error.description + (limit ?? ""))
    } catch {
      throw .failed(String(describing: error))
    }
  }
}
