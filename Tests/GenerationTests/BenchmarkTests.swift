import Compute
import Foundation
import ModelFiles
import Testing
import Transformers

@testable import Generation

@Suite struct BenchmarkTests {
  @Test func casesAreEveryCombination() {
    let cases = BenchmarkCase.all(prefill: [0, 16], decode: [4], depths: [0, 8], sequences: [1, 3])
    #expect(
      cases == [
        BenchmarkCase(.prefill, tokens: 16), BenchmarkCase(.decode, tokens: 4),
        BenchmarkCase(.batch, tokens: 4, batch: 3), BenchmarkCase(.prefill, tokens: 16, depth: 8),
        BenchmarkCase(.decode, tokens: 4, depth: 8), BenchmarkCase(.batch, tokens: 4, depth: 8, batch: 3),
      ])
    #expect(cases[3].positions == 26)
  }

  @Test func medianIsTheMiddle() {
    #expect(BenchmarkResult.median([]) == 0)
    #expect(BenchmarkResult.median([5]) == 5)
    #expect(BenchmarkResult.median([9, 1, 5]) == 5)
    #expect(BenchmarkResult.median([9, 1, 5, 7]) == 6)
  }

  /// Every case runs on a real model and its speed is kept; a ceiling counts the bytes that a step reads.
  @Test func measuresAModel() throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let file = try ModelFile(path: tests.appending(path: "Fixtures/families/llama3.Q4_0.gguf").path)
    var options = Engine.Options(threads: 2)
    options.batch = 8
    let cases = BenchmarkCase.all(prefill: [20], decode: [5], depths: [0, 12], sequences: [1, 11])
    BenchmarkCase.prepare(&options, for: cases)
    let engine = try Engine(file, options)
    let ceilings = try engine.ceilings()
    #expect(ceilings.readBytes > 0 && ceilings.integerProducts > 0 && ceilings.floatProducts > 0)
    let benchmark = Benchmark(engine, cases, threads: 2, ceilings: ceilings)
    for index in cases.indices {
      try benchmark.sample(index, warmUp: true)
      #expect(benchmark.results[index].samples.isEmpty)
      try benchmark.sample(index)
      try benchmark.sample(index)
    }
    for result in benchmark.results {
      #expect(result.samples.count == 2 && result.least > 0 && result.least <= result.median)
      #expect(result.median <= result.most)
      #expect(result.limit.tokensPerSecond > 0)
    }
    let kvBytes = engine.cache.blockBytes / Kernels.kvBlock
    #expect(benchmark.results[1].limit.streamedBytes == engine.model.streamedBytes + 2 * kvBytes)
    #expect(benchmark.results[5].limit.streamedBytes == engine.model.streamedBytes + 11 * 14 * kvBytes)
  }
}
