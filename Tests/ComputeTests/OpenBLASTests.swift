import Glibc
import Synchronization
import Testing

@testable import Compute

@Suite struct OpenBLASTests {
  /// One product with gaps between the rows of every matrix; gaps hold NaN, which spreads if they are read.
  struct Product {
    let (tokens, rows, columns): (Int, Int, Int)
    let (xStride, weightsStride, yStride): (Int, Int, Int)
    let x: [Float]
    let weights: [Float]

    init(_ tokens: Int, _ rows: Int, _ columns: Int, gap: Int, seed: UInt64) {
      (self.tokens, self.rows, self.columns) = (tokens, rows, columns)
      (xStride, weightsStride, yStride) = (columns + gap, columns + 2 * gap, rows + 3 * gap)
      var random = SplitMix(state: seed)
      func matrix(_ rows: Int, _ stride: Int) -> [Float] {
        (0..<rows * stride).map { $0 % stride < columns ? random.symmetric() : .nan }
      }
      x = matrix(tokens, xStride)
      weights = matrix(rows, weightsStride)
    }

    /// y of NaN, of which the rows `slab` are computed.
    func multiply(_ blas: OpenBLAS, into y: inout [Float], slab: Range<Int>? = nil) {
      let slab = slab ?? 0..<rows
      y.withUnsafeMutableBufferPointer { multiply(blas, into: $0.baseAddress!, slab: slab) }
    }

    func multiply(_ blas: OpenBLAS, into y: UnsafeMutablePointer<Float>, slab: Range<Int>) {
      x.withUnsafeBufferPointer { x in
        weights.withUnsafeBufferPointer { weights in
          blas.multiplyTransposed(
            x: x.baseAddress!, tokens: tokens, xStride: xStride,
            weights: weights.baseAddress! + slab.lowerBound * weightsStride, weightsStride: weightsStride,
            rows: slab.count, columns: columns, y: y + slab.lowerBound, yStride: yStride)
        }
      }
    }

    /// The first element that is further from the sum in double precision than float sums in any order can be, or a gap
    /// that was written to.
    func firstFault(in y: [Float]) -> String? {
      for token in 0..<tokens {
        for row in 0..<yStride {
          let found = y[token * yStride + row]
          guard row < rows else {
            if found.isNaN { continue }
            return "gap [\(token), \(row)] holds \(found)"
          }
          var (sum, magnitude) = (0.0, 0.0)
          for column in 0..<columns {
            let term = Double(x[token * xStride + column]) * Double(weights[row * weightsStride + column])
            sum += term
            magnitude += abs(term)
          }
          let tolerance = Double(columns) * Double(Float.ulpOfOne) * magnitude
          if !(abs(Double(found) - sum) <= tolerance) {
            return "[\(token), \(row)] is \(found), expected \(sum) within \(tolerance)"
          }
        }
      }
      return nil
    }

    var empty: [Float] { [Float](repeating: .nan, count: tokens * yStride) }
  }

  struct SplitMix {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
    /// Uniform in -1..<1.
    mutating func symmetric() -> Float { Float(next() >> 40) / Float(1 << 23) - 1 }
  }

  @Test func loadsOnceWithOneThread() throws {
    let blas = try OpenBLAS.load()
    #expect(blas === (try OpenBLAS.load()))
    #expect(blas.threads == 1)
    #expect(blas.configuration.hasPrefix("OpenBLAS"), "\(blas.configuration)")
  }

  @Test(arguments: [1, 2, 3, 7, 16, 33])
  func equalsTheSumInDoublePrecision(tokens: Int) throws {
    let blas = try OpenBLAS.load()
    let seed = UInt64.random(in: 0...UInt64.max)
    for rows in [1, 2, 8, 65, 100] {
      for columns in [1, 3, 32, 97, 576] {
        for gap in [0, 5] {
          let product = Product(tokens, rows, columns, gap: gap, seed: seed)
          var y = product.empty
          product.multiply(blas, into: &y)
          let fault = product.firstFault(in: y)
          #expect(fault == nil, "tokens \(tokens) rows \(rows) columns \(columns) gap \(gap) seed \(seed)")
        }
      }
    }
  }

  @Test func theCheckItselfFindsFaults() throws {
    let blas = try OpenBLAS.load()
    let product = Product(3, 20, 64, gap: 2, seed: 1)
    var y = product.empty
    #expect(product.firstFault(in: y) != nil, "NaN is no result")
    product.multiply(blas, into: &y)
    #expect(product.firstFault(in: y) == nil)
    y[21] = 1
    #expect(product.firstFault(in: y) != nil, "a gap that was written to")
    y[21] = .nan
    y[1] *= 1.01
    #expect(product.firstFault(in: y) != nil, "a wrong sum")
  }

  @Test func emptyProducts() throws {
    let blas = try OpenBLAS.load()
    let x: [Float] = [1, 2]
    var y: [Float] = [.nan, .nan, .nan, .nan]
    blas.multiplyTransposed(x: x, tokens: 0, xStride: 2, weights: x, rows: 1, columns: 2, y: &y, yStride: 1)
    blas.multiplyTransposed(x: x, tokens: 1, xStride: 2, weights: x, rows: 0, columns: 2, y: &y, yStride: 1)
    #expect(y.allSatisfy { $0.isNaN })
    blas.multiplyTransposed(x: x, tokens: 2, xStride: 0, weights: x, rows: 1, columns: 0, y: &y, yStride: 2)
    #expect(y[0] == 0 && y[1].isNaN && y[2] == 0 && y[3].isNaN, "a sum of nothing is 0")
  }

