extension Jinja {
  /// A walk over a value.
  struct Walk {
    enum Source {
      case empty
      case list(ListObject)
      case dictionary(DictionaryObject)
      case view(View)
      case text(Text)
      case range(RangeObject)
      case iterator(IteratorObject)
    }

    let source: Source
    private var position = 0

    init(_ source: Source) { self.source = source }

    /// `len` of what is walked; nil where Python has none.
    var length: Int? {
      switch source {
      case .empty: 0
      case .list(let list): list.items.count
      case .dictionary(let dictionary): dictionary.entries.count
      case .view(let view): view.dictionary.entries.count
      case .text(let text): text.scalarCount
      case .range(let range): range.count
      case .iterator: nil
      }
    }

    mutating func next(_ renderer: Renderer) throws(TemplateError) -> Value? {
      let at = position
      position += 1
      switch source {
      case .empty: return nil
      case .list(let list): return at < list.items.count ? list.items[at] : nil
      case .dictionary(let dictionary):
        return at < dictionary.entries.count ? dictionary.entries.keys[at] : nil
      case .view(let view): return try view.item(at, renderer)
      case .range(let range): return at < range.count ? .int(range[at]) : nil
      case .iterator(let iterator):
        guard iterator.position < iterator.items.count else { return nil }
        iterator.position += 1
        return iterator.items[iterator.position - 1]
      case .text(let text):
        guard at < text.bytes.count else { return nil }
        let length = UTF8Text.decode(text.bytes, at: at).length
        position = at + length
        return try renderer.string(Array(text.bytes[at..<position]))
      }
    }
  }

  /// A `for` loop that is running: where it is, and what `loop` tells about it.
  final class LoopState {
    private var sequence: Walk
    /// Items that were walked ahead of the loop, to know how many there are.
    private var ahead: [Value]?
    private var aheadAt = 0
    private var after: Value?
    private var length: Int?
    private(set) var index0 = -1
    private(set) var current: Value?
    private(set) var previous: Value?
    /// The arguments of the last `loop.changed`.
    var lastChanged: [Value]?
    var filter: (target: Target, test: Root, frame: Frame)?
    let depth: Int

    init(_ sequence: Walk, depth: Int) {
      self.sequence = sequence
      self.depth = depth
    }

    /// Lets go of what could lead back here.
    func finish() {
      filter = nil
      lastChanged = nil
    }

    private func pull(_ renderer: Renderer) throws(TemplateError) -> Value? {
      if let ahead {
        guard aheadAt < ahead.count else { return nil }
        aheadAt += 1
        return ahead[aheadAt - 1]
      }
      while let item = try sequence.next(renderer) {
        guard let filter else { return item }
        try renderer.spend(1)
        try renderer.assign(filter.target.shape, item, filter.frame)
        if try renderer.evaluate(filter.test.expression, filter.frame).isTrue { return item }
      }
      return nil
    }

    func advance(_ renderer: Renderer) throws(TemplateError) -> Value? {
      var item = after
      after = nil
      if item == nil { item = try pull(renderer) }
      guard let item else { return nil }
      index0 += 1
      previous = current
      current = item
      return item
    }

    func peek(_ renderer: Renderer) throws(TemplateError) -> Value? {
      if after == nil { after = try pull(renderer) }
      return after
    }

    /// How many items there are. A filtered loop or a generator is walked to its end to find out.
    func length(_ renderer: Renderer) throws(TemplateError) -> Int {
      if let length { return length }
      if filter == nil, let known = sequence.length {
        length = known
        return known
      }
      var rest: [Value] = []
      while let item = try pull(renderer) {
        try renderer.reserve(rest.count * 16)
        rest.append(item)
      }
      ahead = rest
      aheadAt = 0
      let total = rest.count + index0 + 1 + (after == nil ? 0 : 1)
      length = total
      return total
    }
  }
}

extension Jinja.View {
  /// The item at `index`, or nil behind the end.
  func item(_ index: Int, _ renderer: Jinja.Renderer) throws(TemplateError) -> Jinja.Value? {
    guard index < dictionary.entries.count else { return nil }
    switch kind {
    case .keys: return dictionary.entries.keys[index]
    case .values: return dictionary.entries.values[index]
    case .items:
      return try renderer.tuple([dictionary.entries.keys[index], dictionary.entries.values[index]])
    }
  }
}
