import CKernels
import Glibc
import Testing

@testable import Compute

/// Quantisation of activations: the invariants that integer kernels rest on.
@Suite struct KernelQuantizeTests {
  static func quantize(_ kernels: Kernels, _ values: [Float]) -> GuardedBuffer<fk_activations> {
    let (x, blocks) = (GuardedBuffer(values), GuardedBuffer<fk_activations>(count: values.count / 32))
    kernels.quantize(x.view, to: blocks.view)
    return blocks
  }

  /// What is wrong with a block as the quantisation of 32 values.
  static func fault(of block: fk_activations, _ values: [Float]) -> String? {
    let codes = codes(of: block)
    if codes.contains(-128) { return "a code of -128" }
    let sums = (codes[..<16].reduce(0) { $0 + Int($1) }, codes[16...].reduce(0) { $0 + Int($1) })
    if Int(block.sums.0) != sums.0 || Int(block.sums.1) != sums.1 { return "sums \(block.sums), expected \(sums)" }
    if Int(block.sum) != sums.0 + sums.1 { return "sum \(block.sum), expected \(sums.0 + sums.1)" }
    if block.scaled_sum != block.scale * Float(block.sum) { return "scaled sum \(block.scaled_sum)" }
    if !block.scale.isFinite || block.scale < 0 { return "scale \(block.scale)" }
    let numbers = values.map { $0.isNaN ? 0 : max(-.greatestFiniteMagnitude, min(.greatestFiniteMagnitude, $0)) }
    let peak = numbers.reduce(0) { max($0, abs($1)) }
    if peak <= 1e-35 { return codes.allSatisfy { $0 == 0 } && block.scale == 0 ? nil : "a block of next to nothing" }
    if block.scale != peak / 127 { return "scale \(block.scale) for a peak of \(peak)" }
    for (index, value) in numbers.enumerated() {
      let exact = Double(value) / Double(block.scale)
      // To nearest; the inverse of the scale is rounded, so ties may fall either way.
      if abs(exact - Double(codes[index])) > 0.5 + 64 * 0x1p-23 {
        return "element \(index): \(value) became \(codes[index]), exactly \(exact)"
      }
    }
    return nil
  }

  static let specials: [[Float]] = {
    var random = KernelRandom(seed: 9)
    let normal = (0..<32).map { _ in random.normal() }
    func with(_ values: [Float], _ changes: [Int: Float]) -> [Float] {
      values.enumerated().map { changes[$0] ?? $1 }
    }
    return [
      [Float](repeating: 0, count: 32), [Float](repeating: -0, count: 32), [Float](repeating: 1, count: 32),
      [Float](repeating: -1, count: 32), (0..<32).map { $0.isMultiple(of: 2) ? 3 : -3 },
      with(normal, [0: .nan]), with(normal, [31: .nan, 16: -.nan]), [Float](repeating: .nan, count: 32),
      with(normal, [5: .infinity]), with(normal, [6: -.infinity, 7: .infinity]),
      [Float](repeating: -.infinity, count: 32), with(normal, [8: .greatestFiniteMagnitude]),
      with(normal, [9: -.greatestFiniteMagnitude]), normal.map { $0 * 1e30 }, normal.map { $0 * 1e-30 },
      normal.map { $0 * 1e-37 }, normal.map { $0 * 0x1p-140 }, [Float](repeating: .leastNonzeroMagnitude, count: 32),
      [Float](repeating: .leastNormalMagnitude, count: 32), with([Float](repeating: 0x1p-133, count: 32), [3: 1]),
      [Float](repeating: 1e-35, count: 32), [Float](repeating: Float(1e-35).nextUp, count: 32),
      (0..<32).map { Float($0) - 15.5 }, (0..<32).map { (Float($0) + 0.5) * 127 / 31.5 },
    ]
  }()

  @Test(arguments: Kernels.all)
  func specialBlocksKeepTheInvariants(_ kernels: Kernels) {
    let blocks = Self.quantize(kernels, Self.specials.flatMap(\.self))
    for (index, values) in Self.specials.enumerated() {
      let fault = Self.fault(of: blocks[index], values)
      #expect(fault == nil, "\(kernels.name) block \(index)")
    }
  }

