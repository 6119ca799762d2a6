import ModelFiles
import Quantization

/// A part of the memory that running a file takes.
struct MemoryNeed {
  /// For people, and for JSON.
  let name: String
  let key: String
  let bytes: Int

  /// What running `file` will take, part by part, and last the sum of them.
  static func of(_ file: GGUFFile) -> [MemoryNeed] {
    let weights = file.tensors.reduce(0) { $0 + packedBytes(of: $1) }
    return [MemoryNeed(name: "weights, packed", key: "weights_bytes", bytes: weights)]
  }

  /// Bytes of a tensor once it is packed for the kernels. Vectors (norms, biases) become F32.
  static func packedBytes(of tensor: TensorInfo) -> Int {
    tensor.rows == 1
      ? tensor.columns * MemoryLayout<Float>.size
      : PackedLayout(tensor.type).bytes(rows: tensor.rows, columns: tensor.columns)
  }
}
