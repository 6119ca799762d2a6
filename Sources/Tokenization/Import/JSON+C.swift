import CJansson
import Glibc

/// A JSON text, read whole. Keys and strings are bytes (jansson's), so that canonically equivalent ones stay apart.
///
/// Duplicate keys, ill-formed UTF-8, more than 2,048 levels and files past a limit are refused.
@safe package final class JSONDocument: @unchecked Sendable {
  /// The largest file that is read; the largest vocabularies known are a tenth of it.
  static let maximumBytes = 512 << 20

  // Never changed after `init`, and jansson only reads it: safe to share.
  fileprivate let top: UnsafeMutablePointer<json_t>

  /// Reads a file.
  package convenience init(path: String) throws(TokenizerError) {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw Self.unreadable(path) }
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw Self.unreadable(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw TokenizerError(.unreadable, at: path, "not a regular file")
    }
    let count = Int(status.st_size)
    guard count > 0 else { throw TokenizerError(.malformed, at: path, "an empty file") }
    guard count <= Self.maximumBytes else {
      throw TokenizerError(
        .limitExceeded, at: path, "a file of \(count) bytes; at most \(Self.maximumBytes) are read")
    }
    let mapping = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, file, 0)
    guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else { throw Self.unreadable(path) }
    defer { unsafe munmap(mapping, count) }
    unsafe try self.init(UnsafeRawBufferPointer(start: mapping, count: count), name: path)
  }

  /// Reads a text; `name` stands for it in errors.
  package convenience init(_ text: [UInt8], name: String) throws(TokenizerError) {
    guard !text.isEmpty else { throw TokenizerError(.malformed, at: name, "an empty text") }
    let document = unsafe text.withUnsafeBytes { bytes in
      unsafe Result { () throws(TokenizerError) in unsafe try Self.parse(bytes, name: name) }
    }
    unsafe self.init(owning: try document.get())
  }

  private convenience init(_ bytes: UnsafeRawBufferPointer, name: String) throws(TokenizerError) {
    unsafe self.init(owning: try Self.parse(bytes, name: name))
  }

  private init(owning top: UnsafeMutablePointer<json_t>) { unsafe self.top = top }

  deinit { unsafe json_decref(top) }

  private static func parse(
    _ bytes: UnsafeRawBufferPointer, name: String
  ) throws(TokenizerError) -> UnsafeMutablePointer<json_t> {
    var error = json_error_t()
    let flags = Int(JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES)
    let top = unsafe json_loadb(bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count, flags, &error)
    if let top = unsafe top { return unsafe top }
    let reason = unsafe withUnsafeBytes(of: error.text) { text in
      unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
    throw TokenizerError(.malformed, at: name, "not JSON at line \(error.line), column \(error.column): \(reason)")
  }

  private static func unreadable(_ path: String) -> TokenizerError {
    let reason = unsafe String(cString: strerror(errno))
    return TokenizerError(.unreadable, at: path, reason)
  }

  package var root: JSONNode { unsafe JSONNode(document: self, node: top) }
}

/// A value in a JSON text.
@safe package struct JSONNode: Sendable {
  package enum Kind: Sendable { case object, array, string, integer, real, bool, null }

  private let document: JSONDocument
  nonisolated(unsafe) private let node: UnsafeMutablePointer<json_t>

  fileprivate init(document: JSONDocument, node: UnsafeMutablePointer<json_t>) {
    self.document = document
    unsafe self.node = node
  }

  package var kind: Kind {
    switch unsafe node.pointee.type {
    case JSON_OBJECT: .object
    case JSON_ARRAY: .array
    case JSON_STRING: .string
    case JSON_INTEGER: .integer
    case JSON_REAL: .real
    case JSON_TRUE, JSON_FALSE: .bool
    default: .null
    }
  }

  var bool: Bool? { kind == .bool ? unsafe node.pointee.type == JSON_TRUE : nil }
  package var integer: Int? { kind == .integer ? unsafe Int(json_integer_value(node)) : nil }
  package var real: Double? { kind == .real || kind == .integer ? unsafe json_number_value(node) : nil }

  /// The bytes of a string. They are the document's, and so last as long as this node.
  var string: UnsafeBufferPointer<UInt8>? {
    guard kind == .string, let text = unsafe json_string_value(node) else { return nil }
    let bytes = unsafe UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self)
    return unsafe UnsafeBufferPointer(start: bytes, count: json_string_length(node))
  }

  /// The bytes of a string, copied.
  package var bytes: [UInt8]? { unsafe string.map { unsafe Array($0) } }

  /// Number of elements of an array or members of an object.
  package var count: Int {
    switch kind {
    case .array: unsafe json_array_size(node)
    case .object: unsafe json_object_size(node)
    default: 0
    }
  }

  /// An element of an array.
  package func element(_ index: Int) -> JSONNode? {
    guard kind == .array, index >= 0, index < count, let element = unsafe json_array_get(node, index) else {
      return nil
    }
    return unsafe JSONNode(document: document, node: element)
  }

  /// A member of an object.
  package func member(_ key: String) -> JSONNode? {
    let key = Array(key.utf8)
    let member = unsafe key.withUnsafeBytes { bytes in
      unsafe json_object_getn(node, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
    }
    guard let member = unsafe member else { return nil }
    return unsafe JSONNode(document: document, node: member)
  }

  /// Calls `body` with the members of an object, in the order of the text.
  func forEachMember(
    _ body: (UnsafeBufferPointer<UInt8>, JSONNode) throws(TokenizerError) -> Void
  ) throws(TokenizerError) {
    guard kind == .object else { return }
    var place = unsafe json_object_iter(node)
    while let here = unsafe place {
      if let key = unsafe json_object_iter_key(here), let value = unsafe json_object_iter_value(here) {
        let bytes = unsafe UnsafeRawPointer(key).assumingMemoryBound(to: UInt8.self)
        unsafe try body(
          UnsafeBufferPointer(start: bytes, count: json_object_iter_key_len(here)),
          JSONNode(document: document, node: value))
      }
      unsafe place = json_object_iter_next(node, here)
    }
  }
}
