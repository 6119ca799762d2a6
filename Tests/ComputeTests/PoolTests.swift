import CKernels
import Glibc
import Synchronization
import Testing

@testable import Compute

/// Counts how often each chunk was done and by whom.
private final class CountingJob: PoolJob {
  let counts: [Counter]
  let workers: Int
  let outsiders = Atomic<Int>(0)
  /// Turns of a loop a chunk takes, so that chunks differ in length.
  let work: @Sendable (Int) -> Int

  final class Counter: Sendable { let value = Atomic<Int>(0) }

  init(chunks: Int, workers: Int, work: @escaping @Sendable (Int) -> Int = { _ in 0 }) {
    counts = (0..<chunks).map { _ in Counter() }
    self.workers = workers
    self.work = work
  }

  func perform(chunk: Int, worker: Int) {
    if worker < 0 || worker >= workers || chunk < 0 || chunk >= counts.count {
      outsiders.add(1, ordering: .relaxed)
      return
    }
    for _ in 0..<work(chunk) { sched_yield() }
    counts[chunk].value.add(1, ordering: .relaxed)
  }

  /// The first chunk that was not done exactly `times` times.
  func firstFault(times: Int = 1) -> Int? {
    outsiders.load(ordering: .relaxed) > 0
      ? -1 : counts.firstIndex { $0.value.load(ordering: .relaxed) != times }
  }
}

/// Adds up numbers that are not atomic: the caller must see all that workers wrote, and they all that it wrote.
private final class PlainJob: PoolJob {
  nonisolated(unsafe) let values: UnsafeMutablePointer<Int>
  var increment = 0

  init(chunks: Int) {
    values = .allocate(capacity: chunks)
    values.initialize(repeating: 0, count: chunks)
  }
  deinit { values.deallocate() }

  func perform(chunk: Int, worker: Int) { values[chunk] += increment }
}

@Suite(.serialized) struct PoolTests {
  static let jobs = slowTests ? 200_000 : 2_000

  /// Milliseconds for nanoseconds.
  @Test func workersThatWaitForProcessorsStandBackAndReturn() {
    func ms(_ count: Int64) -> Int64 { count * 1_000_000 }
    var standing = StandingBack()
    func look(_ time: Int64, waited: Int64, most: Int = 2) -> Int {
      standing.advance(to: ms(time))
      standing.waited(ms(waited), caller: 0, of: ms(20), at: ms(time), most: most)
      return standing.workers
    }
    #expect(look(20, waited: 5) == 0)
    #expect(look(40, waited: 6) == 1)
    #expect(look(89, waited: 0) == 1)
    #expect(look(90, waited: 0) == 0)
    // No better: away for twice as long, and again.
    #expect(look(110, waited: 10) == 1)
    #expect(look(209, waited: 0) == 1 && look(210, waited: 0) == 0)
    #expect(look(230, waited: 10) == 1)
    #expect(look(429, waited: 0) == 1 && look(430, waited: 0) == 0)
    // Fine for a while: as at first.
    #expect(look(540, waited: 10) == 1 && look(590, waited: 0) == 0)
    // Never more than may, and back one after another.
    #expect((1...5).map { look(1_000 + $0, waited: 10, most: 3) } == [1, 2, 3, 3, 3])
    #expect(look(1_053, waited: 0) == 2 && look(1_073, waited: 0) == 1 && look(1_093, waited: 0) == 0)
    #expect(look(1_113, waited: 10, most: 0) == 0)
  }

  /// The only other worker computes in bursts, until it shows that the caller's processor is wanted too.
  @Test func theOnlyOtherWorkerTakesPartInBursts() {
    func ms(_ count: Int64) -> Int64 { count * 1_000_000 }
    var standing = StandingBack()
    func look(_ time: Int64, waited: Int64, caller: Int64 = 0) -> (bursts: Bool, away: Int) {
      standing.advance(to: ms(time))
      standing.waited(ms(waited), caller: ms(caller), of: ms(20), at: ms(time), most: 1)
      return (standing.inBursts, standing.workers)
    }
    #expect(look(20, waited: 5) == (false, 0))
    #expect(look(40, waited: 6) == (true, 0))
    #expect(look(60, waited: 20, caller: 20) == (true, 0))
    #expect(look(89, waited: 20, caller: 5) == (true, 0))
    #expect(look(90, waited: 0) == (false, 0))
    // No better: in bursts for twice as long, which the caller pays for this time.
    #expect(look(110, waited: 10) == (true, 0))
    #expect(look(169, waited: 20, caller: 20) == (true, 0))
    #expect(look(170, waited: 20, caller: 6) == (false, 1))
    #expect(look(269, waited: 0) == (false, 1) && look(270, waited: 0) == (false, 0))
  }

