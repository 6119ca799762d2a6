/// The candidate that `word` was most likely meant to be: the one that is fewest typing slips away, if they are few
/// enough for the length; else the only one that it begins. Nil when nothing is near.
func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
  let sorted = candidates.sorted()
  let allowed = max(1, word.utf8.count / 3)
  let scored = sorted.map { (candidate: $0, slips: slips(from: Array(word.utf8), to: Array($0.utf8))) }
  if let best = scored.min(by: { $0.slips < $1.slips }), best.slips <= allowed { return best.candidate }
  let completions = sorted.filter { word.utf8.count > 2 && $0.hasPrefix(word) }
  return completions.count == 1 ? completions[0] : nil
}

/// The number of letters to insert, drop, change or swap with their neighbour on the way from `a` to `b`
/// (the optimal string alignment distance).
private func slips(from a: [UInt8], to b: [UInt8]) -> Int {
  var beforePrevious: [Int] = []
  var previous = Array(0...b.count)
  for i in a.indices {
    var current = [i + 1]
    for j in b.indices {
      var cost = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, current[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforePrevious[j - 1] + 1) }
      current.append(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.count]
}
