extension Jinja {
  /// What can stand behind `is`, under its name in Jinja; operators too, since `select` and its like take them.
  enum Test: String, CaseIterable {
    case defined, undefined, none, boolean, integer, float, number, string, mapping, sequence, iterable, callable
    case isTrue = "true"
    case isFalse = "false"
    case odd, even, divisibleby, lower, upper, escaped, sameas, filter, test
    case isIn = "in"
    case equal = "=="
    case eq, equalto
    case notEqual = "!="
    case ne
    case greater = ">"
    case gt, greaterthan
    case greaterOrEqual = ">="
    case ge
    case less = "<"
    case lt, lessthan
    case lessOrEqual = "<="
    case le

    private static let byName: [[UInt8]: Test] = Dictionary(
      uniqueKeysWithValues: allCases.map { (Array($0.rawValue.utf8), $0) })

    init?(name: [UInt8]) {
      guard let test = Self.byName[name] else { return nil }
      self = test
    }

    static func unknownMessage(_ name: [UInt8]) -> String {
      "no test named '\(String(decoding: name, as: UTF8.self))' is known"
    }

    /// The comparison that the test stands for.
    var comparison: Comparison? {
      switch self {
      case .equal, .eq, .equalto: .equal
      case .notEqual, .ne: .notEqual
      case .greater, .gt, .greaterthan: .greater
      case .greaterOrEqual, .ge: .greaterOrEqual
      case .less, .lt, .lessthan: .less
      case .lessOrEqual, .le: .lessOrEqual
      case .isIn: .isIn
      default: nil
      }
    }
  }
}

extension Jinja.Renderer {
  func satisfies(
    _ test: Jinja.Test, _ value: Value, _ arguments: Jinja.CallArguments
  ) throws(TemplateError) -> Bool {
    let name = "the test '\(test.rawValue)'"
    if let comparison = test.comparison {
      let other = try match(arguments, name, ["other"], required: 1)[0] ?? .null
      return try compare(comparison, value, other)
    }
    switch test {
    case .divisibleby:
      let divisor = try match(arguments, name, ["num"], required: 1)[0] ?? .null
      return try isEqual(try arithmetic(.modulo, value, divisor), .int(0))
    case .sameas: return isSame(value, try match(arguments, name, ["other"], required: 1)[0] ?? .null)
    default: _ = try match(arguments, name, [])
    }
    switch test {
    case .odd: return try isEqual(try arithmetic(.modulo, value, .int(2)), .int(1))
    case .even: return try isEqual(try arithmetic(.modulo, value, .int(2)), .int(0))
    case .lower: return UTF8Text.isCased(try str(value), upper: false)
    case .upper: return UTF8Text.isCased(try str(value), upper: true)
    case .filter: return Jinja.Filter(name: try text(value, "the name of a filter").bytes) != nil
    case .test: return Jinja.Test(name: try text(value, "the name of a test").bytes) != nil
    default: return isKind(test, value)
    }
  }

  private func isKind(_ test: Jinja.Test, _ value: Value) -> Bool {
    switch (test, value) {
    case (.defined, .undefined): false
    case (.defined, _): true
    case (.undefined, .undefined), (.none, .null), (.boolean, .bool), (.integer, .int), (.float, .float): true
    case (.number, .bool), (.number, .int), (.number, .float): true
    case (.string, .string), (.mapping, .dictionary): true
    case (.sequence, .string), (.sequence, .list), (.sequence, .tuple), (.sequence, .dictionary),
      (.sequence, .range), (.sequence, .undefined):
      true
    case (.iterable, .string), (.iterable, .list), (.iterable, .tuple), (.iterable, .dictionary),
      (.iterable, .range), (.iterable, .undefined), (.iterable, .view), (.iterable, .iterator), (.iterable, .loop):
      true
    case (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .undefined),
      (.callable, .loop):
      true
    case (.isTrue, .bool(let value)): value
    case (.isFalse, .bool(let value)): !value
    case (.escaped, .string(let text)): text.isMarkup
    default: false
    }
  }

  /// Identity, as far as Python promises one.
  private func isSame(_ left: Value, _ right: Value) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.int(let left), .int(let right)): left == right
    case (.string(let left), .string(let right)): left === right
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)): left === right
    case (.dictionary(let left), .dictionary(let right)): left === right
    case (.namespace(let left), .namespace(let right)): left === right
    default: false
    }
  }
}
