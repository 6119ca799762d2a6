/// Values while a template runs. They live for one rendering, on one thread.
extension Jinja {
  enum Value {
    case undefined(Undefined)
    case null
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(Text)
    case list(ListObject)
    case tuple(ListObject)
    case dictionary(DictionaryObject)
    /// `keys()`, `values()` and `items()` of a dictionary.
    case view(View)
    case range(RangeObject)
    /// What filters like `map` give: it can be walked once, and has no length.
    case iterator(IteratorObject)
    case namespace(Namespace)
    case loop(LoopState)
    case macro(MacroValue)
    case function(Function)
    case method(BoundMethod)
  }

  /// Counts what lives. Values give their bytes back when they go.
  final class Meter {
    var bytes = 0
  }

  /// A string: valid UTF-8 that knows how many code points it has.
  final class Text {
    let bytes: [UInt8]
    let scalarCount: Int
    /// Marked by `safe` or made by `escape`. Such strings escape what is added to them, as markupsafe's do.
    let isMarkup: Bool
    private let meter: Meter

    var isASCII: Bool { scalarCount == bytes.count }

    init(_ bytes: [UInt8], isMarkup: Bool, meter: Meter) {
      self.bytes = bytes
      scalarCount = UTF8Text.scalarCount(bytes)
      self.isMarkup = isMarkup
      self.meter = meter
      meter.bytes += bytes.count + 64
    }

    deinit { meter.bytes -= bytes.count + 64 }
  }

  /// A list or tuple. `append` and its like are the only things that change one.
  final class ListObject {
    private(set) var items: [Value]
    /// Levels of containers, this one included. A list that grew keeps its depth up to date, those around it do not;
    /// whatever walks values therefore counts levels itself.
    private(set) var depth: Int
    /// It was changed, so it may be part of a cycle.
    var isKept = false
    private let meter: Meter

    init(_ items: [Value], depth: Int, meter: Meter) {
      self.items = items
      self.depth = depth
      self.meter = meter
      meter.bytes += items.count * 16 + 64
    }

    deinit { meter.bytes -= items.count * 16 + 64 }

    func change(depth: Int, _ change: (inout [Value]) -> Void) {
      let before = items.count
      change(&items)
      meter.bytes += (items.count - before) * 16
      self.depth = max(self.depth, depth)
    }
  }

  /// What dictionaries and namespaces hold, in order of insertion.
  struct Entries {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private var index: [Key: Int] = [:]

    var count: Int { keys.count }

    subscript(key: Key) -> Value? { index[key].map { values[$0] } }

    mutating func set(_ key: Key, named value: Value, to new: Value) {
      if let at = index[key] {
        values[at] = new
      } else {
        index[key] = keys.count
        keys.append(value)
        values.append(new)
      }
    }
  }

  /// A dictionary key. Numbers that are equal are one key whatever their type; strings go by their bytes.
  enum Key: Hashable {
    case undefined
    case null
    case int(Int)
    case float(Double)
    case string([UInt8])
    case tuple([Key])
  }

  final class DictionaryObject {
    static let bytesPerEntry = 96
    let entries: Entries
    let depth: Int
    private let meter: Meter

    init(_ entries: Entries, depth: Int, meter: Meter) {
      self.entries = entries
      self.depth = depth
      self.meter = meter
      meter.bytes += entries.count * Self.bytesPerEntry + 64
    }

    deinit { meter.bytes -= entries.count * Self.bytesPerEntry + 64 }
  }

  final class Namespace {
    private(set) var entries: Entries
    private(set) var depth: Int
    private let meter: Meter

    init(_ entries: Entries, depth: Int, meter: Meter) {
      self.entries = entries
      self.depth = depth
      self.meter = meter
      meter.bytes += entries.count * DictionaryObject.bytesPerEntry + 64
    }

    deinit { meter.bytes -= entries.count * DictionaryObject.bytesPerEntry + 64 }

