import Compute

/// All tensors of a folder: of `model.safetensors`, or of the files that `model.safetensors.index.json` names.
struct SafetensorsSet {
  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"

  let files: [MappedFile]
  private var places: [(file: Int, entry: SafetensorsFile.Entry)] = []

  /// Opens the files of `folder`.
  /// - Parameter open: maps the file with the given path, or gives nil where there is none.
  init(
    folder: String, open: (String) throws(ModelFileError) -> MappedFile?
  ) throws(ModelFileError) {
    if let file = try open(folder + "/" + Self.single) {
      files = [file]
      places = try SafetensorsFile(file).entries.map { (0, $0) }
    } else if let index = try open(folder + "/" + Self.index) {
      (files, places) = try Self.shards(index, folder: folder, open: open)
    } else {
      throw ModelFileError(
        .missing, path: folder, expected: "\(Self.single) or \(Self.index)",
        found: "neither (other formats of weights are not read)")
    }
    let names = NameIndex(places.map(\.entry.name))
    if let duplicate = names.duplicate {
      let place = places[duplicate]
      throw ModelFileError(
        .malformed, path: files[place.file].path, key: place.entry.name, expected: "each tensor once", found: "it twice"
      )
    }
    guard places.count <= SafetensorsLimits.tensors else {
      throw ModelFileError(
        .limit, path: folder, expected: "at most \(SafetensorsLimits.tensors) tensors", found: "\(places.count)")
    }
  }

  var all: [SafetensorsFile.Entry] { places.map(\.entry) }

  /// The tensor at a position in `all`, and the file that holds it.
  func place(_ position: Int) -> (file: Int, entry: SafetensorsFile.Entry) { places[position] }

  private static func shards(
    _ index: MappedFile, folder: String, open: (String) throws(ModelFileError) -> MappedFile?
  ) throws(ModelFileError) -> ([MappedFile], [(file: Int, entry: SafetensorsFile.Entry)]) {
    let text = unsafe try JSONText<ModelFileError>(index.bytes, name: index.path)
    let map = try JSONTree(text).required("weight_map")
    try map.requireObject()
    var (files, places): ([MappedFile], [(file: Int, entry: SafetensorsFile.Entry)]) = ([], [])
    // By shard, which tensors it must have.
    var promised: [String: [String]] = [:]
    unsafe try map.node.forEachMember { (key, value) throws(ModelFileError) in
      let name = unsafe String(decoding: key, as: UTF8.self)
      guard let bytes = value.bytes else {
        throw ModelFileError(
          .malformed, path: index.path, key: name, expected: "the name of a file", found: "not a string")
      }
      promised[String(decoding: bytes, as: UTF8.self), default: []].append(name)
    }
    guard promised.count <= SafetensorsLimits.shards else {
      throw ModelFileError(
        .limit, path: index.path, expected: "at most \(SafetensorsLimits.shards) files", found: "\(promised.count)")
    }
    for (shard, names) in promised.sorted(by: { $0.key < $1.key }) {
      guard !shard.utf8.contains(UInt8(ascii: "/")), !shard.utf8.contains(0), shard != "..", !shard.isEmpty else {
        throw ModelFileError(
          .malformed, path: index.path, key: names[0], expected: "a file of this folder", found: "\"\(shard)\"")
      }
      guard let file = try open(folder + "/" + shard) else {
        throw ModelFileError(
          .missing, path: folder, key: names[0], expected: "the file \(shard), which \(Self.index) names", found: "none"
        )
      }
      let entries = try SafetensorsFile(file).entries
      let known = NameIndex(entries.map(\.name))
      for name in names where known.find(name) == nil {
        throw ModelFileError(
          .missing, path: file.path, key: name, expected: "this tensor, which \(Self.index) promises", found: "none")
      }
      places += entries.map { (files.count, $0) }
      files.append(file)
    }
    return (files, places)
  }
}
