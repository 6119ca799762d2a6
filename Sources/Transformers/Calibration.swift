import Compute
import Quantization

/// Sees what a model's matrices are multiplied with.
public protocol ActivationObserver: AnyObject {
  /// - Parameters:
  ///   - rows: [tokens, columns], valid during the call.
  ///   - readers: the matrices that read these inputs, as the file names them.
  func observe(_ rows: View<Float>, columns: Int, readers: [String])
}

/// A pass taken apart into its layers, so that one layer can be computed for a whole text before the next.
///
/// Use: `begin` and `append` as ever, then `embedTokens`, then `run(layer:)` after the residual stream was put to what it
/// was behind the layer before.
extension ForwardPass {
  /// residual = embeddings of the appended tokens
  public func embedTokens() { embed() }

  /// Computes one layer. `embedTokens` must have run for these tokens, since it also prepares their positions.
  public func run(layer: Int) {
    isCut = false
    compute(layer: layer)
    isCut = false
  }

  /// Leaves out the rest of the layer: for an observer that has seen what it wants of it, while it sees it.
  public func cutLayer() { isCut = true }

  /// [tokens, hidden]: the residual stream of the rows so far.
  public var residual: View<Float> { state.residual.part(0, count * model.configuration.hidden) }
}

/// What can be loaded by itself.
public enum ModelPart: Equatable, Sendable {
  case embedding, head
  case layer(Int)
}

extension Model {
  /// Reads matrices from the file, where the model holds only what it is asked for and has not got them.
  /// No pass may be running.
  public func load(_ part: ModelPart, on pool: WorkerPool) throws(SystemError) {
    guard let source else { return }
    for matrix in matrices(of: part) { try matrix.load(source, on: pool) }
  }

  /// Gives their memory back, and forgets what replaced them.
  public func unload(_ part: ModelPart) {
    guard source != nil else { return }
    for matrix in matrices(of: part) { matrix.unload() }
  }

  private func matrices(of part: ModelPart) -> [Linear] {
    switch part {
    case .embedding: return [embedding]
    case .head: return [head]
    case .layer(let index):
      let layer = family.layers[index]
      return layer.inputReaders + [layer.attention.output, layer.feedForward.down]
    }
  }

  /// The matrices of a layer, together where they read the same inputs, in the order in which a pass comes to them.
  public func readers(inLayer index: Int) -> [[String]] {
    let (attention, feedForward) = (family.layers[index].attention, family.layers[index].feedForward)
    return [
      [attention.query, attention.key, attention.value], [attention.output], [feedForward.gate, feedForward.up],
      [feedForward.down],
    ].map { $0.map(\.name) }
  }

  public var embeddingName: String { embedding.name }
  public var headName: String { head.name }

  /// Rows and columns of a matrix, or nil where the model has none of that name.
  public func shape(ofMatrix name: String) -> (rows: Int, columns: Int)? {
    matrix(name).map { ($0.rows, $0.columns) }
  }

  /// Decodes row `row` of a matrix to floats.
  /// - Precondition: the model has a matrix of this name, with that row; destination.count is its columns.
  public func readRow(_ row: Int, ofMatrix name: String, to destination: View<Float>) {
    guard let matrix = matrix(name) else { preconditionFailure("no matrix \(name)") }
    matrix.unpack(row: row, to: destination)
  }

  /// Puts other numbers in the place of a matrix's, for the passes that follow. For the reference path only, whose passes
  /// do not depend on how matrices are packed; no pass may be running.
  /// - Parameters:
  ///   - type, blocks: all rows as a file of that type holds them.
  ///   - keepingOriginal: keeps the file's numbers as well, for `show(replaced:in:)`.
  /// - Precondition: the model has a matrix of this name.
  public func replace(
    _ name: String, type: TensorType, blocks: View<UInt8>, keepingOriginal: Bool = false
  ) throws(SystemError) {
    guard let matrix = matrix(name) else { preconditionFailure("no matrix \(name)") }
    try matrix.replace(type: type, blocks: blocks, keepingOriginal: keepingOriginal)
  }

  /// Computes with the file's numbers, or with what replaced them, for the passes that follow: of the matrices of which
  /// both are kept. No pass may be running.
  public func show(replaced: Bool, in part: ModelPart) {
    for matrix in matrices(of: part) { matrix.show(replaced: replaced) }
  }

  private func matrix(_ name: String) -> Linear? {
    let matrices = family.layers.flatMap { $0.inputReaders + [$0.attention.output, $0.feedForward.down] }
    return (matrices + [embedding, head]).first { $0.name == name }
  }
}
