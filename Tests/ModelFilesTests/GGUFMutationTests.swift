import Glibc
import HostileFiles
import Testing

@testable import ModelFiles

/// Files made hostile by machine: a mutant is refused with a typed error or read whole, within bounds of time and
/// memory. Each test runs in a process of its own, so that a crash is one failure and memory can be measured.
@Suite struct GGUFMutationTests {
  /// Most milliseconds that one mutant of a few kilobytes may take, with room for a busy machine and a debug build.
  static let millisecondsEach = 1_000
  /// Most bytes by which all mutants may raise the peak of resident memory.
  static let peakBytes = 64 << 20

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

/// Holds the time of each mutant and the memory of all to their bounds.
private struct Bounds {
  private var mutants = 0
  private var accepted = 0
  private var longestNanos: UInt64 = 0
  private let startKilobytes: Int
  private let milliseconds: Int

  init(milliseconds: Int = GGUFMutationTests.millisecondsEach) {
    self.milliseconds = milliseconds
    Self.resetPeak()
    startKilobytes = Self.peakKilobytes()
  }

  /// Opens and walks a mutant; true when it was accepted.
  @discardableResult
  mutating func check(_ parts: [[UInt8]], _ what: String) -> Bool {
    let start = Self.nanos()
    var isAccepted = false
    do {
      walk(try open(parts))
      isAccepted = true
    } catch {
      #expect(!error.expected.isEmpty && !error.found.isEmpty && !error.path.isEmpty, "\(what): \(error)")
      #expect(error.kind == .system || error.offset != nil || error.key != nil, "\(what): \(error)")
    }
    let taken = Self.nanos() - start
    longestNanos = max(longestNanos, taken)
    if taken > UInt64(milliseconds) * 1_000_000 {
      Issue.record("\(what): took \(taken / 1_000_000) ms")
    }
    mutants += 1
    accepted += isAccepted ? 1 : 0
    return isAccepted
  }

  func finish(_ name: String, atLeast count: Int) {
    let grown = Self.peakKilobytes() - startKilobytes
    print(
      "\(name): \(mutants) mutants, \(accepted) accepted, longest \(longestNanos / 1_000) us, peak grew by \(grown) kB")
    #expect(mutants >= count)
    #expect(grown << 10 < GGUFMutationTests.peakBytes, "peak memory grew by \(grown) kB")
  }

  private static func nanos() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Sets the peak of this process to what is resident now.
  private static func resetPeak() {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return }
    fputs("5", file)
    fclose(file)
  }

  private static func peakKilobytes() -> Int {
    guard let file = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("VmHWM:") { return Int(text.filter(\.isNumber)) ?? 0 }
    }
    return 0
  }
}
