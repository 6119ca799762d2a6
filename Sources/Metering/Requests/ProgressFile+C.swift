import Glibc
import Synchronization

/// How far a request is, as its writer last said.
struct Progress: Sendable, Equatable {
  /// 16 bytes.
  var request: [UInt8]
  /// Completion tokens paid for in advance; zero where no cap applies.
  var leased: Int64 = 0
  /// Prompt tokens computed or found in a cache so far.
  var prompt: Int64 = 0
  var cached: Int64 = 0
  /// Tokens chosen so far. Raised before any byte of the token's text leaves the process.
  var completion: Int64 = 0
  var cpuNanos: Int64 = 0
  /// The part of it that went into the prompt.
  var promptCPUNanos: Int64 = 0
}

/// A writer's progress file, mapped into its memory: what a `kill -9` leaves of the requests that were under way.
///
/// The writer holds the file's lock for as long as it lives; whoever can take that lock knows that it is gone, and
/// closes its requests with the counts found here. The kernel keeps the mapped pages when a process dies.
///
/// ```
/// header   magic 8 | slots 8 | writer 16 | boot 16 | process number 8 | CPU of the process 8
/// slot     version 8 | zeros 56 | copy 0: 64 bytes | copy 1: 64 bytes
/// copy     request 16 | leased 8 | prompt 8 | cached 8 | completion 8 | CPU 8 | CPU of the prompt 8
/// ```
///
/// A slot's version is 0 where it is free; else its lowest bit says which copy counts. The other copy is written whole
/// and then the version raised, so that a process that dies in between leaves the older copy, and never a mixture.
@safe final class ProgressFile: @unchecked Sendable {
  private static let magic: UInt64 = 0x32_47_50_4E_49_48_54_46
  private static let headerBytes = 64
  private static let copyBytes = 64
  private static let slotBytes = 192
  private static let copiesOffset = 64
  static let maximumSlots = 4096

  let path: String
  private let descriptor: Int32
  private let base: UnsafeMutableRawPointer
  private let slots: Int
  private let lock = Lock()
  private var isUsed: [Bool]

  private var byteCount: Int { Self.headerBytes + slots * Self.slotBytes }

  /// Makes the file of a writer, locked from its first moment: it gets its name only then.
  /// - Parameter slots: requests that can be under way at once.
  /// - Throws: `unwritable` also where the disk has no room for it.
  init(directory: String, writer: [UInt8], slots: Int) throws(LedgerError) {
    precondition(slots > 0 && slots <= Self.maximumSlots && writer.count == 16)
    try Files.makeDirectoryLikeParent(directory)
    path = directory + "/" + Hex.text(writer)
    let temporary = directory + "/." + Hex.text(writer)
    let count = Self.headerBytes + slots * Self.slotBytes
    let descriptor = unsafe open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Files.failure("open", temporary) }
    do throws(LedgerError) {
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { throw Files.failure("flock", temporary) }
      try Files.reserve(descriptor, bytes: count, path: temporary)
      unsafe base = try Self.map(descriptor, count, path: temporary, protection: PROT_READ | PROT_WRITE)
    } catch {
      close(descriptor)
      Files.remove(temporary)
      throw error
    }
    self.descriptor = descriptor
    self.slots = slots
    isUsed = Array(repeating: false, count: slots)
    unsafe base.storeBytes(of: Self.magic, as: UInt64.self)
    unsafe base.storeBytes(of: UInt64(slots), toByteOffset: 8, as: UInt64.self)
    unsafe (base + 16).copyMemory(from: writer, byteCount: 16)
    unsafe (base + 32).copyMemory(from: Files.bootIdentity(), byteCount: 16)
    unsafe base.storeBytes(of: Int64(getpid()), toByteOffset: 48, as: Int64.self)
    Failpoint.reach("progressFile")
    guard unsafe rename(temporary, path) == 0 else {
      let error = Files.failure("rename", path)
      Files.remove(temporary)
      throw error
    }
    Failpoint.reach("progressFile.done")
  }

  deinit {
    unsafe munmap(base, byteCount)
    close(descriptor)
  }

  /// Whether no request is under way.
  var isIdle: Bool { lock.withLock { !isUsed.contains(true) } }

  /// Removes the file: the writer has closed all its requests.
  func remove() { Files.remove(path) }

  private static func map(
    _ descriptor: Int32, _ count: Int, path: String, protection: Int32
  ) throws(LedgerError) -> UnsafeMutableRawPointer {
    guard let address = unsafe mmap(nil, count, protection, MAP_SHARED, descriptor, 0), unsafe address != MAP_FAILED
    else { throw Files.failure("mmap", path) }
    return unsafe address
  }

  // MARK: Writing

  /// Takes a free slot for a request; nil where as many are under way as the file has slots.
  func begin(_ progress: Progress) -> Int? {
    let slot = lock.withLock { () -> Int? in
      guard let free = isUsed.firstIndex(of: false) else { return nil }
      isUsed[free] = true
      return free
    }
    if let slot { write(progress, slot: slot, processNanos: Files.processCPUNanos()) }
    return slot
  }

  /// Says how far the request of a slot is. One thread at a time for each slot. Allocates nothing that lives.
  /// - Parameter processNanos: CPU time of the process so far.
  func write(_ progress: Progress, slot: Int, processNanos: Int64) {
    Failpoint.reach("progress")
    let place = unsafe base + Self.headerBytes + slot * Self.slotBytes
    let version = unsafe Self.version(at: place)
    let next = unsafe version.pointee.load(ordering: .relaxed) &+ 1
    // Versions begin at 2, since 0 and 1 are those of a slot that never held anything.
    let raised = next < 2 ? 2 : next
    let copy = unsafe place + Self.copiesOffset + Int(raised & 1) * Self.copyBytes
    unsafe copy.copyMemory(from: progress.request, byteCount: 16)
    unsafe copy.storeBytes(of: progress.leased, toByteOffset: 16, as: Int64.self)
    unsafe copy.storeBytes(of: progress.prompt, toByteOffset: 24, as: Int64.self)
    unsafe copy.storeBytes(of: progress.cached, toByteOffset: 32, as: Int64.self)
    unsafe copy.storeBytes(of: progress.completion, toByteOffset: 40, as: Int64.self)
    unsafe copy.storeBytes(of: progress.cpuNanos, toByteOffset: 48, as: Int64.self)
    unsafe copy.storeBytes(of: progress.promptCPUNanos, toByteOffset: 56, as: Int64.self)
    // Threads may say it in another order than they asked the kernel; by then the difference is some microseconds.
    unsafe Self.version(at: base + 56).pointee.store(UInt64(bitPattern: processNanos), ordering: .relaxed)
    unsafe version.pointee.store(raised, ordering: .releasing)
    Failpoint.reach("progress.done")
  }

  /// The request of a slot is closed.
  func end(slot: Int) {
    let place = unsafe base + Self.headerBytes + slot * Self.slotBytes
    unsafe Self.version(at: place).pointee.store(0, ordering: .releasing)
    lock.withLock { isUsed[slot] = false }
  }

  /// The version of a slot. Mapped memory is aligned to pages, and slots to 64 bytes.
  private static func version(at place: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe place.bindMemory(to: Atomic<UInt64>.self, capacity: 1)
  }
}

