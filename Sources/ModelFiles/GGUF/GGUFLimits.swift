/// Every limit of the GGUF reader, in one place. A file past one of them is refused with a `ModelFileError` of kind
/// `limit`. Counts are also bounded by the bytes that are left, so that a short file cannot ask for much memory, nor a sparse one for much time.
public enum GGUFLimits {
  /// Bytes of everything before the tensors' data. The largest known, a vocabulary of 262,144 tokens with its merges,
  /// takes 16 MB.
  public static let headerBytes = 64 << 20
  /// Versions read. 1 had 32-bit lengths and is gone from use; 2 and 3 have the same layout.
  public static let versions: ClosedRange<UInt32> = 2...3
  /// Metadata keys in one file; real ones have fewer than a hundred.
  public static let keys = 16_384
  /// Bytes in one key, as the format has it.
  public static let keyBytes = 65_535
  /// Tensors in one model, all parts together; the largest known have some thousands.
  public static let tensors = 65_536
  /// Bytes in the name of a tensor. The format says 64; some makers' names are longer.
  public static let tensorNameBytes = 256
  /// Dimensions of a tensor.
  public static let dimensions = 4
  /// Depth of arrays in arrays: 1 is a plain array.
  public static let arrayDepth = 4
  /// `general.alignment`: a power of two within this range, a multiple of 8 as the format has it.
  public static let alignment = 8...(1 << 20)
  /// Alignment of a file that does not state one.
  public static let defaultAlignment = 32
  /// Parts of a split model.
  public static let parts = 1_024
}