  @Test(arguments: Kernels.all)
  func randomBlocksKeepTheInvariants(_ kernels: Kernels) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    let count = slowTests ? 20_000 : 500
    let values = (0..<count).flatMap { block -> [Float] in
      let scale = exp2(Float(block % 120 - 60))
      return (0..<32).map { _ in scale * random.normal() }
    }
    let blocks = Self.quantize(kernels, values)
    for block in 0..<count {
      let fault = Self.fault(of: blocks[block], Array(values[block * 32..<block * 32 + 32]))
      #expect(fault == nil, "\(kernels.name) block \(block) seed \(seed)")
    }
  }

  /// The error of rounding to 127 steps of a normal distribution's peak, no more and no less.
  @Test func errorIsThatOfRounding() {
    var random = KernelRandom(seed: 10)
    let values = (0..<32 * 2000).map { _ in random.normal() }
    let blocks = Self.quantize(.best, values)
    var (error, power) = (0.0, 0.0)
    for (index, value) in values.enumerated() {
      let block = blocks[index / 32]
      let restored = Double(block.scale) * Double(codes(of: block)[index % 32])
      error += (restored - Double(value)) * (restored - Double(value))
      power += Double(value) * Double(value)
    }
    let normalised = error / power
    print("quantised activations: normalised mean squared error \(normalised)")
    #expect(normalised > 1.5e-5 && normalised < 3e-5)
  }

  /// The second term is the rounding of what the first left out, and both together are 254 times as exact.
  @Test(arguments: Kernels.all)
  func restCompletesTheRoundedRow(_ kernels: Kernels) {
    var random = KernelRandom(seed: 13)
    let values = (0..<32 * 200).map { index in exp2(Float(index / 32 % 60 - 30)) * random.normal() }
    let (x, rest) = (GuardedBuffer(values), GuardedBuffer<fk_activations>(count: values.count / 32))
    let rounded = Self.quantize(kernels, values)
    kernels.quantizeRest(x.view, of: rounded.view, to: rest.view)
    for block in 0..<rest.count {
      let (first, second) = (rounded[block], rest[block])
      let left = (0..<32).map { values[block * 32 + $0] - first.scale * Float(codes(of: first)[$0]) }
      #expect(Self.fault(of: second, left) == nil, "\(kernels.name) block \(block)")
      for index in 0..<32 {
        let terms = [first, second].map { Double($0.scale) * Double(codes(of: $0)[index]) }
        let error = abs(terms[0] + terms[1] - Double(values[block * 32 + index]))
        #expect(error <= Double(first.scale) * (0.5001 / 254 + 1e-5))
      }
    }
  }

  /// No operation in it is fused, so that every table makes the same bytes.
  @Test func tablesMakeTheSameBytes() {
    var random = KernelRandom(seed: 11)
    let values = Self.specials.flatMap(\.self) + (0..<32 * 500).map { _ in random.normal() }
    let first = Self.quantize(.baseline, values)
    for kernels in Kernels.all { #expect(Self.quantize(kernels, values).hasSameBits(as: first), "\(kernels.name)") }
  }

  @Test func theCheckItselfFindsFaults() {
    var random = KernelRandom(seed: 12)
    let values = (0..<32).map { _ in random.normal() }
    let good = Self.quantize(.best, values)[0]
    #expect(Self.fault(of: good, values) == nil)
    let faults: [(inout fk_activations) -> Void] = [
      { $0.codes.3 = -128 }, { $0.codes.4 += 1 }, { $0.sums.0 += 1 }, { $0.sum -= 1 }, { $0.scale = $0.scale.nextUp },
      { $0.scaled_sum = 0 }, { $0.scale = .nan },
    ]
    for plant in faults {
      var bad = good
      plant(&bad)
      #expect(Self.fault(of: bad, values) != nil)
    }
    // A code that is off by one, with the sums that belong to it.
    var codes = codes(of: good)
    codes[7] += codes[7] > 0 ? -1 : 1
    #expect(Self.fault(of: activations(codes, scale: good.scale), values) != nil)
  }
}
