import CKernels
import Glibc
import Testing

@testable import Compute

/// Float kernels of a layer against sums in double precision.
@Suite struct KernelFloatTests {
  static let counts = [1, 2, 7, 8, 9, 24, 31, 32, 33, 40, 63, 576, 1536]

  @Test(arguments: Kernels.all)
  func rmsNormEqualsItsDefinition(_ kernels: Kernels) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for count in Self.counts {
      for (scale, epsilon) in [(Float(1), Float(1e-5)), (1e-4, 1e-6), (3e4, 1e-5), (1e-12, 1e-5), (1, 0)] {
        let x = GuardedBuffer((0..<count).map { _ in scale * random.normal() })
        let weight = GuardedBuffer((0..<count).map { _ in 1 + random.symmetric() })
        let y = GuardedBuffer<Float>(count: count)
        kernels.rmsNorm(x.view, weight: weight.view, epsilon: epsilon, to: y.view)
        let worst = Self.worstOfNorm(y, x: Array(x.elements), weight: weight, epsilon: epsilon)
        #expect(worst.isWithin, "\(kernels.name) count \(count) scale \(scale) seed \(seed): \(worst)")
        kernels.rmsNorm(x.view, weight: weight.view, epsilon: epsilon, to: x.view)
        #expect(x.hasSameBits(as: y), "in place, count \(count)")
      }
    }
    let zero = GuardedBuffer([Float](repeating: 0, count: 40))
    let y = GuardedBuffer([Float](repeating: 1, count: 40))
    kernels.rmsNorm(zero.view, weight: y.view, epsilon: 1e-5, to: y.view)
    #expect(y.elements.allSatisfy { $0 == 0 })
  }

  static func worstOfNorm(
    _ y: GuardedBuffer<Float>, x: [Float], weight: GuardedBuffer<Float>, epsilon: Float
  ) -> Worst {
    let mean = x.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(x.count)
    let factor = 1 / (mean + Double(epsilon)).squareRoot()
    // The sum runs in chains of 32 elements apart; its error is halved by the root.
    let allowed = Double(x.count / 64 + 16) * roundoff
    var worst = Worst()
    for i in x.indices {
      let expected = Double(x[i]) * factor * Double(weight.pointer[i])
      worst.add(y.pointer[i], expected: expected, tolerance: allowed * abs(expected), "element \(i)")
    }
    return worst
  }

  @Test func aWrongEpsilonShows() {
    var random = KernelRandom(seed: 5)
    let x = GuardedBuffer((0..<64).map { _ in random.normal() })
    let weight = GuardedBuffer([Float](repeating: 1, count: 64))
    let y = GuardedBuffer<Float>(count: 64)
    Kernels.best.rmsNorm(x.view, weight: weight.view, epsilon: 1e-5, to: y.view)
    #expect(Self.worstOfNorm(y, x: Array(x.elements), weight: weight, epsilon: 1e-5).isWithin)
    #expect(!Self.worstOfNorm(y, x: Array(x.elements), weight: weight, epsilon: 2e-5).isWithin)
  }

  @Test(arguments: Kernels.all)
  func addAndScaleRoundOnce(_ kernels: Kernels) {
    var random = KernelRandom(seed: 6)
    for count in Self.counts {
      let x = GuardedBuffer((0..<count).map { _ in random.normal() })
      let y = GuardedBuffer((0..<count).map { _ in random.normal() })
      let sums = zip(x.elements, y.elements).map { $0 + $1 }
      kernels.add(x.view, to: y.view)
      #expect(Array(y.elements) == sums)
      let products = x.elements.map { $0 * 0.37 }
      kernels.scale(x.view, by: 0.37)
      #expect(Array(x.elements) == products)
    }
  }

  @Test(arguments: Kernels.all)
  func activationsEqualTheirDefinition(_ kernels: Kernels) {
    var random = KernelRandom(seed: 7)
    var inputs: [Float] = [0, -0, 1, -1, 1e-30, -1e-30, 87, -87, 88.4, -88.4, 100, -100, 1e4, -1e4, 1e20]
    for step in -1200...1200 { inputs.append(Float(step) / 10 + random.symmetric() / 10) }
    for step in -500...500 { inputs.append(Float(step) / 100 + random.symmetric() / 100) }
    for activation in [Activation.silu, .geluTanh] {
      for count in [1, 5, 8, 19, inputs.count] {
        let inputs = inputs.suffix(count)
        let gate = GuardedBuffer(inputs)
        let up = GuardedBuffer(inputs.map { _ in 2 + random.symmetric() })
        kernels.activate(activation, gate: gate.view, up: up.view)
        var worst = Worst()
        for (index, x) in inputs.enumerated() {
          let (value, allowed) = Self.activation(activation, Double(x))
          let factor = Double(up.pointer[index])
          worst.add(
            gate.pointer[index], expected: value * factor, tolerance: allowed * abs(factor), "\(activation)(\(x))")
        }
        #expect(worst.isWithin, "\(kernels.name): \(worst)")
      }
    }
  }

  /// The function's value and how far rounding may move it.
  private static func activation(_ activation: Activation, _ x: Double) -> (value: Double, tolerance: Double) {
    // x / (1 + e^t); an error in t becomes a relative one of the result.
    let (t, relative) =
      switch activation {
      case .silu: (-x, 0.0)
      case .geluTanh:
        (-2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x), 6.0)
      }
    let value = x / (1 + exp(t))
    let allowed = (8 + relative * min(abs(t), 90)) * roundoff
    // Beyond e^88 the exponential stands still, where the result is below any normal number's use.
    return (value, allowed * abs(value) + 1e-36 * max(1, abs(x)))
  }

  @Test(arguments: Kernels.all)
  func notANumberStaysOne(_ kernels: Kernels) {
    for activation in [Activation.silu, .geluTanh] {
      let gate = GuardedBuffer<Float>([.nan, .infinity, 3])
      let up = GuardedBuffer<Float>([1, 1, 1])
      kernels.activate(activation, gate: gate.view, up: up.view)
      #expect(gate.pointer[0].isNaN)
      #expect(gate.pointer[1] == .infinity)
    }
  }

  @Test(arguments: Kernels.all)
  func ropeRotatesPairs(_ kernels: Kernels) {
    var random = KernelRandom(seed: 8)
    for pairs in [RopePairs.adjacent, .halves] {
      for (dimensions, head) in [(2, 8), (8, 8), (16, 24), (24, 96), (64, 64), (64, 80), (96, 96), (256, 256)] {
        let before = (0..<head).map { _ in random.normal() }
        let angles = (0..<dimensions / 2).map { _ in 3 * random.symmetric() }
        let cosine = GuardedBuffer(angles.map { cos($0) })
        let sine = GuardedBuffer(angles.map { sin($0) })
        let after = GuardedBuffer(before)
        kernels.rope(after.view, cosine: cosine.view, sine: sine.view, pairs: pairs)
        let worst = Self.worstOfRope(Array(after.elements), before, cosine, sine, pairs)
        #expect(worst.isWithin, "\(kernels.name) \(pairs) \(dimensions) of \(head): \(worst)")
        #expect(Array(after.elements[dimensions...]) == Array(before[dimensions...]), "the rest passes unchanged")
        let wrong = pairs == .adjacent ? RopePairs.halves : .adjacent
        if dimensions > 2 {
          #expect(!Self.worstOfRope(Array(after.elements), before, cosine, sine, wrong).isWithin)
        }
      }
    }
  }

  static func worstOfRope(
    _ after: [Float], _ before: [Float], _ cosine: GuardedBuffer<Float>, _ sine: GuardedBuffer<Float>,
    _ pairs: RopePairs
  ) -> Worst {
    var worst = Worst()
    for pair in 0..<cosine.count {
      let (first, second) = pairs == .adjacent ? (2 * pair, 2 * pair + 1) : (pair, pair + cosine.count)
      let (a, b) = (Double(before[first]), Double(before[second]))
      let (c, s) = (Double(cosine.pointer[pair]), Double(sine.pointer[pair]))
      let allowed = 2 * roundoff * (abs(a * c) + abs(b * s) + abs(a * s) + abs(b * c))
      worst.add(after[first], expected: a * c - b * s, tolerance: allowed, "dimension \(first)")
      worst.add(after[second], expected: a * s + b * c, tolerance: allowed, "dimension \(second)")
    }
    return worst
  }

  @Test(arguments: Kernels.all)
  func logSumExpOfSmallAndLargeVocabularies(_ kernels: Kernels) {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = KernelRandom(seed: seed)
    for count in [1, 2, 7, 8, 9, 1023, 1024, 1025, 1032, 49_152, 262_144] {
      for spread in [Float(0), 1, 20] {
        var logits = (0..<count).map { _ in spread * random.normal() - 3 }
        if count > 8 { logits[count / 2] = -.infinity }
        let x = GuardedBuffer(logits)
        let (value, largest) = kernels.logSumExp(x.view)
        let peak = logits.reduce(-.infinity, max)
        let expected = Double(peak) + log(logits.reduce(0.0) { $0 + exp(Double($1) - Double(peak)) })
        #expect(largest == peak)
        // e^x is right to a few roundings, and a part of 1,024 adds 128 in each lane.
        let error = abs(Double(value) - expected)
        #expect(
          error <= 140 * roundoff + 2 * roundoff * abs(expected),
          "\(kernels.name) count \(count) spread \(spread) seed \(seed): found \(value), expected \(expected)")
      }
    }
  }
}
