import Foundation
import Testing
import Usage

@testable import Metering

@Suite struct MachineTests {
  private static let hour = Ledger.hourNanos
  /// 2026-11-25 12:00 UTC.
  private static let noon: Int64 = 1_795_608_000_000_000_000

  static func record(until: Int64? = nil) -> MachineRecord {
    // $0.0208 an hour, two vCPUs, from 10:00 on.
    MachineRecord(
      machine: "box", type: "t3.small", currency: "USD", provisionedAt: noon - 2 * hour, retiredAt: until, vcpus: 2,
      picos: 13, per: 2250, commitment: "on-demand")
  }

  private static func sample(
    _ at: Int64, idle: Int64, stolen: Int64 = 0, servers: [HostSample.Server] = []
  ) throws -> HostSample {
    var ticks = try #require(HostTicks(Array("cpu 0 0 0 0 0 0 0 0\ncpu0 0\ncpu1 0\n".utf8)))
    ticks.idle = idle
    ticks.stolen = stolen
    return HostSample(at: at, ticks: ticks, servers: servers)
  }

  @Test func theKernelsCountsAreRead() throws {
    let text = "cpu  10 2 30 400 5 6 7 80 0 0\ncpu0 1 2\ncpu1 3 4\nintr 5\ncpufreq\n"
    let ticks = try #require(HostTicks(Array(text.utf8)))
    #expect(ticks.idle == 4_050_000_000 && ticks.stolen == 800_000_000)
    #expect(HostTicks(Array("cpu 1 2 3\ncpu0\n".utf8)) == nil && HostTicks([]) == nil)
    #expect(HostTicks.now() != nil)
  }

  @Test func partsAlwaysAddUpToTheWhole() {
    var random = SplitMix(state: 3)
    for _ in 0..<2000 {
      func value() -> Int64 { Int64(random.next() % 2_000) - 300 }
      let total = Int64(random.next() % 3_000)
      let time = MachineTime(
        total: total, stolen: value(), requests: value(), overhead: value(), other: value(), wasted: value())
      #expect(time.total == total && time.values.allSatisfy { $0 >= 0 })
    }
    let exact = MachineTime(total: 100, stolen: 5, requests: 20, overhead: 10, other: 15, wasted: 30)
    #expect(exact.values == [20, 10, 15, 30, 20, 5, 0])
  }

