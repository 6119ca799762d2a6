/// The text given to an option is not a value of it. `expected` completes "'x' is not ...".
struct InvalidValue: Error, Equatable {
  let expected: String
}

/// What parsing and help need to know of an option, whatever the type of its value.
protocol DeclaredOption: Sendable {
  /// The spellings, the one that messages and help put first in front.
  var names: [String] { get }
  /// What stands for the value in the help, such as `N` or `FILE`; nil for a switch, which takes none.
  var valueName: String? { get }
  var help: String { get }
  /// Checks every text given to the option, in the order of the command line.
  func check(_ texts: [String]) throws(InvalidValue)
}

/// An option of a command: declared once, as data, and then used to parse, to explain and to read the value.
///
/// Declare one with the functions below (`.flag`, `.text`, `.integer`, ...), list it in its `Command`, and read it with
/// `arguments[option]`, which has the option's own type.
struct Option<Value: Sendable>: DeclaredOption {
  let names: [String]
  let valueName: String?
  let help: String
  /// The value when the option is not given.
  let initial: Value
  /// Takes one text in. The last one given wins, except for lists, which collect.
  let absorb: @Sendable (inout Value, String) throws(InvalidValue) -> Void

  func value(of texts: [String]) throws(InvalidValue) -> Value {
    var value = initial
    for text in texts { try absorb(&value, text) }
    return value
  }

  func check(_ texts: [String]) throws(InvalidValue) {
    _ = try value(of: texts)
  }
}

extension Option where Value == Bool {
  /// A switch: off, or on when given.
  static func flag(_ names: String..., help: String) -> Option {
    Option(names: names, valueName: nil, help: help, initial: false) { value, _ in value = true }
  }
}

extension Option where Value == String? {
  /// Any text, taken as it is.
  static func text(_ names: String..., value valueName: String, help: String) -> Option {
    Option(names: names, valueName: valueName, help: help, initial: nil) { value, text in value = text }
  }
}

extension Option where Value == [String] {
  /// An option that may be given several times.
  static func list(_ names: String..., value valueName: String, help: String) -> Option {
    Option(names: names, valueName: valueName, help: help + " (may be repeated)", initial: []) { values, text in
      values.append(text)
    }
  }
}

extension Option where Value == Int {
  /// A whole number in `range`; `standard` when not given, which the help states.
  static func integer(
    _ names: String..., value valueName: String = "N", in range: ClosedRange<Int>, default standard: Int, help: String
  ) -> Option {
    Option(names: names, valueName: valueName, help: "\(help) (default \(standard))", initial: standard) {
      (value, text) throws(InvalidValue) in value = try readInteger(text, in: range)
    }
  }
}

extension Option where Value == Int? {
  /// A whole number in `range`, or nil when not given.
  static func integer(
    _ names: String..., value valueName: String = "N", in range: ClosedRange<Int>, help: String
  ) -> Option {
    Option(names: names, valueName: valueName, help: help, initial: nil) {
      (value, text) throws(InvalidValue) in value = try readInteger(text, in: range)
    }
  }
}

extension Option where Value == [Int] {
  /// Whole numbers in `range` with commas between them; `standard` when not given, which the help states.
  static func integers(
    _ names: String..., value valueName: String = "N,N", in range: ClosedRange<Int>, default standard: [Int],
    help: String
  ) -> Option {
    let shown = standard.map { String($0) }.joined(separator: ",")
    return Option(names: names, valueName: valueName, help: "\(help) (default \(shown))", initial: standard) {
      (value, text) throws(InvalidValue) in
      value = []
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        value.append(try readInteger(String(part), in: range))
      }
    }
  }
}

extension Option where Value == Double {
  /// A finite number in `range`; `standard` when not given, which the help states.
  static func decimal(
    _ names: String..., value valueName: String = "X", in range: ClosedRange<Double>, default standard: Double,
    help: String
  ) -> Option {
    Option(names: names, valueName: valueName, help: "\(help) (default \(shortest(standard)))", initial: standard) {
      (value, text) throws(InvalidValue) in value = try readDecimal(text, in: range)
    }
  }
}

extension Option where Value == Double? {
  /// A finite number in `range`, or nil when not given.
  static func decimal(
    _ names: String..., value valueName: String = "X", in range: ClosedRange<Double>, help: String
  ) -> Option {
    Option(names: names, valueName: valueName, help: help, initial: nil) {
      (value, text) throws(InvalidValue) in value = try readDecimal(text, in: range)
    }
  }
}

extension Option where Value: CaseIterable & RawRepresentable, Value.RawValue == String {
  /// One word of a fixed few, in capitals or not; `standard` when not given, which the help states.
  static func choice(
    _ names: String..., value valueName: String = "NAME", default standard: Value, help: String
  ) -> Option {
    let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
    return Option(
      names: names, valueName: valueName, help: "\(help): \(words) (default \(standard.rawValue))", initial: standard
    ) { (value, text) throws(InvalidValue) in
      // Types are written in capitals as often as not: Q8_0, q8_0.
      let word = text.lowercased()
      guard let chosen = Value.allCases.first(where: { $0.rawValue.lowercased() == word }) else {
        throw InvalidValue(expected: "one of \(words)")
      }
      value = chosen
    }
  }
}

private func readInteger(_ text: String, in range: ClosedRange<Int>) throws(InvalidValue) -> Int {
  guard let number = Int(text), range.contains(number) else {
    throw InvalidValue(expected: "a whole number " + bounds(range, lowest: .min, highest: .max) { String($0) })
  }
  return number
}

private func readDecimal(_ text: String, in range: ClosedRange<Double>) throws(InvalidValue) -> Double {
  guard let number = Double(text), number.isFinite, range.contains(number) else {
    let limit = Double.greatestFiniteMagnitude
    throw InvalidValue(expected: "a number " + bounds(range, lowest: -limit, highest: limit, shortest))
  }
  return number
}

/// "from 0 to 1", or "of at least 1" where a side has no limit worth telling.
private func bounds<Number: Comparable>(
  _ range: ClosedRange<Number>, lowest: Number, highest: Number, _ write: (Number) -> String
) -> String {
  switch (range.lowerBound > lowest, range.upperBound < highest) {
  case (true, true): "from \(write(range.lowerBound)) to \(write(range.upperBound))"
  case (true, false): "of at least \(write(range.lowerBound))"
  case (false, true): "of at most \(write(range.upperBound))"
  case (false, false): "that fits in 64 bits"
  }
}

/// A number as people write it: 1 and not 1.0, 0.8 as it is.
private func shortest(_ number: Double) -> String {
  let text = String(number)
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
