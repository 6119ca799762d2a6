import Pricing
import Testing

@testable import FarthingCLI

@Suite struct CompareTests {
  private func level(
    _ name: String, bytes: Int, kl: Double?, decode: Double, prefill: Double = 100, perplexity: Double = 50
  ) -> LevelFigures {
    var figures = LevelFigures(name: name, path: "/cache/\(name).gguf")
    figures.fileBytes = bytes
    figures.bitsPerWeight = 4.5
    figures.residentBytes = bytes
    (figures.klMean, figures.klError) = (kl, kl.map { $0 / 20 })
    figures.decode = .init([decode * 0.9, decode, decode * 1.2])
    figures.prefill = .init([prefill])
    (figures.perplexity, figures.perplexityError) = (perplexity, 0.9)
    figures.agreement = kl.map { 1 - $0 }
    return figures
  }

  private func comparison(_ levels: [LevelFigures]) -> Comparison {
    var comparison = Comparison(
      model: "m<odel>", text: "a & b", context: 256, threads: 2, price: nil, promptTokens: 256, answerTokens: 64,
      repetitions: 3, method: .auto)
    comparison.levels = levels
    return comparison
  }

  @Test func whatIsBeatenOnEveryAxisIsNotMarked() {
    let levels = [
      level("F16", bytes: 800, kl: 0, decode: 10), level("Q8_0", bytes: 400, kl: 0.001, decode: 20),
      level("worse", bytes: 410, kl: 0.002, decode: 19), level("Q4_0", bytes: 200, kl: 0.02, decode: 30),
      level("twin", bytes: 200, kl: 0.02, decode: 30),
    ]
    #expect(LevelFigures.unbeaten(levels) == [true, true, false, true, true])
  }

  @Test func speedsAreMedians() {
    let odd = LevelFigures.Speed([3, 1, 2])
    #expect(odd.median == 2 && odd.least == 1 && odd.most == 3)
    #expect(LevelFigures.Speed([4, 1]).median == 2.5)
    #expect(LevelFigures.Speed([]).median == 0)
  }

  @Test func thePageNeedsNothingElse() throws {
    var first = level("Q8_0", bytes: 4_598_688, kl: 0.000299, decode: 812.4)
    first.outputPerMillion = Money(picos: 5_740_000_000)
    let page = ComparePage(
      comparison: comparison([first, level("Q4_0", bytes: 2_771_872, kl: 0.014807, decode: 1100)])
    ).html
    for absent in ["<script", "http:", "https:", "url(", "@import", "<img", "<link"] {
      #expect(!page.contains(absent), "\(absent)")
    }
    for present in [
      "4,598,688", "0.000299", "m&lt;odel&gt;", "a &amp; b", "prefers-color-scheme: dark", "<svg", "Q4_0</text>",
      "812.4",
    ] {
      #expect(page.contains(present), "\(present)")
    }
    // One chart for bytes, speed and price each.
    #expect(page.ranges(of: "<svg").count == 3 && page.ranges(of: "</svg>").count == 3)
    #expect(!page.contains("nan") && !page.contains("inf\""))
  }

  @Test func levelsThatLoseNothingAndSingleLevels() {
    for levels in [
      [level("F32", bytes: 1, kl: 0, decode: 1)], [level("F32", bytes: 1, kl: nil, decode: 1)],
      [level("a", bytes: 5, kl: 0.1, decode: 7), level("b", bytes: 5, kl: 0.1, decode: 7)],
      [level("a", bytes: 5, kl: 0.1, decode: 0), level("b", bytes: 5, kl: 0, decode: 0)],
    ] {
      let page = ComparePage(comparison: comparison(levels)).html
      #expect(!page.contains("nan") && !page.contains("infinity") && page.contains("</html>"))
    }
  }

