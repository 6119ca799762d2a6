import Compute
import Foundation
import HostileFiles
import HostileModels
import Testing

/// Whole models made hostile by machine: a mutant is refused with a reason, or it loads, tokenises and generates, within
/// bounds of time and memory. Each test runs in a process of its own, so that a crash is one failure.
@Suite struct HostileModelTests {
  private static var isSlow: Bool { ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1" }

  @Test(arguments: GGUFBuilder.architectures)
  func theModelsThatAreMutatedRun(_ architecture: String) {
    for kernels in [Kernels.best, .baseline] {
      guard
        case .ran(let result) = ModelExercise.run(
          [GGUFBuilder.model(architecture).bytes], kernels: kernels, text: true)
      else {
        Issue.record("refused")
        continue
      }
      #expect(result.tokens.count == 2 && result.finish == .tokenLimit, "\(result.finish)")
    }
  }

  @Test(arguments: GGUFBuilder.architectures)
  func everyFieldTakesEveryTellingValue(_ architecture: String) async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [architecture = architecture as String] in
      var bounds = MutantBounds()
      // What all families share is mutated in one of them, unless there is time.
      let isWhole = architecture == "llama" || Self.isSlow
      let mutations = GGUFMutations(of: GGUFBuilder.model(architecture).bytes)
      mutations.visitAll { mutant in
        guard isWhole || mutant.what.hasPrefix("value of '\(architecture).") else { return }
        let text = mutant.what.contains("'tokenizer.")
        bounds.measure(mutant.what) { !ModelExercise.run([mutant.bytes], text: text).isRefused }
      }
      finish(bounds, architecture, atLeast: isWhole ? 4_000 : 200)
    }
    printOutput(of: child)
  }

  /// Random bits, in weights more often than not.
  @Test(arguments: GGUFBuilder.architectures)
  func randomBits(_ architecture: String) async {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("random bits: seed \(seed)")
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [architecture = architecture as String, seed = seed as UInt64] in
      var bounds = MutantBounds()
      var generator = SeededGenerator(seed: seed)
      let mutations = GGUFMutations(of: GGUFBuilder.model(architecture).bytes)
      let rounds = Self.isSlow ? 20_000 : 200
      for round in 0..<rounds {
        let mutant = mutations.bitFlipped(using: &generator)
        bounds.measure("seed \(seed), round \(round)") { !ModelExercise.run([mutant.bytes]).isRefused }
      }
      finish(bounds, architecture, atLeast: rounds)
    }
    printOutput(of: child)
  }

  /// Zeros, extremes, infinities and not-a-numbers as scales or numbers of each tensor, and of all at once: a model that
  /// computes nothing sensible, but computes, or says why there is no next token.
  @Test(arguments: GGUFBuilder.architectures)
  func extremeWeights(_ architecture: String) async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [architecture = architecture as String] in
      var bounds = MutantBounds()
      let original = GGUFBuilder.model(architecture)
      for scale in GGUFBuilder.Tensor.extremeHalves {
        for changed in Array(original.tensors.indices.map { $0...$0 }) + [0...original.tensors.count - 1] {
          var file = original
          for index in changed { file.tensors[index] = file.tensors[index].rescaled(to: scale) ?? file.tensors[index] }
          for kernels in changed.count == 1 && !Self.isSlow ? [Kernels.best] : [Kernels.best, .baseline] {
            bounds.measure("scale \(scale) in tensors \(changed)") {
              !ModelExercise.run([file.bytes], kernels: kernels).isRefused
            }
          }
        }
      }
      #expect(bounds.accepted == bounds.mutants)
      finish(bounds, architecture, atLeast: 200)
    }
    printOutput(of: child)
  }

  /// The same turned over in every type: bits of the scales and codes of K-quants, whose rows are too long for the small
  /// models.
  @Test func bitsOfEveryWeightType() async {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("bits of every type: seed \(seed)")
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [seed = seed as UInt64] in
      var bounds = MutantBounds()
      var generator = SeededGenerator(seed: seed)
      for path in try fixtures() {
        let original = [UInt8](try Data(contentsOf: path))
        let start = original.count / 3
        for round in 0..<(Self.isSlow ? 200 : 2) {
          var bytes = original
          for _ in 0..<200 { bytes[.random(in: start..<bytes.count, using: &generator)] ^= 0x7C }
          bounds.measure("\(path.lastPathComponent), seed \(seed), round \(round)") {
            !ModelExercise.run([bytes], context: 64).isRefused
          }
        }
      }
      // Fixtures without a vocabulary are refused once their tensors are known to be sound.
      print(bounds.summary("every type"))
      #expect(bounds.slow.isEmpty && bounds.mutants > 50, "\(bounds.slow)")
    }
    printOutput(of: child)
  }

  private static let integers: [Int64] = [
    0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 127, 255, 256, 257, 512, 513, 1_023, 1_024, 1_025, 4_096, 4_097, 65_535,
    65_536,
    1 << 20, (1 << 20) + 1, 1 << 24, (1 << 24) + 1, 1 << 30, (1 << 30) + 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1,
    1 << 32,
    (1 << 32) + 2, 1 << 33, 1 << 48, .max - 1, .max, .min, -1, -2,
  ]
  private static let floats: [Double] = [
    0, -0.0, 1, -1, 1e-300, .leastNonzeroMagnitude, 1e-7, 1e-6, 0.999, 1.001, 1e6, 1e7, 1e12, 1e13, 3.4e38, 1e39,
    1.7e308, .infinity,
    -.infinity, .nan, .signalingNaN,
  ]

  /// Each number that a family reads, at each telling value in each type that the format has for it.
  @Test(arguments: GGUFBuilder.architectures)
  func everyNumberThatIsRead(_ architecture: String) async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [architecture = architecture as String] in
      var bounds = MutantBounds()
      let original = GGUFBuilder.model(architecture)
      var values = Self.integers.map { GGUFBuilder.Value.int64($0) } + [.int32(-1), .int32(.min), .int32(.max)]
      values += [.uint64(.max), .uint64(1 << 63), .uint32(.max), .uint8(255), .int8(-1), .bool(1), .text("4")]
      values +=
        Self.floats.map { .float64($0) } + [
          .float32(0), .float32(.leastNonzeroMagnitude), .float32(3.4e38), .float32(.nan),
        ]
      values += [.int32s([]), .int32s([4, 4]), .int32s([Int32](repeating: 2, count: 5_000)), .floats([.nan])]
      values += [.array(elementType: 7, [.bool(1), .bool(0)]), .array(elementType: 7, [.bool(1)])]
      for name in numbers(architecture) {
        for value in values {
          var file = original
          file.set(name, value)
          let contexts = name.hasSuffix("context_length") || name.hasSuffix("window") ? [nil, 1, 4, 1 << 30] : [nil]
          for context in contexts {
            bounds.measure("\(name) = \(value), context \(context ?? 0)") {
              switch ModelExercise.run([file.bytes], context: context) {
              case .ran: return true
              case .refused(let reason):
                #expect(!reason.isEmpty)
                return false
              }
            }
          }
        }
      }
      finish(bounds, architecture, atLeast: 2_000)
    }
    printOutput(of: child)
  }

  /// What is out of its range is refused under its own name.
  @Test(arguments: [
    ("llama.block_count", 0), ("llama.block_count", 1_025), ("llama.block_count", 3), ("llama.embedding_length", 0),
    ("llama.embedding_length", (1 << 20) + 1), ("llama.attention.head_count", 0), ("llama.attention.head_count", 4_097),
    ("llama.attention.head_count_kv", 0), ("llama.attention.head_count_kv", 3), ("llama.attention.head_count_kv", 5),
    ("llama.attention.key_length", 0), ("llama.attention.key_length", 12), ("llama.attention.key_length", 520),
    ("llama.attention.value_length", 8), ("llama.feed_forward_length", 0), ("llama.context_length", 0),
    ("llama.context_length", (1 << 30) + 1), ("llama.attention.layer_norm_rms_epsilon", 2),
    ("llama.rope.dimension_count", 0), ("llama.rope.dimension_count", 18), ("llama.rope.dimension_count", 3),
    ("llama.rope.freq_base", 0), ("llama.rope.scaling.factor", 0), ("llama.rope.scaling.factor", -1),
    ("llama.attention.sliding_window", -1), ("llama.expert_count", 8), ("tokenizer.ggml.bos_token_id", 15),
    ("tokenizer.ggml.eos_token_id", 1 << 40), ("tokenizer.ggml.eos_token_id", -2),
  ])
  func valuesOutOfRangeAreRefusedByName(_ key: String, _ value: Int) {
    var file = GGUFBuilder.model("llama")
    file.set(key, .int64(Int64(value)))
    guard case .refused(let reason) = ModelExercise.run([file.bytes]) else {
      Issue.record("\(key) = \(value) was accepted")
      return
    }
    // More layers than there are show as a tensor that is missing.
    #expect(reason.contains(value == 3 && key.hasSuffix("block_count") ? "blk.2" : key), "\(reason)")
  }

  /// More tokens than the embedding has rows: their ids would be read past its end.
  @Test func moreTokensThanRowsAreRefused() {
    var file = GGUFBuilder.model("llama")
    for index in file.tensors.indices where file.tensors[index].dimensions == [32, 18] {
      let name = String(decoding: file.tensors[index].name, as: UTF8.self)
      file.tensors[index] = .weights(name, [32, 14], .q8_0)
    }
    guard case .refused(let reason) = ModelExercise.run([file.bytes]) else {
      Issue.record("a vocabulary larger than the embedding was accepted")
      return
    }
    #expect(reason.contains("15 tokens") && reason.contains("14 rows"), "\(reason)")
  }

  /// A context that no memory holds is refused with the numbers, not computed past 64 bits.
  @Test func immenseContextsAreRefused() {
    var file = GGUFBuilder.model("llama")
    file.set("llama.context_length", .uint32(1 << 30))
    file.set("llama.attention.head_count", .uint32(4_096))
    file.set("llama.attention.head_count_kv", .uint32(4_096))
    file.set("llama.attention.key_length", .uint32(512))
    file.set("llama.attention.value_length", .uint32(512))
    file.set("llama.block_count", .uint32(1_024))
    for context in [nil, 1 << 30] {
      guard case .refused(let reason) = ModelExercise.run([file.bytes], context: context) else {
        Issue.record("a context beyond all memory was accepted")
        continue
      }
      #expect(reason.contains("MiB"), "\(reason)")
    }
  }
}

