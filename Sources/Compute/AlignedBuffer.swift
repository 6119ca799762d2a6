import Glibc

/// Memory of `count` elements, zeroed, aligned to a page, owned by this object and given back with it.
///
/// Pages are committed by the kernel when they are first touched, so a large reservation costs nothing until it is used.
/// Elements are reached through `pointer`: kernels need raw addresses, and several threads write disjoint parts at once.
/// Who writes which part when is the caller's rule.
@safe public final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public let pointer: UnsafeMutablePointer<Element>
  public let count: Int
  private let byteCount: Int

  /// - Parameter hugePages: ask for huge pages where the system grants them on request. Only for memory that will be
  ///   touched as a whole: a single touch then commits two megabytes.
  /// - Throws: `SystemError` if the address space or the commit limit is exhausted.
  public init(count: Int, hugePages: Bool = false) throws(SystemError) {
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard count >= 0, !overflow else { throw SystemError(call: "mmap", code: ENOMEM, path: "") }
    let address = try unsafe Self.allocate(bytes, hugePages: hugePages)
    unsafe self.pointer = address.bindMemory(to: Element.self, capacity: max(count, 1))
    self.count = count
    self.byteCount = bytes
  }

  #if FARTHING_CHECKED
    // From the C library, so that the address sanitizer sees every step past the end.
    private static func allocate(_ bytes: Int, hugePages: Bool) throws(SystemError) -> UnsafeMutableRawPointer {
      var address: UnsafeMutableRawPointer?
      let code = unsafe posix_memalign(&address, 64, bytes)
      guard let address = unsafe address, code == 0 else {
        throw SystemError(call: "posix_memalign", code: code, path: "")
      }
      unsafe memset(address, 0, bytes)
      return unsafe address
    }

    deinit { unsafe free(pointer) }
  #else
    private static func allocate(_ bytes: Int, hugePages: Bool) throws(SystemError) -> UnsafeMutableRawPointer {
      let address = unsafe mmap(
        nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      guard let address = unsafe address, unsafe address != MAP_FAILED else {
        throw SystemError(call: "mmap", code: errno, path: "")
      }
      if hugePages { unsafe madvise(address, bytes, MADV_HUGEPAGE) }
      return unsafe address
    }

    deinit { unsafe munmap(pointer, byteCount) }
  #endif

  /// The elements as a buffer, for code that is not hot.
  public var elements: UnsafeMutableBufferPointer<Element> {
    unsafe UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
