import Foundation
import Testing
import Usage

@testable import Metering

@Suite struct RequestTests {
  private struct Row: Equatable {
    var state, exact, prompt, cached, completion, cpu: Int64
    var marginal: Int64?
  }

  private func rows(_ ledger: Ledger) throws -> [Row] {
    var rows: [Row] = []
    try ledger.connection.each(.reportRows, .integer(.min), .integer(.max)) { row in
      rows.append(
        Row(
          state: row.integer(2), exact: row.integer(3), prompt: row.integer(6), cached: row.integer(7),
          completion: row.integer(8), cpu: row.integer(9), marginal: row.optionalInteger(15)))
    }
    return rows
  }

  @Test func aRequestIsInTheLedgerFromItsOpeningOn() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    let request = try writer.open(Sample.opening())
    #expect(try rows(bench.ledger()).map(\.state) == [0])
    request.computed(prompt: 10, cached: 2)
    try request.settle(Sample.usage(cached: 2))
    // 90,000,000 ns at 13/4500 of a pico-dollar.
    let expected = Row(state: 1, exact: 1, prompt: 10, cached: 2, completion: 5, cpu: 90_000_000, marginal: 260_000)
    #expect(try rows(bench.ledger()) == [expected])
    // Closing again changes nothing.
    try request.settle(Sample.usage(completion: 99))
    try request.fail()
    #expect(try rows(bench.ledger()) == [expected])
    #expect(try writer.ledger.totals(ofDayAt: bench.clock.now)["USD"]?.marginalPicos == 260_000)
    try writer.close()
    #expect(Files.names(in: writer.ledger.writersDirectory) == [])
    // The chain's begin, the request's two, and what the process used.
    #expect(try writer.ledger.verify().events == 4)
  }

  @Test func whatAProcessUsedIsItsRequestsAndItsOverheadExactly() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    var charged: Int64 = 0
    for index in 0..<3 {
      let before = Files.processCPUNanos()
      let request = try writer.open(Sample.opening())
      request.computed(prompt: 10, cached: 0)
      let spent = Files.processCPUNanos() - before
      let usage = Sample.usage(cpuNanos: spent + Int64(index))
      try request.settle(usage)
      charged += usage.cpu.requestNanos
    }
    let lower = Files.processCPUNanos()
    try writer.close()
    let upper = Files.processCPUNanos()
    let time = try writer.ledger.processTime()
    #expect(time.requestNanos == charged && time.requestNanos + time.overheadNanos == time.cpuNanos)
    // The kernel's own account of the whole process; other tests run in it meanwhile.
    #expect(lower <= time.cpuNanos && time.cpuNanos <= upper)
    // A second end counts only what came since.
    try Sample.request(writer)
    try writer.close()
    let both = try writer.ledger.processTime()
    #expect(both.requestNanos == charged + 90_000_000 && both.cpuNanos > time.cpuNanos)
    #expect(both.cpuNanos <= Files.processCPUNanos())
    try writer.ledger.verify()
  }

  @Test func theDeadsTimeIsWrittenDownBySomebodyElse() throws {
    let bench = try Bench()
    var said: Int64 = 0
    do {
      let writer = try bench.writer()
      try Sample.request(writer, Sample.opening(), Sample.usage(cpuNanos: 700))
      let request = try writer.open(Sample.opening())
      request.used(cpuNanos: 5_000, promptNanos: 2_000)
      request.chose(1)
      said = Files.processCPUNanos()
    }
    let survivor = try bench.writer()
    #expect(try survivor.recover() == 1)
    let time = try survivor.ledger.processTime()
    #expect(time.requestNanos == 5_700 && time.cpuNanos <= said && time.cpuNanos > said / 2)
    var parts: [Int64] = []
    try survivor.ledger.connection.each(.reportAllRows) { row in parts.append(row.integer(17)) }
    #expect(parts.count == 2 && (0...700).contains(parts[0]) && parts[1] == 2_000)
    #expect(try survivor.recover() == 0)
    #expect(try survivor.ledger.processTime() == time)
    try survivor.ledger.verify()
  }

  @Test func theDeadAreClosedWithExactCounts() throws {
    let bench = try Bench()
    let survivor = try bench.writer()
    do {
      let writer = try bench.writer()
      let first = try writer.open(Sample.opening(prompt: 30))
      first.computed(prompt: 20, cached: 4)
      let second = try writer.open(Sample.opening(prompt: 8))
      second.computed(prompt: 8, cached: 0)
      for count in 1...17 { second.chose(count) }
      let third = try writer.open(Sample.opening())
      try third.settle(Sample.usage())
      // It lives, so nobody may close anything.
      #expect(try survivor.recover() == 0)
      withExtendedLifetime((writer, first, second)) {}
    }
    #expect(Files.names(in: survivor.ledger.writersDirectory).count == 1)
    #expect(try survivor.recover() == 2)
    #expect(try survivor.recover() == 0)
    let found = try rows(bench.ledger())
    #expect(found.map(\.state) == [2, 2, 1] && found.map(\.exact) == [1, 1, 1])
    #expect(found.map(\.prompt) == [20, 8, 10] && found.map(\.completion) == [0, 17, 5])
    #expect(found[0].cached == 4 && found.allSatisfy { $0.marginal != nil })
    #expect(Files.names(in: survivor.ledger.writersDirectory) == [])
    #expect(try survivor.ledger.verify().requests == 3)
  }

  @Test func onlyOneOfManyClosesTheDead() throws {
    let bench = try Bench()
    do {
      let writer = try bench.writer()
      for _ in 0..<10 { _ = try writer.open(Sample.opening()) }
    }
    let closed = Collected<Int>()
    DispatchQueue.concurrentPerform(iterations: 6) { _ in
      guard let writer = try? bench.writer(), let count = try? writer.recover() else { return closed.add(-100) }
      closed.add(count)
    }
    #expect(closed.all.reduce(0, +) == 10)
    #expect(try bench.ledger().verify().requests == 10)
  }

  @Test func withoutAProgressFileTheCountsAreMarked() throws {
    let bench = try Bench()
    do {
      let writer = try bench.writer()
      let request = try writer.open(Sample.opening(prompt: 12))
      request.chose(3)
      try #require(writer.progress).remove()
    }
    let survivor = try bench.writer()
    #expect(try survivor.recover() == 1)
    let row = try #require(try rows(survivor.ledger).first)
    #expect(row.state == 2 && row.exact == 0 && row.prompt == 12 && row.completion == 0)
  }

  @Test func aHalfWrittenProgressIsTheOneBefore() throws {
    let bench = try Bench()
    let directory = bench.folder.appending(path: "writers").path
    let file = try ProgressFile(directory: directory, writer: Hashing.random(16), slots: 3)
    let requests = (0..<2).map { _ in Hashing.random(16) }
    let slots = requests.compactMap { file.begin(Metering.Progress(request: $0)) }
    #expect(slots == [0, 1])
    for count in 1...9 {
      file.write(
        Metering.Progress(
          request: requests[1], leased: 64, prompt: 7, cached: 1, completion: Int64(count), cpuNanos: 5,
          promptCPUNanos: 3), slot: 1, processNanos: 77)
    }
    var bytes = try #require(Files.read(file.path))
    let expected = [
      Metering.Progress(request: requests[0]),
      Metering.Progress(
        request: requests[1], leased: 64, prompt: 7, cached: 1, completion: 9, cpuNanos: 5, promptCPUNanos: 3),
    ]
    #expect(ProgressFile.parse(bytes)?.requests == expected && ProgressFile.parse(bytes)?.processNanos == 77)
    // The copy that does not count may hold anything.
    let place = 64 + 192
    let other = place + 64 + Int((bytes[place] & 1) ^ 1) * 64
    for index in other..<other + 64 { bytes[index] = 0xEE }
    #expect(ProgressFile.parse(bytes)?.requests == expected)
    file.end(slot: 0)
    #expect(try ProgressFile.parse(#require(Files.read(file.path)))?.requests.count == 1)
    #expect(file.begin(Metering.Progress(request: requests[0])) == 0)
    #expect(file.begin(Metering.Progress(request: requests[0])) == 2)
    #expect(file.begin(Metering.Progress(request: requests[0])) == nil)
    #expect(ProgressFile.parse([]) == nil && ProgressFile.parse(Array(repeating: 1, count: 500)) == nil)
  }

  @Test func foreignFilesBesideTheLedgerDoNoHarm() throws {
    let bench = try Bench()
    let writer = try bench.writer()
    try Sample.request(writer)
    for (name, content) in [("empty", Data()), ("text", Data("hello".utf8)), ("zeros", Data(count: 4096))] {
      try content.write(to: URL(filePath: writer.ledger.writersDirectory + "/" + name))
    }
    #expect(try writer.recover() == 0)
  }

  @Test func identitiesComeInOrderAndOnce() {
    let identities = (0..<2000).map {
      RequestIdentity(at: 1_795_608_000_000_000_000 + Int64($0) * 1_000_000).description
    }
    #expect(Set(identities).count == 2000 && identities == identities.sorted())
    #expect(identities[0].count == 32)
  }

  @Test func severalWritersAtOnceLoseNothing() throws {
    let bench = try Bench()
    _ = try bench.ledger()
    let failures = Collected<String>()
    DispatchQueue.concurrentPerform(iterations: 6) { index in
      do {
        let writer = try bench.writer(index == 0 ? .full : .normal)
        for _ in 0..<20 { try Sample.request(writer) }
        try writer.close()
      } catch {
        failures.add("\(error)")
      }
    }
    #expect(failures.all == [])
    let verified = try bench.ledger().verify()
    #expect(verified.requests == 120 && verified.chains == 6 && verified.events == 252)
  }
}
