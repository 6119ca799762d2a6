import Compute
import ModelFiles
import Tokenization
import Transformers
import Usage

/// `inspect FILE`: what is in a model file, without loading it.
enum Inspect {
  private static let full = Option.flag("--full", help: "show long arrays and long texts whole")
  private static let context: Option<Int?> = .integer(
    "--ctx-size", "-c", in: 1...Int(Int32.max),
    help: "tokens of context to count the memory for (default: what the model was trained on)")

  static let command = Command(
    name: "inspect", summary: "show a model file: metadata, tensors, bytes per type, memory it will need",
    operands: .one("FILE"),
    about:
      """
      FILE is a GGUF file (of a split model, its first part), a Hugging Face folder or a model known by name. Nothing is \
      loaded, whatever the size.
      """,
    options: [context, full],
    run: { (arguments, console) throws(CommandFailure) in
      let path = try ModelOption.path(of: arguments.operands[0], console)
      let file = try failing { () throws(ModelFileError) in try ModelFile(path: path) }
      let metadata = try metadata(of: file)
      if arguments[Command.json] {
        try console.json { json in
          write(file, metadata, full: arguments[full], context: arguments[context], to: &json)
        }
      } else {
        try print(file, metadata, full: arguments[full], context: arguments[context], to: console)
      }
    })

  /// The keys of a file; of a folder also those of its vocabulary, which running it does not need.
  private static func metadata(of file: ModelFile) throws(CommandFailure) -> GGUFMetadata {
    guard file.isFolder else { return file.metadata }
    let keys = try failing { () throws(TokenizerError) in try GGUFKeys(of: file) }
    return try failing { () throws(ModelFileError) in try keys.metadata(path: file.path) }
  }

  // MARK: For people

  private static func print(
    _ file: ModelFile, _ metadata: GGUFMetadata, full: Bool, context: Int?, to console: Console
  ) throws(CommandFailure) {
    var facts = Table(columns: [.init(title: "file"), .init(title: printable(file.path), flexible: true)])
    facts.rows = [
      [
        "format",
        file.version.map { "GGUF version \($0)" } ?? "Hugging Face folder"
          + (file.parts.count > 1 ? " in \(file.parts.count) parts" : ""),
      ],
      ["bytes", grouped(file.fileBytes)],
      ["tensors", grouped(file.tensors.count + file.unreadableTensors.count)],
      ["parameters", grouped(TypeTotal.all(in: file).reduce(0) { $0 + $1.parameters })],
    ]
    try console.print(facts)
    try printMetadata(metadata, full: full, to: console)
    guard !file.tensors.isEmpty || !file.unreadableTensors.isEmpty else {
      return try console.out.line("\nNo tensors: a vocabulary only.")
    }
    try printTensors(of: file, to: console)
    try printTypes(of: file, to: console)
    try printMemory(of: file, context: context, to: console)
  }

  private static func format(of file: ModelFile) -> String {
    guard let version = file.version else { return "Hugging Face folder, shown in GGUF's terms" }
    return "GGUF version \(version)" + (file.parts.count > 1 ? " in \(file.parts.count) parts" : "")
  }

  private static func printMetadata(_ metadata: GGUFMetadata, full: Bool, to console: Console) throws(CommandFailure) {
    try console.out.line()
    var table = Table(columns: [
      .init(title: "metadata (\(metadata.count))"), .init(title: "value", flexible: true),
    ])
    for key in metadata.keys {
      guard let value = metadata.value(key) else { continue }
      let text = describe(value, elements: full ? Int.max : 6)
      table.rows.append([printable(key), full ? text : clipped(text, to: 100)])
    }
    try console.print(table, whole: full)
  }

  private static func printTensors(of file: ModelFile, to console: Console) throws(CommandFailure) {
    try console.out.line()
    var table = Table(columns: [
      .init(title: "tensor", flexible: true), .init(title: "type"), .init(title: "columns x rows", right: true),
      .init(title: "bytes", right: true),
    ])
    for tensor in file.tensors {
      table.rows.append([
        printable(tensor.name), tensor.type.name, extents(tensor.dimensions), grouped(tensor.byteCount),
      ])
    }
    for tensor in file.unreadableTensors {
      table.rows.append([
        printable(tensor.name), tensor.typeName, extents(tensor.dimensions), tensor.byteCount.map(grouped) ?? "?",
      ])
    }
    try console.print(table)
  }

