import Compute
import Testing

private func view(_ values: [Float]) throws -> AlignedBuffer<Float> {
  let buffer = try AlignedBuffer<Float>(count: values.count)
  for (index, value) in values.enumerated() { buffer.view[index] = value }
  return buffer
}

/// Values of one kind: many ties, few ties, wide, narrow.
private func values(_ kind: Int, _ count: Int, _ random: inout TestRandom) -> [Float] {
  (0..<count).map { _ in
    switch kind {
    case 0: random.normal()
    case 1: Float(Int.random(in: -3...3, using: &random)) / 2
    case 2:
      Float(bitPattern: UInt32.random(in: 0...0x7f7f_ffff, using: &random)) * (Bool.random(using: &random) ? 1 : -1)
    case 3: 5
    case 4: Bool.random(using: &random) ? 0.0 : -0.0
    default: 1000 + random.normal() / 1000
    }
  }
}

@Test(arguments: 0..<6, [1, 2, 63, 300, 5_000])
func samplingSelectionByRankEqualsSorting(kind: Int, count: Int) throws {
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let values = values(kind, count, &random)
  let buffer = try view(values)
  let selection = try Selection(capacity: count)
  let sorted = values.sorted(by: >)
  let ranks = [1, count, (count + 1) / 2] + (0..<5).map { _ in Int.random(in: 1...count, using: &random) }
  for rank in ranks {
    let cut = selection.largest(rank, of: buffer.view)
    #expect(cut.value == sorted[rank - 1], "seed \(seed), rank \(rank)")
    #expect(cut.ties == rank - values.count { $0 > cut.value }, "seed \(seed), rank \(rank)")
  }
}

@Test(arguments: 0..<6, [1, 2, 63, 300, 5_000])
func samplingSelectionByMassEqualsSorting(kind: Int, count: Int) throws {
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let values = values(kind, count, &random)
  // Weights that are whole numbers make every sum exact: equal values have equal ones.
  var weightOf: [Float: Float] = [:]
  let weights = values.map { value in
    let weight = weightOf[value] ?? Float(Int.random(in: 0...9, using: &random))
    weightOf[value] = weight
    return weight
  }
  let valueBuffer = try view(values)
  let weightBuffer = try view(weights)
  let selection = try Selection(capacity: count)
  let order = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }
  let total = weights.reduce(0) { $0 + Double($1) }
  let targets =
    [0, 0.5, total, total / 2, total * 2] + (0..<5).map { _ in Double.random(in: 0...total, using: &random).rounded() }
  for target in targets {
    var sum = 0.0
    var kept = 0
    repeat {
      sum += Double(weights[order[kept]])
      kept += 1
    } while kept < count && sum < target
    let ids = try AlignedBuffer<Int32>(count: count)
    for index in 0..<count { ids.view[index] = Int32(index) }
    let copy = try view(values)
    let cut = selection.mass(target, of: valueBuffer.view, weights: weightBuffer.view)
    let number = cut.apply(ids: ids.view, values: copy.view)
    #expect((0..<number).map { Int(ids.view[$0]) } == order[..<kept].sorted(), "seed \(seed), target \(target)")
  }
}
