import Compute
import Quantization

/// A folder as transformers writes it, brought into GGUF's terms.
///
/// Matrices stay in the mapped files. Vectors are decoded to F32, with what GGUF adds to them, into one block of memory
/// that is a part beside the files.
struct HuggingFaceModel {
  let metadata: GGUFMetadata
  let parts: [MappedFile]
  private(set) var tensors: [TensorInfo] = []

  init(folder: String, open: (String) throws(ModelFileError) -> MappedFile?) throws(ModelFileError) {
    let config = try HuggingFaceConfig(try Self.json(folder, "config.json", open))
    let set = try SafetensorsSet(folder: folder, open: open)
    let names = try Self.names(of: set, config, folder)
    var vectors = VectorBlock()
    if let divisors = config.rope.divisors(headDim: config.headDim) {
      tensors.append(vectors.append(divisors, name: "rope_freqs.weight", part: set.files.count))
    }
    for expected in config.expectedTensors {
      guard let position = names.find(expected.source) else {
        guard !expected.isRequired else {
          throw ModelFileError(
            .missing, path: folder, key: expected.source,
            expected: "a tensor of this name, of shape \(expected.shape)", found: "none")
        }
        continue
      }
      let (file, entry) = set.place(position)
      let type = try Self.type(of: entry, expected, set.files[file])
      if expected.shape.count == 1 {
        var values = Self.decode(set.files[file], entry.range, type)
        if expected.headRows > 0 { values = Self.reordered(values, expected.headRows) }
        if expected.shift != 0 { for index in values.indices { values[index] += expected.shift } }
        tensors.append(vectors.append(values, name: expected.name, part: set.files.count))
      } else {
        tensors.append(Self.matrix(expected, entry, type, part: file))
      }
    }
    parts = set.files + [MappedFile(copying: vectors.bytes, path: folder)]
    var keys = config.keys(
      name: String(folder.split(separator: "/").last { $0 != "." && $0 != ".." } ?? "model"),
      parameters: tensors.reduce(0) { $0 + $1.elementCount })
    if let file = try open(folder + "/generation_config.json") {
      try Self.addSampling(try Self.json(file), to: &keys)
    }
    metadata = try keys.metadata(path: folder + "/config.json")
  }

  /// The settings that the model's makers recommend, under GGUF's names.
  private static func addSampling(
    _ root: JSONTree<ModelFileError>, to keys: inout GGUFKeys
  ) throws(ModelFileError) {
    for (source, name) in [
      ("temperature", "temp"), ("top_p", "top_p"), ("min_p", "min_p"), ("repetition_penalty", "penalty_repeat"),
    ] {
      guard let value = root[source] else { continue }
      keys.set("general.sampling.\(name)", float: try ConfigReader.number(value, 0...1e6))
    }
    if let value = root["top_k"] { keys.set("general.sampling.top_k", signed: try value.integer()) }
  }

  /// A JSON file of the folder that must be there.
  static func json(
    _ folder: String, _ name: String, _ open: (String) throws(ModelFileError) -> MappedFile?
  ) throws(ModelFileError) -> JSONTree<ModelFileError> {
    guard let file = try open(folder + "/" + name) else {
      throw ModelFileError(
        .missing, path: folder, expected: "a model folder, which has a \(name)", found: "a folder without one")
    }
    return try json(file)
  }

  private static func json(_ file: MappedFile) throws(ModelFileError) -> JSONTree<ModelFileError> {
    guard file.byteCount <= SafetensorsLimits.configurationBytes else {
      throw ModelFileError(
        .limit, path: file.path, expected: "at most \(SafetensorsLimits.configurationBytes) bytes",
        found: "\(file.byteCount)")
    }
    return JSONTree(unsafe try JSONText(file.bytes, name: file.path))
  }

  /// The tensors by the names that a model of text alone has for them; every one must be known.
  private static func names(
    of set: SafetensorsSet, _ config: HuggingFaceConfig, _ folder: String
  ) throws(ModelFileError) -> NameIndex {
    let known = NameIndex(config.expectedTensors.map(\.source))
    var names: [String] = []
    for (position, entry) in set.all.enumerated() {
      // What is left out keeps its own name, which no expected tensor has.
      let name = config.textName(entry.name)
      if let name, known.find(name) == nil {
        throw ModelFileError(
          .unsupported, path: set.files[set.place(position).file].path, key: entry.name,
          expected: "a tensor of the architecture \"\(config.family.rawValue)\" with \(config.layers) layers",
          found: "this one")
      }
      names.append(name ?? entry.name)
    }
    return NameIndex(names)
  }

  private static func type(
    of entry: SafetensorsFile.Entry, _ expected: ExpectedTensor, _ file: MappedFile
  ) throws(ModelFileError) -> TensorType {
    guard case .readable(let type) = entry.type else {
      throw ModelFileError(
        .unsupported, path: file.path, key: entry.name, expected: "a tensor of type F32, F16 or BF16",
        found: entry.type.name)
    }
    guard entry.shape == expected.shape else {
      throw ModelFileError(
        .malformed, path: file.path, key: entry.name,
        expected: "the shape \(expected.shape), which config.json implies", found: "\(entry.shape)")
    }
    return type
  }

  private static func matrix(
    _ expected: ExpectedTensor, _ entry: SafetensorsFile.Entry, _ type: TensorType, part: Int
  ) -> TensorInfo {
    let (rows, columns) = (expected.shape[0], expected.shape[1])
    var tensor = TensorInfo(
      name: expected.name, type: type, columns: columns, rows: rows, rowBytes: columns * type.bytesPerBlock,
      byteCount: entry.range.count, part: part, offset: entry.range.lowerBound, infoOffset: 8,
      shape: TensorShape([columns, rows]))
    tensor.headRows = expected.headRows
    return tensor
  }

  private static func decode(_ file: MappedFile, _ range: Range<Int>, _ type: TensorType) -> [Float] {
    let bytes = type.bytesPerBlock
    return (0..<range.count / bytes).map { index in
      let offset = range.lowerBound + index * bytes
      return switch type {
      case .f32: Float(bitPattern: file.uint32(at: offset) ?? 0)
      case .f16: Float(Float16(bitPattern: file.uint16(at: offset) ?? 0))
      default: Float(bitPattern: UInt32(file.uint16(at: offset) ?? 0) << 16)
      }
    }
  }

  private static func reordered(_ values: [Float], _ headRows: Int) -> [Float] {
    values.indices.map { values[TensorInfo.place(ofRow: $0, headRows: headRows)] }
  }
}

/// The decoded vectors of a folder, one after another.
private struct VectorBlock {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ values: [Float], name: String, part: Int) -> TensorInfo {
    while !bytes.count.isMultiple(of: GGUFLimits.defaultAlignment) { bytes.append(0) }
    let offset = bytes.count
    for value in values { GGUFKeys.append(value.bitPattern, to: &bytes) }
    return TensorInfo(
      name: name, type: .f32, columns: values.count, rows: 1, rowBytes: 4 * values.count, byteCount: 4 * values.count,
      part: part, offset: offset, infoOffset: 0, shape: TensorShape([values.count]))
  }
}
