import Testing

@testable import Generation

/// The known answers of philox4x32 with 10 rounds in the file kat_vectors of Random123: counter, key, result.
private let knownAnswers: [(SIMD4<UInt32>, SIMD2<UInt32>, SIMD4<UInt32>)] = [
  (
    SIMD4(repeating: 0), SIMD2(repeating: 0),
    SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
  ),
  (
    SIMD4(repeating: 0xffff_ffff), SIMD2(repeating: 0xffff_ffff),
    SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
  ),
  (
    SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), SIMD2(0xa409_3822, 0x299f_31d0),
    SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
  ),
]

@Test(arguments: knownAnswers)
func samplingRandomKnownAnswers(counter: SIMD4<UInt32>, key: SIMD2<UInt32>, expected: SIMD4<UInt32>) {
  #expect(CounterRandom.block(counter: counter, key: key) == expected)
}

@Test func samplingRandomUniformIsTheTopOfTheBlock() {
  // The first two words of the zero block, as one number of 64 bits, of which 53 are kept.
  let expected = Double((UInt64(0xe169_c58d) << 32 | 0x6627_e8d5) >> 11) / Double(UInt64(1) << 53)
  #expect(CounterRandom(seed: 0).uniform(at: 0) == expected)
}

@Test func samplingRandomIsUniformOverPositionsAndSeeds() {
  let count = 20_000
  let streams = [
    (0..<count).map { CounterRandom(seed: 7).uniform(at: $0) },
    (0..<count).map { CounterRandom(seed: UInt64($0)).uniform(at: 3) },
  ]
  for stream in streams {
    #expect(stream.allSatisfy { (0..<1).contains($0) })
    #expect(Set(stream).count == count)
    let mean = stream.reduce(0, +) / Double(count)
    // Six standard errors of the mean of uniform numbers.
    #expect(abs(mean - 0.5) < 6 * (1.0 / 12 / Double(count)).squareRoot())
    let neighbours = zip(stream, stream.dropFirst()).reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) } / Double(count)
    #expect(abs(neighbours) < 6.0 / 12 / Double(count).squareRoot())
  }
}

@Test func samplingRandomUsesAllBitsOfSeedAndPosition() {
  let base = CounterRandom(seed: 0).uniform(at: 0)
  for bit in 0..<63 {
    #expect(CounterRandom(seed: 1 << bit).uniform(at: 0) != base)
    #expect(CounterRandom(seed: 0).uniform(at: 1 << bit) != base)
  }
}
