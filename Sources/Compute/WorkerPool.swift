import CKernels
import Glibc
import Synchronization

/// One fused step of a pass, cut into chunks that may run in any order and on any thread.
///
/// A class, so that handing it to the pool costs no allocation; its fields are the step's arguments and stay untouched
/// while the pool runs it.
public protocol PoolJob: AnyObject {
  /// Computes one chunk. Writes only what belongs to this chunk, so that results do not depend on who computes it.
  /// - Parameter worker: 0..<threads, for scratch memory of one's own.
  func perform(chunk: Int, worker: Int)
}

/// Threads that compute together: the caller and `threads - 1` of the pool's own.
///
/// Chunks are cut into one run per worker. Each worker takes its own run first, then what is left of the others', so that
/// a noisy neighbour on one core delays one chunk and not the whole step. Between jobs workers spin for a bounded time and
/// then sleep, so that an idle pool costs nothing.
///
/// One thread calls `run` at a time: the pool belongs to an engine, and the engine computes one pass after another.
@safe public final class WorkerPool: @unchecked Sendable {
  public let threads: Int
  /// Workers that take part in the next jobs, the caller included: 1...threads. Prefill and decode may differ.
  public var active: Int {
    didSet { precondition(active >= 1 && active <= threads) }
  }

  /// Turns of a spin loop before a thread sleeps: tens of microseconds, longer than the gap between two steps of a pass.
  private static let spinLimit = 4_000
  /// Counters of different workers stand two cache lines apart: neighbours would slow each other down.
  private static let counterStride = 16

  /// Counts jobs, times `epochStep`, plus how many workers take part in the current one. One word, so that a worker that
  /// wakes late cannot mix up two jobs.
  private let epoch = Atomic<Int>(0)
  private static let epochStep = 1 << 16
  /// Chunks of the current job that are not finished.
  private let unfinished = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  private let callerSleeps = Atomic<Bool>(false)
  /// For each worker the chunks of its run that nobody has taken: see `Run`.
  private let runs: UnsafeMutablePointer<Atomic<UInt64>>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>
  private let done: UnsafeMutablePointer<pthread_cond_t>
  private var handles: [pthread_t] = []
  private var standingBack = StandingBack()
  /// For each thread of the pool the file of `RunDelay`; the caller's is the first.
  private let delays: UnsafeMutablePointer<Atomic<Int32>>
  private var caller: pthread_t?
  private var runsUntilLook = 0
  private var lastLook: (at: Int64, delay: Int64, caller: Int64) = (0, 0, 0)
  /// The caller's processor, where the other worker takes part in bursts; else -1.
  private let avoided = Atomic<Int32>(-1)
  private var job: (any PoolJob)?

  /// - Throws: `SystemError` if a thread cannot be made.
  public init(threads: Int) throws(SystemError) {
    precondition(threads >= 1 && threads < Self.epochStep)
    self.threads = threads
    active = threads
    unsafe runs = .allocate(capacity: threads * Self.counterStride)
    for index in 0..<threads * Self.counterStride { unsafe (runs + index).initialize(to: Atomic(0)) }
    unsafe delays = .allocate(capacity: threads)
    for index in 0..<threads { unsafe (delays + index).initialize(to: Atomic(-1)) }
    unsafe mutex = .allocate(capacity: 1)
    unsafe wake = .allocate(capacity: 1)
    unsafe done = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(wake, nil)
    unsafe pthread_cond_init(done, nil)
    for worker in 1..<max(threads, 1) { try start(worker) }
  }

  deinit {
    stopping.store(true, ordering: .sequentiallyConsistent)
    epoch.add(Self.epochStep, ordering: .sequentiallyConsistent)
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(wake)
    unsafe pthread_mutex_unlock(mutex)
    for handle in handles { pthread_join(handle, nil) }
    unsafe pthread_cond_destroy(wake)
    unsafe pthread_cond_destroy(done)
    unsafe pthread_mutex_destroy(mutex)
    unsafe wake.deallocate()
    unsafe done.deallocate()
    unsafe mutex.deallocate()
    unsafe runs.deinitialize(count: threads * Self.counterStride)
    unsafe runs.deallocate()
    for index in 0..<threads { closeDelay(of: index) }
    unsafe delays.deinitialize(count: threads)
    unsafe delays.deallocate()
  }

