import Conversion
import Quantization
import Usage

/// What `quantize` tells when it is done.
struct QuantizeResult {
  let path: String
  let level: QuantizationLevel
  /// The one that was taken, never `auto`.
  let method: QuantizeMethod
  let fileBytes: Int
  let tensors: [TensorReport]
  let nanos: Int64

  private var elements: Int { tensors.reduce(0) { $0 + $1.rows * $1.columns } }
  private var bytes: Int { tensors.reduce(0) { $0 + $1.bytes } }
  private var sourceBytes: Int { tensors.reduce(0) { $0 + $1.sourceBytes } }

  /// Bits of a weight, over all tensors.
  private var bitsPerWeight: Double { elements > 0 ? Double(bytes) * 8 / Double(elements) : 0 }

  /// The relative error over all tensors together.
  private var relativeRMSE: Double {
    let signal = tensors.reduce(0) { $0 + $1.signal }
    return signal > 0 ? (tensors.reduce(0) { $0 + $1.error } / signal).squareRoot() : 0
  }

  func print(to console: Console) throws(CommandFailure) {
    var table = Table(columns: [
      .init(title: "tensor", flexible: true), .init(title: "from"), .init(title: "to"),
      .init(title: "bytes", right: true), .init(title: "relative RMSE", right: true),
      .init(title: "worst block", right: true), .init(title: "at row, column", right: true),
    ])
    for tensor in tensors where tensor.source != tensor.type {
      table.rows.append([
        tensor.name, tensor.source.name, tensor.type.name, grouped(tensor.bytes), Self.percent(tensor.relativeRMSE),
        Self.percent(tensor.worstRelativeRMSE),
        tensor.error > 0 ? "\(tensor.worstBlock.row), \(tensor.worstBlock.column)" : "-",
      ])
    }
    if table.rows.isEmpty {
      try console.out.line("No tensor changes its type.")
    } else {
      try console.print(table)
    }
    let copied = tensors.count { $0.source == $0.type }
    if copied > 0, copied < tensors.count {
      try console.out.line("\(grouped(copied)) tensors keep their type and their bytes.")
    }
    let bits = FixedPoint.text(Int64((bitsPerWeight * 1000).rounded()), decimals: 3)
    let seconds = FixedPoint.quotient(nanos, by: 1_000_000_000, decimals: 1)
    try console.out.line(
      "\(level.name): \(grouped(sourceBytes)) bytes of tensors became \(grouped(bytes)), \(bits) bits per weight, "
        + "relative RMSE \(Self.percent(relativeRMSE)), by \(method.rawValue), in \(seconds) s")
    try console.out.line("\(printable(path)): \(grouped(fileBytes)) bytes")
  }

  private static func percent(_ share: Double) -> String {
    FixedPoint.text(Int64((share * 100_000).rounded()), decimals: 3) + " %"
  }

  func write(to json: inout JSONWriter) {
    json.field("path", path)
    json.field("type", level.name)
    json.field("method", method.rawValue)
    json.field("bytes", fileBytes)
    json.field("source_tensor_bytes", sourceBytes)
    json.field("tensor_bytes", bytes)
    json.field("parameters", elements)
    json.field("bits_per_weight", bitsPerWeight)
    json.field("relative_rmse", relativeRMSE)
    json.field("seconds", Double(nanos) / 1e9)
    json.array("tensors") { json in
      for tensor in tensors {
        json.object { json in
          json.field("name", tensor.name)
          json.field("from", tensor.source.name)
          json.field("to", tensor.type.name)
          json.field("wanted", (tensor.unfitting ?? tensor.type).name)
          json.field("rows", tensor.rows)
          json.field("columns", tensor.columns)
          json.field("bytes", tensor.bytes)
          json.field("relative_rmse", tensor.relativeRMSE)
          json.object("worst_block") { json in
            json.field("relative_rmse", tensor.worstRelativeRMSE)
            json.field("row", tensor.worstBlock.row)
            json.field("column", tensor.worstBlock.column)
          }
        }
      }
    }
  }
}
