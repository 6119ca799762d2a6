import Glibc

/// A scatter chart as SVG: one labelled point a level, a line through those that no other beats on the two axes shown.
///
/// On a scale of powers, points that lie far below all others, and zeros, stand in a band of their own under a dashed
/// line, so that what next to nothing separates from nothing does not press the others into a corner.
///
/// Colours come from the page's style, so that it follows light and dark; all text is text, and so can be selected.
struct Chart {
  struct Point {
    let name: String
    let x: Double
    let y: Double
    /// Half the width of what the measurement leaves open on the vertical axis.
    var spread: Double?
  }

  struct Axis {
    let title: String
    var isLogarithmic = false
    /// Whether more is better.
    var isGain = false
    let format: (Double) -> String
  }

  let title: String
  let x: Axis
  let y: Axis
  let points: [Point]

  private static let size = (width: 640.0, height: 400.0)
  private static let frame = (top: 20.0, right: 24.0, bottom: 56.0)
  /// About the width of a figure in tick labels, in the page's font.
  private static let figureWidth = 7.2

  func svg() -> String {
    let up = Scale(
      points.map(\.y), spreads: points.map { $0.spread ?? 0 }, y, Self.size.height - Self.frame.bottom, Self.frame.top)
    let left = leftEdge(up)
    let across = Scale(points.map(\.x), x, left, Self.size.width - Self.frame.right)
    var parts = [
      #"<svg viewBox="0 0 640 400" role="img" aria-label="\#(escaped(title))">"#,
      gridLines(across, up, left), band(up, left), frontier(across, up),
    ]
    var taken: [(x: Double, y: Double, width: Double)] = []
    let best = front
    for (index, point) in points.enumerated() {
      parts.append(mark(point, across.place(point.x), up, isBest: best.contains(index), &taken))
    }
    parts.append("</svg>")
    return parts.joined(separator: "\n")
  }

  /// The points that no other beats on these two axes.
  private var front: Set<Int> {
    func cost(_ point: Point) -> (Double, Double) { (x.isGain ? -point.x : point.x, y.isGain ? -point.y : point.y) }
    return Set(
      points.indices.filter { index in
        let own = cost(points[index])
        return !points.contains { other in
          let cost = cost(other)
          return cost.0 <= own.0 && cost.1 <= own.1 && (cost.0 < own.0 || cost.1 < own.1)
        }
      })
  }

  /// Where the plot begins: behind the axis title and the longest tick label.
  private func leftEdge(_ up: Scale) -> Double {
    let labels = up.ticks.map { y.format($0) } + (up.band.map { [words(for: $0)] } ?? [])
    let longest = labels.map(\.unicodeScalars.count).max() ?? 0
    return 32 + Double(longest) * Self.figureWidth + 8
  }

