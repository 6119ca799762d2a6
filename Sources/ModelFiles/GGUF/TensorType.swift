/// How the numbers of a tensor are stored; the raw value is GGUF's code.
///
/// A row is cut into blocks of `elementsPerBlock` numbers that take `bytesPerBlock` bytes each. A test asserts the
/// table against values that were written down separately.
// The names are the field's own.
// swift-format-ignore: AlwaysUseLowerCamelCase
public enum TensorType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case iq4_nl = 20
  case iq4_xs = 23
  case bf16 = 30

  /// Numbers in a block; the columns of a tensor are a multiple of it.
  public var elementsPerBlock: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl: 32
    case .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_xs: 256
    }
  }

  /// Bytes of a block in the file. The terms are, in order: scales in F16, further scales, high bits, low bits.
  public var bytesPerBlock: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q4_0, .iq4_nl: 2 + 16
    case .q4_1: 4 + 16
    case .q5_0: 2 + 4 + 16
    case .q5_1: 4 + 4 + 16
    case .q8_0: 2 + 32
    case .q2_K: 4 + 16 + 64
    case .q3_K: 2 + 12 + 32 + 64
    case .q4_K: 4 + 12 + 128
    case .q5_K: 4 + 12 + 32 + 128
    case .q6_K: 2 + 16 + 64 + 128
    case .iq4_xs: 2 + 6 + 128
    }
  }

  /// The name people know it by, for example "Q4_1".
  public var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .q4_0: "Q4_0"
    case .q4_1: "Q4_1"
    case .q5_0: "Q5_0"
    case .q5_1: "Q5_1"
    case .q8_0: "Q8_0"
    case .q2_K: "Q2_K"
    case .q3_K: "Q3_K"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .iq4_nl: "IQ4_NL"
    case .iq4_xs: "IQ4_XS"
    case .bf16: "BF16"
    }
  }

  /// A list of all names, for messages.
  static var allNames: String { allCases.map(\.name).joined(separator: " ") }
}

/// Types that GGUF files may hold and that Farthing does not compute with: enough to name them in a listing and to
/// tell where their tensors end.
enum UnreadableType {
  /// Name, numbers in a block and bytes of a block of `code`; nil for a code that nobody is known to use.
  static func layout(code: UInt32) -> (name: String, elementsPerBlock: Int, bytesPerBlock: Int)? {
    switch code {
    case 9: ("Q8_1", 32, 36)
    case 15: ("Q8_K", 256, 292)
    case 16: ("IQ2_XXS", 256, 66)
    case 17: ("IQ2_XS", 256, 74)
    case 18: ("IQ3_XXS", 256, 98)
    case 19: ("IQ1_S", 256, 50)
    case 21: ("IQ3_S", 256, 110)
    case 22: ("IQ2_S", 256, 82)
    case 24: ("I8", 1, 1)
    case 25: ("I16", 1, 2)
    case 26: ("I32", 1, 4)
    case 27: ("I64", 1, 8)
    case 28: ("F64", 1, 8)
    case 29: ("IQ1_M", 256, 56)
    case 34: ("TQ1_0", 256, 54)
    case 35: ("TQ2_0", 256, 66)
    case 39: ("MXFP4", 32, 17)
    case 40: ("NVFP4", 64, 36)
    case 41: ("Q1_0", 128, 18)
    case 42: ("Q2_0", 64, 18)
    default: nil
    }
  }
}
