/// Swift or C text reduced to what the compiler sees: comments and the contents of string literals become spaces,
/// line breaks stay, so that a search finds code alone and at its own line.
///
/// Knows line and nested block comments, string literals of one and of several lines, raw strings, and the code inside
/// interpolations. Regular-expression literals are not recognised.
func codeOnly(_ text: String) -> String {
  var scanner = CodeScanner(source: Array(text.utf8))
  return String(decoding: scanner.run(), as: UTF8.self)
}

private struct CodeScanner {
  private enum Mode: Equatable {
    /// Code; inside an interpolation, with the number of parentheses open in it.
    case code(parentheses: Int)
    case lineComment
    case blockComment(depth: Int)
    case string(hashes: Int, multiline: Bool)
  }

  let source: [UInt8]
  private var position = 0
  private var modes: [Mode] = [.code(parentheses: 0)]
  private var result: [UInt8] = []

  init(source: [UInt8]) {
    self.source = source
  }

  mutating func run() -> [UInt8] {
    result.reserveCapacity(source.count)
    while position < source.count {
      switch modes[modes.count - 1] {
      case .code(let parentheses): code(parentheses)
      case .lineComment: lineComment()
      case .blockComment(let depth): blockComment(depth)
      case .string(let hashes, let multiline): string(hashes, multiline)
      }
    }
    return result
  }

  private func sees(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard position + count <= source.count else { return false }
    return (0..<count).allSatisfy { source[position + $0] == text.utf8Start[$0] }
  }

  private mutating func keep(_ count: Int) {
    result += source[position..<position + count]
    position += count
  }

  private mutating func blank(_ count: Int) {
    for byte in source[position..<min(position + count, source.count)] {
      result.append(byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " "))
    }
    position = min(position + count, source.count)
  }

  private mutating func code(_ parentheses: Int) {
    if sees("//") {
      modes.append(.lineComment)
    } else if sees("/*") {
      modes.append(.blockComment(depth: 0))
    } else if let hashes = openingHashes() {
      keep(hashes)
      let multiline = sees("\"\"\"")
      keep(multiline ? 3 : 1)
      modes.append(.string(hashes: hashes, multiline: multiline))
    } else if modes.count > 1, sees("(") {
      modes[modes.count - 1] = .code(parentheses: parentheses + 1)
      keep(1)
    } else if modes.count > 1, sees(")") {
      if parentheses == 1 { modes.removeLast() } else { modes[modes.count - 1] = .code(parentheses: parentheses - 1) }
      keep(1)
    } else {
      keep(1)
    }
  }

  /// The number of `#` before a quotation mark that begins here; nil where no string begins.
  private func openingHashes() -> Int? {
    var end = position
    while end < source.count, source[end] == UInt8(ascii: "#") { end += 1 }
    return end < source.count && source[end] == UInt8(ascii: "\"") ? end - position : nil
  }

  private mutating func lineComment() {
    if sees("\n") { modes.removeLast() } else { blank(1) }
  }

  private mutating func blockComment(_ depth: Int) {
    if sees("/*") {
      modes[modes.count - 1] = .blockComment(depth: depth + 1)
      blank(2)
    } else if sees("*/") {
      if depth == 1 { modes.removeLast() } else { modes[modes.count - 1] = .blockComment(depth: depth - 1) }
      blank(2)
    } else {
      blank(1)
    }
  }

  private mutating func string(_ hashes: Int, _ multiline: Bool) {
    if sees("\\"), hasHashes(hashes, after: 1) {
      let next = position + 1 + hashes
      if next < source.count, source[next] == UInt8(ascii: "(") {
        keep(2 + hashes)
        modes.append(.code(parentheses: 1))
      } else {
        blank(2 + hashes)
      }
    } else if multiline ? sees("\"\"\"") : sees("\""), hasHashes(hashes, after: multiline ? 3 : 1) {
      keep((multiline ? 3 : 1) + hashes)
      modes.removeLast()
    } else if !multiline, sees("\n") {
      // Not valid Swift; an apostrophe in C does not get here either. Recover at the line's end.
      modes.removeLast()
    } else {
      blank(1)
    }
  }

  private func hasHashes(_ count: Int, after offset: Int) -> Bool {
    let start = position + offset
    return start + count <= source.count && source[start..<start + count].allSatisfy { $0 == UInt8(ascii: "#") }
  }
}
