import Quantization

/// A level of quantisation as people name it: one type for nearly all matrices, or a mix around one.
///
/// The mixes and exceptions are llama.cpp's, so that a level of the same name takes the same bytes and a comparison at
/// equal bits is one. In words, for a model of n layers:
/// - Vectors and norms stay F32.
/// - The output matrix (or the embedding that is tied to it) is Q6_K at every level below Q8_0.
/// - `_M` mixes give Q6_K to the value and down projections of the first eighth of the layers, of the last eighth, and of
///   every third layer between. `Q4_K_S` gives Q5_K to the value projections of the first four layers and the down
///   projections of the first eighth. `Q5_K_S` has no exceptions.
/// - IQ4_NL gives Q5_K to value projections where four or more query heads share one, and without importance to the down
///   projections of the first eighth. With importance, Q4_0 gives those Q4_1, and Q5_0 gives them Q5_1.
/// - In models of 80 layers, value projections that would have Q4_K have Q5_K: eight heads share each.
public struct QuantizationLevel: Sendable, Equatable {
  /// For example "Q4_K_M".
  public let name: String
  /// The type of what no rule excepts.
  public let base: TensorType
  /// GGUF's `general.file_type`.
  public let fileType: Int

  enum Mix: Sendable { case none, small, medium }
  let mix: Mix

  private init(_ name: String, _ base: TensorType, _ fileType: Int, _ mix: Mix = .none) {
    (self.name, self.base, self.fileType, self.mix) = (name, base, fileType, mix)
  }

  public static let all: [QuantizationLevel] = [
    QuantizationLevel("F32", .f32, 0), QuantizationLevel("F16", .f16, 1), QuantizationLevel("BF16", .bf16, 32),
    QuantizationLevel("Q8_0", .q8_0, 7), QuantizationLevel("Q6_K", .q6_K, 18),
    QuantizationLevel("Q5_K_M", .q5_K, 17, .medium), QuantizationLevel("Q5_K_S", .q5_K, 16, .small),
    QuantizationLevel("Q5_1", .q5_1, 9), QuantizationLevel("Q5_0", .q5_0, 8),
    QuantizationLevel("Q4_K_M", .q4_K, 15, .medium), QuantizationLevel("Q4_K_S", .q4_K, 14, .small),
    QuantizationLevel("Q4_1", .q4_1, 3), QuantizationLevel("Q4_0", .q4_0, 2), QuantizationLevel("IQ4_NL", .iq4_nl, 25),
  ]

  /// The level that `name` means, in any case; `Q4_K` and `Q5_K` are their `_M` mixes, as the field has it.
  public static func named(_ name: String) -> QuantizationLevel? {
    let name = name.uppercased()
    let full = ["Q4_K", "Q5_K"].contains(name) ? name + "_M" : name
    return all.first { $0.name == full }
  }

  public static var names: String { all.map(\.name).joined(separator: " ") }

  public var isQuantized: Bool { base.elementsPerBlock > 1 }
}

/// What the rules need to know of a model.
struct ModelShape {
  let layers: Int
  /// Query heads that share one value head.
  let group: Int
  /// Whether the embedding is the output matrix too.
  let isTied: Bool
  let hasImportance: Bool

  /// The first eighth.
  func isEarly(_ layer: Int) -> Bool { layer < layers / 8 }

  /// The first and the last eighth, and every third between.
  func isCostly(_ layer: Int) -> Bool {
    isEarly(layer) || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
  }
}

extension QuantizationLevel {
  /// The type of a matrix at this level, before it is known whether its rows are whole blocks.
  func type(of name: String, columns: Int, in shape: ModelShape) -> TensorType {
    guard isQuantized else { return base }
    if name == "output.weight" || shape.isTied && name == "token_embd.weight" {
      guard columns.isMultiple(of: base.elementsPerBlock), base != .q8_0 else { return .q8_0 }
      return .q6_K
    }
    guard let (layer, part) = Self.place(name) else { return base }
    switch part {
    case "attn_v":
      let type = valueType(layer, shape)
      return shape.layers == 80 && type == .q4_K ? .q5_K : type
    case "ffn_down": return downType(layer, shape)
    default: return base
    }
  }

  private func valueType(_ layer: Int, _ shape: ModelShape) -> TensorType {
    switch (base, mix) {
    case (.q4_K, .medium), (.q5_K, .medium): shape.isCostly(layer) ? .q6_K : base
    case (.q4_K, .small): layer < 4 ? .q5_K : base
    case (.iq4_nl, _): shape.group >= 4 ? .q5_K : base
    default: base
    }
  }

  private func downType(_ layer: Int, _ shape: ModelShape) -> TensorType {
    switch (base, mix) {
    case (.q4_K, .medium), (.q5_K, .medium): shape.isCostly(layer) ? .q6_K : base
    case (.q4_K, .small): shape.isEarly(layer) ? .q5_K : base
    case (.iq4_nl, _): shape.isEarly(layer) && !shape.hasImportance ? .q5_K : base
    case (.q4_0, _): shape.isEarly(layer) && shape.hasImportance ? .q4_1 : base
    case (.q5_0, _): shape.isEarly(layer) && shape.hasImportance ? .q5_1 : base
    default: base
    }
  }

  /// The layer and the part of `blk.12.attn_v.weight`.
  private static func place(_ name: String) -> (layer: Int, part: Substring)? {
    let parts = name.split(separator: ".")
    guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]) else { return nil }
    return (layer, parts[2])
  }
}
