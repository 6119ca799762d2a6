import Compute
import Glibc

/// Fetches a file by its address, through curl. What has come so far is `NAME.part` in the cache, and a next attempt
/// goes on from there; it takes its name only when size and checksum are right.
struct DownloadFetch {
  let fetch: ModelFetch
  let source: ModelSource
  let url: String

  private var model: KnownModel { fetch.model }
  private var part: String { fetch.store.partPath(of: model) }
  private var log: String { part + ".log" }
  private var partBytes: Int { Files.size(part) ?? 0 }

  func run(_ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    defer { Files.remove(log) }
    if partBytes > model.byteCount { Files.remove(part) }
    if partBytes < model.byteCount { try download(interrupts) }
    try check(interrupts)
    do {
      try Files.sync(part)
      try Files.publish(part, as: fetch.store.path(of: model), in: fetch.store.modelDirectory)
    } catch {
      throw fetch.mapped(error)
    }
  }

  /// Connections that are cut in the middle are taken up again as long as each brings something, but not for ever.
  static let maximalResumptions = 8

  private func download(_ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    var already = partBytes
    var status = try attempt(interrupts)
    var resumptions = 0
    // 18: the transfer ended early; 28: it stood still; 56: nothing more could be received.
    while [18, 28, 56].contains(status), partBytes > already, resumptions < Self.maximalResumptions {
      already = partBytes
      resumptions += 1
      status = try attempt(interrupts)
    }
    guard status != 0 else { return }
    // The server cannot go on from the middle (curl 33, HTTP 416): once more, from the beginning.
    if already > 0, status == 33 || Files.tail(log).contains("416") {
      Files.remove(part)
      let status = try attempt(interrupts)
      guard status != 0 else { return }
      throw failure(status)
    }
    throw failure(status)
  }

  /// Runs curl; returns its status.
  private func attempt(_ interrupts: borrowing Interrupts) throws(ModelStoreError) -> Int32 {
    let already = partBytes
    var arguments = [
      "--fail", "--location", "--silent", "--show-error", "--retry", "3", "--connect-timeout", "30",
      // A connection that stands still for a minute is cut.
      "--speed-limit", "1024", "--speed-time", "60", "--max-filesize", "\(model.byteCount)",
      "--continue-at", "-", "--output", part, url,
    ]
    if url.hasPrefix("https:") { arguments += ["--proto", "=https", "--proto-redir", "=https"] }
    do {
      let child = try fetch.start(fetch.store.tools.curl, arguments, log: log, package: "curl")
      return try fetch.run(child, interrupts) { () throws(ModelStoreError) in
        guard partBytes <= model.byteCount else { throw tooLong() }
        fetch.report(.downloading, source.name, partBytes, of: model.byteCount, isResumed: already > 0)
      }
    } catch .interrupted(let signal, _) {
      throw ModelStoreError.interrupted(signal: signal, keptBytes: keptBytes())
    }
  }

  private func check(_ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    let found = partBytes
    guard found <= model.byteCount else { throw tooLong() }
    guard found == model.byteCount else {
      Files.remove(part)
      throw .unexpectedContent(source: source.name, expected: "\(model.byteCount) bytes", found: "\(found)")
    }
    let digest: SHA256Digest?
    do {
      let file = try MappedFile(path: part)
      digest = SHA256.digest(
        of: file, isCancelled: { fetch.isStopped(interrupts) },
        progress: { fetch.report(.checking, source.name, $0, of: model.byteCount) })
    } catch {
      throw fetch.mapped(error)
    }
    guard let digest else {
      try fetch.checkInterrupts(interrupts, keptBytes: found)
      throw .interrupted(signal: 0, keptBytes: found)
    }
    guard digest == model.sha256 else {
      Files.remove(part)
      throw .wrongChecksum(source: source.name, expected: model.sha256, found: digest)
    }
  }

  private func tooLong() -> ModelStoreError {
    Files.remove(part)
    return .unexpectedContent(source: source.name, expected: "\(model.byteCount) bytes", found: "more")
  }

  private func failure(_ status: Int32) -> ModelStoreError {
    let words = Files.tail(log)
    // 23: curl could not write.
    if status == 23 || words.contains("No space left on device") {
      Files.remove(part)
      return .diskFull(directory: fetch.store.directory, needed: model.byteCount, free: nil)
    }
    if status == 63 { return tooLong() }
    return .toolFailed(tool: "curl", status: status, message: lastLines(words), keptBytes: keptBytes())
  }

  /// What of the download stays for a next attempt.
  private func keptBytes() -> Int {
    if partBytes == 0 { Files.remove(part) }
    return partBytes
  }
}