  /// The pool's own threads, for reading their CPU clocks.
  public var threadHandles: [pthread_t] { handles }

  /// Chunks `next ..< end` of job `tag`, in one word, so that taking some is one atomic step that cannot touch another
  /// job.
  private struct Run {
    var word: UInt64
    var tag: UInt64 { word >> 32 }
    var end: Int { Int(word >> 16 & 0xFFFF) }
    var next: Int { Int(word & 0xFFFF) }

    init(word: UInt64) { self.word = word }
    init(tag: UInt64, chunks: Range<Int>) {
      word = (tag & 0xFFFF_FFFF) << 32 | UInt64(chunks.upperBound) << 16 | UInt64(chunks.lowerBound)
    }
  }

  /// Most chunks of a job.
  public static let maxChunks = 0xFFFF

  /// Runs all chunks of a job and returns when the last is finished.
  ///
  /// It waits for chunks, not for workers: one that the system does not let run holds nothing up unless it is within a
  /// chunk.
  public func run(_ job: any PoolJob, chunks: Int) {
    precondition(chunks <= Self.maxChunks)
    guard chunks > 0 else { return }
    runsUntilLook -= 1
    if runsUntilLook < 0 { lookAround() }
    let active = max(1, active - standingBack.workers)
    if active == 1 || chunks == 1 {
      for chunk in 0..<chunks { job.perform(chunk: chunk, worker: 0) }
      return
    }
    self.job = job
    unfinished.store(chunks, ordering: .relaxed)
    let count = epoch.load(ordering: .relaxed) / Self.epochStep + 1
    for worker in 0..<threads {
      let share = worker < active ? chunks * worker / active..<chunks * (worker + 1) / active : 0..<0
      let run = Run(tag: UInt64(count), chunks: share)
      unsafe runs[worker * Self.counterStride].store(run.word, ordering: .releasing)
    }
    epoch.store(count * Self.epochStep + active, ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      unsafe pthread_mutex_lock(mutex)
      unsafe pthread_cond_broadcast(wake)
      unsafe pthread_mutex_unlock(mutex)
    }
    let done = takeChunks(of: job, tag: UInt64(count), worker: 0, until: .max)
    unfinished.subtract(done, ordering: .sequentiallyConsistent)
    waitForOthers()
    // Workers read this field only before their first chunk is counted, and all chunks are finished.
    self.job = nil
  }

  // MARK: Other programs

  /// Sees now and then whether other programs have the processors. Allocates nothing.
  private func lookAround() {
    runsUntilLook = Self.runsBetweenLooks
    let now = Clock.nowNanos()
    standingBack.advance(to: now)
    defer { avoided.store(standingBack.inBursts ? fk_processor() : -1, ordering: .relaxed) }
    guard now - lastLook.at >= StandingBack.window else { return }
    let isNew = caller != pthread_self()
    if isNew {
      caller = pthread_self()
      closeDelay(of: 0)
      unsafe delays[0].store(RunDelay.open(), ordering: .relaxed)
    }
    let caller = unsafe RunDelay.nanos(delays[0].load(ordering: .acquiring))
    var delay = caller
    for index in 1..<threads { unsafe delay += RunDelay.nanos(delays[index].load(ordering: .acquiring)) }
    if !isNew {
      standingBack.waited(
        delay - lastLook.delay, caller: caller - lastLook.caller, of: now - lastLook.at, at: now, most: active - 1)
    }
    lastLook = (now, delay, caller)
  }

  private static let runsBetweenLooks = 16

  private func closeDelay(of index: Int) {
    let descriptor = unsafe delays[index].exchange(-1, ordering: .relaxed)
    if descriptor >= 0 { close(descriptor) }
  }

