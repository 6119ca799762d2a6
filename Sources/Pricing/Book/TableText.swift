import Usage

/// A table as rows of text, on its way to a file: fields stand in the order of `columns`, nil is not stated.
struct TableText {
  let columns: [String]
  var rows: [[String?]] = []

  /// Comma-separated, the header first; a field is quoted where it must be.
  func csv(notes: [String] = []) -> [UInt8] {
    var bytes: [UInt8] = []
    for note in notes { bytes += Array("# \(note)\n".utf8) }
    bytes += Array((columns.joined(separator: ",") + "\n").utf8)
    for row in rows {
      for (index, field) in row.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes += Self.quoted(field ?? "")
      }
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// An array of objects; what is not stated has no key. Every value is a string, so that nothing reads a price as
  /// floating point.
  func write(_ key: String, to json: inout JSONWriter) {
    json.array(key) { json in
      for row in rows {
        json.object { json in
          for (column, field) in zip(columns, row) where field != nil { json.field(column, field) }
        }
      }
    }
  }

  private static func quoted(_ field: String) -> [UInt8] {
    let special = field.utf8.contains { [0x22, 0x2C, 0x0A, 0x0D].contains($0) } || field.utf8.first == 0x23
    guard special else { return Array(field.utf8) }
    var bytes: [UInt8] = [0x22]
    for byte in field.utf8 {
      if byte == 0x22 { bytes.append(byte) }
      bytes.append(byte)
    }
    return bytes + [0x22]
  }
}

extension JSONText {
  /// The rows of an array of flat objects, such as `TableText.write` makes.
  /// - Throws: `table` for anything that is no such array, and for a column that the table does not have.
  func rows(_ name: String, file: String, columns known: [String]) throws(PricingError) -> [CSVRow] {
    guard let elements else { throw .table(file: file, line: 1, column: name, reason: "expected an array") }
    var rows: [CSVRow] = []
    for (index, element) in elements.enumerated() {
      guard let members = element.members else {
        throw .table(file: file, line: index + 1, column: name, reason: "expected an object")
      }
      var columns: [String] = []
      var fields: [String] = []
      for member in members where member.value != .null {
        guard known.contains(where: { $0.utf8.elementsEqual(member.key.utf8) }) else {
          throw .table(file: file, line: index + 1, column: name, reason: "unknown key '\(member.key)'")
        }
        guard let text = member.value.scalarText, text.utf8.count <= CSVTable.maximumFieldBytes else {
          throw .table(file: file, line: index + 1, column: member.key, reason: "expected a text or a number")
        }
        columns.append(member.key)
        fields.append(text)
      }
      rows.append(CSVRow(file: file, line: index + 1, columns: columns, fields: fields))
    }
    return rows
  }
}

extension Rate {
  /// For a table: exact decimal text per so many units. Every rate that was read from a table has one.
  func field(per units: Int64) -> String { decimalText(per: units) ?? "" }
}

extension Rate? {
  func field(per units: Int64) -> String? { self?.field(per: units) }
}
