import Pricing

/// The comparison as one page of HTML that needs nothing else: no script, no font, no picture from elsewhere.
struct ComparePage {
  let comparison: Comparison

  var html: String {
    let charts = charts
    let band =
      charts.contains(#"class="break""#)
      ? " What loses next to nothing stands below the dashed line, off the scale." : ""
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(escaped(comparison.model)): levels of quantisation</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <main>
      <h1>\(escaped(comparison.model)): levels of quantisation</h1>
      \(comparison.conditions.map { "<p>\(escaped($0))</p>" }.joined(separator: "\n"))
      \(table)
      <p class="note">Unbeaten: no other level is at least as good on every axis and better on one. In the charts, filled \
      points joined by a line are those that no other level beats on the two axes shown.\(band)</p>
      \(charts)
      </main>
      </body>
      </html>

      """
  }

  private static let style = """

    :root { --paper: #fcfcfb; --ink: #1b1b1a; --soft: #5f5e5a; --line: #dddbd5; --best: #1f6fb2; --band: #f1f0ec; }
    @media (prefers-color-scheme: dark) {
      :root { --paper: #191918; --ink: #ecebe7; --soft: #a5a39b; --line: #3a3936; --best: #6cb2ee; --band: #242422; }
    }
    body { margin: 0; background: var(--paper); color: var(--ink);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
    main { max-width: 1320px; margin: 0 auto; padding: 24px; }
    h1 { font-size: 1.5rem; margin: 0 0 .5rem; }
    h2 { font-size: 1.05rem; margin: 0 0 .25rem; }
    p { margin: .15rem 0; color: var(--soft); }
    .note { margin: .75rem 0 1.5rem; }
    .wide { overflow-x: auto; margin-top: 1.25rem; }
    table { border-collapse: collapse; width: 100%; font-size: .87rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
    th, td { padding: .35rem .4rem; text-align: right; border-bottom: 1px solid var(--line); }
    th { color: var(--soft); font-weight: 600; font-size: .85rem; line-height: 1.25; vertical-align: bottom; white-space: normal; }
    th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
    td:first-child { font-weight: 600; }
    th:first-child, td:first-child { position: sticky; left: 0; background: var(--paper); }
    tr.unbeaten td { background: var(--band); }
    .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 28px; }
    figure { margin: 0; min-width: 0; overflow-x: auto; }
    svg { width: 100%; min-width: 520px; height: auto; display: block; }
    svg text { fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
    svg text.tick, svg text.axis { fill: var(--soft); }
    .grid { stroke: var(--line); }
    .front { fill: none; stroke: var(--best); stroke-width: 2; stroke-opacity: .55; }
    .break { stroke: var(--soft); stroke-dasharray: 3 4; }
    .spread { stroke: var(--soft); stroke-width: 1.5; }
    .best { fill: var(--best); stroke: var(--paper); stroke-width: 1.5; }
    .other { fill: var(--paper); stroke: var(--soft); stroke-width: 2; }

    """

  private var table: String {
    let heads = Comparison.columns.map { "<th>\(escaped($0))</th>" }.joined()
    let rows = zip(comparison.levels, comparison.unbeaten).map { level, isUnbeaten in
      let cells = comparison.cells(level, isUnbeaten: isUnbeaten).map { "<td>\(escaped($0))</td>" }.joined()
      return "<tr\(isUnbeaten ? #" class="unbeaten""# : "")>\(cells)</tr>"
    }
    return """
      <div class="wide"><table>
      <thead><tr>\(heads)</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table></div>
      """
  }

  private var charts: String {
    var charts: [Chart] = []
    let loss = loss()
    charts.append(
      chart("What a level loses, by its bytes", Chart.Axis(title: "bytes of the file") { readableBytes(Int($0)) }, loss)
      {
        Double($0.fileBytes)
      })
    charts.append(
      chart(
        "What a level loses, by its speed",
        Chart.Axis(title: "decode, tokens per second", isGain: true) { Comparison.decimal($0, 0) }, loss
      ) { $0.decode.median })
    if comparison.levels.contains(where: { $0.outputPerMillion != nil }) {
      charts.append(
        chart(
          "What a level loses, by its price",
          Chart.Axis(title: "dollars per million tokens out") { "$" + Comparison.decimal($0, 4) }, loss
        ) { Double($0.outputPerMillion?.picos ?? 0) / 1e12 })
    }
    let figures = charts.map { "<figure>\n<h2>\(escaped($0.title))</h2>\n\($0.svg())\n</figure>" }
    return #"<div class="charts">"# + "\n" + figures.joined(separator: "\n") + "\n</div>"
  }

  /// The vertical axis of all charts: KL where it was measured of more than the reference itself, else perplexity.
  private func loss() -> Chart.Axis {
    comparison.levels.contains { ($0.klMean ?? 0) > 0 }
      ? Chart.Axis(title: "mean KL against the model as it is, nats", isLogarithmic: true) { Self.short($0) }
      : Chart.Axis(title: "perplexity") { Comparison.decimal($0, 2) }
  }

  private func chart(
    _ title: String, _ x: Chart.Axis, _ y: Chart.Axis, _ across: (LevelFigures) -> Double
  ) -> Chart {
    let points = comparison.levels.compactMap { level -> Chart.Point? in
      guard y.isLogarithmic else {
        return Chart.Point(name: level.name, x: across(level), y: level.perplexity, spread: level.perplexityError)
      }
      return level.klMean.map { Chart.Point(name: level.name, x: across(level), y: $0, spread: level.klError) }
    }
    return Chart(title: title, x: x, y: y, points: points)
  }

  /// A small number without trailing zeros.
  private static func short(_ value: Double) -> String {
    let text = Comparison.decimal(value, 9)
    guard text.contains(".") else { return text }
    return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
  }
}
