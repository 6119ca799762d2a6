import Usage

/// `text` with every control character, which a hostile file or name could use to drive the terminal, made visible.
func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isControl) else { return text }
  var result = ""
  for scalar in text.unicodeScalars {
    if !isControl(scalar) {
      result.unicodeScalars.append(scalar)
    } else if scalar == "\n" {
      result += "\\n"
    } else if scalar == "\t" {
      result += "\\t"
    } else {
      result += "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
  return result
}

private func isControl(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0..<0x20, 0x7f..<0xa0: true
  // Line and paragraph separators, and the marks that turn the direction of writing around.
  case 0x2028...0x202e, 0x2066...0x2069: true
  default: false
  }
}

/// The columns that `text` takes on a terminal: none for combining marks and joiners, two for East Asian wide
/// characters and emoji, one for the rest. An estimate: terminals differ.
func displayColumns(_ text: some StringProtocol) -> Int {
  text.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
}

private func columns(of scalar: Unicode.Scalar) -> Int {
  if scalar.value < 0x300 { return 1 }
  switch scalar.properties.generalCategory {
  case .nonspacingMark, .enclosingMark, .format: return 0
  default: break
  }
  switch scalar.value {
  case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
    0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f680...0x1f6ff, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
    return 2
  default: return 1
  }
}

/// `text`, cut to at most `limit` columns; a cut shows as an ellipsis.
func clipped(_ text: String, to limit: Int) -> String {
  guard displayColumns(text) > limit else { return text }
  var result = ""
  var used = 0
  for scalar in text.unicodeScalars {
    let width = columns(of: scalar)
    if used + width > limit - 1 { break }
    result.unicodeScalars.append(scalar)
    used += width
  }
  return limit > 0 ? result + "…" : ""
}

func padded(_ text: String, to width: Int, right: Bool = false) -> String {
  let spaces = String(repeating: " ", count: max(0, width - displayColumns(text)))
  return right ? spaces + text : text + spaces
}

/// `text` in lines of at most `width` columns, broken at spaces; a longer word keeps a line of its own.
func wrapped(_ text: String, to width: Int) -> [String] {
  var lines: [String] = []
  for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
    var line = ""
    for word in paragraph.split(separator: " ") {
      if line.isEmpty {
        line = String(word)
      } else if displayColumns(line) + 1 + displayColumns(word) <= width {
        line += " " + word
      } else {
        lines.append(line)
        line = String(word)
      }
    }
    lines.append(line)
  }
  return lines
}

/// A count with its thousands apart: 98,362,432.
func grouped(_ number: some BinaryInteger) -> String {
  let digits = Array(String(number.magnitude))
  var result = number < 0 ? "-" : ""
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
    result.append(digit)
  }
  return result
}

/// A size for people, in the decimal units in which disks and downloads are sold: 98.4 MB.
func readableBytes(_ bytes: Int) -> String {
  let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
  var divisor = 1
  var unit = 0
  while unit < units.count - 1, bytes / divisor >= 1000 {
    divisor *= 1000
    unit += 1
  }
  guard unit > 0 else { return "\(bytes) B" }
  // Tenths, rounded half up in whole numbers; 999.96 kB may read 1000.0 kB, which is true enough.
  let tenths = Int((Double(bytes) / Double(divisor) * 10).rounded())
  return "\(tenths / 10).\(tenths % 10) \(units[unit])"
}

/// A number with four decimals; of a broken model it may be none, or too large for that.
func decimalText(_ value: Double) -> String {
  guard abs(value) < 1e12 else { return "\(value)" }
  return FixedPoint.text(Int64(value * 10_000), decimals: 4)
}

/// How far something is: "[########............]  40 %".
func progressBar(_ done: Int, of total: Int, cells: Int = 20) -> String {
  let share = total > 0 ? Double(min(max(done, 0), total)) / Double(total) : 0
  let full = Int(share * Double(cells))
  return "[" + String(repeating: "#", count: full) + String(repeating: ".", count: cells - full) + "] "
    + padded(String(Int(share * 100)), to: 3, right: true) + " %"
}