  @Test func burstsEndAndKeepOffTheCallersProcessor() {
    // On a thread of its own, which ends with whatever processors it has left.
    nonisolated(unsafe) var fault: String? = "not run"
    pthread_join(startThread { fault = Self.faultOfBursts() }, nil)
    #expect(fault == nil)
  }

  private static func faultOfBursts() -> String? {
    func processors() -> [UInt64] {
      var mask = [UInt64](repeating: 0, count: 16)
      return fk_get_affinity(128, &mask) == 0 ? mask : []
    }
    let before = processors()
    guard !before.isEmpty, let last = (0..<1024).last(where: { before[$0 / 64] >> UInt64($0 % 64) & 1 == 1 }) else {
      return "no affinity"
    }
    var bursts = Bursts()
    bursts.avoid(-1)
    guard bursts.end == .max, processors() == before else { return "bursts without a reason" }
    bursts.avoid(Int32(last))
    var expected = before
    expected[last / 64] &= ~(1 << UInt64(last % 64))
    // A thread is never left without a processor.
    if expected.allSatisfy({ $0 == 0 }) { expected = before }
    guard processors() == expected else { return "not kept off \(last)" }
    let end = bursts.end
    guard end <= Clock.nowNanos() + Bursts.length else { return "too long" }
    while Clock.nowNanos() < end {}
    bursts.rest()
    guard Clock.nowNanos() >= end + Int64(Bursts.pause), bursts.end > end else { return "no pause" }
    bursts.avoid(-1)
    return bursts.end == .max && processors() == before ? nil : "not as before"
  }

  @Test func waitingForAProcessorIsCounted() throws {
    let descriptor = RunDelay.open()
    defer { close(descriptor) }
    try #require(descriptor >= 0)
    let text = try String(contentsOfFile: "/proc/thread-self/schedstat", encoding: .utf8)
    let earlier = try #require(Int64(text.split(separator: " ")[1]))
    #expect(RunDelay.nanos(descriptor) >= earlier && RunDelay.nanos(-1) == 0)
  }

  @Test(arguments: 1...8)
  func everyChunkOnce(threads: Int) throws {
    let pool = try WorkerPool(threads: threads)
    for chunks in Array(1...20) + [64, 257, 1000] {
      let job = CountingJob(chunks: chunks, workers: threads)
      pool.run(job, chunks: chunks)
      #expect(job.firstFault() == nil, "\(chunks) chunks")
    }
    let none = CountingJob(chunks: 1, workers: threads)
    pool.run(none, chunks: 0)
    #expect(none.firstFault(times: 0) == nil)
  }

  /// One chunk that takes far longer than all others, wherever it stands.
  @Test(arguments: [2, 3, 8])
  func unevenChunks(threads: Int) throws {
    let pool = try WorkerPool(threads: threads)
    for slow in [0, 7, 15, 29] {
      let job = CountingJob(chunks: 30, workers: threads) { $0 == slow ? 2000 : 1 }
      pool.run(job, chunks: 30)
      #expect(job.firstFault() == nil, "slow chunk \(slow)")
    }
  }

  @Test(arguments: 1...8)
  func tinyJobsBackToBack(threads: Int) throws {
    let pool = try WorkerPool(threads: threads)
    let job = PlainJob(chunks: threads * 2)
    var expected = 0
    for turn in 1...Self.jobs {
      job.increment = turn
      pool.run(job, chunks: threads * 2)
      expected += turn
    }
    #expect((0..<threads * 2).allSatisfy { job.values[$0] == expected })
  }

  /// Pauses of all lengths around that after which workers go to sleep.
  @Test(arguments: [2, 3, 8])
  func jobsAfterPauses(threads: Int) throws {
    let pool = try WorkerPool(threads: threads)
    let job = PlainJob(chunks: 5)
    let turns = slowTests ? 20_000 : 600
    for turn in 0..<turns {
      job.increment = 1
      let until = Clock.nowNanos() + Int64(turn % 60) * 10_000
      while Clock.nowNanos() < until {}
      if turn % 50 == 0 { usleep(2000) }
      pool.run(job, chunks: 5)
    }
    #expect((0..<5).allSatisfy { job.values[$0] == turns })
  }

