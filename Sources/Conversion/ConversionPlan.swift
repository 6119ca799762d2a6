import ModelFiles
import Quantization

/// A request that cannot be carried out, or data that cannot be rounded.
public enum ConversionError: Error, CustomStringConvertible, Sendable {
  case file(ModelFileError)
  case vocabulary(path: String, reason: String)
  case writer(GGUFWriterError)
  /// The model is quantised already, and nobody said that this is fine.
  case quantizedAlready(path: String, type: String)
  /// A pattern of `--tensor-type` that is no regular expression.
  case pattern(String)
  /// A number that the type cannot hold.
  case value(tensor: String, row: Int, column: Int, value: Float, type: String)
  case importance(String)
  case memory(String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .vocabulary(let path, let reason): "\(path): \(reason)"
    case .writer(let error): error.description
    case .quantizedAlready(let path, let type):
      "\(path) is quantised already (\(type)): rounding twice loses more than rounding the original once; "
        + "--allow-requantize does it all the same"
    case .pattern(let text): "'\(text)' is not a regular expression"
    case .value(let tensor, let row, let column, let value, let type):
      "'\(tensor)': \(value) at row \(row), column \(column) cannot be stored as \(type)"
    case .importance(let reason): reason
    case .memory(let reason): reason
    }
  }
}

/// Which type each tensor of a model gets.
public struct ConversionPlan: Sendable {
  public struct Item: Sendable {
    public let tensor: TensorInfo
    public let type: TensorType
    /// The type that the level or a pattern gives, where the rows are not whole blocks of it.
    public let unfitting: TensorType?
    /// Whether the bytes are taken as they are.
    public var isCopied: Bool { tensor.type == type }
  }

  /// Types for tensors whose names a pattern matches; the first that matches counts.
  public struct Override {
    let regex: Regex<AnyRegexOutput>
    let type: TensorType

    /// - Parameter pattern: a regular expression that is looked for anywhere in the name.
    public init(pattern: String, type: TensorType) throws(ConversionError) {
      do { regex = try Regex(pattern) } catch { throw .pattern(pattern) }
      self.type = type
    }
  }

  public let level: QuantizationLevel
  public let items: [Item]

  /// - Parameters:
  ///   - isPure: every matrix gets the level's own type, whatever the mix says.
  ///   - hasImportance: some rules of llama.cpp differ with it.
  public init(
    _ file: ModelFile, level: QuantizationLevel, overrides: [Override] = [], isPure: Bool = false,
    hasImportance: Bool = false, allowRequantize: Bool = false
  ) throws(ConversionError) {
    do { try file.checkAllLoadable() } catch { throw .file(error) }
    self.level = level
    let shape = ModelShape(file, hasImportance: hasImportance)
    var items: [Item] = []
    for tensor in file.tensors {
      guard Self.isMatrix(tensor) else {
        items.append(Item(tensor: tensor, type: tensor.type, unfitting: nil))
        continue
      }
      let named = overrides.first { tensor.name.firstMatch(of: $0.regex) != nil }?.type
      let wanted =
        named ?? (isPure ? level.base : level.type(of: tensor.name, columns: tensor.columns, in: shape))
      let type = wanted.fitting(columns: tensor.columns)
      guard allowRequantize || type == tensor.type || !tensor.type.isQuantized else {
        throw .quantizedAlready(path: file.path, type: "'\(tensor.name)' is \(tensor.type.name)")
      }
      items.append(Item(tensor: tensor, type: type, unfitting: type == wanted ? nil : wanted))
    }
    self.items = items
  }

  /// Bytes of all tensors of the new file.
  public var tensorBytes: Int {
    items.reduce(0) {
      $0 + $1.tensor.elementCount / $1.type.elementsPerBlock * $1.type.bytesPerBlock
    }
  }

  public var elementCount: Int { items.reduce(0) { $0 + $1.tensor.elementCount } }

  /// Whether a tensor is rounded at all: matrices are, norms and vectors are not.
  private static func isMatrix(_ tensor: TensorInfo) -> Bool {
    tensor.dimensions.dropFirst().contains { $0 > 1 } && tensor.name.hasSuffix("weight")
      && !tensor.name.contains("_norm.weight")
  }
}

extension ModelShape {
  init(_ file: ModelFile, hasImportance: Bool) {
    func number(_ key: String) -> Int? {
      let architecture = (try? file.metadata.string("general.architecture")) ?? nil
      return architecture.flatMap { (try? file.metadata.integer("\($0).\(key)")) ?? nil }
    }
    let heads = number("attention.head_count") ?? 1
    self.init(
      layers: number("block_count") ?? 0, group: heads / max(1, number("attention.head_count_kv") ?? heads),
      isTied: file.tensor("output.weight") == nil, hasImportance: hasImportance)
  }
}

extension TensorType {
  public var isQuantized: Bool { elementsPerBlock > 1 }

  /// This type, or where rows of `columns` numbers are not whole blocks the neighbour that llama.cpp takes: with blocks
  /// of 32 and about as many bits, or a few more; F16 where not even that fits.
  public func fitting(columns: Int) -> TensorType {
    guard !columns.isMultiple(of: elementsPerBlock) else { return self }
    let smaller: TensorType =
      switch self {
      case .q2_K, .q3_K: .q4_0
      case .q4_K: .q5_0
      case .q5_K: .q5_1
      case .q6_K: .q8_0
      case .iq4_xs: .iq4_nl
      default: self
      }
    return columns.isMultiple(of: smaller.elementsPerBlock) ? smaller : .f16
  }
}
