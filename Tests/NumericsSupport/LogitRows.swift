import Glibc

/// Logits of some positions, compared bit by bit.
public struct LogitRows: Sendable {
  public let vocab: Int
  public private(set) var values: [Float] = []

  public init(vocab: Int) { self.vocab = vocab }

  public var count: Int { values.count / vocab }

  public mutating func append(_ row: UnsafePointer<Float>) {
    values.append(contentsOf: UnsafeBufferPointer(start: row, count: vocab))
  }

  /// The rows from `first` on.
  public func suffix(from first: Int) -> LogitRows {
    var rows = LogitRows(vocab: vocab)
    rows.values = Array(values[(first * vocab)...])
    return rows
  }

  /// What differs from `expected`: nil if every bit is the same.
  public func difference(from expected: LogitRows) -> String? {
    guard count == expected.count, count > 0 else { return "\(count) rows instead of \(expected.count)" }
    let bytes = vocab * MemoryLayout<Float>.size
    var different: [Int] = []
    values.withUnsafeBytes { mine in
      expected.values.withUnsafeBytes { theirs in
        for row in 0..<count
        where memcmp(mine.baseAddress! + row * bytes, theirs.baseAddress! + row * bytes, bytes) != 0 {
          different.append(row)
        }
      }
    }
    return different.first.map { "\(different.count) of \(count) positions differ, the first at \($0)" }
  }
}
