import Compute
import HostileFiles
import NumericsSupport
import Testing

@testable import Compute
@testable import Transformers

/// Same request, same logits, to the bit: whatever the number of threads, the way the prompt was cut, the batch it
/// shared and the cache it hit, within one instruction set.
@Suite struct BitIdentityTests {
  /// Long enough for the third chunk of attention where that is affordable.
  private static func length(_ fixture: FamilyFixture) -> Int {
    if fixture.isDeep { return 70 }
    return runsSlowTests || isFirstOfFamily(fixture) ? 300 : 100
  }

  private static func isFirstOfFamily(_ fixture: FamilyFixture) -> Bool {
    FamilyFixture.all.first { $0.name == fixture.name }?.type == fixture.type
  }

  @Test(arguments: FamilyFixture.all)
  func everyFamilyAndWeightType(_ fixture: FamilyFixture) throws {
    let subject = try Subject(path: fixture.path)
    let seed = testSeed()
    for kernels in Kernels.all {
      // The slower instruction sets take a shorter text: they are the same code over other primitives.
      let isBest = kernels.name == Kernels.best.name
      let tokens = fixture.tokens(isBest || runsSlowTests ? Self.length(fixture) : 70)
      var check = BitIdentity(subject, kernels: kernels, tokens: tokens, seed: seed)
      let violations = try check.violations()
      #expect(violations == [], "\(fixture), \(kernels.name), seed \(seed)")
    }
  }

  @Test(arguments: KVType.allCases)
  func everyCacheType(_ type: KVType) throws {
    var checked = 0
    for (name, weights) in [("llama", "Q4_1"), ("gemma3-local", "Q8_0"), ("llama-256", "Q4_K")] {
      let fixture = try FamilyFixture.named(name, weights)
      let subject = try Subject(path: fixture.path)
      guard type.admits(dimensions: subject.model.configuration.headDim) else { continue }
      checked += 1
      let seed = testSeed()
      var check = BitIdentity(subject, kernels: .best, kv: type, tokens: fixture.tokens(300), seed: seed)
      let violations = try check.violations()
      #expect(violations == [], "\(fixture), seed \(seed)")
    }
    #expect(checked > 0)
  }

  /// Packing by many threads gives the weights that packing by one gives.
  @Test func loadingIsIndependentOfThreads() throws {
    for fixture in FamilyFixture.all where !fixture.isDeep {
      let tokens = fixture.tokens(20)
      let expected = try Subject(path: fixture.path, threads: 1).logits(of: tokens)
      let found = try Subject(path: fixture.path, threads: 5).logits(of: tokens)
      let difference = found.difference(from: expected)
      #expect(difference == nil, "\(fixture)")
    }
  }

  @Test func aRealModel() throws {
    let subject = try Subject(path: try SmolLM2.path())
    let seed = testSeed()
    let text = try SmolLM2Reference.text()
    for kernels in kernelsOfRealModels() {
      var check = BitIdentity(subject, kernels: kernels, tokens: Array(text[..<130]), seed: seed)
      let violations = try check.violations()
      #expect(violations == [], "\(kernels.name), seed \(seed)")
    }
  }
}

/// Each check above, made to fail by a planted fault.
@Suite(.serialized) struct BitIdentityFaultTests {
  private func check(
    _ fault: PlantedFault, _ name: String, _ type: String, length: Int = 80
  ) throws -> BitIdentity {
    let fixture = try FamilyFixture.named(name, type)
    return BitIdentity(
      try Subject(path: fixture.path), kernels: Kernels(table: fault.table), tokens: fixture.tokens(length), seed: 1)
  }

  @Test(arguments: [("llama", "Q4_0"), ("llama", "F16"), ("qwen3", "Q5_0"), ("gemma3", "IQ4_NL")])
  func stateThatLeaksBetweenRowsShows(name: String, type: String) throws {
    var check = try check(.leakingState, name, type)
    #expect(try check.cuts().count == 4)
    #expect(try check.sharing().count == 3)
    #expect(try check.reuse().count > 2)
  }

  @Test(arguments: [("llama", "Q4_0"), ("qwen2", "F16"), ("gemma3", "Q4_0")])
  func resultsThatDependOnTheThreadShow(name: String, type: String) throws {
    let check = try check(.dependsOnThread, name, type, length: 20)
    #expect(try check.threads().count == 3)
  }

  /// One unit in the last place of one element is enough where no rounding to 8 bits stands behind it.
  @Test func theLastPlaceShows() throws {
    var check = try check(.leakingLastPlace, "llama", "F32")
    #expect(try check.cuts().count == 4)
    #expect(try check.sharing().count == 3)
    #expect(try check.reuse().count > 2)
  }

  @Test func aPositionKeptTooManyShows() throws {
    let fixture = try FamilyFixture.named("llama", "Q4_0")
    var check = BitIdentity(
      try Subject(path: fixture.path), kernels: .best, tokens: fixture.tokens(80), seed: 1)
    #expect(try check.reuse() == [])
    #expect(try check.reuse(excess: 1).count >= 3)
  }

  @Test func comparisonSeesOneBit() {
    var (a, b) = (LogitRows(vocab: 2), LogitRows(vocab: 2))
    #expect(a.difference(from: b) != nil, "nothing compared is nothing shown")
    for row in [[1, 2], [3, 4]] as [[Float]] {
      a.append(row)
      b.append(row)
    }
    #expect(a.difference(from: b) == nil)
    a.append([0, 5])
    #expect(a.difference(from: b) != nil)
    b.append([-0.0, 5])
    #expect(a.difference(from: b) == "1 of 3 positions differ, the first at 2")
  }
}
