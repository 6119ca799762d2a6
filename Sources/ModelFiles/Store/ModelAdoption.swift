import Compute
import Glibc

extension ModelStore {
  /// Puts a copy of the file at `path` into the cache as `model`, once its size and checksum have shown that it is that
  /// file. Takes no network; an interrupt or a failure leaves nothing behind.
  /// - Parameter progress: told after every mebibyte.
  /// - Returns: the path in the cache.
  @discardableResult
  public func adopt(
    _ model: KnownModel, from path: String, progress: @escaping (FetchProgress) -> Void = { _ in }
  ) throws(ModelStoreError) -> String {
    let interrupts = Interrupts()
    let fetch = ModelFetch(store: self, model: model, isCancelled: { false }, progress: progress)
    let source: MappedFile
    do { source = try MappedFile(path: path) } catch { throw .system(error) }
    guard source.byteCount == model.byteCount else {
      throw .unexpectedContent(
        source: path, expected: "\(model.byteCount) bytes of \(model.fileName)", found: "\(source.byteCount) bytes")
    }
    if let free = Files.freeBytes(nearestDirectory()), free < model.byteCount {
      throw .diskFull(directory: directory, needed: model.byteCount, free: free)
    }
    let staging: String
    do {
      try Files.makeDirectories(modelDirectory)
      // Beside the model's folder, on the same disk, under a name that a later fetch clears away after a power cut.
      staging = try Files.makeTemporaryDirectory(prefix: directory + "/.fetch-")
    } catch {
      throw fetch.mapped(error)
    }
    defer {
      Files.removeTree(staging)
      Files.removeIfEmpty(modelDirectory)
    }
    let digest = try copy(source, to: staging + "/model", fetch, interrupts)
    guard digest == model.sha256 else { throw .wrongChecksum(source: path, expected: model.sha256, found: digest) }
    do {
      try Files.publish(staging + "/model", as: self.path(of: model), in: modelDirectory)
    } catch {
      throw fetch.mapped(error)
    }
    return self.path(of: model)
  }

  private func copy(
    _ source: MappedFile, to path: String, _ fetch: ModelFetch, _ interrupts: borrowing Interrupts
  ) throws(ModelStoreError) -> SHA256Digest {
    var hash = SHA256()
    do {
      let target = try FileDescriptor(path: path, flags: O_WRONLY | O_CREAT | O_EXCL)
      var offset = 0
      while offset < source.byteCount, !fetch.isStopped(interrupts) {
        let range = offset..<min(offset + (1 << 20), source.byteCount)
        let piece = unsafe [UInt8](source.bytes(in: range))
        hash.update(piece[...])
        try target.write(piece[...])
        source.release(range)
        offset = range.upperBound
        fetch.report(.checking, source.path, offset, of: source.byteCount)
      }
      try target.sync()
    } catch {
      throw fetch.mapped(error)
    }
    try fetch.checkInterrupts(interrupts)
    return hash.finish()
  }

  /// The cache directory, or the nearest one above it that is there already.
  private func nearestDirectory() -> String {
    var path = directory[...]
    while !Files.exists(String(path)), let slash = path.lastIndex(of: "/"), slash > path.startIndex {
      path = path[..<slash]
    }
    return String(path)
  }
}
