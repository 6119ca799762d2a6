import Usage

/// A table of comma-separated values with a header line (RFC 4180), and notes in lines that begin with `#` before it.
///
/// Tables come from the binary itself and from people's own files, so every limit is checked. Names of columns are
/// looked up as bytes. Fields are text; what they mean is the business of who reads them.
struct CSVTable: Sendable {
  /// How the file is called in errors.
  let file: String
  /// The lines before the header, without `#`.
  private(set) var notes: [String] = []
  private(set) var rows: [CSVRow] = []
  private(set) var columns: [String] = []

  static let maximumColumns = 64
  static let maximumFieldBytes = 4096
  static let maximumRows = 1_000_000

  /// - Parameter columns: all that the table may have; of these `required` must be there. A column that is not known
  ///   is an error and not ignored, since it may have said something about a price.
  /// - Throws: `table` with the line.
  init(
    _ bytes: some Sequence<UInt8>, file: String, columns known: [String], required: [String]
  ) throws(PricingError) {
    self.file = file
    var reader = CSVReader(bytes: bytes, file: file)
    while let note = reader.readNote() { notes.append(note) }
    guard let header = try reader.readRecord() else {
      throw .table(file: file, line: reader.line, column: "", reason: "no header line")
    }
    for name in header.fields {
      guard known.contains(where: { $0.utf8.elementsEqual(name.utf8) }) else {
        throw .table(file: file, line: header.line, column: "", reason: "unknown column '\(name)'")
      }
      guard !columns.contains(where: { $0.utf8.elementsEqual(name.utf8) }) else {
        throw .table(file: file, line: header.line, column: name, reason: "this column is there twice")
      }
      columns.append(name)
    }
    for name in required where !columns.contains(where: { $0.utf8.elementsEqual(name.utf8) }) {
      throw .table(file: file, line: header.line, column: name, reason: "this column is missing")
    }
    while let record = try reader.readRecord() {
      guard record.fields.count == columns.count else {
        throw .table(
          file: file, line: record.line, column: "",
          reason: "expected \(columns.count) fields, found \(record.fields.count)")
      }
      guard rows.count < Self.maximumRows else {
        throw .table(file: file, line: record.line, column: "", reason: "more than \(Self.maximumRows) rows")
      }
      rows.append(CSVRow(file: file, line: record.line, columns: columns, fields: record.fields))
    }
  }
}

/// One row of a table, with typed access to its fields. An empty field means: not stated.
struct CSVRow: Sendable {
  let file: String
  /// Of a file in JSON: the number of the row, counted from 1.
  let line: Int
  let columns: [String]
  let fields: [String]

  /// Nil where the field is empty or the table has no such column.
  func text(_ column: String) -> String? {
    guard let index = columns.firstIndex(where: { $0.utf8.elementsEqual(column.utf8) }) else { return nil }
    return fields[index].isEmpty ? nil : fields[index]
  }

  func error(_ column: String, _ reason: String) -> PricingError {
    .table(file: file, line: line, column: column, reason: reason)
  }

  func required(_ column: String) throws(PricingError) -> String {
    guard let value = text(column) else { throw error(column, "a value is missing") }
    return value
  }

  func decimal(_ column: String) throws(PricingError) -> ExactDecimal? {
    guard let value = text(column) else { return nil }
    do {
      return try ExactDecimal(value)
    } catch {
      throw self.error(column, error.description)
    }
  }

  func rate(
    _ column: String, per quantity: Int64, of unit: RateUnit, currency: Currency
  ) throws(PricingError) -> Rate? {
    guard let value = text(column) else { return nil }
    do {
      return try Rate(value, per: quantity, of: unit, currency: currency)
    } catch {
      throw self.error(column, error.description)
    }
  }

  func integer(_ column: String, in range: ClosedRange<Int>) throws(PricingError) -> Int? {
    guard let value = text(column) else { return nil }
    guard let number = Int(value), range.contains(number) else {
      throw error(column, "expected a whole number from \(range.lowerBound) to \(range.upperBound), found '\(value)'")
    }
    return number
  }

