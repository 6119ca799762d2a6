/// `count` elements inside an `AlignedBuffer`, which must outlive the view.
///
/// Kernels take views instead of pointers, so that the one place that checks extents is here, and code above need not
/// handle addresses. `Span` would say the lifetime too, but cannot cross to the pool's threads.
@safe public struct View<Element: BitwiseCopyable>: @unchecked Sendable {
  public let pointer: UnsafeMutablePointer<Element>
  public let count: Int

  public init(_ pointer: UnsafeMutablePointer<Element>, count: Int) {
    unsafe self.pointer = pointer
    self.count = count
  }

  /// The elements `start ..< start + count`.
  /// - Precondition: they are within this view.
  public func part(_ start: Int, _ count: Int) -> View {
    precondition(start >= 0 && count >= 0 && start + count <= self.count)
    return unsafe View(pointer + start, count: count)
  }

  /// Element `index`.
  /// - Precondition: it is within this view.
  public subscript(_ index: Int) -> Element {
    get {
      precondition(index >= 0 && index < count)
      return unsafe pointer[index]
    }
    nonmutating set {
      precondition(index >= 0 && index < count)
      unsafe pointer[index] = newValue
    }
  }

  /// Copies all elements to `other`.
  /// - Precondition: it has as many.
  public func copy(to other: View) {
    precondition(other.count == count)
    unsafe other.pointer.update(from: pointer, count: count)
  }

  public func fill(_ value: Element) {
    unsafe pointer.update(repeating: value, count: count)
  }
}

extension AlignedBuffer {
  /// All elements.
  public var view: View<Element> { unsafe View(pointer, count: count) }

  /// The elements `start ..< start + count`.
  public func part(_ start: Int, _ count: Int) -> View<Element> { view.part(start, count) }
}
