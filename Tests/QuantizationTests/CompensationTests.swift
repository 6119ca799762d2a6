import Compute
import Testing

@testable import Quantization

/// Error compensation against the weighted search, on inputs whose columns move together.
@Suite struct CompensationTests {
  private static let columns = 256
  private static let rows = 16

  /// Second moments of inputs that are mixtures of a few directions and some noise.
  private static func moments(seed: UInt64, directions: Int) throws -> AlignedBuffer<Float> {
    var random = SplitMix(seed: seed)
    let moments = try AlignedBuffer<Float>(count: columns * columns)
    for _ in 0..<directions {
      let direction = (0..<columns).map { _ in Float(random.gaussian()) }
      for i in 0..<columns {
        for j in 0..<columns { moments.view[i * columns + j] += direction[i] * direction[j] / Float(directions) }
      }
    }
    for i in 0..<columns { moments.view[i * columns + i] += 0.05 * Float(1 + random.uniform()) }
    return moments
  }

  private static func weights(seed: UInt64) throws -> AlignedBuffer<Float> {
    var random = SplitMix(seed: seed)
    let weights = try AlignedBuffer<Float>(count: rows * columns)
    for index in 0..<rows * columns { weights.view[index] = Float(0.05 * random.gaussian()) }
    return weights
  }

  /// The mean square change of the outputs, summed over the rows.
  private static func outputError(_ original: View<Float>, _ decoded: [Float], _ moments: View<Float>) -> Double {
    var sum = 0.0
    for row in 0..<rows {
      let error = (0..<columns).map { original[row * columns + $0] - decoded[row * columns + $0] }
      for i in 0..<columns {
        var product: Float = 0
        for j in 0..<columns { product += moments[i * columns + j] * error[j] }
        sum += Double(error[i] * product)
      }
    }
    return sum
  }

  static func encode(_ encoder: CompensatingEncoder, _ values: [Float]) throws -> [UInt8] {
    let weights = try AlignedBuffer<Float>(count: values.count)
    for (index, value) in values.enumerated() { weights.view[index] = value }
    return try withExtendedLifetime(weights) { try encode(encoder, weights.view) }
  }

  private static func encode(_ encoder: CompensatingEncoder, _ weights: View<Float>) throws -> [UInt8] {
    let scratch = try AlignedBuffer<UInt8>(count: encoder.scratchBytes)
    let bytes = try AlignedBuffer<UInt8>(
      count: weights.count / encoder.type.elementsPerBlock * encoder.type.bytesPerBlock)
    return withExtendedLifetime((scratch, bytes)) {
      encoder.encode(weights, scratch: scratch.view, to: bytes.view)
      return Array(bytes.elements)
    }
  }

  @Test(arguments: SearchTests.blockTypes)
  func changesTheOutputsLess(_ type: TensorType) throws {
    for seed in UInt64(1)...3 {
      let moments = try Self.moments(seed: seed, directions: 24)
      let weights = try Self.weights(seed: seed + 50)
      try withExtendedLifetime((moments, weights)) {
        let encoder = try CompensatingEncoder(type: type, moments: moments.view, columns: Self.columns)
        let decoded = try type.decode(Self.encode(encoder, weights.view), columns: Self.columns)
        let diagonal = (0..<Self.columns).map { moments.view[$0 * Self.columns + $0] }
        let search = try #require(RowEncoder(type: type, rounding: .search))
        let plain = try type.decode(
          search.encode(Array(weights.elements), columns: Self.columns, importance: diagonal), columns: Self.columns)
        let (after, before) = (
          Self.outputError(weights.view, decoded, moments.view), Self.outputError(weights.view, plain, moments.view)
        )
        #expect(after < 0.3 * before, "\(type.name), seed \(seed): \(after / before)")
      }
    }
  }

  /// Without anything that moves together there is nothing to compensate: about as good as the search.
  @Test(arguments: SearchTests.blockTypes)
  func losesNothingOnIndependentColumns(_ type: TensorType) throws {
    let moments = try AlignedBuffer<Float>(count: Self.columns * Self.columns)
    for i in 0..<Self.columns { moments.view[i * Self.columns + i] = Float(1 + i % 7) }
    let weights = try Self.weights(seed: 9)
    try withExtendedLifetime((moments, weights)) {
      let encoder = try CompensatingEncoder(type: type, moments: moments.view, columns: Self.columns)
      let decoded = try type.decode(Self.encode(encoder, weights.view), columns: Self.columns)
      let diagonal = (0..<Self.columns).map { moments.view[$0 * Self.columns + $0] }
      let search = try #require(RowEncoder(type: type, rounding: .search))
      let plain = try type.decode(
        search.encode(Array(weights.elements), columns: Self.columns, importance: diagonal), columns: Self.columns)
      let (after, before) = (
        Self.outputError(weights.view, decoded, moments.view), Self.outputError(weights.view, plain, moments.view)
      )
      #expect(after < 1.02 * before, "\(after / before)")
    }
  }