  @Test func activeChangesBetweenJobs() throws {
    let pool = try WorkerPool(threads: 8)
    var random = KernelRandom(seed: 18)
    for _ in 0..<Self.jobs / 2 {
      let active = 1 + Int(random.next() % 8)
      pool.active = active
      let chunks = 1 + Int(random.next() % 20)
      let job = CountingJob(chunks: chunks, workers: active)
      pool.run(job, chunks: chunks)
      if let fault = job.firstFault() { Issue.record("\(active) workers, \(chunks) chunks: chunk \(fault)") }
    }
  }

  /// With enough to do, everyone does some of it, and each under a number of its own.
  @Test func allWorkersTakePart() throws {
    final class Roll: PoolJob {
      /// For each worker the thread that it was; the thread sanitizer sees atomics and does not see `Mutex`.
      let threads = (0..<4).map { _ in Place() }
      let others = Atomic<Int>(0)

      final class Place: Sendable { let thread = Atomic<UInt>(0) }

      func perform(chunk: Int, worker: Int) {
        usleep(500)
        let thread = UInt(pthread_self())
        let before = threads[worker].thread.exchange(thread, ordering: .relaxed)
        if before != 0 && before != thread { others.add(1, ordering: .relaxed) }
      }
    }
    let pool = try WorkerPool(threads: 4)
    let roll = Roll()
    pool.run(roll, chunks: 64)
    let threads = roll.threads.map { pthread_t($0.thread.load(ordering: .relaxed)) }
    #expect(roll.others.load(ordering: .relaxed) == 0)
    #expect(threads[0] == pthread_self())
    #expect(Set(threads[1...]) == Set(pool.threadHandles))
  }

  @Test func anIdlePoolSleeps() throws {
    let pool = try WorkerPool(threads: 4)
    let job = PlainJob(chunks: 16)
    job.increment = 1
    pool.run(job, chunks: 16)
    // Spinning is bounded: after a while nobody does.
    usleep(50_000)
    let before = try #require(Self.cpuNanos(of: pool))
    usleep(200_000)
    let spent = try #require(Self.cpuNanos(of: pool)) - before
    print("an idle pool of 4: \(spent) ns of CPU time in 200 ms")
    #expect(spent < 2_000_000)
    pool.run(job, chunks: 16)
    #expect((0..<16).allSatisfy { job.values[$0] == 2 })
  }

  private static func cpuNanos(of pool: WorkerPool) -> Int64? {
    var total: Int64 = 0
    for handle in pool.threadHandles {
      guard let nanos = Clock.cpuNanos(of: handle) else { return nil }
      total += nanos
    }
    return total
  }

  @Test func poolsEndWhateverTheyDid() throws {
    let job = PlainJob(chunks: 9)
    job.increment = 1
    var runs = 0
    for turn in 0..<(slowTests ? 3000 : 200) {
      let pool = try WorkerPool(threads: 1 + turn % 6)
      // Ends before its threads came up, right after work, or when they sleep.
      if turn % 3 > 0 {
        pool.run(job, chunks: 9)
        runs += 1
      }
      if turn % 30 == 2 { usleep(1500) }
    }
    #expect((0..<9).allSatisfy { job.values[$0] == runs })
  }

  @Test func aJobIsNotKept() throws {
    let pool = try WorkerPool(threads: 3)
    weak var left: CountingJob?
    do {
      let job = CountingJob(chunks: 50, workers: 3)
      left = job
      pool.run(job, chunks: 50)
      #expect(left != nil)
    }
    // A worker may hold its own reference for a moment after the last chunk.
    for _ in 0..<100 where left != nil { usleep(1000) }
    #expect(left == nil)
  }

  @Test func theCheckItselfFindsFaults() {
    let job = CountingJob(chunks: 4, workers: 2)
    for chunk in [0, 1, 3] { job.perform(chunk: chunk, worker: 0) }
    #expect(job.firstFault() == 2, "a chunk that nobody did")
    job.perform(chunk: 2, worker: 1)
    #expect(job.firstFault() == nil)
    job.perform(chunk: 1, worker: 1)
    #expect(job.firstFault() == 1, "a chunk that was done twice")
    job.perform(chunk: 0, worker: 2)
    #expect(job.firstFault() == -1, "a worker that is none")
  }

  @Test func activeBeyondTheThreadsIsRefused() async {
    await #expect(processExitsWith: .failure) {
      let pool = try WorkerPool(threads: 2)
      pool.active = 3
    }
    await #expect(processExitsWith: .failure) {
      let pool = try WorkerPool(threads: 2)
      pool.active = 0
    }
  }
}