  /// Computes chunks of a job as long as there are any, one's own first.
  /// - Parameter job: nil for the current one, which is looked up with the first chunk: the job cannot end, and so the
  ///   field cannot change, before that chunk is counted.
  /// - Parameter end: takes no more after this time; `.max` for no matter how long.
  /// - Returns: how many it were; they are not counted yet.
  private func takeChunks(of job: (any PoolJob)?, tag: UInt64, worker: Int, until end: Int64) -> Int {
    var (done, job) = (0, job)
    for offset in 0..<threads {
      let owner = (worker + offset) % threads
      while end == .max || Clock.nowNanos() < end, let chunks = takeSome(of: owner, tag: tag) {
        if job == nil { job = self.job }
        for chunk in chunks { job?.perform(chunk: chunk, worker: worker) }
        done += chunks.count
      }
    }
    return done
  }

  /// A quarter of what is left of a run, at least one chunk: few locked instructions at first, each of which waits for the
  /// chunk's stores, and small pieces at the end, so that the workers finish together.
  private func takeSome(of owner: Int, tag: UInt64) -> Range<Int>? {
    var run = unsafe Run(word: runs[owner * Self.counterStride].load(ordering: .acquiring))
    while run.tag == tag & 0xFFFF_FFFF, run.next < run.end {
      let count = max(1, (run.end - run.next) / 4)
      let result = unsafe runs[owner * Self.counterStride].compareExchange(
        expected: run.word, desired: run.word + UInt64(count), ordering: .acquiringAndReleasing)
      if result.exchanged { return run.next..<run.next + count }
      run.word = result.original
    }
    return nil
  }

  private func waitForOthers() {
    for _ in 0..<Self.spinLimit {
      if unfinished.load(ordering: .acquiring) == 0 { return }
      fk_spin_pause()
    }
    unsafe pthread_mutex_lock(mutex)
    callerSleeps.store(true, ordering: .sequentiallyConsistent)
    while unfinished.load(ordering: .sequentiallyConsistent) > 0 { unsafe pthread_cond_wait(done, mutex) }
    callerSleeps.store(false, ordering: .relaxed)
    unsafe pthread_mutex_unlock(mutex)
  }

  // MARK: The pool's own threads

  @safe private final class Start {
    let pool: Unmanaged<WorkerPool>
    let worker: Int
    init(pool: Unmanaged<WorkerPool>, worker: Int) {
      unsafe self.pool = pool
      self.worker = worker
    }
  }

  private func start(_ worker: Int) throws(SystemError) {
    // Threads hold the pool unretained: deinit joins them before the memory goes.
    let start = unsafe Unmanaged.passRetained(Start(pool: .passUnretained(self), worker: worker))
    var handle = pthread_t()
    let code = unsafe pthread_create(
      &handle, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        unsafe start.pool._withUnsafeGuaranteedRef { $0.work(as: start.worker) }
        return nil
      }, start.toOpaque())
    guard code == 0 else {
      unsafe start.release()
      throw SystemError(call: "pthread_create", code: code, path: "")
    }
    handles.append(handle)
  }

  private func work(as worker: Int) {
    unsafe delays[worker].store(RunDelay.open(), ordering: .releasing)
    var bursts = Bursts()
    var seen = 0
    while true {
      waitForEpoch(after: seen)
      seen = epoch.load(ordering: .acquiring)
      if stopping.load(ordering: .relaxed) { return }
      guard worker < seen % Self.epochStep else { continue }
      bursts.avoid(avoided.load(ordering: .relaxed))
      // The job is let go of before its chunks are counted: when `run` returns nobody else holds it.
      count(takeChunks(of: nil, tag: UInt64(seen / Self.epochStep), worker: worker, until: bursts.end))
      bursts.rest()
    }
  }

  /// Counts chunks that a worker has finished, and tells a caller who sleeps that they were the last.
  private func count(_ done: Int) {
    guard done > 0, unfinished.subtract(done, ordering: .sequentiallyConsistent).newValue == 0,
      callerSleeps.load(ordering: .sequentiallyConsistent)
    else { return }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_signal(self.done)
    unsafe pthread_mutex_unlock(mutex)
  }

  private func waitForEpoch(after seen: Int) {
    for _ in 0..<Self.spinLimit {
      if epoch.load(ordering: .acquiring) != seen { return }
      fk_spin_pause()
    }
    unsafe pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while epoch.load(ordering: .sequentiallyConsistent) == seen { unsafe pthread_cond_wait(wake, mutex) }
    sleepers.subtract(1, ordering: .relaxed)
    unsafe pthread_mutex_unlock(mutex)
  }
}
