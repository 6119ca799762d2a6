/// What can be wrong with amounts, prices and the names that people give for them.
public enum PricingError: Error, Hashable, Sendable {
  /// The text is not a decimal number.
  case notADecimal(String)
  /// The number is one, but more digits are needed than can be held exactly.
  case tooPrecise(String)
  /// A price or a quantity below zero.
  case negative(String)
  /// An amount does not fit `Int64` pico-units. Names the calculation.
  case overflow(String)
  /// Amounts of two currencies met.
  case currencies(Currency, Currency)
  /// Not three capital letters.
  case notACurrency(String)
  /// No such model or machine; names that come near.
  case unknownName(kind: String, name: String, near: [String])
  /// Several rows answer to the name; each with the name that selects it alone.
  case ambiguousName(kind: String, name: String, candidates: [String])
  /// The row exists but no source states this price.
  case noPrice(name: String, kind: String)
  /// What is wrong with a posted tariff.
  case notATariff(String)
  /// What is wrong with a rate between currencies.
  case notAnExchangeRate(String)
  /// No rate between two currencies was given for that day or an earlier one.
  case noExchangeRate(Currency, Currency)
  /// What is wrong with a workload, a speed or a limit.
  case scenario(String)
  /// A table of prices is broken.
  case table(file: String, line: Int, column: String, reason: String)
  /// What is wrong with the value of an option or of an environment variable.
  indirect case option(String, PricingError)
}

extension PricingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notADecimal(let text): "'\(Self.shown(text))' is not a decimal number (an example: 0.0168)"
    case .tooPrecise(let text): "'\(Self.shown(text))' has more digits than can be held exactly"
    case .negative(let text): "'\(Self.shown(text))' is below zero"
    case .overflow(let calculation): "the amount is too large: \(calculation)"
    case .currencies(let left, let right): "amounts in \(left) and \(right) cannot be combined"
    case .notACurrency(let text): "'\(Self.shown(text))' is not a currency code (an example: USD)"
    case .unknownName(let kind, let name, let near):
      "no \(kind) named '\(Self.shown(name))' in the price book"
        + (near.isEmpty ? "" : "; near it: " + near.joined(separator: ", "))
    case .ambiguousName(let kind, let name, let candidates):
      "several rows for the \(kind) '\(Self.shown(name))'; choose one of: " + candidates.joined(separator: ", ")
    case .noPrice(let name, let kind): "no \(kind) price is known for \(name)"
    case .notAnExchangeRate(let reason): "not an exchange rate: \(reason)"
    case .noExchangeRate(let from, let to):
      "no rate from \(from) to \(to) is known for that day; give one, like --exchange \(from)=1.0821@2026-11-24"
    case .scenario(let reason): reason
    case .notATariff(let reason): "no tariff: \(reason)"
    case .table(let file, let line, let column, let reason):
      "\(file), line \(line)\(column.isEmpty ? "" : ", column \(column)"): \(reason)"
    case .option(let name, let error): "\(name): \(error)"
    }
  }

  /// Text from outside, shortened and without control characters.
  private static func shown(_ text: String) -> String {
    let scalars = text.unicodeScalars.prefix(60).map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "?" : $0 }
    return String(String.UnicodeScalarView(scalars)) + (text.unicodeScalars.count > 60 ? "..." : "")
  }
}