  private func gridLines(_ across: Scale, _ up: Scale, _ left: Double) -> String {
    let right = Self.size.width - Self.frame.right
    let (top, bottom) = (Self.frame.top, Self.size.height - Self.frame.bottom)
    var lines: [String] = []
    for tick in up.ticks {
      let place = number(up.place(tick))
      lines.append(#"<line class="grid" x1="\#(number(left))" x2="\#(number(right))" y1="\#(place)" y2="\#(place)"/>"#)
      lines.append(text("tick", left - 8, up.place(tick) + 4, y.format(tick), #"text-anchor="end""#))
    }
    for tick in across.ticks {
      let place = number(across.place(tick))
      lines.append(#"<line class="grid" x1="\#(place)" x2="\#(place)" y1="\#(number(top))" y2="\#(number(bottom))"/>"#)
      lines.append(text("tick", across.place(tick), bottom + 18, x.format(tick), #"text-anchor="middle""#))
    }
    lines.append(text("axis", (left + right) / 2, Self.size.height - 12, x.title, #"text-anchor="middle""#))
    let middle = (top + bottom) / 2
    lines.append(
      text("axis", 16, middle, y.title, #"text-anchor="middle" transform="rotate(-90 16 \#(number(middle)))""#))
    return lines.joined(separator: "\n")
  }

  /// The line that parts the band from the scale, and what is below it.
  private func band(_ up: Scale, _ left: Double) -> String {
    guard let band = up.band else { return "" }
    let (edge, right) = (number(up.place(band.edge)), Self.size.width - Self.frame.right)
    return [
      #"<line class="break" x1="\#(number(left))" x2="\#(number(right))" y1="\#(edge)" y2="\#(edge)"/>"#,
      text("tick", left - 8, up.place(0) + 4, words(for: band), #"text-anchor="end""#),
    ].joined(separator: "\n")
  }

  private func words(for band: Scale.Band) -> String {
    band.most > 0 ? "< " + y.format(pow(10, floor(log10(band.most)) + 1)) : y.format(0)
  }

  private func frontier(_ across: Scale, _ up: Scale) -> String {
    // What is in the band has no distance from the others that a line could show.
    let best = front.map { points[$0] }.filter { !up.isInBand($0.y) }.sorted { $0.x < $1.x }
    guard best.count > 1 else { return "" }
    let places = best.map { "\(number(across.place($0.x))),\(number(up.place($0.y)))" }.joined(separator: " ")
    return #"<polyline class="front" points="\#(places)"/>"#
  }

  private func mark(
    _ point: Point, _ place: Double, _ up: Scale, isBest: Bool, _ taken: inout [(x: Double, y: Double, width: Double)]
  ) -> String {
    let height = up.place(point.y)
    var parts: [String] = []
    if let spread = point.spread, spread > 0, !up.isInBand(point.y) {
      let least = max(point.y - spread, up.band?.edge ?? -.infinity)
      let (low, high) = (number(up.place(least)), number(up.place(point.y + spread)))
      parts.append(#"<line class="spread" x1="\#(number(place))" x2="\#(number(place))" y1="\#(low)" y2="\#(high)"/>"#)
    }
    let words = "\(point.name): \(x.format(point.x)), \(y.format(point.y))"
    let kind = isBest ? "best" : "other"
    parts.append(#"<circle class="\#(kind)" cx="\#(number(place))" cy="\#(number(height))" r="5">"#)
    parts.append("<title>\(escaped(words))</title></circle>")
    // Labels go to the right of their points, or to the left at the edge, and up or down where another is.
    let width = Double(point.name.utf8.count) * 7.2
    let atEdge = place + 10 + width > Self.size.width - 4
    let start = atEdge ? place - 10 - width : place + 10
    var line = height + 4
    for step in [0.0, -14, 14, -28, 28, -42, 42] {
      let candidate = height + 4 + step
      let isFree = !taken.contains { abs($0.y - candidate) < 13 && start < $0.x + $0.width && $0.x < start + width }
      if isFree {
        line = candidate
        break
      }
    }
    taken.append((start, line, width))
    parts.append(text("label", start, line, point.name))
    return parts.joined(separator: "\n")
  }

  private func text(_ kind: String, _ x: Double, _ y: Double, _ words: String, _ more: String = "") -> String {
    #"<text class="\#(kind)" x="\#(number(x))" y="\#(number(y))" \#(more)>\#(escaped(words))</text>"#
  }

  private func number(_ value: Double) -> String { String((value * 10).rounded() / 10) }
}

/// Maps numbers of an axis to places on the page, with round numbers to mark.
private struct Scale {
  /// Where numbers stand that are too small for the scale.
  struct Band {
    /// The least number of the scale.
    let edge: Double
    /// The largest number in the band.
    let most: Double
  }

  let ticks: [Double]
  let band: Band?
  private let low: Double
  private let high: Double
  private let start: Double
  private let end: Double
  private let isLogarithmic: Bool

  private static let bandHeight = 36.0
  /// A gap this wide between neighbours sends those below it to the band: two powers of ten.
  private static let widestGap = 100.0

  /// - Parameters:
  ///   - values: of the points.
  ///   - spreads: half of what each leaves open.
  init(_ values: [Double], spreads: [Double] = [], _ axis: Chart.Axis, _ start: Double, _ end: Double) {
    self.end = end
    isLogarithmic = axis.isLogarithmic
    let spreads = spreads.isEmpty ? values.map { _ in 0 } : spreads
    let points = zip(values, spreads).filter { $0.0.isFinite }.sorted { $0.0 < $1.0 }
    let small = axis.isLogarithmic ? Self.farBelow(points.map(\.0)) : 0
    // A spread down to nothing has no end on a scale of powers.
    let usable = points.dropFirst(small).flatMap { value, spread in
      [axis.isLogarithmic ? max(value - spread, value / 10) : value - spread, value + spread]
    }
    var (least, most) = (usable.min() ?? 1, usable.max() ?? 1)
    if axis.isLogarithmic {
      if least == most { (least, most) = (least / 2, most * 2) }
      (low, high) = (log10(least) - 0.08 * log10(most / least), log10(most) + 0.08 * log10(most / least))
      ticks = Self.decades(low, high)
    } else {
      if least == most { (least, most) = (least - abs(least) / 2 - 1e-9, most + abs(most) / 2 + 1e-9) }
      let margin = 0.08 * (most - least)
      (low, high) = (least - margin, most + margin)
      ticks = Self.rounds(low, high)
    }
    band = small == 0 ? nil : Band(edge: pow(10, low), most: points[small - 1].0)
    self.start = band == nil ? start : start + (end < start ? -Self.bandHeight : Self.bandHeight)
  }

  /// How many of the numbers, which rise, are far below the others: zeros, and what a wide gap parts from at least two.
  private static func farBelow(_ values: [Double]) -> Int {
    let zeros = values.prefix { $0 <= 0 }.count
    guard values.count > zeros + 2 else { return zeros }
    return (zeros + 1..<values.count - 1).last { values[$0] > widestGap * values[$0 - 1] } ?? zeros
  }

  func isInBand(_ value: Double) -> Bool { band.map { value < $0.edge } ?? false }

  func place(_ value: Double) -> Double {
    if isInBand(value) { return start + (end < start ? 1 : -1) * Self.bandHeight / 2 }
    let at = isLogarithmic ? log10(max(value, 1e-300)) : value
    return start + (min(max(at, low), high) - low) / (high - low) * (end - start)
  }

  /// Some five round numbers.
  private static func rounds(_ low: Double, _ high: Double) -> [Double] {
    let rough = (high - low) / 5
    let power = pow(10, floor(log10(rough)))
    let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? 10 * power
    return stride(from: ceil(low / step), through: floor(high / step), by: 1).map { $0 * step }
  }

  /// 1, 2 and 5 of each power of ten, or the powers alone where there are many.
  private static func decades(_ low: Double, _ high: Double) -> [Double] {
    let powers = stride(from: floor(low), through: ceil(high), by: 1)
    let steps = high - low > 2.5 ? [1.0] : [1.0, 2, 5]
    return powers.flatMap { power in steps.map { $0 * pow(10, power) } }
      .filter { log10($0) >= low && log10($0) <= high }
  }
}

/// A text as HTML has it.
func escaped(_ text: String) -> String {
  var result = ""
  for character in text.unicodeScalars {
    switch character {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    default: result.unicodeScalars.append(character)
    }
  }
  return result
}