  /// Four threads, each with its own rows of the same y, over and over; every result is what one thread gets, to the
  /// bit. Both shapes that the class tells apart: one token and several.
  @Test(arguments: [1, 24])
  func threadsAtOnceOnSlabs(tokens: Int) throws {
    let blas = try OpenBLAS.load()
    let product = Product(tokens, 203, 320, gap: 1, seed: 7)
    let slabs = [0..<50, 50..<101, 101..<152, 152..<203]
    var expected = product.empty
    for slab in slabs { product.multiply(blas, into: &expected, slab: slab) }
    #expect(product.firstFault(in: expected) == nil)

    let rounds = 60
    let count = expected.count
    let shared = SharedFloats(count: count * rounds)
    let ready = Counter()
    let threads = slabs.map { slab in
      startThread {
        ready.value.add(1, ordering: .sequentiallyConsistent)
        while ready.value.load(ordering: .acquiring) < slabs.count {}
        for round in 0..<rounds { product.multiply(blas, into: shared.start + round * count, slab: slab) }
      }
    }
    for thread in threads { pthread_join(thread, nil) }
    for round in 0..<rounds {
      let same = expected.withUnsafeBytes { memcmp($0.baseAddress!, shared.start + round * count, $0.count) == 0 }
      #expect(same, "round \(round)")
    }
  }

  private final class Counter: Sendable { let value = Atomic<Int>(0) }

  private final class SharedFloats: @unchecked Sendable {
    let start: UnsafeMutablePointer<Float>
    init(count: Int) {
      start = .allocate(capacity: count)
      start.initialize(repeating: .nan, count: count)
    }
    deinit { start.deallocate() }
  }

  @Test func aMissingLibraryNamesThePackage() {
    let failure = #expect(throws: SystemError.self) { _ = try OpenBLAS(path: "libno-such-blas.so.0") }
    let text = failure?.description ?? ""
    #expect(text.contains("libno-such-blas.so.0") && text.contains("apt-get install libopenblas0-pthread"), "\(text)")
    #expect(failure?.call == "dlopen")
  }

  @Test func aLibraryWithoutTheFunctionsIsRefused() {
    let failure = #expect(throws: SystemError.self) { _ = try OpenBLAS(path: "libm.so.6") }
    #expect(failure?.description.contains("it has no cblas_sgemm") == true, "\(String(describing: failure))")
  }

  /// In a process of its own: the library starts no thread, and what was set for its loading is gone afterwards.
  @Test func loadingStartsNoThread() async {
    await #expect(processExitsWith: .success) {
      unsetenv("OPENBLAS_NUM_THREADS")
      setenv("OMP_NUM_THREADS", "3", 1)
      usleep(100_000)
      let before = threadCount()
      let blas = try OpenBLAS.load()
      let product = Product(64, 64, 64, gap: 0, seed: 1)
      var y = product.empty
      product.multiply(blas, into: &y)
      let after = threadCount()
      precondition(before > 0 && after == before, "\(before) threads before, \(after) after")
      precondition(getenv("OPENBLAS_NUM_THREADS") == nil)
      precondition(getenv("OMP_NUM_THREADS").map { String(cString: $0) } == "3", "what the user set stays")
    }
  }

  /// More threads than the library has work areas, and products so long that many are under way: without turns it
  /// would end the process.
  @Test func moreThreadsThanWorkAreas() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let blas = try OpenBLAS.load()
      let (tokens, rows, columns, count) = (512, 512, 2048, 200)
      let x = [Float](repeating: 0.5, count: tokens * columns)
      let weights = [Float](repeating: 0.25, count: rows * columns)
      let expected = [Float](repeating: 256, count: tokens * rows)
      let (ready, same) = (Counter(), Counter())
      let threads = (0..<count).map { _ in
        startThread {
          let y = SharedFloats(count: tokens * rows)
          ready.value.add(1, ordering: .sequentiallyConsistent)
          while ready.value.load(ordering: .acquiring) < count { sched_yield() }
          blas.multiplyTransposed(
            x: x, tokens: tokens, xStride: columns, weights: weights, rows: rows, columns: columns, y: y.start,
            yStride: rows)
          if memcmp(y.start, expected, expected.count * 4) == 0 { same.value.add(1, ordering: .relaxed) }
        }
      }
      for thread in threads { pthread_join(thread, nil) }
      precondition(same.value.load(ordering: .relaxed) == count)
    }
    // The library warns before it comes to that.
    let words = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(words.isEmpty, "\(words)")
  }
}

/// Threads of this process.
private func threadCount() -> Int {
  guard let folder = opendir("/proc/self/task") else { return 0 }
  defer { closedir(folder) }
  var count = 0
  while let entry = readdir(folder) {
    if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
  }
  return count
}
