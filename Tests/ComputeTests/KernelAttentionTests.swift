import CKernels
import Glibc
import Testing

@testable import Compute

/// Keys and values of some positions as the kernels store them, and one group of query heads.
final class AttentionCase {
  let heads: Int
  let dimensions: Int
  let positions: Int
  let type: KVType
  /// As the kernels use them: for a Q8_0 cache, what their 8-bit form stands for.
  let queries: GuardedBuffer<Float>
  let queryBlocks: GuardedBuffer<Activations>
  /// Blocks of 64 positions; what no position owns is not a number.
  let keys: [GuardedBuffer<UInt8>]
  let values: [GuardedBuffer<UInt8>]
  /// [positions, dimensions], as they are read back.
  let keyRows: [[Double]]
  let valueRows: [[Double]]

  /// - Parameter spread: standard deviation of the scores, about.
  init(
    _ kernels: Kernels, heads: Int, dimensions: Int, positions: Int, type: KVType, spread: Float = 2,
    _ random: inout KernelRandom
  ) {
    self.heads = heads
    self.dimensions = dimensions
    self.positions = positions
    self.type = type
    let factor = spread / Float(dimensions).squareRoot()
    let queries = GuardedBuffer((0..<heads * dimensions).map { _ in factor * random.normal() })
    queryBlocks = GuardedBuffer(count: max(1, heads * dimensions / 32))
    if type == .q8 {
      kernels.quantize(queries.view, to: queryBlocks.view)
      for index in 0..<queries.count {
        let block = queryBlocks[index / 32]
        queries.pointer[index] =
          block.scale * Float(withUnsafeBytes(of: block.codes) { Int8(bitPattern: $0[index % 32]) })
      }
    }
    self.queries = queries
    let blocks = (positions + 63) / 64
    keys = (0..<blocks).map { _ in Self.poisoned(type.bytes(dimensions: dimensions)) }
    values = (0..<blocks).map { _ in Self.poisoned(type.bytes(dimensions: dimensions)) }
    var keyRows: [[Double]] = []
    var valueRows: [[Double]] = []
    for position in 0..<positions {
      let key = GuardedBuffer((0..<dimensions).map { _ in random.normal() })
      let value = GuardedBuffer((0..<dimensions).map { _ in random.normal() })
      kernels.store(
        key: key.view, value: value.view, type: type, slot: position % 64, keys: keys[position / 64].pointer,
        values: values[position / 64].pointer)
      keyRows.append(Self.stored(key, type, kernels))
      valueRows.append(Self.stored(value, type, kernels))
    }
    self.keyRows = keyRows
    self.valueRows = valueRows
  }

  init(
    heads: Int, dimensions: Int, positions: Int, type: KVType, queries: GuardedBuffer<Float>,
    queryBlocks: GuardedBuffer<Activations>, keys: [GuardedBuffer<UInt8>], values: [GuardedBuffer<UInt8>],
    keyRows: [[Double]], valueRows: [[Double]]
  ) {
    (self.heads, self.dimensions, self.positions, self.type) = (heads, dimensions, positions, type)
    (self.queries, self.queryBlocks, self.keys, self.values) = (queries, queryBlocks, keys, values)
    (self.keyRows, self.valueRows) = (keyRows, valueRows)
  }

  private static func poisoned(_ bytes: Int) -> GuardedBuffer<UInt8> {
    let buffer = GuardedBuffer<UInt8>(count: bytes)
    buffer.fill(0xff)
    return buffer
  }

  private static func stored(_ row: GuardedBuffer<Float>, _ type: KVType, _ kernels: Kernels) -> [Double] {
    switch type {
    case .f16: return row.elements.map { Double(Float16($0)) }
    case .f32: return row.elements.map { Double($0) }
    case .q8:
      let blocks = GuardedBuffer<Activations>(count: row.count / 32)
      kernels.quantize(row.view, to: blocks.view)
      return (0..<row.count).map { index in
        let code = withUnsafeBytes(of: blocks[index / 32].codes) { Int8(bitPattern: $0[index % 32]) }
        return Double(Float16(blocks[index / 32].scale)) * Double(code)
      }
    }
  }

  /// The bytes of a block of keys, and of one of values, that belong to one slot.
  static func bytes(ofSlot slot: Int, dimensions: Int, type: KVType) -> (keys: Set<Int>, values: Set<Int>) {
    var keys: Set<Int> = []
    var values: Set<Int> = []
    guard type == .q8 else {
      let size = type == .f16 ? 2 : 4
      for d in 0..<dimensions {
        for byte in 0..<size {
          keys.insert((d * 64 + slot) * size + byte)
          values.insert((slot * dimensions + d) * size + byte)
        }
      }
      return (keys, values)
    }
    let blocks = dimensions / 32
    for block in 0..<blocks {
      // A group of eight rows by 32 columns: eight scales, then eight vectors of four columns of each row.
      let start = (slot / 8 * blocks + block) * (16 + 256)
      for byte in 0..<2 {
        keys.insert(start + slot % 8 * 2 + byte)
        values.insert((block * 64 + slot) * 2 + byte)
      }
      for column in 0..<32 {
        keys.insert(start + 16 + column / 4 * 32 + slot % 8 * 4 + column % 4)
        values.insert(blocks * 64 * 2 + slot * dimensions + block * 32 + column)
      }
    }
    return (keys, values)
  }

