import Glibc
import HostileFiles
import Testing

@testable import ModelFiles

/// Files made hostile by machine: a mutant is refused with a typed error or read whole, within bounds of time and
/// memory. Each test runs in a process of its own, so that a crash is one failure and memory can be measured.
@Suite struct GGUFMutationTests {
  @Test func everyFieldTakesEveryTellingValue() async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      var bounds = Bounds()
      for builder in [GGUFBuilder.everything, .vocabularyOnly] {
        let mutations = GGUFMutations(of: builder.bytes)
        try #require(mutations.fields.count > 60)
        mutations.visitAll { mutant in bounds.check([mutant.bytes], mutant.what) }
      }
      bounds.finish("fields", atLeast: 4_000)
    }
    printOutput(of: child)
  }

  @Test func everyFieldOfEveryPart() async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      var bounds = Bounds()
      let parts = GGUFBuilder.split(into: 3).map(\.bytes)
      for number in parts.indices {
        GGUFMutations(of: parts[number]).visitAll { mutant in
          var mutated = parts
          mutated[number] = mutant.bytes
          bounds.check(mutated, "part \(number): \(mutant.what)")
        }
      }
      bounds.finish("parts", atLeast: 2_000)
    }
    printOutput(of: child)
  }

  /// No file that ends early passes: the last byte of each of these is needed.
  @Test func cutAtEveryByte() async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      var bounds = Bounds()
      for builder in [GGUFBuilder.everything, .vocabularyOnly] {
        let mutations = GGUFMutations(of: builder.bytes)
        for count in 0..<mutations.original.count {
          let accepted = bounds.check([mutations.truncated(to: count).bytes], "cut to \(count) bytes")
          #expect(!accepted, "a file cut to \(count) bytes was accepted")
        }
      }
      bounds.finish("cuts", atLeast: 1_000)
    }
    printOutput(of: child)
  }

  @Test func randomBits() async {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("random bits: seed \(seed)")
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      [seed = seed as UInt64] in
      var bounds = Bounds()
      var generator = SeededGenerator(seed: seed)
      let rounds = getenv("FARTHING_SLOW_TESTS") == nil ? 4_000 : 200_000
      for builder in [GGUFBuilder.everything, .vocabularyOnly] {
        let mutations = GGUFMutations(of: builder.bytes)
        for round in 0..<rounds {
          let mutant = mutations.bitFlipped(using: &generator)
          bounds.check([mutant.bytes], "seed \(seed), round \(round): \(mutant.what)")
        }
      }
      bounds.finish("random bits", atLeast: rounds)
    }
    printOutput(of: child)
  }

  /// The largest tables that the limits admit stay within the bounds too.
  @Test func fullTables() async {
    let child = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      var bounds = Bounds()
      var keys = GGUFBuilder()
      for index in 0..<GGUFLimits.keys { keys.add("k\(index)", .uint8(1)) }
      var tensors = GGUFBuilder()
      tensors.alignment = 8
      tensors.add("general.alignment", .uint32(8))
      tensors.tensors = (0..<GGUFLimits.tensors).map { .init("t\($0)", [2], type: 0, bytes: 8) }
      var nested = GGUFBuilder()
      let small = GGUFBuilder.Value.array(elementType: 9, [GGUFBuilder.Value](repeating: .int32s([]), count: 256))
      nested.add("n", .array(elementType: 9, [GGUFBuilder.Value](repeating: small, count: 256)))
      let files = [keys, tensors, nested].map(\.bytes)
      bounds = Bounds(milliseconds: 20_000)
      for (index, file) in files.enumerated() {
        let accepted = bounds.check([file], "table \(index)")
        #expect(accepted, "a file at the limit was refused")
      }
      bounds.finish("full tables", atLeast: 3)
    }
    printOutput(of: child)
  }
}

private func printOutput(of child: ExitTest.Result?) {
  for line in String(decoding: child?.standardOutputContent ?? [], as: UTF8.self).split(separator: "\n")
  where line.contains("mutants") {
    print(line)
  }
}

/// Checks mutants within bounds of time and memory.
private struct Bounds {
  private var bounds: MutantBounds

  init(milliseconds: Int = MutantBounds.millisecondsEach) {
    bounds = MutantBounds(milliseconds: milliseconds)
  }

  /// Opens and walks a mutant; true when it was accepted.
  @discardableResult
  mutating func check(_ parts: [[UInt8]], _ what: String) -> Bool {
    bounds.measure(what) {
      do throws(ModelFileError) {
        walk(try open(parts))
        return true
      } catch {
        #expect(!error.expected.isEmpty && !error.found.isEmpty && !error.path.isEmpty, "\(what): \(error)")
        #expect(error.kind == .system || error.offset != nil || error.key != nil, "\(what): \(error)")
        return false
      }
    }
  }

  func finish(_ name: String, atLeast count: Int) {
    print(bounds.summary(name))
    #expect(bounds.slow.isEmpty, "\(bounds.slow)")
    #expect(bounds.mutants >= count)
    #expect(bounds.grownBytes < MutantBounds.peakBytes, "peak memory grew by \(bounds.grownBytes) bytes")
  }
}
