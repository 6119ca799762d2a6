/// Says which neighbours merge. The two families of byte-pair encoding differ in nothing else.
protocol MergeRules<Unit> {
  /// What a symbol is known by.
  associatedtype Unit: Sendable

  /// What two neighbours become, and how urgently: the lowest priority of a word merges first, and of equals the
  /// leftmost. Nil when they do not merge. `UInt32.max` is no priority.
  func merge(_ left: Unit, _ right: Unit) -> (priority: UInt32, merged: Unit)?
}

/// Merges the symbols of one word until no rule applies. Its storage is kept from word to word.
///
/// Short words are merged by looking for the best pair anew after each merge; long ones with a queue, in O(n log n).
struct PairMerger<Rules: MergeRules> {
  typealias Unit = Rules.Unit

  /// One symbol in a chain; `span` is how many of the word's first symbols it covers, 0 once it is part of another.
  private struct Link {
    var unit: Unit
    var previous: Int32
    var next: Int32
    var span: Int32
  }

  /// A merge that was possible when it was queued. It still is if its two symbols cover as much as they did then: a
  /// symbol only ever grows, so the same sum means the same two symbols.
  private struct Candidate {
    /// Priority above, place of the left symbol below: both ascending.
    var order: UInt64
    var span: Int32
    var merged: Unit
  }

  private var links: [Link] = []
  private var queue: [Candidate] = []
  private var priorities: [UInt32] = []
  private var results: [Unit] = []

  private static var longestScanned: Int { 24 }

  init() {}

  /// - Precondition: fewer than 2^31 units.
  mutating func merge(_ units: inout [Unit], by rules: Rules) {
    if units.count < 2 { return }
    if units.count <= Self.longestScanned {
      mergeByScanning(&units, rules)
    } else {
      mergeByQueue(&units, rules)
    }
  }

  private mutating func mergeByScanning(_ units: inout [Unit], _ rules: Rules) {
    priorities.removeAll(keepingCapacity: true)
    results.removeAll(keepingCapacity: true)
    for index in 0..<units.count - 1 {
      let merge = rules.merge(units[index], units[index + 1])
      priorities.append(merge?.priority ?? .max)
      results.append(merge?.merged ?? units[index])
    }
    while true {
      var best = -1
      var lowest = UInt32.max
      for index in 0..<priorities.count where priorities[index] < lowest {
        lowest = priorities[index]
        best = index
      }
      if best < 0 { return }
      units[best] = results[best]
      units.remove(at: best + 1)
      priorities.remove(at: best)
      results.remove(at: best)
      if best > 0 { rescan(best - 1, units, rules) }
      if best < priorities.count { rescan(best, units, rules) }
    }
  }

  private mutating func rescan(_ index: Int, _ units: [Unit], _ rules: Rules) {
    if let merge = rules.merge(units[index], units[index + 1]) {
      priorities[index] = merge.priority
      results[index] = merge.merged
    } else {
      priorities[index] = .max
    }
  }

  private mutating func mergeByQueue(_ units: inout [Unit], _ rules: Rules) {
    links.removeAll(keepingCapacity: true)
    queue.removeAll(keepingCapacity: true)
    links.reserveCapacity(units.count)
    for (index, unit) in units.enumerated() {
      let next = index + 1 < units.count ? Int32(index + 1) : -1
      links.append(Link(unit: unit, previous: Int32(index) - 1, next: next, span: 1))
    }
    for index in 0..<units.count - 1 {
      if let candidate = candidate(at: Int32(index), rules) { queue.append(candidate) }
    }
    heapify()
    while let best = popFirst() {
      let place = Int32(truncatingIfNeeded: best.order & 0xFFFF_FFFF)
      var link = links[Int(place)]
      guard link.span > 0, link.next >= 0 else { continue }
      let right = links[Int(link.next)]
      guard link.span + right.span == best.span else { continue }
      links[Int(link.next)].span = 0
      link.unit = best.merged
      link.span = best.span
      link.next = right.next
      links[Int(place)] = link
      if link.next >= 0 {
        links[Int(link.next)].previous = place
        if let candidate = candidate(at: place, rules) { push(candidate) }
      }
      if link.previous >= 0, let candidate = candidate(at: link.previous, rules) { push(candidate) }
    }
    units.removeAll(keepingCapacity: true)
    var place: Int32 = 0
    while place >= 0 {
      units.append(links[Int(place)].unit)
      place = links[Int(place)].next
    }
    releaseIfLarge()
  }

  @inline(__always)
  private func candidate(at place: Int32, _ rules: Rules) -> Candidate? {
    let left = links[Int(place)]
    let right = links[Int(left.next)]
    guard let merge = rules.merge(left.unit, right.unit) else { return nil }
    let order = UInt64(merge.priority) << 32 | UInt64(UInt32(bitPattern: place))
    return Candidate(order: order, span: left.span + right.span, merged: merge.merged)
  }

  /// One giant word must not keep its memory for the rest of the text.
  private mutating func releaseIfLarge() {
    if links.capacity > 1 << 16 {
      links = []
      queue = []
    }
  }
}

// The queue is a binary heap in an array, least order first.
extension PairMerger {
  private mutating func heapify() {
    var index = queue.count / 2
    while index > 0 {
      index -= 1
      sink(index)
    }
  }

  private mutating func push(_ candidate: Candidate) {
    queue.append(candidate)
    var index = queue.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      if queue[parent].order <= candidate.order { break }
      queue[index] = queue[parent]
      index = parent
    }
    queue[index] = candidate
  }

  private mutating func popFirst() -> Candidate? {
    guard let first = queue.first else { return nil }
    let last = queue.removeLast()
    if !queue.isEmpty {
      queue[0] = last
      sink(0)
    }
    return first
  }

  private mutating func sink(_ start: Int) {
    let count = queue.count
    let candidate = queue[start]
    var index = start
    while true {
      var child = 2 * index + 1
      if child >= count { break }
      if child + 1 < count, queue[child + 1].order < queue[child].order { child += 1 }
      if candidate.order <= queue[child].order { break }
      queue[index] = queue[child]
      index = child
    }
    queue[index] = candidate
  }
}
