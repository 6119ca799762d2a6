import Foundation
import Testing

@testable import Compute

@Suite struct BufferTests {
  @Test(arguments: [0, 1, 7, 4096, 100_001])
  func memoryIsZeroedAndOnAPage(count: Int) throws {
    let buffer = try AlignedBuffer<Int32>(count: count)
    #expect(buffer.count == count)
    #expect(buffer.elements.count == count)
    #expect(Int(bitPattern: buffer.pointer) % Host.pageBytes == 0)
    #expect(buffer.elements.allSatisfy { $0 == 0 })
    for index in 0..<count { buffer.elements[index] = Int32(index) }
    #expect((0..<count).allSatisfy { buffer.view[$0] == Int32($0) })
  }

  @Test func sizesThatCannotBeAreRefused() {
    for count in [-1, Int.min, Int.max, Int.max / 4, 1 << 60] {
      #expect(throws: SystemError.self) { try AlignedBuffer<Int64>(count: count) }
    }
  }

  /// Address space is not memory: a context of a million positions costs what is touched of it.
  @Test func untouchedMemoryIsNotResident() throws {
    let before = try #require(ProcessUsage.current().residentBytes)
    let buffer = try AlignedBuffer<UInt8>(count: 8 << 30)
    buffer.view[0] = 1
    buffer.view[(8 << 30) - 1] = 1
    let after = try #require(ProcessUsage.current().residentBytes)
    // Other tests run meanwhile.
    #expect(after - before < 1 << 30)
  }

  /// Reading a page brings its neighbours along, also those that were given back just before.
  @Test func ofAFileThatIsReadAndReleasedLittleStays() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "farthing-" + UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: path) }
    // In pieces, since the kernel keeps, and maps, together what was written at once.
    try Data().write(to: path)
    let writer = try FileHandle(forWritingTo: path)
    for _ in 0..<256 { try writer.write(contentsOf: Data(repeating: 1, count: 128 << 10)) }
    try writer.close()
    let file = try MappedFile(path: path.path)
    var sum = 0
    // No multiple of what the kernel maps at once.
    for start in stride(from: 0, to: file.byteCount, by: 100_000) {
      let range = start..<min(start + 100_000, file.byteCount)
      for byte in file.bytes(in: range) { sum += Int(byte) }
      file.release(range)
    }
    let content = try #require(try FileHandle(forReadingAtPath: "/proc/self/smaps")?.readToEnd())
    let mappings = String(decoding: content, as: UTF8.self).split(separator: "\n")
    let mapping = try #require(mappings.firstIndex { $0.hasSuffix(path.path) })
    let line = try #require(mappings[mapping...].first { $0.hasPrefix("Rss:") })
    let kilobytes = try #require(line.split(separator: " ").compactMap { Int($0) }.first)
    #expect(kilobytes < 1024)
    // Also keeps the file mapped until here.
    #expect(sum == file.byteCount)
  }

  @Test func memoryGoesBack() throws {
    for _ in 0..<100 {
      let buffer = try AlignedBuffer<UInt8>(count: 64 << 20, hugePages: true)
      for offset in stride(from: 0, to: buffer.count, by: 1 << 20) { buffer.view[offset] = 1 }
    }
    // 6.4 GB in turn, of which a hundredth at a time.
    let resident = try #require(ProcessUsage.current().residentBytes)
    #expect(resident < 3 << 30)
  }
}

@Suite struct ViewTests {
  @Test func partsShareMemory() throws {
    let buffer = try AlignedBuffer<Float>(count: 10)
    let part = buffer.part(2, 5)
    part[0] = 3
    part.part(1, 4).fill(4)
    #expect(Array(buffer.elements) == [0, 0, 3, 4, 4, 4, 4, 0, 0, 0])
    #expect(buffer.part(10, 0).count == 0)
    let copy = try AlignedBuffer<Float>(count: 5)
    part.copy(to: copy.view)
    #expect(Array(copy.elements) == [3, 4, 4, 4, 4])
  }

  @Test func whatIsOutsideIsRefused() async {
    await #expect(processExitsWith: .failure) { _ = try AlignedBuffer<Float>(count: 8).part(3, 6) }
    await #expect(processExitsWith: .failure) { _ = try AlignedBuffer<Float>(count: 8).part(-1, 2) }
    await #expect(processExitsWith: .failure) { _ = try AlignedBuffer<Float>(count: 8).part(1, -1) }
    await #expect(processExitsWith: .failure) { _ = try AlignedBuffer<Float>(count: 8).part(Int.max, 1) }
    // Within the page, so that only the check can end the process.
    await #expect(processExitsWith: .failure) {
      let buffer = try AlignedBuffer<Float>(count: 8)
      _ = buffer.view[8]
    }
    await #expect(processExitsWith: .failure) {
      let buffer = try AlignedBuffer<Float>(count: 8)
      buffer.part(4, 4)[-1] = 0
    }
    await #expect(processExitsWith: .failure) {
      let buffer = try AlignedBuffer<Float>(count: 8)
      buffer.part(0, 4).copy(to: buffer.part(4, 3))
    }
  }

  /// What kernels take for granted is checked in front of them.
  @Test func kernelsRefuseExtentsThatDoNotFit() async {
    await #expect(processExitsWith: .failure) {
      let (x, blocks) = (try AlignedBuffer<Float>(count: 33), try AlignedBuffer<Activations>(count: 2))
      Kernels.best.quantize(x.view, to: blocks.view)
    }
    await #expect(processExitsWith: .failure) {
      let (x, blocks) = (try AlignedBuffer<Float>(count: 64), try AlignedBuffer<Activations>(count: 1))
      Kernels.best.quantize(x.view, to: blocks.view)
    }
    await #expect(processExitsWith: .failure) {
      let x = try AlignedBuffer<Float>(count: 64)
      Kernels.best.rmsNorm(x.view, weight: x.part(0, 63), epsilon: 0, to: x.view)
    }
    await #expect(processExitsWith: .failure) {
      let x = try AlignedBuffer<Float>(count: 64)
      Kernels.best.rope(x.part(0, 8), cosine: x.part(0, 5), sine: x.part(0, 5), pairs: .halves)
    }
    await #expect(processExitsWith: .failure) {
      let x = try AlignedBuffer<Float>(count: 64 * 64)
      Kernels.best.store(
        key: x.part(0, 8), value: x.part(0, 8), type: .f32, slot: 64, keys: x.pointer, values: x.pointer)
    }
  }
}
