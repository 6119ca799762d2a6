import Compute
import Glibc
import Testing

/// Logits of every kind that a kernel may meet.
private func logits(_ count: Int, _ random: inout TestRandom) -> [Float] {
  (0..<count).map { _ in
    switch Int.random(in: 0..<40, using: &random) {
    case 0: .nan
    case 1: .infinity
    case 2: -.infinity
    case 3: .greatestFiniteMagnitude
    case 4: -.greatestFiniteMagnitude
    case 5: -0.0
    case 6: -.nan
    case 7: .leastNonzeroMagnitude
    default: 10 * random.normal()
    }
  }
}

private func buffer(_ values: [Float]) throws -> AlignedBuffer<Float> {
  let buffer = try AlignedBuffer<Float>(count: values.count)
  for (index, value) in values.enumerated() { buffer.view[index] = value }
  return buffer
}

private func bits(_ view: View<Float>, _ count: Int) -> [UInt32] { (0..<count).map { view[$0].bitPattern } }

/// A logit as the kernels see it.
private func seen(_ logit: Float) -> Float { logit.isNaN ? -.infinity : min(logit, .greatestFiniteMagnitude) }

@Test(arguments: ["baseline", "avx2"], [1, 7, 8, 127, 128, 129, 1_000, 5_003])
func samplingKernelsComputeWhatTheySay(name: String, count: Int) throws {
  guard let kernels = SamplingKernels.named(name) else { return }
  #expect(kernels.name == name)
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let values = logits(count, &random)
  let input = try buffer(values)
  let blocks = SamplingKernels.blocks(of: count)
  let maxima = try AlignedBuffer<Float>(count: blocks)
  kernels.blockMaxima(input.view, into: maxima.view)
  for block in 0..<blocks {
    let expected = values[block * 128..<min(block * 128 + 128, count)].map(seen).max()
    #expect(maxima.view[block] == expected, "seed \(seed), block \(block)")
  }

  let ids = try AlignedBuffer<Int32>(count: count)
  let found = try AlignedBuffer<Float>(count: count)
  for threshold: Float in [-.greatestFiniteMagnitude, -3, 0, 12, .greatestFiniteMagnitude] {
    let number = kernels.gather(
      input.view, maxima: maxima.view, threshold: threshold, ids: ids.view, values: found.view)
    let expected = values.indices.filter { seen(values[$0]) >= threshold }
    #expect((0..<number).map { Int(ids.view[$0]) } == expected, "seed \(seed), threshold \(threshold)")
    #expect((0..<number).map { found.view[$0] } == expected.map { seen(values[$0]) }, "seed \(seed)")
  }

  let sums = try AlignedBuffer<Float>(count: blocks)
  let weights = try AlignedBuffer<Float>(count: count)
  let largest = values.map(seen).max() ?? 0
  guard largest > -.infinity else { return }
  for inverse: Float in [0.25, 1, 1.25, 1e30, .greatestFiniteMagnitude] {
    kernels.weigh(input.view, largest: largest, inverseTemperature: inverse, weights: weights.view, sums: sums.view)
    for index in 0..<count where seen(values[index]) > -.infinity {
      let exponent = Double((seen(values[index]) - largest) * inverse)
      let expected = exponent < -87.3 ? 0 : exp(exponent)
      let error = abs(Double(weights.view[index]) - expected)
      #expect(error <= 3 * 0x1p-24 * max(expected, 0x1p-126), "seed \(seed), e^\(exponent)")
    }
    for index in 0..<count where seen(values[index]) == -.infinity { #expect(weights.view[index] == 0) }
    let stored = bits(sums.view, blocks)
    for block in 0..<blocks {
      let range = block * 128..<min(block * 128 + 128, count)
      let expected = range.reduce(0.0) { $0 + Double(weights.view[$1]) }
      #expect(abs(Double(sums.view[block]) - expected) <= 1e-5 * expected, "seed \(seed), block \(block)")
    }
    kernels.weigh(input.view, largest: largest, inverseTemperature: inverse, weights: nil, sums: sums.view)
    #expect(bits(sums.view, blocks) == stored, "sums must not depend on whether weights are kept")
  }
}

@Test(arguments: [5, 128, 1_003])
func samplingKernelsAgreeBitForBit(count: Int) throws {
  guard let fast = SamplingKernels.named("avx2"), let plain = SamplingKernels.named("baseline") else { return }
  let seed = testSeed()
  print("seed \(seed)")
  var random = TestRandom(seed: seed)
  let input = try buffer((0..<count).map { _ in 20 * random.normal() } + [0])
  let blocks = SamplingKernels.blocks(of: count)
  var results: [[UInt32]] = []
  for kernels in [fast, plain] {
    let sums = try AlignedBuffer<Float>(count: blocks)
    let weights = try AlignedBuffer<Float>(count: count)
    kernels.weigh(
      input.view.part(0, count), largest: 100, inverseTemperature: 1 / 0.7, weights: weights.view, sums: sums.view)
    results.append(bits(weights.view, count) + bits(sums.view, blocks))
  }
  #expect(results[0] == results[1], "seed \(seed)")
}

@Test func samplingKernelsUnknownName() { #expect(SamplingKernels.named("mmx") == nil) }
