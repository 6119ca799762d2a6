/// Every limit of the reader of Hugging Face folders. What is past one of them is refused with a `ModelFileError` of kind
/// `limit`.
enum SafetensorsLimits {
  /// Bytes of the JSON that opens a safetensors file, as the format has it.
  static let headerBytes = 100_000_000
  /// Tensors of one model, all files together.
  static let tensors = 65_536
  /// Bytes in the name of a tensor.
  static let nameBytes = 1_024
  /// Dimensions of a tensor.
  static let dimensions = 8
  /// Files of one model.
  static let shards = 1_024
  /// Bytes of `config.json` and its like; the largest known have some tens of thousands.
  static let configurationBytes = 16 << 20
}