private func numbers(_ architecture: String) -> [String] {
  let own = [
    "block_count", "embedding_length", "feed_forward_length", "context_length", "attention.head_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.layer_norm_rms_epsilon",
    "rope.dimension_count", "rope.freq_base", "rope.freq_base_swa", "rope.scaling.factor", "rope.scaling.type",
    "rope.scale_linear", "attention.sliding_window", "attention.sliding_window_pattern", "expert_count",
    "final_logit_softcapping", "attn_logit_softcapping",
  ]
  let vocabulary = [
    "bos_token_id", "eos_token_id", "eot_token_id", "unknown_token_id", "padding_token_id", "add_bos_token",
    "add_eos_token", "token_type", "scores",
  ]
  return own.map { "\(architecture).\($0)" } + vocabulary.map { "tokenizer.ggml.\($0)" } + ["general.alignment"]
}

private func fixtures() throws -> [URL] {
  let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/families")
  return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    .filter { $0.pathExtension == "gguf" && !$0.lastPathComponent.contains("split") }
    .sorted { $0.path < $1.path }
}

private func finish(_ bounds: MutantBounds, _ name: String, atLeast count: Int) {
  print(bounds.summary(name))
  #expect(bounds.slow.isEmpty, "\(bounds.slow)")
  #expect(bounds.mutants >= count)
  #expect(bounds.grownBytes < MutantBounds.peakBytes, "peak memory grew by \(bounds.grownBytes) bytes")
}

private func printOutput(of child: ExitTest.Result?) {
  for line in String(decoding: child?.standardOutputContent ?? [], as: UTF8.self).split(separator: "\n")
  where line.contains("mutants") {
    print(line)
  }
}
