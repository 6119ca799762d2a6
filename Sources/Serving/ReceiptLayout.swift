/// Lays text out in lines of a terminal's width: facts with a label, wrapped under themselves, and tables of amounts
/// with their decimal points in one column. No line ends in a space, and none is wider than the width.
struct ReceiptLayout {
  private(set) var lines: [String] = []
  let width: Int

  static let narrowest = 20
  private static let labelWidth = 12
  /// Below this a label stands on a line of its own.
  private static let leastBodyWidth = 26

  init(width: Int) {
    self.width = max(Self.narrowest, width)
  }

  var text: String { lines.map { $0 + "\n" }.joined() }

  mutating func heading(_ text: String) {
    wrap(text, indent: 0)
  }

  /// A label, then the text beside it.
  mutating func fact(_ label: String, _ text: String) {
    if width - 2 - Self.labelWidth >= Self.leastBodyWidth, label.utf8.count < Self.labelWidth {
      wrap(text, indent: 2 + Self.labelWidth, first: "  " + padded(label, Self.labelWidth))
    } else {
      wrap(label, indent: 2)
      wrap(text, indent: 4)
    }
  }

  struct Row {
    /// Indented by two columns for each.
    var level = 0
    var label: String
    /// Decimal text with its currency; empty for a remark that runs over all columns.
    var amount: String
    var remark: String
  }

  /// Rows of label, amount and remark in three columns; where they do not fit, each label on its own line.
  mutating func table(_ rows: [Row], indent: Int = 4) {
    let amounts = rows.filter { !$0.amount.isEmpty }
    let labels = amounts.map { $0.level * 2 + $0.label.unicodeScalars.count }.max() ?? 0
    let before = amounts.map { Self.beforePoint($0.amount) }.max() ?? 0
    let after = amounts.map { $0.amount.utf8.count - Self.beforePoint($0.amount) }.max() ?? 0
    let remarkColumn = indent + labels + 2 + before + after + 2
    let fits = width - remarkColumn >= Self.leastBodyWidth
    for row in rows {
      let margin = String(repeating: " ", count: indent + row.level * 2)
      guard !row.amount.isEmpty else {
        wrap(row.label, indent: margin.utf8.count)
        continue
      }
      let left = String(repeating: " ", count: before - Self.beforePoint(row.amount))
      let amount = padded(left + row.amount, before + after) + "  "
      if fits {
        wrap(row.remark, indent: remarkColumn, first: padded(margin + row.label, indent + labels) + "  " + amount)
      } else {
        wrap(row.label, indent: margin.utf8.count)
        stack(amount, remark: row.remark, indent: indent + 4)
      }
    }
  }

  /// An amount and its remark under a label.
  private mutating func stack(_ amount: String, remark: String, indent: Int) {
    let start = String(repeating: " ", count: indent) + amount
    if width - start.utf8.count >= Self.leastBodyWidth / 2 {
      wrap(remark, indent: start.utf8.count, first: start)
    } else {
      wrap(amount, indent: indent)
      wrap(remark, indent: indent)
    }
  }

  /// Breaks at spaces; a word that is wider than a line is cut.
  private mutating func wrap(_ text: String, indent: Int, first: String? = nil) {
    let indent = min(indent, width - 8)
    let margin = String(repeating: " ", count: indent)
    var line = first ?? margin
    var room = width - (first == nil ? indent : line.unicodeScalars.count)
    var isEmpty = true
    for word in text.unicodeScalars.split(separator: " ") {
      var rest = Substring(word)
      while !rest.isEmpty {
        let size = rest.unicodeScalars.count
        let gap = isEmpty ? 0 : 1
        if size + gap <= room {
          line += (gap == 1 ? " " : "") + rest
          room -= size + gap
          isEmpty = false
          break
        }
        if isEmpty {
          line.unicodeScalars.append(contentsOf: rest.unicodeScalars.prefix(room))
          rest = Substring(rest.unicodeScalars.dropFirst(room))
        }
        close(line)
        (line, room, isEmpty) = (margin, width - indent, true)
      }
    }
    if !isEmpty || first != nil { close(line) }
  }

  private mutating func close(_ line: String) {
    let end = line.utf8.lastIndex { $0 != UInt8(ascii: " ") }
    lines.append(end.map { String(line[...$0]) } ?? "")
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.unicodeScalars.count))
  }

  private static func beforePoint(_ amount: String) -> Int {
    amount.utf8.firstIndex(of: UInt8(ascii: ".")).map { amount.utf8.distance(from: amount.utf8.startIndex, to: $0) }
      ?? amount.utf8.count
  }
}