    func set(_ key: Key, named value: Value, to new: Value) {
      let before = entries.count
      entries.set(key, named: value, to: new)
      meter.bytes += (entries.count - before) * DictionaryObject.bytesPerEntry
      depth = max(depth, new.depth + 1)
    }

    func clear() {
      meter.bytes -= entries.count * DictionaryObject.bytesPerEntry
      entries = Entries()
    }
  }

  final class View {
    enum Kind { case keys, values, items }
    let kind: Kind
    let dictionary: DictionaryObject

    init(_ kind: Kind, of dictionary: DictionaryObject) {
      self.kind = kind
      self.dictionary = dictionary
    }
  }

  final class RangeObject {
    let start: Int
    let step: Int
    let count: Int
    /// As written, for printing.
    let stop: Int

    init(start: Int, stop: Int, step: Int, count: Int) {
      self.start = start
      self.stop = stop
      self.step = step
      self.count = count
    }

    subscript(index: Int) -> Int { start &+ step &* index }
  }

  final class IteratorObject {
    let items: [Value]
    var position = 0
    let depth: Int
    private let meter: Meter

    init(_ items: [Value], depth: Int, meter: Meter) {
      self.items = items
      self.depth = depth
      self.meter = meter
      meter.bytes += items.count * 16 + 64
    }

    deinit { meter.bytes -= items.count * 16 + 64 }
  }

  final class MacroValue {
    let macro: Macro
    /// Where the macro was written: what its body sees outside itself.
    let frame: Frame

    init(_ macro: Macro, in frame: Frame) {
      self.macro = macro
      self.frame = frame
    }
  }

  final class BoundMethod {
    let receiver: Value
    let method: Method

    init(_ method: Method, of receiver: Value) {
      self.method = method
      self.receiver = receiver
    }
  }

  /// A value that is not there, and what to say when it is used as if it were.
  final class Undefined {
    enum Reason {
      case name([UInt8])
      case attribute([UInt8], of: String)
      case element(String, of: String)
      case unsafe([UInt8], of: String)
      case hint(String)
    }

    let reason: Reason

    init(_ reason: Reason) { self.reason = reason }

    var message: String {
      func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
      return switch reason {
      case .name(let name): "'\(text(name))' is undefined"
      case .attribute(let name, let type): "'\(type)' has no attribute '\(text(name))'"
      case .element(let element, let type): "\(type) has no element \(element)"
      case .unsafe(let name, let type): "access to attribute '\(text(name))' of '\(type)' object is unsafe"
      case .hint(let hint): hint
      }
    }
  }

  /// The variables of a scope that is being run.
  final class Frame {
    var slots: [Value?]
    let parent: Frame?
    /// Held by a macro, so it may be part of a cycle.
    var isKept = false

    init(slots: Int, parent: Frame?) {
      self.slots = [Value?](repeating: nil, count: slots)
      self.parent = parent
    }
  }
}

extension Jinja.Value {
  /// Levels of containers in this value; 0 for plain ones.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    case .view(let view): view.dictionary.depth + 1
    case .iterator(let iterator): iterator.depth
    case .namespace(let namespace): namespace.depth
    case .method(let method): method.receiver.depth + 1
    case .loop(let loop): loop.depth
    default: 0
    }
  }

  /// The name of the type in Python, for messages.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .null: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .float: "float"
    case .string(let text): text.isMarkup ? "Markup" : "str"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .view(let view):
      switch view.kind {
      case .keys: "dict_keys"
      case .values: "dict_values"
      case .items: "dict_items"
      }
    case .range: "range"
    case .iterator: "generator"
    case .namespace: "Namespace"
    case .loop: "LoopContext"
    case .macro: "Macro"
    case .function: "function"
    case .method: "builtin_function_or_method"
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  /// As `bool(value)` has it.
  var isTrue: Bool {
    switch self {
    case .undefined, .null: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.bytes.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .dictionary(let dictionary): dictionary.entries.count > 0
    case .view(let view): view.dictionary.entries.count > 0
    case .range(let range): range.count > 0
    case .iterator, .namespace, .loop, .macro, .function, .method: true
    }
  }
}
