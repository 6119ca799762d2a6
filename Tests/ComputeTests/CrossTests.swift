import Foundation
import Testing

/// Kernels of processors that this machine is not: cross-compiled and run in an emulator, where both are installed.
@Suite struct CrossTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func find(_ program: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(program)" }.first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  static let hasArm = find("qemu-aarch64") != nil && find("aarch64-linux-gnu-gcc") != nil && find("clang") != nil

  private func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: Self.find(program) ?? program)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationStatus, output)
  }

  @Test(.enabled(if: hasArm, "needs clang, qemu-aarch64 and the cross compiler's C library"))
  func armAgreesWithPlainCode() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "farthing-cross-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let kernels = Self.root.appending(path: "Sources/CKernels")
    let sources = try FileManager.default.contentsOfDirectory(atPath: kernels.path).filter { $0.hasSuffix(".c") }
      .map { kernels.appending(path: $0).path }
    let program = folder.appending(path: "kernels").path
    let compiled = try run(
      "clang",
      [
        "--target=aarch64-linux-gnu", "-std=c11", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-static",
        "-I", kernels.appending(path: "include").path, Self.root.appending(path: "Tests/Cross/kernels.c").path,
      ] + sources + ["-lm", "-o", program])
    #expect(compiled.status == 0, "\(compiled.output)")
    for names in [["neon-dotprod"], ["neon-i8mm", "neon-dotprod"]] {
      let checked = try run("qemu-aarch64", [program] + names)
      #expect(checked.status == 0 && checked.output.contains("\(names[0]): 0 faults"), "\(checked.output)")
    }
    for (processor, name) in [("cortex-a53", "neon-dotprod"), ("neoverse-n1", "neon-i8mm")] {
      let absent = try run("qemu-aarch64", ["-cpu", processor, program, name])
      #expect(absent.status == 2, "a processor without the instruction does not get the table: \(absent.output)")
    }
  }
}