  /// Where the inputs have changed, the rows are fitted to give on the new ones what they gave on the old.
  @Test(arguments: [TensorType.q4_0, .q4_K, .q6_K])
  func makesUpForChangedInputs(_ type: TensorType) throws {
    let moments = try Self.moments(seed: 5, directions: 40)
    let cross = try AlignedBuffer<Float>(count: Self.columns * Self.columns)
    let weights = try Self.weights(seed: 6)
    try withExtendedLifetime((moments, cross, weights)) {
      // The original inputs z were twice the first half of what the new ones x are, and the same in the other.
      for i in 0..<Self.columns {
        for j in 0..<Self.columns {
          cross.view[i * Self.columns + j] = (i < 128 ? 2 : 1) * moments.view[i * Self.columns + j]
        }
      }
      let encoder = try CompensatingEncoder(
        type: type, moments: moments.view, cross: cross.view, columns: Self.columns)
      let decoded = try type.decode(Self.encode(encoder, weights.view), columns: Self.columns)
      let fitted = try AlignedBuffer<Float>(count: weights.count)
      for index in 0..<weights.count {
        fitted.view[index] = (index % Self.columns < 128 ? 2 : 1) * weights.view[index]
      }
      let after = withExtendedLifetime(fitted) { Self.outputError(fitted.view, decoded, moments.view) }
      #expect(after < 0.2 * Self.outputError(weights.view, decoded, moments.view))
    }
  }

  @Test(arguments: SearchTests.blockTypes)
  func visitsEveryColumnOnceBlockByBlock(_ type: TensorType) throws {
    let columns = 512
    var random = SplitMix(seed: 3)
    let moments = try AlignedBuffer<Float>(count: columns * columns)
    for i in 0..<columns { moments.view[i * columns + i] = Float(random.uniform()) + 0.1 }
    let order = try AlignedBuffer<UInt32>(count: columns)
    withExtendedLifetime((moments, order)) {
      CompensatingEncoder.visitOrder(type: type, moments: moments.view, columns: columns, to: order.view)
      let visits = (0..<columns).map { Int(order.view[$0]) }
      #expect(visits.sorted() == Array(0..<columns))
      for width in [type.elementsPerBlock, type == .q6_K ? 16 : 32] {
        for start in stride(from: 0, to: columns, by: width) {
          #expect(Set(visits[start..<start + width].map { $0 / width }).count == 1)
        }
      }
      let group = type == .q6_K ? 16 : 32
      for start in stride(from: 0, to: columns, by: group) {
        let seen = visits[start..<start + group].map { moments.view[$0 * columns + $0] }
        #expect(seen == seen.sorted(by: >))
      }
    }
  }

  @Test func refusesMomentsThatSayNothing() throws {
    let moments = try AlignedBuffer<Float>(count: 32 * 32)
    withExtendedLifetime(moments) {
      #expect(throws: CompensatingEncoder.Failure.moments) {
        try CompensatingEncoder(type: .q4_0, moments: moments.view, columns: 32)
      }
      for i in 0..<32 { moments.view[i * 33] = 1 }
      moments.view[7] = .nan
      #expect(throws: CompensatingEncoder.Failure.moments) {
        try CompensatingEncoder(type: .q4_0, moments: moments.view, columns: 32)
      }
      moments.view[7] = 5
      moments.view[7 * 32] = 5
      #expect(throws: CompensatingEncoder.Failure.moments) {
        try CompensatingEncoder(type: .q4_0, moments: moments.view, columns: 32)
      }
    }
  }

  /// Zeros, constants and numbers of extreme sizes stay numbers.
  @Test(arguments: TestRow.Kind.allCases)
  func survivesEveryKindOfRow(_ kind: TestRow.Kind) throws {
    let moments = try Self.moments(seed: 4, directions: 8)
    let row = try AlignedBuffer<Float>(count: Self.columns)
    for (index, value) in TestRow(kind: kind, seed: 2).values.prefix(Self.columns).enumerated() {
      row.view[index] = value
    }
    try withExtendedLifetime((moments, row)) {
      for type in SearchTests.blockTypes {
        let encoder = try CompensatingEncoder(type: type, moments: moments.view, columns: Self.columns)
        let decoded = try type.decode(Self.encode(encoder, row.view), columns: Self.columns)
        #expect(decoded.allSatisfy { $0.isFinite }, "\(type.name)")
        if kind == .zeros { #expect(decoded.allSatisfy { $0 == 0 }, "\(type.name)") }
      }
    }
  }
}

extension CompensatingEncoder {
  /// An encoder for moments that stay what they are.
  convenience init(
    type: TensorType, moments: View<Float>, cross: View<Float>? = nil, columns: Int
  ) throws {
    func copied(_ view: View<Float>) throws -> AlignedBuffer<Float> {
      let copy = try AlignedBuffer<Float>(count: view.count)
      view.copy(to: copy.view)
      return copy
    }
    try self.init(
      type: type,
      moments: CompensationMoments(taking: copied(moments), cross: cross.map(copied), columns: columns))
  }
}
