import Compute
import ModelFiles
import NumericsSupport
import Testing

@testable import Generation
@testable import Transformers

/// Memory is admitted before any of it is taken, and contexts are what was asked for or what fits.
@Suite struct EngineTests {
  private func options(available: Int?, context: Int? = nil) -> Engine.Options {
    var options = Engine.Options(threads: 1)
    options.batch = 16
    options.context = context
    options.memory = available.map { ($0, "the control group's limit") }
    return options
  }

  private func need(_ file: ModelFile) throws -> (need: MemoryNeed, trained: Int) {
    let configuration = try ModelConfiguration(file)
    return (
      MemoryNeed(file, configuration: configuration, kv: .f16, batch: 16, threads: 1), configuration.contextLength
    )
  }

  @Test func contextThatDoesNotFitIsRefusedWithWhatWould() throws {
    let file = try ModelFile(path: try SmolLM2.path())
    let (need, trained) = try need(file)
    #expect(trained == 8192)
    let available = need.total(positions: 1000)
    let error = #expect(throws: GenerationError.self) {
      try Engine(file, options(available: available, context: 4096))
    }
    guard case .memory(let needed, let found, let limit, let fits) = try #require(error) else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(needed == need.total(positions: 4096) && found == available && limit == "the control group's limit")
    #expect((961...1024).contains(fits))
    let text = "\(try #require(error))"
    #expect(text.contains("\((needed + 1_048_575) / 1_048_576) MiB") && text.contains("-c \(fits)"), "\(text)")
    #expect(text.contains("the control group's limit leaves \((available + 1_048_575) / 1_048_576) MiB"), "\(text)")
    // And it does fit, here with a small model of the same kind.
    #expect(need.total(positions: fits) <= available)
  }

  @Test func withoutAWishTheContextIsWhatFits() throws {
    let fixture = try FamilyFixture.named("llama", "Q4_0")
    let file = try ModelFile(path: fixture.path)
    let (need, trained) = try need(file)
    #expect(try Engine(file, options(available: nil)).context == trained)
    #expect(try Engine(file, options(available: 1 << 34)).context == trained)
    for positions in [64, 128] where positions < trained {
      #expect(try Engine(file, options(available: need.total(positions: positions))).context == positions)
      #expect(try Engine(file, options(available: need.total(positions: positions + 64) - 1)).context == positions)
    }
    #expect(try Engine(file, options(available: need.total(positions: 64), context: 10)).context == 10)
  }

  @Test func weightsThatDoNotFitAreRefused() throws {
    let file = try ModelFile(path: try FamilyFixture.named("llama", "Q4_0").path)
    let (need, _) = try need(file)
    for available in [0, need.weightBytes, need.total(positions: 64) - 1] {
      let error = #expect(throws: GenerationError.self) { try Engine(file, options(available: available)) }
      #expect("\(try #require(error))".contains("the weights alone do not fit"))
    }
  }

  @Test func moreThanTheModelWasTrainedOnIsRefused() throws {
    let file = try ModelFile(path: try FamilyFixture.named("llama", "Q4_0").path)
    let (_, trained) = try need(file)
    let error = #expect(throws: GenerationError.self) {
      try Engine(file, options(available: nil, context: trained + 1))
    }
    let text = "\(try #require(error))"
    #expect(text.contains("\(trained + 1)") && text.contains("-c \(trained)"), "\(text)")
  }

  /// What a model was said to need is what it takes.
  @Test func needIsWhatIsTaken() throws {
    for fixture in FamilyFixture.all {
      let file = try ModelFile(path: fixture.path)
      let configuration = try ModelConfiguration(file)
      let need = MemoryNeed(file, configuration: configuration, kv: .f16, batch: 16, threads: 1)
      let loaded = try Engine(file, options(available: nil, context: 64))
      // Each matrix begins on a cache line of its own.
      let slack = 64 * file.tensors.count
      #expect(loaded.model.weightBytes <= need.weightBytes + slack, "\(fixture)")
      #expect(loaded.cache.blockBytes == 64 * need.kvBytesPerPosition)
    }
  }

  @Test func instructionSetThatFailsItsCheckIsNotUsed() throws {
    let fixture = try FamilyFixture.named("llama", "Q4_0")
    #expect(try engine(fixture).isa == Kernels.best.name)
    #expect(try engine(fixture, kernels: .baseline).isa == "baseline")
  }
}