  func flag(_ column: String) throws(PricingError) -> Bool? {
    switch text(column) {
    case nil: return nil
    case "true": return true
    case "false": return false
    case .some(let value): throw error(column, "expected true or false, found '\(value)'")
    }
  }

  func date(_ column: String) throws(PricingError) -> CivilDate? {
    guard let value = text(column) else { return nil }
    guard let date = CivilDate(value) else { throw error(column, "expected a date like 2026-11-23, found '\(value)'") }
    return date
  }

  func currency(_ column: String) throws(PricingError) -> Currency {
    guard let value = text(column) else { return .usd }
    do {
      return try Currency(value)
    } catch {
      throw self.error(column, error.description)
    }
  }
}

/// Splits bytes into records.
private struct CSVReader<Bytes: Sequence<UInt8>> {
  private var iterator: Bytes.Iterator
  private var next: UInt8?
  private let file: String
  /// Of the byte that comes next, counted from 1.
  private(set) var line = 1

  init(bytes: Bytes, file: String) {
    iterator = bytes.makeIterator()
    self.file = file
    next = iterator.next()
    skipByteOrderMark()
  }

  /// Spreadsheets put EF BB BF before UTF-8. Anything else that begins with EF is left to be refused as a column name.
  private mutating func skipByteOrderMark() {
    var rest = iterator
    guard next == 0xEF, rest.next() == 0xBB, rest.next() == 0xBF else { return }
    iterator = rest
    next = iterator.next()
  }

  private mutating func advance() {
    if next == UInt8(ascii: "\n") { line += 1 }
    next = iterator.next()
  }

  /// A line that begins with `#`, without it and the blanks around; nil at the first other line.
  mutating func readNote() -> String? {
    guard next == UInt8(ascii: "#") else { return nil }
    advance()
    var text: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\n") {
      if text.count < CSVTable.maximumFieldBytes { text.append(byte) }
      advance()
    }
    advance()
    while text.last == UInt8(ascii: "\r") || text.last == UInt8(ascii: " ") { text.removeLast() }
    return String(decoding: text.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self)
  }

  /// The next line that is not empty, nil at the end. A quoted field may hold line ends.
  mutating func readRecord() throws(PricingError) -> (line: Int, fields: [String])? {
    while next == UInt8(ascii: "\n") || next == UInt8(ascii: "\r") { advance() }
    guard next != nil else { return nil }
    let start = line
    var fields: [String] = []
    while true {
      guard fields.count < CSVTable.maximumColumns else {
        throw .table(file: file, line: line, column: "", reason: "more than \(CSVTable.maximumColumns) columns")
      }
      fields.append(try readField())
      if next == UInt8(ascii: ",") {
        advance()
        continue
      }
      if next == UInt8(ascii: "\r") { advance() }
      guard next == nil || next == UInt8(ascii: "\n") else {
        throw .table(file: file, line: line, column: "", reason: "text after a closing quote")
      }
      advance()
      return (start, fields)
    }
  }

  private mutating func readField() throws(PricingError) -> String {
    var field: [UInt8] = []
    let start = line
    if next == UInt8(ascii: "\"") {
      advance()
      while true {
        guard let byte = next else {
          throw .table(file: file, line: start, column: "", reason: "a quote is not closed")
        }
        advance()
        if byte == UInt8(ascii: "\"") {
          guard next == UInt8(ascii: "\"") else { break }
          advance()
        }
        try append(byte, to: &field)
      }
    } else {
      while let byte = next, byte != UInt8(ascii: ","), byte != UInt8(ascii: "\n"), byte != UInt8(ascii: "\r") {
        try append(byte, to: &field)
        advance()
      }
    }
    guard let text = String(validating: field, as: UTF8.self) else {
      throw .table(file: file, line: start, column: "", reason: "a field is not UTF-8")
    }
    return text
  }

  private func append(_ byte: UInt8, to field: inout [UInt8]) throws(PricingError) {
    guard field.count < CSVTable.maximumFieldBytes else {
      throw .table(file: file, line: line, column: "", reason: "a field of over \(CSVTable.maximumFieldBytes) bytes")
    }
    field.append(byte)
  }
}
