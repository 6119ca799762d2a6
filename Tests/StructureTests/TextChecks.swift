/// Files that fit into a head.
enum LengthCheck {
  static let limit = 500

  /// Files over the limit whose first lines do not say why, in a comment that begins with "Long because".
  static func violations(in files: [TextFile]) -> [Violation] {
    files.filter { file in
      let lines = file.lines
      let count = lines.last == "" ? lines.count - 1 : lines.count
      return count > limit && !lines.prefix(10).contains { $0.contains(/^(\/\/\/?|#|\s*\*) Long because \w+/) }
    }.map {
      Violation(path: $0.path, line: limit + 1, reason: "longer than \(limit) lines, with no reason at its head")
    }
  }
}

/// Ways to end the process, or to leave something for later, that have no place in code that reads the outside world.
enum TrapCheck {
  /// A trap stays where the same line or the one above says why it cannot spring, or must:
  /// `// Trap: the table is filled by the initialiser`.
  private static func isAllowed(_ line: Substring) -> Bool { line.contains(/\/\/ Trap: \w+/) }

  private static func traps(in line: Substring) -> [String] {
    var traps: [String] = []
    if line.contains("fatalError") { traps.append("fatalError") }
    if line.contains("!") {
      if line.contains("try!") { traps.append("try!") }
      if line.contains("as!") { traps.append("as!") }
      // A postfix mark: after a name, a bracket or a literal, and no part of `!=`.
      let rest = line.replacing("try!", with: "").replacing("as!", with: "")
      if rest.contains(/[\w)\]}>"]!(?!=)/) { traps.append("force unwrap") }
    }
    if line.contains(/\b(abort|_?exit)\s*\(/) { traps.append("end of the process") }
    return traps
  }

  static func violations(in files: [TextFile]) -> [Violation] {
    files.flatMap { file -> [Violation] in
      let lines = file.lines
      let code = codeOnly(file.text).split(separator: "\n", omittingEmptySubsequences: false)
      return code.enumerated().flatMap { number, line -> [Violation] in
        let found = traps(in: line)
        if found.isEmpty || lines[max(0, number - 1)...number].contains(where: isAllowed) { return [] }
        return found.map { Violation(path: file.path, line: number + 1, reason: $0) }
      }
    }
  }
}

/// What belongs to one machine, to one day, or to a test that no longer tests.
enum LeftoverCheck {
  /// Absolute paths of a build or home folder. Temporary files come from the system's own calls.
  static func pathViolations(in files: [TextFile]) -> [Violation] {
    violations(
      of: /(?:^|[^\w.$}~])\/(work|farm|root|tmp|home)\/[A-Za-z0-9]/, reason: "a path of one machine", in: files)
  }

  static func unfinishedViolations(in files: [TextFile]) -> [Violation] {
    violations(of: /\b(TODO|FIXME|XXX|HACK)\b/, reason: "something left to do", in: files)
  }

  static func idleTestViolations(in files: [TextFile]) -> [Violation] {
    violations(
      of: /#expect\s*\(\s*true\s*\)|\.disabled\s*\(|XCT[S]kip|with[K]nownIssue/, reason: "a test that cannot fail",
      in: files.map {
        TextFile(path: $0.path, text: codeOnly($0.text))
      })
  }

  private static func violations(
    of pattern: some RegexComponent, reason: String, in files: [TextFile]
  ) -> [Violation] {
    files.flatMap { file in
      file.lines.enumerated().compactMap { number, line in
        line.firstMatch(of: pattern) == nil ? nil : Violation(path: file.path, line: number + 1, reason: reason)
      }
    }
  }
}

/// Where things lie.
enum LayoutCheck {
  static let topLevel: Set = [
    "Package.swift", "README.md", "LICENSE", "farthing", "Sources", "Tests", "Benchmarks", "weights",
  ]

  static func strangers(among entries: [String]) -> [String] {
    entries.filter { !topLevel.contains($0) && !$0.hasPrefix(".") }.sorted()
  }

  /// Modules that the README does not name as code.
  static func missing(modules: [String], inReadme readme: String) -> [String] {
    modules.filter { !readme.contains("`\($0)`") }
  }
}
