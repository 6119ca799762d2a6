import Foundation

/// A text file of the repository, by its path from the root.
struct TextFile {
  let path: String
  let text: String

  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The module that a file under `Sources/` belongs to.
  var module: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }
}

/// A rule broken at a place. A check returns all that it finds, so that a test's message names every place at once.
struct Violation: CustomStringConvertible, Equatable {
  let path: String
  let line: Int
  let reason: String

  var description: String { "\(path):\(line): \(reason)" }
}

/// The working tree that these tests were built from.
enum Repository {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  static func topLevelEntries() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.path)
  }

  static func folders(in path: String) throws -> [String] {
    let url = root.appending(path: path)
    return try FileManager.default.contentsOfDirectory(atPath: url.path).filter {
      try url.appending(path: $0).resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true
    }
  }

  /// The text files below `folders` (and files named outright) that have one of the extensions.
  static func files(in places: [String], extensions: Set<String>) throws -> [TextFile] {
    var paths: [String] = []
    for place in places {
      let url = root.appending(path: place)
      guard FileManager.default.fileExists(atPath: url.path) else { continue }
      if try url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true {
        let below = try FileManager.default.subpathsOfDirectory(atPath: url.path)
        paths += below.filter { extensions.contains(URL(filePath: $0).pathExtension) }.map { place + "/" + $0 }
      } else {
        paths.append(place)
      }
    }
    return try paths.sorted().map {
      TextFile(path: $0, text: try String(contentsOf: root.appending(path: $0), encoding: .utf8))
    }
  }
}