  private static func printTypes(of file: ModelFile, to console: Console) throws(CommandFailure) {
    try console.out.line()
    let totals = TypeTotal.all(in: file)
    let bytes = totals.reduce(0) { $0 + $1.fileBytes }
    var table = Table(columns: [
      .init(title: "type"), .init(title: "tensors", right: true), .init(title: "bytes", right: true),
      .init(title: "share", right: true), .init(title: "in memory", right: true), .init(title: ""),
    ])
    for total in totals {
      table.rows.append([
        total.name, grouped(total.tensors), grouped(total.fileBytes), percent(total.fileBytes, of: bytes),
        total.packedBytes.map { percent($0, of: total.fileBytes) } ?? "-",
        total.packedBytes == nil ? "not supported" : "",
      ])
    }
    try console.print(table)
  }

  private static func printMemory(
    of file: ModelFile, context: Int?, to console: Console
  ) throws(CommandFailure) {
    try console.out.line()
    guard file.unreadableTensors.isEmpty else {
      return try console.out.line("This file cannot be run: it holds tensors of types that are not supported.")
    }
    do {
      let need = try Need(file, context: context)
      var table = Table(columns: [
        .init(title: "memory to run it", flexible: true), .init(title: "bytes", right: true),
        .init(title: "", right: true),
      ])
      for (name, bytes) in [
        ("weights, packed", need.weights), ("buffers", need.scratch),
        ("keys and values of \(grouped(need.context)) tokens", need.kv), ("together", need.total),
      ] {
        table.rows.append([name, grouped(bytes), readableBytes(bytes)])
      }
      try console.print(table)
    } catch let error as ModelError {
      try console.out.line("This file cannot be run: " + printable(error.description))
    } catch {
      throw .failed("\(error)")
    }
  }

  private static func extents(_ dimensions: [Int]) -> String {
    dimensions.map { String($0) }.joined(separator: " x ")
  }

  private static func percent(_ part: Int, of whole: Int) -> String {
    guard whole > 0 else { return "-" }
    return FixedPoint.quotient(Int64(clamping: part) &* 100, by: Int64(whole), decimals: 1) + " %"
  }

  /// A value on one line: texts quoted, arrays with their length and their first elements.
  private static func describe(_ value: GGUFValue, elements limit: Int) -> String {
    func list(_ count: Int, _ type: String, _ element: (Int) -> String) -> String {
      let shown = (0..<min(count, limit)).map(element).joined(separator: ", ")
      return "\(grouped(count)) \(type): [\(shown)\(count > limit ? ", ..." : "")]"
    }
    return switch value {
    case .integer(let number): String(number)
    case .unsigned(let number): String(number)
    case .float(let number): String(number)
    case .bool(let truth): String(truth)
    case .string(let string): printable(string.text ?? "(\(string.count) bytes that are not UTF-8)")
    case .integers(let array): list(array.count, array.elementType.name) { String(array[$0]) }
    case .floats(let array): list(array.count, array.elementType.name) { String(array[$0]) }
    case .bools(let array): list(array.count, "bool") { String(array[$0]) }
    case .strings(let array): list(array.count, "string") { "\"" + printable(array.text(at: $0) ?? "\u{fffd}") + "\"" }
    case .nested(let count): "\(grouped(count)) arrays"
    }
  }
}

extension Inspect {
  // MARK: For machines

  private static func write(
    _ file: ModelFile, _ metadata: GGUFMetadata, full: Bool, context: Int?, to json: inout JSONWriter
  ) {
    json.field("path", file.path)
    json.field("version", file.version)
    json.field("parts", file.parts.count)
    json.field("bytes", file.fileBytes)
    json.object("metadata") { json in
      for key in metadata.keys {
        guard let value = metadata.value(key) else { continue }
        write(value, key, limit: full ? Int.max : 64, to: &json)
      }
    }
    json.array("tensors") { json in
      for tensor in file.tensors {
        write(tensor.name, tensor.type.name, tensor.dimensions, bytes: tensor.byteCount, offset: tensor.offset, &json)
      }
      for tensor in file.unreadableTensors {
        write(tensor.name, tensor.typeName, tensor.dimensions, bytes: tensor.byteCount, offset: tensor.offset, &json)
      }
    }
    json.object("types") { json in
      for total in TypeTotal.all(in: file) {
        json.object(total.name) { json in
          json.field("tensors", total.tensors)
          json.field("parameters", total.parameters)
          json.field("bytes", total.fileBytes)
          json.field("packed_bytes", total.packedBytes)
        }
      }
    }
    let need = file.unreadableTensors.isEmpty ? try? Need(file, context: context) : nil
    json.field("supported", need != nil)
    guard let need else { return json.null("memory") }
    json.object("memory") { json in
      json.field("context", need.context)
      json.field("weights_bytes", need.weights)
      json.field("scratch_bytes", need.scratch)
      json.field("kv_bytes", need.kv)
      json.field("total_bytes", need.total)
    }
  }

