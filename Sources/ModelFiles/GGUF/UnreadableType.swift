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
