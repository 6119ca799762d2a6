import Pricing
import Usage

/// Invoice lines from a table: `invoice,line,machine,start,end,currency,amount`, in any order of columns, as RFC 4180 has
/// it. `machine` is empty for what is not a machine's time. Times are days or full hours of UTC (`2026-11-01`,
/// `2026-11-01T05:00:00Z`); amounts are exact decimal text.
public enum InvoiceCSV {
  static let columns = ["invoice", "line", "machine", "start", "end", "currency", "amount"]

  /// - Throws: `invalid` with the line's number for anything that is not so; nothing is read in half.
  public static func read(_ bytes: [UInt8]) throws(LedgerError) -> [InvoiceLine] {
    let rows = try cells(bytes)
    guard let header = rows.first, Set(header.cells) == Set(columns), header.cells.count == columns.count else {
      throw .invalid("an invoice has the columns \(columns.joined(separator: ","))")
    }
    var lines: [InvoiceLine] = []
    for row in rows.dropFirst() {
      guard row.cells.count == columns.count else {
        throw .invalid("line \(row.number): \(row.cells.count) columns, not \(columns.count)")
      }
      let values = Dictionary(uniqueKeysWithValues: zip(header.cells, row.cells))
      func value(_ column: String) -> String { values[column] ?? "" }
      func wrong(_ column: String) -> LedgerError {
        .invalid("line \(row.number), column \(column): '\(value(column))' cannot be read")
      }
      guard !value("invoice").isEmpty else { throw wrong("invoice") }
      guard let start = moment(value("start")) else { throw wrong("start") }
      guard let stop = moment(value("end")) else { throw wrong("end") }
      guard (try? Currency(value("currency"))) != nil else { throw wrong("currency") }
      guard let money = try? Money(value("amount")) else { throw wrong("amount") }
      lines.append(
        InvoiceLine(
          invoice: value("invoice"), line: value("line"), machine: value("machine").isEmpty ? nil : value("machine"),
          currency: value("currency"), start: start, stop: stop, picos: money.picos))
    }
    return lines
  }

  /// Nanoseconds since 1970 of a day's beginning or of a moment to the second.
  public static func moment(_ text: String) -> Int64? {
    guard let date = CivilDate(String(text.prefix(10))) else { return nil }
    let day = Int64(date.dayNumber) * UTCDay.nanos
    let clock = Array(text.utf8.dropFirst(10))
    if clock.isEmpty { return day }
    guard clock.count == 10, clock[0] == UInt8(ascii: "T"), clock[9] == UInt8(ascii: "Z"),
      clock[3] == UInt8(ascii: ":"), clock[6] == UInt8(ascii: ":")
    else { return nil }
    let parts = [1, 4, 7].map { Int64(String(decoding: clock[$0..<$0 + 2], as: UTF8.self)) }
    guard let hour = parts[0], let minute = parts[1], let second = parts[2], (0...23).contains(hour),
      (0...59).contains(minute), (0...59).contains(second)
    else { return nil }
    return day + ((hour * 60 + minute) * 60 + second) * 1_000_000_000
  }

  private static func cells(_ bytes: [UInt8]) throws(LedgerError) -> [(number: Int, cells: [String])] {
    guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalid("the table is not UTF-8") }
    var rows: [(number: Int, cells: [String])] = []
    var (row, cell): ([String], [UInt8]) = ([], [])
    var (number, start, isQuoted, wasQuoted) = (1, 1, false, false)
    func text() -> String { String(decoding: cell, as: UTF8.self) }
    var index = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    func endRow() {
      row.append(text())
      if row != [""] || wasQuoted { rows.append((start, row)) }
      (row, cell, wasQuoted) = ([], [], false)
      start = number
    }
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\n") { number += 1 }
      if isQuoted {
        if byte != UInt8(ascii: "\"") {
          cell.append(byte)
        } else if index < bytes.count, bytes[index] == byte {
          cell.append(byte)
          index += 1
        } else {
          isQuoted = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\"") where cell.isEmpty && !wasQuoted: (isQuoted, wasQuoted) = (true, true)
      case UInt8(ascii: "\""): throw .invalid("line \(number): a quotation mark within a cell")
      case UInt8(ascii: ","):
        row.append(text())
        (cell, wasQuoted) = ([], false)
      case UInt8(ascii: "\r") where index < bytes.count && bytes[index] == UInt8(ascii: "\n"): break
      case UInt8(ascii: "\n"): endRow()
      default: cell.append(byte)
      }
    }
    if isQuoted { throw .invalid("line \(start): a quotation mark that is never closed") }
    if !row.isEmpty || !cell.isEmpty { endRow() }
    return rows
  }
}
