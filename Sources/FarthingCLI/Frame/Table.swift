/// A table for the terminal. Where it is too wide, the column named as `flexible` gives way.
struct Table {
  struct Column {
    let title: String
    var right = false
    var flexible = false
  }

  let columns: [Column]
  var rows: [[String]] = []

  /// The lines of the table, none wider than `width` where that is given and the flexible column can give enough.
  func lines(width: Int?) -> [String] {
    var widths = columns.indices.map { column in
      rows.reduce(displayColumns(columns[column].title)) { max($0, displayColumns($1[column])) }
    }
    if let width, let flexible = columns.firstIndex(where: \.flexible) {
      let excess = widths.reduce(0, +) + 2 * (columns.count - 1) - width
      if excess > 0 { widths[flexible] = max(8, widths[flexible] - excess) }
    }
    return ([columns.map(\.title)] + rows).map { row in
      let cells = columns.indices.map { column in
        padded(clipped(row[column], to: widths[column]), to: widths[column], right: columns[column].right)
      }
      let line = cells.joined(separator: "  ")
      return String(line.reversed().drop { $0 == " " }.reversed())
    }
  }
}

extension Console {
  /// - Parameter whole: let lines grow past the terminal's width rather than shorten a cell.
  func print(_ table: Table, whole: Bool = false) throws(CommandFailure) {
    for (index, line) in table.lines(width: whole ? nil : columns).enumerated() {
      try out.line(index == 0 ? bold(line) : line)
    }
  }
}
