/// A set of stop strings, prepared so that a text is searched for all of them at once, byte by byte.
///
/// Strings are bytes: what counts as equal is not left to Unicode. The search is an automaton whose state is the
/// longest end of the text so far that begins a stop string, so its depth is exactly what a stream must hold back.
/// Source: Aho and Corasick, "Efficient string matching: an aid to bibliographic search", Communications of the ACM 18
/// (6), 1975. A text of n bytes takes O(n) steps.
public struct StopStrings: Sendable {
  public static let maximumCount = 64
  public static let maximumBytes = 1_024

  /// The strings' bytes, in the order given.
  public let strings: [[UInt8]]

  /// One beginning of a stop string. Node 0 is the empty one.
  private struct Node {
    var byte: UInt8
    /// How many bytes long it is.
    var depth: Int32
    /// The first node that is one byte longer, and the next that is longer than the parent; 0: none.
    var child: Int32 = 0
    var sibling: Int32 = 0
    /// The longest proper end of it that is a node too.
    var fallback: Int32 = 0
    /// The longest stop string that it ends with; -1: none.
    var match: Int32 = -1
  }

  private var nodes = [Node(byte: 0, depth: 0)]

  /// - Throws: `StopError` for an empty or too long string, or too many.
  public init(_ strings: [[UInt8]]) throws(StopError) {
    guard strings.count <= Self.maximumCount else {
      throw .tooManyStrings(count: strings.count, limit: Self.maximumCount)
    }
    for (index, string) in strings.enumerated() {
      guard !string.isEmpty else { throw .emptyString(index: index) }
      guard string.count <= Self.maximumBytes else {
        throw .stringTooLong(index: index, bytes: string.count, limit: Self.maximumBytes)
      }
    }
    self.strings = strings
    for (index, string) in strings.enumerated() {
      var node = 0
      for byte in string { node = child(of: node, byte) ?? addChild(to: node, byte) }
      // Of equal strings the first is reported.
      if nodes[node].match < 0 { nodes[node].match = Int32(index) }
    }
    linkFallbacks()
  }

  public var isEmpty: Bool { strings.isEmpty }

  /// The state before any byte.
  static let start = 0

  /// The state after one more byte.
  func next(_ state: Int, _ byte: UInt8) -> Int {
    var node = state
    while true {
      if let child = child(of: node, byte) { return child }
      if node == 0 { return 0 }
      node = Int(nodes[node].fallback)
    }
  }

  /// How many bytes at the end of the text may still become a stop string.
  func depth(_ state: Int) -> Int { Int(nodes[state].depth) }

  /// Which stop string ends here: the longest if several do.
  func match(_ state: Int) -> Int? {
    let match = Int(nodes[state].match)
    return match < 0 ? nil : match
  }

  private func child(of node: Int, _ byte: UInt8) -> Int? {
    var child = Int(nodes[node].child)
    while child != 0 {
      if nodes[child].byte == byte { return child }
      child = Int(nodes[child].sibling)
    }
    return nil
  }

  private mutating func addChild(to node: Int, _ byte: UInt8) -> Int {
    let new = nodes.count
    nodes.append(Node(byte: byte, depth: nodes[node].depth + 1, sibling: nodes[node].child))
    nodes[node].child = Int32(new)
    return new
  }

  /// Level by level, since a fallback is shorter than its node.
  private mutating func linkFallbacks() {
    var level = [0]
    var place = 0
    while place < level.count {
      let parent = level[place]
      place += 1
      var node = Int(nodes[parent].child)
      while node != 0 {
        let fallback = parent == 0 ? 0 : next(Int(nodes[parent].fallback), nodes[node].byte)
        nodes[node].fallback = Int32(fallback)
        if nodes[node].match < 0 { nodes[node].match = nodes[fallback].match }
        level.append(node)
        node = Int(nodes[node].sibling)
      }
    }
  }
}
