import Compute

/// What the `split.*` keys say: this file is one of several.
struct SplitInfo {
  /// This part, from 0.
  let number: Int
  /// Number of parts, at least 2.
  let count: Int
  /// Tensors of all parts together, where stated.
  let tensorCount: Int?

  /// Nil when the file is not split.
  init?(_ metadata: GGUFMetadata) throws(ModelFileError) {
    guard let count = try metadata.integer("split.count"), count > 1 else { return nil }
    guard count <= GGUFLimits.parts else {
      throw metadata.invalid("split.count", expected: "at most \(GGUFLimits.parts)", found: "\(count)")
    }
    let number = try metadata.integer("split.no") ?? 0
    guard number >= 0, number < count else {
      throw metadata.invalid("split.no", expected: "0 to \(count - 1)", found: "\(number)")
    }
    self.number = number
    self.count = count
    tensorCount = try metadata.integer("split.tensors.count")
  }

  /// The path of part `number`, made from the first part's, which ends in `-00001-of-0000N.gguf`.
  func path(ofPart number: Int, first: String) throws(ModelFileError) -> String {
    let ending = SplitInfo.ending(number: 0, count: count)
    guard first.utf8.count > ending.utf8.count, first.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8),
      let stem = String(first.utf8.dropLast(ending.utf8.count))
    else {
      throw ModelFileError(
        .malformed, path: first, key: "split.count",
        expected: "the first of \(count) parts to be named ...\(ending), so that the others can be found",
        found: "this name")
    }
    return stem + SplitInfo.ending(number: number, count: count)
  }

  func notFirst(_ path: String) -> ModelFileError {
    ModelFileError(
      .malformed, path: path, key: "split.no",
      expected: "the first part, ...\(SplitInfo.ending(number: 0, count: count))",
      found: "part \(number + 1) of \(count)")
  }

  /// That a further part belongs to this model and stands in its place.
  func check(_ metadata: GGUFMetadata, part: MappedFile, number: Int) throws(ModelFileError) {
    let found = try SplitInfo(metadata)
    guard let found, found.number == number, found.count == count else {
      throw ModelFileError(
        .malformed, path: part.path, key: "split.no", expected: "part \(number + 1) of \(count)",
        found: found.map { "part \($0.number + 1) of \($0.count)" } ?? "a file that is not split")
    }
  }

  func check(tensorCount found: Int, _ first: MappedFile) throws(ModelFileError) {
    guard let tensorCount, tensorCount != found else { return }
    throw ModelFileError(
      .malformed, path: first.path, key: "split.tensors.count", expected: "\(tensorCount) tensors in all parts",
      found: "\(found)")
  }

  private static func ending(number: Int, count: Int) -> String {
    func padded(_ value: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
    }
    return "-\(padded(number + 1))-of-\(padded(count)).gguf"
  }
}
