import Usage

/// Energy and carbon of CPU time. Modelled, always: nobody measures what one virtual CPU of a shared machine draws. What no
/// person gave and no source states is unknown.
public struct PowerModel: Sendable, Hashable {
  /// A number and where it comes from.
  public struct Input: Sendable, Hashable {
    /// Thousandths: of a watt, of a gram a kilowatt-hour.
    public let milli: Int64
    public let source: String
  }

  /// What a busy virtual CPU draws.
  public let power: Input?
  /// CO2 equivalents of the grid.
  public let grid: Input?

  /// - Parameters:
  ///   - watts: and `grams`: decimal text that a person gave; they come before the rows.
  ///   - machine: its processor and its region may have rows.
  /// - Throws: `notADecimal`, `negative`, `tooPrecise` or their like.
  public init(watts: String?, grams: String?, machine: Machine?) throws(PricingError) {
    power = try watts.map(Self.given) ?? machine.flatMap { Self.power(of: $0.cpuFamily) }
    grid = try grams.map(Self.given) ?? machine.flatMap { Self.grid(of: $0.region) }
  }

  private static func given(_ text: String) throws(PricingError) -> Input {
    let milli = try ExactDecimal(text).thousandths()
    guard milli >= 0 else { throw .negative(text) }
    return Input(milli: milli, source: "given")
  }

  /// Millionths of a watt-hour, to the nearest; nil where it is unknown or leaves 64 bits.
  public func microWattHours(ofCPUNanos nanos: Int64) -> Int64? {
    guard let power else { return nil }
    // A nanosecond times a milliwatt is 10^-12 joules, a millionth of a watt-hour 3.6 x 10^9 of them.
    return Int64(exactly: (Int128(nanos) * Int128(power.milli)).divided(by: 3_600_000_000, rounding: .nearestEven))
  }

  /// Millionths of a gram, likewise.
  public func micrograms(ofCPUNanos nanos: Int64) -> Int64? {
    guard let power, let grid else { return nil }
    let product = (Int128(nanos) * Int128(power.milli)).multipliedReportingOverflow(by: Int128(grid.milli))
    guard !product.overflow else { return nil }
    // 10^-12 joules times thousandths of a gram a kilowatt-hour; a kilowatt-hour is 3.6 x 10^18 of them.
    return Int64(exactly: product.partialValue.divided(by: 3_600_000_000_000_000, rounding: .nearestEven))
  }

  // MARK: Rows

  /// Cloud Carbon Footprint's coefficients, as read in April 2026.
  public static let rowSource = "Cloud Carbon Footprint coefficients, April 2026"

  /// Milliwatts of a virtual CPU at full load, by a word in the name of its processor.
  private static let processors: [(word: String, milliwatts: Int64)] = [
    ("Rome", 1_693), ("Milan", 1_957), ("Genoa", 2_282), ("Ice Lake", 3_758), ("Sapphire Rapids", 4_160),
    ("Graviton", 1_693),
  ]

  /// Grams of CO2 equivalents for a kilowatt-hour.
  private static let grids: [(region: String, grams: Int64)] = [
    ("us-east-1", 416), ("eu-central-1", 338), ("eu-west-1", 316), ("eu-north-1", 8),
  ]

  /// Nil for processors that no row is about, and where the vendor picks one of several.
  private static func power(of family: String) -> Input? {
    let words = processors.filter { contains(family, $0.word) }
    guard words.count == 1, !["/", "mixed", "shared"].contains(where: { contains(family, $0) }) else { return nil }
    return Input(milli: words[0].milliwatts, source: "\(words[0].word), \(rowSource)")
  }

  private static func grid(of region: String) -> Input? {
    grids.first { $0.region == region }.map { Input(milli: $0.grams * 1000, source: "\($0.region), \(rowSource)") }
  }

  private static func contains(_ text: String, _ word: String) -> Bool {
    let (text, word) = (Array(text.utf8), Array(word.utf8))
    guard text.count >= word.count else { return false }
    return (0...text.count - word.count).contains { text[$0..<$0 + word.count].elementsEqual(word) }
  }
}