  /// Heights of the points of a chart, by name.
  private func heights(_ svg: Substring) -> [String: Double] {
    var found: [String: Double] = [:]
    let lines = svg.split(separator: "\n")
    for (line, next) in zip(lines, lines.dropFirst()) where line.contains("<circle") {
      let name = next.dropFirst("<title>".count).prefix { $0 != ":" }
      found[String(name)] = line.split(separator: "cy=\"").last?.split(separator: "\"").first.flatMap { Double($0) }
    }
    return found
  }

  /// F16 loses so little that on the same scale of powers the levels people choose between would lie close together.
  @Test func whatLosesNextToNothingStandsBelowTheScale() throws {
    let levels = [
      level("F32", bytes: 1600, kl: 0, decode: 8), level("F16", bytes: 800, kl: 1.2e-7, decode: 10),
      level("Q8_0", bytes: 400, kl: 0.0003, decode: 20), level("Q5_0", bytes: 300, kl: 0.003, decode: 25),
      level("Q4_0", bytes: 200, kl: 0.0148, decode: 30),
    ]
    let page = ComparePage(comparison: comparison(levels)).html
    let svg = try #require(page.ranges(of: "<svg").first.map { page[$0.lowerBound...].prefix(6_000) })
    let heights = heights(svg.prefix(upTo: svg.ranges(of: "</svg>").first?.lowerBound ?? svg.endIndex))
    #expect(heights.count == 5)
    let edge = try #require(
      svg.split(separator: "\n").first { $0.contains("class=\"break\"") }?.split(separator: "y1=\"").last?
        .split(separator: "\"").first.flatMap { Double($0) })
    let bottom = 400.0 - 56
    for name in ["F32", "F16"] {
      let height = try #require(heights[name])
      #expect(height > edge && height < bottom, "\(name)")
    }
    let (q8, q4) = (try #require(heights["Q8_0"]), try #require(heights["Q4_0"]))
    #expect(q8 < edge && q8 - q4 > 150)
    #expect(svg.contains("&lt; 0.000001</text>") && page.contains("below the dashed line"))
    // Without such levels there is neither line nor band, and one that loses nothing has a band of the name 0.
    let plain = ComparePage(comparison: comparison(Array(levels.dropFirst(2)))).html
    #expect(!plain.contains("class=\"break\"") && !plain.contains("dashed line"))
    let zero = ComparePage(comparison: comparison([levels[0], levels[2], levels[4]])).html
    #expect(zero.contains("class=\"break\"") && zero.contains(">0</text>"))
  }

  @Test func labelsOfNearPointsStandApart() {
    let points = (0..<4).map { Chart.Point(name: "level\($0)", x: 100, y: 0.01 + 0.0001 * Double($0)) }
    let axis = Chart.Axis(title: "x") { "\($0)" }
    let svg = Chart(
      title: "t", x: axis, y: Chart.Axis(title: "y", isLogarithmic: true) { "\($0)" },
      points: points + [
        Chart.Point(name: "far", x: 200, y: 1)
      ]
    ).svg()
    let heights = svg.split(separator: "\n").filter { $0.contains("class=\"label\"") && $0.contains("level") }
      .compactMap { $0.split(separator: "y=\"").last?.split(separator: "\"").first.flatMap { Double($0) } }
    #expect(heights.count == 4)
    for (index, one) in heights.enumerated() {
      for other in heights[(index + 1)...] { #expect(abs(one - other) >= 13) }
    }
  }

  @Test func theFrontierLeavesOutWhatIsBeaten() {
    let axis = Chart.Axis(title: "x") { "\($0)" }
    let chart = Chart(
      title: "t", x: axis, y: axis,
      points: [
        Chart.Point(name: "a", x: 1, y: 3), Chart.Point(name: "b", x: 2, y: 2), Chart.Point(name: "c", x: 3, y: 2.5),
      ])
    let svg = chart.svg()
    #expect(svg.ranges(of: "class=\"best\"").count == 2 && svg.ranges(of: "class=\"other\"").count == 1)
  }
}