  func softmax(heads: Int? = nil) -> Softmax {
    let heads = heads ?? self.heads
    let memory = GuardedBuffer<Float>(count: Softmax.floats(heads: heads, dimensions: dimensions))
    memories.append(memory)
    let softmax = Softmax(in: memory.view, heads: heads, dimensions: dimensions)
    softmax.reset()
    return softmax
  }
  private var memories: [GuardedBuffer<Float>] = []

  /// Folds positions into a softmax, block by block.
  func fold(_ kernels: Kernels, _ range: Range<Int>, into softmax: Softmax, head: Int? = nil) {
    var start = range.lowerBound
    let queries = head.map { self.queries.view.part($0 * dimensions, dimensions) } ?? self.queries.view
    while start < range.upperBound {
      let block = start / 64
      let end = min(range.upperBound, (block + 1) * 64)
      let slots = start - block * 64..<end - block * 64
      let seen = GuardedBuffer([Slots(slots)])
      if type == .q8 {
        let blocks = dimensions / 32
        kernels.attend(
          queries: head.map { queryBlocks.view.part($0 * blocks, blocks) } ?? queryBlocks.view,
          keys: keys[block].pointer, values: values[block].pointer, slots: seen.view, into: softmax)
      } else {
        kernels.attend(
          queries: queries, type: type, keys: keys[block].pointer, values: values[block].pointer, slots: seen.view,
          into: softmax)
      }
      start = end
    }
  }

  /// Compares a finished softmax over `range` with the naive one in double precision.
  func worst(_ softmax: Softmax, _ range: Range<Int>) -> Worst {
    var worst = Worst()
    for head in 0..<heads {
      let query = (0..<dimensions).map { Double(queries.pointer[head * dimensions + $0]) }
      var scores: [Double] = []
      var largestScoreError = 0.0
      for position in range {
        let key = keyRows[position]
        var (score, magnitude) = (0.0, 0.0)
        for d in 0..<dimensions {
          score += query[d] * key[d]
          magnitude += abs(query[d] * key[d])
        }
        scores.append(score)
        largestScoreError = max(largestScoreError, Double(dimensions + 2) * roundoff * magnitude)
      }
      let peak = scores.max() ?? 0
      // Scores move by their rounding, both in a weight and in the sum of all; then sums over positions round.
      let spread = peak - (scores.min() ?? 0)
      let allowed = 2 * largestScoreError + (Double(range.count) + 2 * spread + 24) * roundoff
      let weights = scores.map { exp($0 - peak) }
      let total = weights.reduce(0, +)
      let smallestWeight = 2 * Double(Float.leastNormalMagnitude)
      for d in 0..<dimensions {
        var (sum, magnitude, lost) = (0.0, 0.0, 0.0)
        for (index, position) in range.enumerated() {
          let part = weights[index] / total * valueRows[position][d]
          sum += part
          magnitude += abs(part)
          // Weights below the smallest normal number are 0 by the kernels' rule.
          if weights[index] < smallestWeight { lost += abs(part) }
        }
        worst.add(
          softmax.output[head * dimensions + d] / softmax.sum[head], expected: sum,
          tolerance: allowed * magnitude + lost,
          "head \(head) dimension \(d)")
      }
    }
    return worst
  }
}

extension Softmax {
  /// Whether one head of this and one of another softmax are the same to the bit.
  func hasSameBits(head: Int, as other: Softmax, head otherHead: Int) -> Bool {
    maximum[head].bitPattern == other.maximum[otherHead].bitPattern
      && sum[head].bitPattern == other.sum[otherHead].bitPattern
      && memcmp(
        output.pointer + head * dimensions, other.output.pointer + otherHead * dimensions, dimensions * 4) == 0
  }
}

@Suite struct KernelAttentionTests {
  struct Setting: CustomTestStringConvertible, Sendable {
    let kernels: Kernels
    let type: KVType
    var testDescription: String { "\(kernels.name) \(type.rawValue)" }

    /// Dimensions that this type of cache takes: those, or the next that it does.
    func dimensions(_ wanted: Int) -> Int { type == .q8 ? (wanted + 31) / 32 * 32 : wanted }

    static let all = Kernels.all.flatMap { kernels in KVType.allCases.map { Setting(kernels: kernels, type: $0) } }
  }

