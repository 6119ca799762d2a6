import HostileFiles
import Testing

@testable import Tokenization

@Suite struct MergerTests {
  /// The definition, step by step: the best pair of all, leftmost of equals, again and again.
  private func merged(_ units: [TokenID], _ rules: some MergeRules<TokenID>) -> [TokenID] {
    var units = units
    while true {
      var best: (priority: UInt32, place: Int, merged: TokenID)?
      for place in units.indices.dropLast() {
        if let merge = rules.merge(units[place], units[place + 1]), merge.priority < best?.priority ?? .max {
          best = (merge.priority, place, merge.merged)
        }
      }
      guard let best else { return units }
      units.replaceSubrange(best.place...best.place + 1, with: [best.merged])
    }
  }

  @Test func wordsOfAnyLengthAreMergedByTheDefinition() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<60 {
      // Each merge makes a token of its own, or one that other merges make too: both occur in files.
      let count = Int.random(in: 1...40, using: &generator)
      var table = MergeTable(limit: count)
      var tokens: TokenID = 3
      for _ in 0..<count {
        let left = TokenID.random(in: 0..<tokens, using: &generator)
        let right = TokenID.random(in: 0..<tokens, using: &generator)
        if table.find(left, right) != nil { continue }
        table.append(left, right, gives: tokens)
        tokens += 1
      }
      let rules = ByteLevelEncoder.Rules(merges: table)
      var merger = PairMerger<ByteLevelEncoder.Rules>()
      for length in [0, 1, 2, 3, 23, 24, 25, 26, 60, 200] {
        let units = (0..<length).map { _ in TokenID.random(in: 0..<3, using: &generator) }
        var result = units
        merger.merge(&result, by: rules)
        #expect(result == merged(units, rules), "seed \(seed)")
      }
    }
  }

  @Test func theLeftmostOfEqualPairsMergesFirst() {
    var table = MergeTable(limit: 1)
    table.append(0, 0, gives: 1)
    var merger = PairMerger<ByteLevelEncoder.Rules>()
    for length in [3, 5, 41, 101] {
      var units = [TokenID](repeating: 0, count: length)
      merger.merge(&units, by: ByteLevelEncoder.Rules(merges: table))
      #expect(units == [TokenID](repeating: 1, count: length / 2) + [0])
    }
  }

  @Test func aPairThatComesTwiceHasItsLaterRank() {
    var table = MergeTable(limit: 3)
    table.append(1, 2, gives: 3)
    table.append(2, 2, gives: 4)
    table.append(1, 2, gives: 5)
    #expect(table.find(1, 2)?.rank == 2)
    #expect(table.find(1, 2)?.result == 5)
    #expect(table.find(2, 2)?.rank == 1)
    #expect(table.find(2, 1) == nil)
  }

  @Test func scoresAreInDescendingOrder() {
    let scores: [Float] = [.infinity, 3, 0.5, .leastNonzeroMagnitude, 0, -0.5, -1, -1e9, -.infinity]
    let priorities = scores.map(SpacedEncoder.priority)
    #expect(priorities == priorities.sorted())
    #expect(Set(priorities).count == scores.count)
    #expect(SpacedEncoder.priority(0) == SpacedEncoder.priority(-0.0))
    #expect(SpacedEncoder.priority(.nan) == UInt32.max - 1)
    #expect(SpacedEncoder.priority(-.nan) == UInt32.max - 1)
  }
}
