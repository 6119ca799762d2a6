import CJansson
import Glibc

/// The memory of documents, which jansson takes in very many small pieces.
package enum JSONMemory {
  /// Gives what documents that are gone have left back to the kernel; the C library would keep it for later.
  package static func giveBack() { malloc_trim(0) }
}

/// A JSON text, read whole. Keys and strings are bytes (jansson's), so that canonically equivalent ones stay apart.
///
/// Duplicate keys, ill-formed UTF-8, more than 2,048 levels and files past a limit are refused.
@safe package final class JSONText<Failure: JSONFailure>: @unchecked Sendable {
  /// The largest file that is read; the largest vocabularies known are a tenth of it.
  package static var maximumBytes: Int { 512 << 20 }

  /// The file, or what stands for it in errors.
  package let name: String
  // Never changed after `init`, and jansson only reads it: safe to share.
  private let top: UnsafeMutablePointer<json_t>

  /// Reads a file.
  package convenience init(path: String) throws(Failure) {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { throw Self.unreadable(path) }
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw Self.unreadable(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw Self.fault(.unreadable, path, "not a regular file")
    }
    let count = Int(status.st_size)
    guard count > 0 else { throw Self.fault(.malformed, path, "an empty file") }
    guard count <= Self.maximumBytes else {
      throw Self.fault(.limitExceeded, path, "a file of \(count) bytes; at most \(Self.maximumBytes) are read")
    }
    let mapping = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, file, 0)
    guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else { throw Self.unreadable(path) }
    defer { unsafe munmap(mapping, count) }
    unsafe try self.init(UnsafeRawBufferPointer(start: mapping, count: count), name: path)
  }

  /// Reads a text; `name` stands for it in errors.
  package convenience init(_ text: [UInt8], name: String) throws(Failure) {
    guard !text.isEmpty else { throw Self.fault(.malformed, name, "an empty text") }
    let document = unsafe text.withUnsafeBytes { bytes in
      unsafe Result { () throws(Failure) in unsafe try Self.parse(bytes, name: name) }
    }
    unsafe self.init(owning: try document.get(), name: name)
  }

  /// Reads the text in some bytes; `name` stands for it in errors.
  package convenience init(_ bytes: UnsafeRawBufferPointer, name: String) throws(Failure) {
    unsafe self.init(owning: try Self.parse(bytes, name: name), name: name)
  }

  private init(owning top: UnsafeMutablePointer<json_t>, name: String) {
    unsafe self.top = top
    self.name = name
  }

  deinit { unsafe json_decref(top) }

  private static func parse(
    _ bytes: UnsafeRawBufferPointer, name: String
  ) throws(Failure) -> UnsafeMutablePointer<json_t> {
    var error = json_error_t()
    let flags = Int(JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES)
    let top = unsafe json_loadb(bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count, flags, &error)
    if let top = unsafe top { return unsafe top }
    let reason = unsafe withUnsafeBytes(of: error.text) { text in
      unsafe String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
    }
    throw fault(.malformed, name, "not JSON at line \(error.line), column \(error.column): \(reason)")
  }

  private static func unreadable(_ path: String) -> Failure {
    fault(.unreadable, path, unsafe String(cString: strerror(errno)))
  }

  private static func fault(_ kind: JSONFault.Kind, _ name: String, _ message: String) -> Failure {
    Failure(JSONFault(kind: kind, file: name, path: nil, message: message))
  }

  package var root: JSONNode { unsafe JSONNode(document: self, node: top) }
}

/// A value in a JSON text.
@safe package struct JSONNode: Sendable {
  package enum Kind: Sendable { case object, array, string, integer, real, bool, null }

  /// The text, which keeps the node alive.
  private let document: any AnyObject & Sendable
  nonisolated(unsafe) private let node: UnsafeMutablePointer<json_t>

  fileprivate init(document: any AnyObject & Sendable, node: UnsafeMutablePointer<json_t>) {
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

  package var bool: Bool? { kind == .bool ? unsafe node.pointee.type == JSON_TRUE : nil }
  package var integer: Int? { kind == .integer ? unsafe Int(json_integer_value(node)) : nil }
  package var real: Double? { kind == .real || kind == .integer ? unsafe json_number_value(node) : nil }

  /// The bytes of a string. They are the document's, and so last as long as this node.
  package var string: UnsafeBufferPointer<UInt8>? {
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
  package func forEachMember<Failure>(
    _ body: (UnsafeBufferPointer<UInt8>, JSONNode) throws(Failure) -> Void
  ) throws(Failure) {
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