  @Test(arguments: Setting.all)
  func equalsTheNaiveSoftmax(_ setting: Setting) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for dimensions in [8, 16, 24, 32, 40, 56, 64, 80, 96, 128, 256] where setting.type.admits(dimensions: dimensions) {
      for heads in dimensions == 64 ? Array(1...8) : [1 + dimensions / 8 % 8] {
        let positions = 1 + Int(random.next() % 200)
        let whole = AttentionCase(
          setting.kernels, heads: heads, dimensions: dimensions, positions: positions, type: setting.type, &random)
        let softmax = whole.softmax()
        whole.fold(setting.kernels, 0..<positions, into: softmax)
        let worst = whole.worst(softmax, 0..<positions)
        #expect(worst.isWithin, "\(setting) heads \(heads) dimensions \(dimensions) seed \(seed): \(worst)")
      }
    }
  }

  /// Windows that begin and end at any slot; the slots outside, which hold no numbers, weigh nothing.
  @Test(arguments: Setting.all)
  func windowsOfOneBlock(_ setting: Setting) {
    var random = KernelRandom(seed: 13)
    let block = AttentionCase(
      setting.kernels, heads: 3, dimensions: setting.dimensions(40), positions: 64, type: setting.type, &random)
    let edges = slowTests ? Array(0...64) : [0, 1, 7, 8, 9, 31, 32, 33, 62, 63, 64]
    for begin in edges {
      for end in edges where begin < end {
        // A block whose other slots were never written.
        let window = AttentionCase(copying: block, keeping: begin..<end)
        let softmax = window.softmax()
        window.fold(setting.kernels, begin..<end, into: softmax)
        let worst = window.worst(softmax, begin..<end)
        #expect(worst.isWithin, "\(setting) slots \(begin)..<\(end): \(worst)")
        if end - begin > 1 {
          #expect(!window.worst(softmax, begin..<end - 1).isWithin, "one position more or less must show")
        }
      }
    }
  }

  /// A head's result does not depend on the heads that share its keys.
  @Test(arguments: Setting.all)
  func headsAreIndependent(_ setting: Setting) {
    var random = KernelRandom(seed: 14)
    for heads in 1...8 {
      let shared = AttentionCase(
        setting.kernels, heads: heads, dimensions: setting.dimensions(48), positions: 90, type: setting.type, &random)
      let together = shared.softmax()
      shared.fold(setting.kernels, 0..<90, into: together)
      for head in 0..<heads {
        let alone = shared.softmax(heads: 1)
        shared.fold(setting.kernels, 0..<90, into: alone, head: head)
        #expect(together.hasSameBits(head: head, as: alone, head: 0), "\(setting) head \(head) of \(heads)")
      }
    }
  }

  /// A row's result does not depend on the rows computed with it, whatever each of them sees of the block.
  @Test(arguments: Setting.all)
  func rowsAreIndependent(_ setting: Setting) {
    var random = KernelRandom(seed: 17)
    for (rows, heads, dimensions) in [(2, 1, 8), (8, 3, 64), (8, 7, 40), (3, 16, 96), (5, 6, 256), (11, 2, 32)] {
      let shared = AttentionCase(
        setting.kernels, heads: rows * heads, dimensions: setting.dimensions(dimensions), positions: 64,
        type: setting.type, &random)
      let blocks = shared.dimensions / 32
      let together = shared.softmax()
      let slots = (0..<rows).map { row in
        let begin = row.isMultiple(of: 3) ? 0 : Int(random.next() % 64)
        return Slots(begin..<(row.isMultiple(of: 3) ? 64 : begin + 1 + Int(random.next() % UInt64(64 - begin))))
      }
      func attend(_ first: Int, _ count: Int, into softmax: Softmax) {
        let seen = GuardedBuffer(Array(slots[first..<first + count]))
        if setting.type == .q8 {
          setting.kernels.attend(
            queries: shared.queryBlocks.view.part(first * heads * blocks, count * heads * blocks),
            keys: shared.keys[0].pointer, values: shared.values[0].pointer, slots: seen.view, into: softmax)
        } else {
          setting.kernels.attend(
            queries: shared.queries.view.part(first * heads * shared.dimensions, count * heads * shared.dimensions),
            type: setting.type, keys: shared.keys[0].pointer, values: shared.values[0].pointer, slots: seen.view,
            into: softmax)
        }
      }
      attend(0, rows, into: together)
      for row in 0..<rows {
        let alone = shared.softmax(heads: heads)
        attend(row, 1, into: alone)
        for head in 0..<heads {
          #expect(
            together.hasSameBits(head: row * heads + head, as: alone, head: head), "\(setting) row \(row) of \(rows)")
        }
      }
    }
  }

  @Test(arguments: Setting.all)
  func partsMergeToTheWhole(_ setting: Setting) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for spread in [Float(0), 2, 60] {
      let long = AttentionCase(
        setting.kernels, heads: 4, dimensions: 64, positions: 700, type: setting.type, spread: spread, &random)
      let merged = long.softmax()
      for start in stride(from: 0, to: 700, by: 256) {
        let part = long.softmax()
        long.fold(setting.kernels, start..<min(start + 256, 700), into: part)
        setting.kernels.merge(part, into: merged)
        if start == 0 {
          for head in 0..<4 {
            #expect(merged.hasSameBits(head: head, as: part, head: head), "merging into nothing changes nothing")
          }
        }
      }
      let worst = long.worst(merged, 0..<700)
      #expect(worst.isWithin, "\(setting) spread \(spread) seed \(seed): \(worst)")
    }
  }

  /// Scores far beyond what an exponential can hold.
  @Test(arguments: Setting.all)
  func largeScoresDoNotOverflow(_ setting: Setting) {
    var random = KernelRandom(seed: 15)
    let steep = AttentionCase(
      setting.kernels, heads: 2, dimensions: 32, positions: 130, type: setting.type, spread: 3000, &random)
    let softmax = steep.softmax()
    steep.fold(setting.kernels, 0..<130, into: softmax)
    let worst = steep.worst(softmax, 0..<130)
    #expect(worst.isWithin, "\(setting): \(worst)")
  }

  /// Storing one position writes its own slot and nothing else.
  @Test(arguments: Setting.all)
  func storingTouchesOneSlot(_ setting: Setting) {
    var random = KernelRandom(seed: 16)
    let dimensions = setting.dimensions(24)
    for slot in [0, 1, 31, 32, 63] {
      let full = AttentionCase(
        setting.kernels, heads: 1, dimensions: dimensions, positions: 64, type: setting.type, &random)
      let keys = Array(full.keys[0].elements)
      let values = Array(full.values[0].elements)
      let row = GuardedBuffer([Float](repeating: 7, count: dimensions))
      setting.kernels.store(
        key: row.view, value: row.view, type: setting.type, slot: slot, keys: full.keys[0].pointer,
        values: full.values[0].pointer)
      let own = AttentionCase.bytes(ofSlot: slot, dimensions: dimensions, type: setting.type)
      let keysElsewhere = (0..<keys.count).allSatisfy {
        own.keys.contains($0) || keys[$0] == full.keys[0].pointer[$0]
      }
      let valuesElsewhere = (0..<values.count).allSatisfy {
        own.values.contains($0) || values[$0] == full.values[0].pointer[$0]
      }
      #expect(keysElsewhere && valuesElsewhere, "\(setting) slot \(slot)")
    }
  }

  /// Each of the faults that attention could have moves the result beyond its tolerance.
  @Test func theCheckItselfFindsFaults() {
    var random = KernelRandom(seed: 17)
    let whole = AttentionCase(.best, heads: 2, dimensions: 32, positions: 100, type: .f16, &random)
    let good = whole.softmax()
    whole.fold(.best, 0..<100, into: good)
    #expect(whole.worst(good, 0..<100).isWithin)
    #expect(!whole.worst(good, 1..<100).isWithin, "a position too many")
    // The sign of one element of one key.
    whole.keys[0].pointer[2 * (5 * 64 + 40) + 1] ^= 0x80
    let keyFault = whole.softmax()
    whole.fold(.best, 0..<100, into: keyFault)
    whole.keys[0].pointer[2 * (5 * 64 + 40) + 1] ^= 0x80
    #expect((0..<2).allSatisfy { !keyFault.hasSameBits(head: $0, as: good, head: $0) })
    #expect(!whole.worst(keyFault, 0..<100).isWithin)
    // A block folded in twice.
    let twice = whole.softmax()
    whole.fold(.best, 0..<100, into: twice)
    whole.fold(.best, 64..<100, into: twice)
    #expect(!whole.worst(twice, 0..<100).isWithin)
  }
}

extension AttentionCase {
  /// The same case with all slots of its one block wiped but some.
  convenience init(copying other: AttentionCase, keeping slots: Range<Int>) {
    let keys = GuardedBuffer(Array(other.keys[0].elements))
    let values = GuardedBuffer(Array(other.values[0].elements))
    for slot in 0..<64 where !slots.contains(slot) {
      let own = Self.bytes(ofSlot: slot, dimensions: other.dimensions, type: other.type)
      for byte in own.keys { keys.pointer[byte] = 0xff }
      for byte in own.values { values.pointer[byte] = 0xff }
    }
    self.init(
      heads: other.heads, dimensions: other.dimensions, positions: other.positions, type: other.type,
      queries: other.queries, queryBlocks: other.queryBlocks, keys: [keys], values: [values], keyRows: other.keyRows,
      valueRows: other.valueRows)
  }
}
