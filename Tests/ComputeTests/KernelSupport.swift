import CKernels
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Compute

/// Whether the slow sweeps run.
let slowTests = ProcessInfo.processInfo.environment["FARTHING_SLOW_TESTS"] == "1"

extension Kernels: CustomTestStringConvertible {
  public var testDescription: String { name }
}

/// Random numbers that a seed repeats. A test prints its seed where it fails.
struct KernelRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in -1..<1.
  mutating func symmetric() -> Float { Float(next() >> 40) / Float(1 << 23) - 1 }

  /// Standard normal.
  mutating func normal() -> Float {
    let (a, b) = (Double(next() >> 11) + 1, Double(next() >> 11))
    let unit = Double(UInt64(1) << 53)
    return Float((-2 * log(a / unit)).squareRoot() * cos(2 * .pi * b / unit))
  }
}

/// Keeps the buffers made last alive: views do not do it, and tests make views of temporaries.
enum GuardedMemory {
  private static let recent = Mutex<(buffers: [any Sendable], next: Int)>(([], 0))

  static func keep(_ buffer: some Sendable) {
    let limit = 4_096
    recent.withLock { recent in
      if recent.buffers.count < limit {
        recent.buffers.append(buffer)
      } else {
        recent.buffers[recent.next] = buffer
        recent.next = (recent.next + 1) % limit
      }
    }
  }
}

/// Memory whose last element ends at a page that nobody may touch: a kernel that reads or writes behind its operands ends
/// the process.
final class GuardedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int
  private let base: UnsafeMutableRawPointer
  private let mapped: Int

  init(count: Int) {
    let page = 4096
    let bytes = count * MemoryLayout<Element>.stride
    let pages = (bytes + page - 1) / page
    mapped = (pages + 1) * page
    base = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    precondition(base != MAP_FAILED)
    precondition(mprotect(base + pages * page, page, PROT_NONE) == 0)
    pointer = (base + pages * page - bytes).bindMemory(to: Element.self, capacity: count)
    self.count = count
    GuardedMemory.keep(self)
  }

  convenience init(_ elements: some Collection<Element>) {
    self.init(count: elements.count)
    for (index, element) in elements.enumerated() { pointer[index] = element }
  }

  deinit { munmap(base, mapped) }

  var view: View<Element> { View(pointer, count: count) }
  var elements: UnsafeMutableBufferPointer<Element> { UnsafeMutableBufferPointer(start: pointer, count: count) }

  /// Unlike `pointer`, safe on a buffer that nobody else holds.
  subscript(_ index: Int) -> Element {
    precondition(index >= 0 && index < count)
    return withExtendedLifetime(self) { pointer[index] }
  }

  func fill(_ value: Element) { pointer.update(repeating: value, count: count) }

  func hasSameBits(as other: GuardedBuffer) -> Bool {
    count == other.count && memcmp(pointer, other.pointer, count * MemoryLayout<Element>.stride) == 0
  }
}

/// The element that is furthest from what it should be, in units of what rounding allows it.
struct Worst: CustomStringConvertible {
  private(set) var ratio = 0.0
  private(set) var description = "nothing compared"
  private(set) var compared = 0

  /// - Parameters:
  ///   - tolerance: the largest error that correct rounding could cause.
  ///   - place: says which element this is.
  mutating func add(_ found: Float, expected: Double, tolerance: Double, _ place: @autoclosure () -> String) {
    compared += 1
    let error = abs(Double(found) - expected)
    // An error of 0 is right whatever the tolerance; one that is not a number is never right.
    let part = error == 0 || (expected.isNaN && found.isNaN) ? 0 : error / tolerance
    if part.isNaN || part > ratio || compared == 1 {
      ratio = part.isNaN ? .infinity : max(ratio, part)
      description = "\(place()): found \(found), expected \(expected), error \(error) of \(tolerance) allowed"
    }
  }

  /// Whether something was compared and all of it is within its tolerance.
  var isWithin: Bool { compared > 0 && ratio <= 1 }
}

/// Half an ulp of 1 in F32: the relative error of one rounding.
let roundoff = 0x1p-24
