import Compute

/// The models on this machine: known ones in the user's cache, and any file by its path.
///
/// A file is in the cache under its name only when it is whole and its checksum was right: it is made elsewhere on the
/// same disk, checked, written out, and renamed.
public struct ModelStore: Sendable {
  /// The cache directory. Models are in its folder `models`.
  public let directory: String
  /// The names of the sources to try, in this order; nil for each model's own order.
  public let sourceOrder: [String]?
  let tools: FetchTools

  /// - Parameters:
  ///   - directory: FARTHING_CACHE, else `farthing` in XDG_CACHE_HOME, else in `.cache` in HOME, where nil.
  ///   - sourceOrder: FARTHING_MODEL_SOURCES, names between commas, where nil.
  public init(
    directory: String? = nil, sourceOrder: [String]? = nil, tools: FetchTools = FetchTools()
  ) throws(ModelStoreError) {
    guard let directory = directory ?? ModelStore.defaultDirectory() else { throw .noCacheDirectory }
    self.directory = directory
    self.sourceOrder =
      sourceOrder
      ?? Environment.value("FARTHING_MODEL_SOURCES").map { $0.split(separator: ",").map(String.init) }
    self.tools = tools
  }

  /// Where the file of `model` is, or would be.
  public func path(of model: KnownModel) -> String {
    modelDirectory + "/" + model.fileName
  }

  /// Whether the file of `model` is in the cache, by its size; its checksum was checked when it was fetched.
  public func contains(_ model: KnownModel) -> Bool {
    Files.size(path(of: model)) == model.byteCount
  }

  /// The known model that the file at `path` is, when it is the one in this cache: its checksum needs no computing.
  public func knownModel(at path: String) -> KnownModel? {
    ModelCatalogue.models.first { path.utf8.elementsEqual(self.path(of: $0).utf8) && contains($0) }
  }

  /// The path that an argument such as `-m` means: a path, or the name of a known model that is in the cache.
  ///
  /// Whatever has a slash or ends in `.gguf` is a path and is returned as it is, there or not.
  public func resolve(_ argument: String) throws(ModelStoreError) -> String {
    if argument.utf8.contains(UInt8(ascii: "/")) || argument.lowercased().hasSuffix(".gguf") { return argument }
    if let model = ModelCatalogue.find(argument) {
      guard contains(model) else { throw .notFetched(model) }
      return path(of: model)
    }
    guard Files.exists(argument) else { throw .unknownModel(argument) }
    return argument
  }

  /// Removes the file of `model`, and what a cut download left of it.
  public func remove(_ model: KnownModel) throws(ModelStoreError) {
    Files.remove(partPath(of: model))
    guard Files.exists(path(of: model)) else { return }
    do {
      try Files.unlink(path(of: model))
    } catch {
      throw ModelStoreError.notWritable(directory: modelDirectory, reason: error.reason)
    }
  }

  /// Makes a directory of the cache and those above it, where they are missing.
  public static func makeDirectory(_ path: String) throws(SystemError) { try Files.makeDirectories(path) }

  var modelDirectory: String { directory + "/models" }

  /// What a download that can be resumed has got so far.
  func partPath(of model: KnownModel) -> String {
    path(of: model) + ".part"
  }

  /// The sources of `model` in the order to try.
  func sources(of model: KnownModel) throws(ModelStoreError) -> [ModelSource] {
    guard let sourceOrder else { return model.sources }
    var sources: [ModelSource] = []
    for name in sourceOrder {
      let named = model.sources.filter { $0.name.utf8.elementsEqual(name.utf8) }
      guard !named.isEmpty else { throw .unknownSource(name, known: model.sources.map(\.name)) }
      sources += named
    }
    return sources
  }

  private static func defaultDirectory() -> String? {
    if let directory = Environment.value("FARTHING_CACHE") { return directory }
    // A relative XDG_CACHE_HOME is invalid and is to be ignored, says the XDG base directory specification.
    if let base = Environment.value("XDG_CACHE_HOME"), base.hasPrefix("/") { return base + "/farthing" }
    return Environment.value("HOME").map { $0 + "/.cache/farthing" }
  }
}

/// The programs that fetching runs; names are looked up in PATH.
public struct FetchTools: Sendable {
  public var python: String
  public var curl: String
  /// Where the files of Hugging Face are: HF_ENDPOINT, the variable that its own tools read for a mirror, else its site.
  public var hub: String

  public init(python: String = "python3", curl: String = "curl", hub: String? = nil) {
    self.python = python
    self.curl = curl
    self.hub = hub ?? Environment.value("HF_ENDPOINT") ?? "https://huggingface.co"
  }
}

/// How far a fetch is.
public struct FetchProgress: Sendable {
  public enum Phase: Sendable, Equatable {
    /// Another process fetches into the same cache.
    case waiting
    case downloading
    case extracting
    case checking
    /// This source failed; the next one is tried.
    case failed(reason: String)
  }

  public let phase: Phase
  /// The source, by name.
  public let source: String
  public let bytes: Int
  /// Bytes at the end of this phase.
  public let total: Int
  /// Whether the download goes on from an earlier one; where it cannot, it has started over.
  public let isResumed: Bool
}
