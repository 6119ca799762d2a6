import Generation
import Tokenization
import Usage

/// The lines of an input file, and what an output file says of them.
public struct BatchInput: Sendable {
  /// A line that is not blank.
  public struct Line: Sendable {
    /// From 1, as editors count.
    public let number: Int
    public let bytes: [UInt8]
    /// As `BatchOutput.id` has it.
    public let id: String
  }

  public let lines: [Line]

  public init(_ bytes: [UInt8]) {
    var lines: [Line] = []
    var number = 0
    for piece in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      // A mark at the beginning of the file, as Windows writes it, is no part of the line.
      var line = piece
      if number == 1, line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
      if line.last == UInt8(ascii: "\r") { line.removeLast() }
      guard line.contains(where: { $0 != 0x20 && $0 != 0x09 }) else { continue }
      let content = Array(line)
      lines.append(Line(number: number, bytes: content, id: BatchOutput.id(number: number, line: content)))
    }
    self.lines = lines
  }

  /// What an output file that is there already holds.
  public struct Done: Sendable, Equatable {
    /// Ids of the lines that are answered.
    public var ids: Set<String> = []
    /// Bytes of the file that are whole lines; what is behind was torn when a run broke off.
    public var wholeBytes = 0
    public var tornBytes = 0
  }

  /// Reads an output file of an earlier run over this input.
  /// - Throws: `BatchError.notOurs` where a whole line is none that this input would give: it is not ours to append to.
  public func done(in output: [UInt8]) throws(BatchError) -> Done {
    var done = Done()
    let expected = Set(lines.map(\.id))
    var start = 0
    var number = 0
    while let end = output[start...].firstIndex(of: UInt8(ascii: "\n")) {
      number += 1
      let line = Array(output[start..<end])
      start = end + 1
      guard let value = try? TemplateValue(json: line), case .string(let id)? = value["id"], expected.contains(id),
        !done.ids.contains(id)
      else { throw .notOurs(line: number) }
      done.ids.insert(id)
      done.wholeBytes = start
    }
    done.tornBytes = output.count - done.wholeBytes
    return done
  }
}

/// Why a batch cannot be run.
public enum BatchError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A line of the output file does not answer a line of the input, or answers it a second time.
  case notOurs(line: Int)

  public var description: String {
    switch self {
    case .notOurs(let line):
      "line \(line) of the output does not belong to this input; give another output file, or remove this one"
    }
  }
}
