import Compute
import Foundation
import HostileFiles
import Quantization
import Testing

@testable import Conversion
@testable import ModelFiles

@Suite struct ConverterTests {
  /// A GGUF file of one F32 matrix "x.weight" of the given rows, and an F32 vector.
  private func source(_ rows: [[Float]], in scratch: Scratch, name: String = "in.gguf") throws -> String {
    var keys = GGUFKeys()
    keys.set("general.architecture", string: "llama")
    let path = scratch.path(name)
    let writer = try GGUFWriter(
      path: path, keys: keys,
      tensors: [
        .init(name: "x.weight", type: .f32, dimensions: [rows[0].count, rows.count]),
        .init(name: "x.norm", type: .f32, dimensions: [4]),
      ], inputs: [])
    try rows.flatMap(\.self).withUnsafeBytes { try writer.append($0) }
    try [Float](repeating: 0.1, count: 4).withUnsafeBytes { try writer.append($0) }
    try writer.finish()
    return path
  }

  private func ramp(_ rows: Int, _ columns: Int) -> [[Float]] {
    (0..<rows).map { row in (0..<columns).map { 0.1 + 2 * Float(cos(Double(row * columns + $0))) } }
  }

  @Test func figuresAreThoseOfTheRoundedNumbers() throws {
    let scratch = try Scratch()
    let rows = ramp(19, 64)
    let reports = try convert(try source(rows, in: scratch), to: scratch.path("out.gguf"), "Q8_0")
    let file = try ModelFile(path: scratch.path("out.gguf"))
    let bytes = Array(file.bytes(of: try file.loadable("x.weight")))
    var (error, signal, worst) = (0.0, 0.0, 0.0)
    for (row, numbers) in rows.enumerated() {
      for block in 0..<2 {
        let start = (row * 2 + block) * 34
        let scale = Float(Float16(bitPattern: UInt16(bytes[start]) | UInt16(bytes[start + 1]) << 8))
        var lost = 0.0
        for index in 0..<32 {
          let number = Double(numbers[block * 32 + index])
          let rounded = Double(Float(Int8(bitPattern: bytes[start + 2 + index])) * scale)
          lost += (number - rounded) * (number - rounded)
          signal += number * number
        }
        error += lost
        worst = max(worst, lost)
      }
    }
    let report = try #require(reports.first)
    #expect(abs(report.error - error) < 1e-9 * error && abs(report.signal - signal) < 1e-9 * signal)
    #expect(abs(report.worstBlock.rmse - (worst / 32).squareRoot()) < 1e-9)
    #expect(report.relativeRMSE > 0 && report.relativeRMSE < 0.005)
    let vector = try #require(reports.last)
    #expect(vector.type == .f32 && vector.error == 0 && vector.signal > 0)
    #expect(
      Array(file.bytes(of: try file.loadable("x.norm")))
        == [Float](repeating: 0.1, count: 4).withUnsafeBytes { Array($0) })
  }

  @Test func theNumberOfThreadsDoesNotShow() throws {
    let scratch = try Scratch()
    let path = try source(ramp(1_003, 96), in: scratch)
    var files: [Data] = []
    var sums: [[UInt64]] = []
    for threads in [1, 2, 5] {
      let reports = try convert(path, to: scratch.path("out.gguf"), "Q8_0", threads: threads)
      files.append(try Data(contentsOf: URL(filePath: scratch.path("out.gguf"))))
      sums.append(reports.flatMap { [$0.error.bitPattern, $0.signal.bitPattern] })
    }
    #expect(files[0] == files[1] && files[0] == files[2])
    #expect(sums[0] == sums[1] && sums[0] == sums[2])
  }

  /// A tensor that was rounded elsewhere is written as it is, in its place, and measured like any other.
  @Test func roundedElsewhereIsTheSame() throws {
    let scratch = try Scratch()
    let path = try source(ramp(19, 64), in: scratch)
    let reports = try convert(path, to: scratch.path("a.gguf"), "Q8_0")
    let whole = try ModelFile(path: scratch.path("a.gguf"))
    let bytes = Array(whole.bytes(of: try whole.loadable("x.weight")))
    let blocks = try AlignedBuffer<UInt8>(count: bytes.count)
    for (index, byte) in bytes.enumerated() { blocks.view[index] = byte }
    let file = try ModelFile(path: path)
    let plan = try ConversionPlan(file, level: try #require(QuantizationLevel.named("Q8_0")))
    let converter = try Converter(file, plan, to: scratch.path("b.gguf"), pool: try WorkerPool(threads: 2))
    let report = try withExtendedLifetime(blocks) { try converter.convert("x.weight", rounded: blocks.view) }
    #expect(report.error == reports[0].error && report.signal == reports[0].signal)
    #expect(try converter.convertNext()?.name == "x.norm")
    #expect(try converter.convertNext() == nil)
    try converter.finish()
    let (one, other) = (
      try Data(contentsOf: URL(filePath: scratch.path("a.gguf"))),
      try Data(contentsOf: URL(filePath: scratch.path("b.gguf")))
    )
    #expect(one == other)
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity], QuantizationLevel.all.map(\.name))
  func numbersThatAreNoneAreRefusedByName(value: Float, level: String) throws {
    let scratch = try Scratch()
    var rows = ramp(20, 512)
    rows[17][5] = value
    let path = try source(rows, in: scratch)
    let error = #expect(throws: ConversionError.self) { try convert(path, to: scratch.path("out.gguf"), level) }
    #expect(
      error?.description.contains("'x.weight'") == true && error?.description.contains("row 17, column 5") == true)
    #expect(scratch.contents == ["in.gguf"])
  }

  @Test func numbersPastTheTypeAreRefused() throws {
    let scratch = try Scratch()
    var rows = ramp(3, 32)
    rows[1][7] = 70_000
    let path = try source(rows, in: scratch)
    #expect(throws: ConversionError.self) { try convert(path, to: scratch.path("out.gguf"), "F16") }
    try convert(path, to: scratch.path("out.gguf"), "BF16")
    #expect(scratch.contents == ["in.gguf", "out.gguf"])
  }

  @Test func roundingTwiceWantsAWord() throws {
    let scratch = try Scratch()
    let path = try source(ramp(8, 32), in: scratch)
    try convert(path, to: scratch.path("q8.gguf"), "Q8_0")
    let error = #expect(throws: ConversionError.self) {
      try convert(scratch.path("q8.gguf"), to: scratch.path("f16.gguf"), "F16")
    }
    #expect(error?.description.contains("--allow-requantize") == true)
    try convert(scratch.path("q8.gguf"), to: scratch.path("f16.gguf"), "F16", allowRequantize: true)
    // To its own type a tensor is copied, which loses nothing.
    let copied = try convert(scratch.path("q8.gguf"), to: scratch.path("copy.gguf"), "Q8_0")
    #expect(copied.allSatisfy { $0.error == 0 })
    let (one, other) = (try ModelFile(path: scratch.path("q8.gguf")), try ModelFile(path: scratch.path("copy.gguf")))
    #expect(Array(one.bytes(of: one.tensors[0])) == Array(other.bytes(of: other.tensors[0])))
  }

  @Test func theOutputIsNotTheInput() throws {
    let scratch = try Scratch()
    let path = try source(ramp(8, 32), in: scratch)
    let before = try Data(contentsOf: URL(filePath: path))
    #expect(throws: ConversionError.self) { try convert(path, to: path, "Q8_0") }
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
    #expect(scratch.contents == ["in.gguf"])
  }

  @Test func rowsThatDoNotFitTakeTheNeighbour() throws {
    let scratch = try Scratch()
    let file = try ModelFile(path: try source(ramp(8, 40), in: scratch))
    let plan = try ConversionPlan(file, level: try #require(QuantizationLevel.named("Q8_0")))
    #expect(plan.items[0].type == .f16 && plan.items[0].unfitting == .q8_0)
    #expect(plan.items[1].type == .f32 && plan.items[1].unfitting == nil)
  }

  @Test func patternsComeFirst() throws {
    let scratch = try Scratch()
    let path = try source(ramp(8, 32), in: scratch)
    let overrides = [
      try ConversionPlan.Override(pattern: "^y", type: .f32),
      try ConversionPlan.Override(pattern: #"x\.we"#, type: .bf16),
      try ConversionPlan.Override(pattern: "x", type: .q8_0),
    ]
    let reports = try convert(path, to: scratch.path("out.gguf"), "F16", overrides: overrides)
    #expect(reports.map(\.type) == [.bf16, .f32])
    #expect(throws: ConversionError.self) { try ConversionPlan.Override(pattern: "(", type: .f32) }
  }

  @Test func partsBecomeOneFile() throws {
    let scratch = try Scratch()
    let families = FolderFixture.repository.appending(path: "Tests/Fixtures/families").path
    try convert(
      families + "/llama.Q4_0.split-00001-of-00003.gguf", to: scratch.path("out.gguf"), "F16", allowRequantize: true)
    let (whole, one) = (
      try ModelFile(path: families + "/llama.Q4_0.gguf"), try ModelFile(path: scratch.path("out.gguf"))
    )
    #expect(one.tensors.map(\.name) == whole.tensors.map(\.name) && one.parts.count == 1)
    #expect(!one.metadata.keys.contains { $0.hasPrefix("split.") })
    #expect(try one.metadata.integer("general.quantization_version") == 2)
  }

  @Test func aModelOfUnreadableTypesIsRefused() throws {
    let scratch = try Scratch()
    let path = try source(ramp(8, 32), in: scratch)
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    // The type of the first tensor: behind its name, the number of dimensions and two extents.
    let name = try #require(bytes.firstRange(of: Array("x.weight".utf8)))
    bytes[name.upperBound + 4 + 16] = 24
    try Data(bytes).write(to: URL(filePath: scratch.path("i8.gguf")))
    let error = #expect(throws: ConversionError.self) {
      try convert(scratch.path("i8.gguf"), to: scratch.path("o"), "Q8_0")
    }
    #expect(error?.description.contains("I8") == true)
  }
}
