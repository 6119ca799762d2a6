/// Memory that grows when a larger pass than any before needs it, and keeps its size after: no allocation in the steady
/// state. Growing does not keep the elements.
@safe public final class GrowingBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  public private(set) var pointer: UnsafeMutablePointer<Element>
  public private(set) var count: Int

  public init(count: Int) {
    self.count = max(count, 1)
    unsafe pointer = .allocate(capacity: self.count)
  }

  deinit { unsafe pointer.deallocate() }

  /// Makes room for `count` elements, whose values are then undefined where there was less.
  public func reserve(_ count: Int) {
    guard count > self.count else { return }
    unsafe pointer.deallocate()
    self.count = max(count, 2 * self.count)
    unsafe pointer = .allocate(capacity: self.count)
  }

  public var view: View<Element> { unsafe View(pointer, count: count) }
}