  private static func write(
    _ name: String, _ type: String, _ dimensions: [Int], bytes: Int?, offset: Int, _ json: inout JSONWriter
  ) {
    json.object { json in
      json.field("name", name)
      json.field("type", type)
      json.array("dimensions") { json in for extent in dimensions { json.value(extent) } }
      json.field("bytes", bytes)
      json.field("offset", offset)
    }
  }

  /// A value as JSON has it; an array longer than `limit` as an object with its length and its first elements.
  private static func write(_ value: GGUFValue, _ key: String, limit: Int, to json: inout JSONWriter) {
    func list(_ count: Int, _ element: (Int, inout JSONWriter) -> Void) {
      if count <= limit {
        return json.array(key) { json in for index in 0..<count { element(index, &json) } }
      }
      json.object(key) { json in
        json.field("count", count)
        json.array("first") { json in for index in 0..<limit { element(index, &json) } }
      }
    }
    switch value {
    case .integer(let number): json.field(key, number)
    case .unsigned(let number): json.field(key, number)
    case .float(let number): json.field(key, number)
    case .bool(let truth): json.field(key, truth)
    case .string(let string): json.field(key, unsafe String(decoding: string.bytes, as: UTF8.self))
    case .integers(let array): list(array.count) { $1.value(array[$0]) }
    case .floats(let array): list(array.count) { $1.value(array[$0]) }
    case .bools(let array): list(array.count) { $1.value(array[$0]) }
    case .strings(let array): list(array.count) { $1.value(array.text(at: $0) ?? "\u{fffd}") }
    case .nested(let count): json.object(key) { json in json.field("count", count) }
    }
  }
}

/// The memory that running a file takes, with the settings that `run` has by default.
private struct Need {
  let context: Int
  let weights: Int
  let scratch: Int
  let total: Int
  var kv: Int { total - weights - scratch }

  /// - Parameter context: nil for what the model was trained on.
  init(_ file: ModelFile, context: Int?) throws(ModelError) {
    let configuration = try ModelConfiguration(file)
    let need = MemoryNeed(file, configuration: configuration, kv: .f16, batch: 128, threads: 1)
    self.context = context ?? configuration.contextLength
    weights = need.weightBytes
    scratch = need.scratchBytes
    total = need.total(positions: self.context)
  }
}

/// What the tensors of one type in a file add up to.
struct TypeTotal {
  let name: String
  var tensors = 0
  var parameters = 0
  var fileBytes = 0
  /// Bytes once packed for the kernels; nil for a type that is not supported.
  var packedBytes: Int?

  /// One total per type, the largest first.
  static func all(in file: ModelFile) -> [TypeTotal] {
    var totals: [String: TypeTotal] = [:]
    for tensor in file.tensors {
      totals[tensor.type.name, default: TypeTotal(name: tensor.type.name, packedBytes: 0)].add(
        parameters: tensor.elementCount, bytes: tensor.byteCount, packed: MemoryNeed.packedBytes(of: tensor))
    }
    for tensor in file.unreadableTensors {
      totals[tensor.typeName, default: TypeTotal(name: tensor.typeName)].add(
        parameters: tensor.dimensions.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue },
        bytes: tensor.byteCount ?? 0, packed: nil)
    }
    return totals.values.sorted { ($0.fileBytes, $1.name) > ($1.fileBytes, $0.name) }
  }

  private mutating func add(parameters: Int, bytes: Int, packed: Int?) {
    tensors += 1
    self.parameters &+= parameters
    fileBytes += bytes
    packedBytes = packed.flatMap { packed in packedBytes.map { $0 + packed } }
  }
}
