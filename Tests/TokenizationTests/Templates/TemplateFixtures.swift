import Glibc
import Testing

@testable import Tokenization

/// Files under `Tests/Fixtures/templates`, and elsewhere.
enum TemplateFixtures {
  struct Unreadable: Error { let path: String }

  static func bytes(of path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Unreadable(path: path) }
    defer { fclose(file) }
    var out: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&buffer, 1, buffer.count, file)
      if count == 0 { return out }
      out.append(contentsOf: buffer[..<count])
    }
  }

  /// A file of the fixtures.
  static func bytes(named name: String, file: String = #filePath) throws -> [UInt8] {
    // Tests/TokenizationTests/Templates/TemplateFixtures.swift -> Tests
    let tests = file.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
    return try bytes(of: tests + "/Fixtures/templates/" + name)
  }

  static func json(_ name: String) throws -> TemplateValue { try TemplateValue(json: bytes(named: name)) }

  static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  static var nanoseconds: Int {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec * 1_000_000_000 + now.tv_nsec
  }
}

extension TemplateValue {
  var text: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  var items: [TemplateValue] {
    guard case .list(let items) = self else { return [] }
    return items
  }

  var entries: [Entry] {
    guard case .dictionary(let entries) = self else { return [] }
    return entries
  }

  var integer: Int? {
    guard case .int(let value) = self else { return nil }
    return value
  }

  /// The entries as variables for a template.
  var variables: [(String, TemplateValue)] { entries.map { ($0.key, $0.value) } }
}

/// What became of a template, in the words of the fixtures.
struct TemplateOutcome: Equatable, CustomStringConvertible {
  /// `out`, `parse`, `render` or `raised`
  let kind: String
  /// The text, or the message of `raise_exception`; empty for other errors.
  let text: String
  var detail = ""

  static func == (left: TemplateOutcome, right: TemplateOutcome) -> Bool {
    left.kind == right.kind && left.text.utf8.elementsEqual(right.text.utf8)
  }

  init(kind: String, text: String) {
    self.kind = kind
    self.text = text
  }

  init(source: String, context: [(String, TemplateValue)], clock: TemplateClock) {
    let template: ChatTemplate
    do {
      template = try ChatTemplate(source: source)
    } catch {
      self.init(kind: "parse", text: "")
      detail = error.description
      return
    }
    do {
      self.init(kind: "out", text: try template.render(context: context, clock: clock))
    } catch {
      self.init(kind: error.kind == .raised ? "raised" : "render", text: error.kind == .raised ? error.message : "")
      detail = error.description
    }
  }

  var description: String { "\(kind) \(text.debugDescription)\(detail.isEmpty ? "" : " (\(detail))")" }
}