  @Test func aRecorderDividesAMinute() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try writer.addMachine(Self.record())
    let lock = try #require(FileLock(trying: bench.path + ".recorder"))
    let recorder = try MachineRecorder(writer, "box", lock, try Self.sample(Self.noon, idle: 0))
    #expect(try MachineRecorder.begin(writer, machine: "box") == nil)
    let second: Int64 = 1_000_000_000
    let name = Hashing.random(16)
    func server(cpu: Int64, _ requests: [Metering.Progress]) -> HostSample.Server {
      HostSample.Server(writer: name, cpuNanos: cpu, requests: requests)
    }
    // Ten seconds with a model and nobody asking, then twenty with a request, then nothing.
    try recorder.take(try Self.sample(Self.noon + 10 * second, idle: 18 * second, servers: [server(cpu: second, [])]))
    try recorder.take(try Self.sample(Self.noon + 20 * second, idle: 36 * second, servers: [server(cpu: second, [])]))
    var progress = Metering.Progress(request: Hashing.random(16))
    progress.cpuNanos = 30 * second
    try recorder.take(
      try Self.sample(Self.noon + 40 * second, idle: 40 * second, servers: [server(cpu: 32 * second, [progress])]))
    try recorder.take(try Self.sample(Self.noon + 60 * second, idle: 70 * second, stolen: 4 * second))
    let allocation = try writer.ledger.allocation(machine: "box", from: Self.noon, to: Self.noon + Self.hour)
    // 120 vCPU-seconds in all: 30 for the request, 2 more for its process, 18 wasted between the first two looks.
    #expect(allocation.time.requests == 30 * second && allocation.time.overhead == 2 * second)
    #expect(allocation.time.stolen == 4 * second && allocation.time.wasted == 18 * second)
    #expect(allocation.time.idle == 52 * second && allocation.time.other == 14 * second)
    #expect(allocation.time.unobserved == 7200 * second - 120 * second)
    #expect(allocation.amounts.reduce(0, +) == 20_800_000_000)
    try recorder.finish()
    #expect(try writer.ledger.verify().events == 3)
  }

  @Test func anIntervalIsCutWhereAnHourEnds() {
    let pieces = MachineRecorder.pieces(Self.noon - 7, Self.noon + Self.hour + 5)
    #expect(pieces.map(\.from) == [Self.noon - 7, Self.noon, Self.noon + Self.hour])
    #expect(pieces.map(\.to) == [Self.noon, Self.noon + Self.hour, Self.noon + Self.hour + 5])
    #expect(MachineRecorder.pieces(5, 5).isEmpty)
  }

  @Test func whatWasBilledIsAllocatedExactly() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try writer.addMachine(Self.record(until: Self.noon + 5 * Self.hour))
    var random = SplitMix(state: 11)
    for minute in 0..<200 where minute % 7 != 0 {
      let (start, length) = (Self.noon + Int64(minute) * 60_000_000_000, Int64(60_000_000_000))
      var time = MachineTime(
        total: 2 * length, stolen: Int64(random.next() % 9_000_000_000),
        requests: Int64(random.next() % 60_000_000_000),
        overhead: Int64(random.next() % 9_000_000_001), other: Int64(random.next() % 20_000_000_003), wasted: 0)
      time.unobserved = 0
      try writer.transaction { (appender) throws(LedgerError) in
        try appender.append(
          IntervalRecorded(
            machine: "box", boot: Hashing.random(16), start: start, stop: start + length, vcpus: 2, time: time,
            shares: []))
      }
    }
    let all = try writer.ledger.allocation(
      machine: "box", from: Self.noon - 10 * Self.hour, to: Self.noon + 9 * Self.hour)
    // Seven hours are paid for, whatever the period asked about.
    #expect(all.expectedPicos == 7 * 20_800_000_000 && all.actualPicos == nil)
    #expect(all.time.total == 7 * Self.hour * 2)
    #expect(all.amounts.reduce(0, +) == all.expectedPicos)
    var hours: Int64 = 0
    for hour in -10..<9 {
      let from = Self.noon + Int64(hour) * Self.hour
      let one = try writer.ledger.allocation(machine: "box", from: from, to: from + Self.hour)
      #expect(one.amounts.reduce(0, +) == one.basisPicos)
      hours += one.expectedPicos
    }
    #expect(hours == all.expectedPicos)
    let csv = """
      invoice,line,machine,start,end,currency,amount
      A1,1,box,2026-11-25T10:00:00Z,2026-11-25T17:00:00Z,USD,0.150000000007
      A1,"2, disk",,2026-11-01,2026-12-01,USD,1.5
      A1,3,,2026-11-01,2026-12-01,EUR,9
      """
    let lines = try InvoiceCSV.read(Array(csv.utf8))
    #expect(try writer.importInvoice(lines) == 3)
    #expect(try writer.importInvoice(lines) == 0)
    let billed = try writer.ledger.allocation(
      machine: "box", from: Self.noon - 2 * Self.hour, to: Self.noon + 5 * Self.hour)
    #expect(billed.actualPicos == 150_000_000_007 && billed.variancePicos == 150_000_000_007 - 145_600_000_000)
    #expect(billed.amounts.reduce(0, +) == 150_000_000_007)
    #expect(billed.otherLines.map(\.line) == ["2, disk"])
    // Hours of a line that reaches over them add up to it, and so do days of the disk's month.
    var sum: Int64 = 0
    for hour in -2..<5 {
      let from = Self.noon + Int64(hour) * Self.hour
      let one = try writer.ledger.allocation(machine: "box", from: from, to: from + Self.hour)
      #expect(one.amounts.reduce(0, +) == one.basisPicos && one.billedHours == 1)
      sum += one.basisPicos
    }
    #expect(sum == 150_000_000_007)
    var disk: Int64 = 0
    for day in 0..<30 {
      let from = Self.noon - 12 * Self.hour + Int64(day - 24) * 24 * Self.hour
      let one = try writer.ledger.allocation(machine: "box", from: from, to: from + 24 * Self.hour)
      disk += one.otherLines.reduce(0) { $0 + $1.picos }
    }
    #expect(disk == 1_500_000_000_000)
    try writer.ledger.verify()
  }

  /// The law over everything: requests' fully loaded costs, hours that nobody asked in, other programs, unobserved time
  /// and the other lines are the invoice.
  @Test func everyCentOfTheInvoiceIsSomewhere() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try writer.addMachine(Self.record(until: Self.noon + 5 * Self.hour))
    bench.clock.set(Self.noon)
    var requests: [[UInt8]] = []
    for index in 0..<7 {
      let opening = Sample.opening(tags: [("team", index % 2 == 0 ? "blue" : "red")])
      requests.append(try Sample.request(writer, opening).bytes)
    }
    var random = SplitMix(state: 5)
    for minute in 0..<150 where minute % 5 != 0 {
      let start = Self.noon + Int64(minute) * 60_000_000_000
      let time = MachineTime(
        total: 120_000_000_000, stolen: Int64(random.next() % 9_000_000_000), requests: 31_000_000_000,
        overhead: Int64(random.next() % 9_000_000_001), other: Int64(random.next() % 20_000_000_003), wasted: 5)
      let shares = minute < 60 || minute > 120 ? requests.filter { _ in random.next() % 2 == 0 } : []
      let event = IntervalRecorded(
        machine: "box", boot: Hashing.random(16), start: start, stop: start + 60_000_000_000, vcpus: 2, time: time,
        shares: shares.map { ($0, Int64(random.next() % 1_000_003) + 1) })
      try writer.transaction { (appender) throws(LedgerError) in try appender.append(event) }
    }
    let csv = """
      invoice,line,machine,start,end,currency,amount
      A1,1,box,2026-11-25T10:00:00Z,2026-11-25T17:00:00Z,USD,0.150000000007
      A1,credit,box,2026-11-25T12:00:00Z,2026-11-25T14:00:00Z,USD,-0.003000000001
      A1,disk,,2026-11-25,2026-11-26,USD,1.5
      """
    try writer.importInvoice(try InvoiceCSV.read(Array(csv.utf8)))
    var query = ReportQuery()
    query.dimensions = [.tag("team")]
    query.now = Self.noon + 10 * Self.hour
    let report = try writer.ledger.report(query)
    let machine = try #require(report.machines.first)
    let loaded = report.lines.reduce(Int64(0)) { $0 + ($1.figures.allocated["USD"] ?? 0) }
    #expect(report.lines.map(\.figures.provisionalRequests) == [0, 0] && report.lines.count == 2)
    #expect(loaded == machine.requestPicos && loaded > 0 && machine.unaskedPicos > 0)
    #expect(machine.basisPicos == 147_000_000_006 && machine.billedHours == 7 && machine.hours == 7)
    #expect(
      machine.requestPicos + machine.unaskedPicos + machine.otherPicos + machine.unobservedPicos == machine.basisPicos)
    let whole = try writer.ledger.allocation(
      machine: "box", from: Self.noon - 12 * Self.hour, to: Self.noon + 12 * Self.hour)
    let invoice = Int64(147_000_000_006 + 1_500_000_000_000)
    #expect(whole.amounts.reduce(0, +) + whole.otherLines.reduce(0) { $0 + $1.picos } == invoice)
    // The hour that is under way is provisional.
    query.now = Self.noon + Self.hour / 2
    #expect(try writer.ledger.report(query).lines.map(\.figures.provisionalRequests).reduce(0, +) > 0)
    try writer.ledger.verify()
  }

  @Test(arguments: [
    "invoice,line\n", "invoice,line,machine,start,end,currency,amount\nA,1,box,2026-11-25,2026-11-26,USD,x\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,box,2026-11-25,2026-13-26,USD,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,box,2026-11-25,2026-11-26,usd,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,box,2026-11-26,2026-11-26,USD,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,\"box,2026-11-26,2026-11-26,USD,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,nobody,2026-11-25,2026-11-26,USD,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,box,2026-11-25T00:30:00Z,2026-11-26,USD,1\n",
    "invoice,line,machine,start,end,currency,amount\nA,1,,2026-11-25,2026-11-26,USD,1\nB,1,box\n",
  ])
  func brokenInvoicesLeaveNothing(text: String) throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try writer.addMachine(Self.record())
    let head = try writer.ledger.heads()
    #expect(throws: LedgerError.self) { try writer.importInvoice(try InvoiceCSV.read(Array(text.utf8))) }
    #expect(try writer.ledger.heads() == head)
  }
}
