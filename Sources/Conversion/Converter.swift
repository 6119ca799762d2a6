import Compute
import ModelFiles
import Quantization
import Tokenization

/// What became of one tensor.
public struct TensorReport: Sendable {
  public let name: String
  public let source: TensorType
  public let type: TensorType
  /// The type that it would have had, were its rows whole blocks of it.
  public let unfitting: TensorType?
  public let rows: Int
  public let columns: Int
  public let sourceBytes: Int
  public let bytes: Int
  /// Sums of squares: of the differences that rounding made, and of the numbers.
  public let error: Double
  public let signal: Double
  /// The root mean square of the differences in the block of 32 numbers that lost most, and where it begins.
  public let worstBlock: (rmse: Double, row: Int, column: Int)

  /// Root mean square of the differences over that of the numbers; 0 for a tensor of zeros.
  public var relativeRMSE: Double { signal > 0 ? (error / signal).squareRoot() : 0 }

  /// The worst block's root mean square over that of the tensor's numbers.
  public var worstRelativeRMSE: Double {
    signal > 0 ? worstBlock.rmse / (signal / Double(rows * columns)).squareRoot() : 0
  }
}

/// Writes a model in other types, tensor by tensor, on all threads of a pool.
///
/// Memory holds a slab of some megabytes and the mapped pages that it came from, whatever the model's size. The result does
/// not depend on the number of threads, nor on the order in which tensors come.
public final class Converter {
  /// The types that tensors can be rounded to.
  public static var types: [TensorType] { RowEncoder.types }

  public let plan: ConversionPlan
  private let file: ModelFile
  private let pool: WorkerPool
  private let writer: GGUFWriter
  private let rounding: Rounding
  private var isDone: [Bool]

  /// GGUF's number for the block formats as they are since 2023.
  private static let quantizationVersion = 2
  private static let slabBytes = 8 << 20

  /// Checks the output and begins to write it.
  /// - Throws: `ConversionError`; nothing is written yet where the request cannot be carried out.
  public init(
    _ file: ModelFile, _ plan: ConversionPlan, _ rounding: Rounding = Rounding(), to path: String, pool: WorkerPool
  ) throws(ConversionError) {
    (self.file, self.plan, self.rounding, self.pool) = (file, plan, rounding, pool)
    isDone = plan.items.map { _ in false }
    if let item = plan.items.first(where: { !$0.isCopied && !RowEncoder.types.contains($0.type) }) {
      throw .memory("there is no encoder for \(item.type.name)")
    }
    var keys: GGUFKeys
    do { keys = try GGUFKeys(of: file) } catch {
      throw .vocabulary(path: file.path, reason: error.description)
    }
    for key in keys.keys where key.hasPrefix("split.") { keys.remove(key) }
    keys.set("general.file_type", integer: plan.level.fileType)
    keys.set("general.quantization_version", integer: Self.quantizationVersion)
    do {
      writer = try GGUFWriter(
        path: path, keys: keys,
        tensors: plan.items.map {
          GGUFWriter.Tensor(name: $0.tensor.name, type: $0.type, dimensions: $0.tensor.dimensions)
        }, inputs: file.sourcePaths)
    } catch {
      throw .writer(error)
    }
  }

  /// Bytes of the new file.
  public var fileBytes: Int { writer.fileBytes }

  /// Whether a signal has asked the process to stop, for work between two tensors.
  public var isInterrupted: Bool { writer.isInterrupted }

  /// Writes the next tensor; nil when there is none left.
  public func convertNext() throws(ConversionError) -> TensorReport? {
    guard let index = isDone.firstIndex(of: false) else { return nil }
    return try convert(index, try rounding.of(plan.items[index]))
  }

  /// Writes a tensor whose rows were rounded elsewhere.
  /// - Parameter blocks: all rows, as the file holds them.
  /// - Precondition: the plan has a tensor of this name, changes its type, and it is not written yet.
  public func convert(_ name: String, rounded blocks: View<UInt8>) throws(ConversionError) -> TensorReport {
    guard let index = plan.items.firstIndex(where: { $0.tensor.name == name && !$0.isCopied }), !isDone[index] else {
      preconditionFailure("no tensor \(name) to round")
    }
    return try convert(index, .ready(blocks))
  }

  private func convert(_ index: Int, _ rounding: TensorRounding) throws(ConversionError) -> TensorReport {
    let item = plan.items[index]
    isDone[index] = true
    defer { file.release(item.tensor) }
    let job: SlabJob
    do { try writer.begin(index) } catch { throw .writer(error) }
    do { job = try SlabJob(file, item, rounding, threads: pool.threads, slabBytes: Self.slabBytes) } catch {
      throw .memory(error.description)
    }
    var (error, signal) = (0.0, 0.0)
    var worst = (error: 0.0, row: 0, column: 0)
    var row = 0
    while row < item.tensor.rows {
      let rows = row..<min(row + job.slabRows, item.tensor.rows)
      pool.run(job, chunks: job.begin(rows))
      for row in rows {
        let figures = job.error(ofRow: row)
        if let column = figures.badColumn {
          throw .value(
            tensor: item.tensor.name, row: row, column: column, value: job.value(row: row, column: column),
            type: item.type.name)
        }
        error += figures.error
        signal += figures.signal
        if figures.worst > worst.error { worst = (figures.worst, row, figures.worstColumn) }
      }
      do {
        try unsafe writer.append(UnsafeRawBufferPointer(start: job.output.pointer, count: rows.count * job.rowBytes))
      } catch {
        throw .writer(error)
      }
      file.release(rows, of: item.tensor)
      row = rows.upperBound
    }
    let blockCount = min(32, item.tensor.columns)
    return TensorReport(
      name: item.tensor.name, source: item.tensor.type, type: item.type, unfitting: item.unfitting,
      rows: item.tensor.rows, columns: item.tensor.columns, sourceBytes: item.tensor.byteCount,
      bytes: item.tensor.rows * job.rowBytes, error: error, signal: signal,
      worstBlock: ((worst.error / Double(blockCount)).squareRoot(), worst.row, worst.column))
  }

  /// Puts the file in its place.
  /// - Precondition: every tensor is written.
  public func finish() throws(ConversionError) {
    do { try writer.finish() } catch { throw .writer(error) }
  }
}