/// A progress file whose writer is gone, held by whoever closes its requests.
struct DeadProgress: Sendable {
  let path: String
  /// 16 bytes; the file's name says the same.
  let writer: [UInt8]
  /// The machine has been started anew since: what the kernel had not written is lost, and the counts may be old.
  let isFromEarlierBoot: Bool
  let requests: [Progress]
  /// CPU time of the process when it last said anything.
  let processNanos: Int64
  private let held: FileLock

  /// Takes the file at `path` if its writer is gone; nil where it lives or the file is none of ours.
  init?(taking path: String) {
    guard Files.exists(path), let lock = FileLock(trying: path) else { return nil }
    // Whoever held the lock before may have closed everything and removed the file.
    guard let bytes = Files.read(path, limit: 64 + ProgressFile.maximumSlots * 192), bytes.count >= 64 else {
      if Files.size(path) == 0 { Files.remove(path) }
      return nil
    }
    guard let parsed = ProgressFile.parse(bytes) else { return nil }
    self.path = path
    held = lock
    (writer, requests, processNanos) = (parsed.writer, parsed.requests, parsed.processNanos)
    isFromEarlierBoot = parsed.boot != Files.bootIdentity()
  }

  func remove() { Files.remove(path) }
}

extension ProgressFile {
  /// What a file's bytes say; nil where they are not those of a progress file.
  static func parse(
    _ bytes: [UInt8]
  ) -> (writer: [UInt8], boot: [UInt8], process: Int64, processNanos: Int64, requests: [Progress])? {
    func word(_ offset: Int) -> UInt64 {
      bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard bytes.count >= headerBytes, word(0) == magic else { return nil }
    let slots = min(Int(clamping: word(8)), (bytes.count - headerBytes) / slotBytes)
    var requests: [Progress] = []
    for slot in 0..<slots {
      let place = headerBytes + slot * slotBytes
      let version = word(place)
      guard version >= 2 else { continue }
      let copy = place + copiesOffset + Int(version & 1) * copyBytes
      func number(_ offset: Int) -> Int64 { Int64(bitPattern: word(copy + offset)) }
      requests.append(
        Progress(
          request: Array(bytes[copy..<copy + 16]), leased: number(16), prompt: number(24), cached: number(32),
          completion: number(40), cpuNanos: number(48), promptCPUNanos: number(56)))
    }
    return (
      Array(bytes[16..<32]), Array(bytes[32..<48]), Int64(bitPattern: word(48)), Int64(bitPattern: word(56)), requests
    )
  }
}
