import CPCRE2

/// A compiled regular expression over UTF-8 bytes. Immutable and usable from any thread.
///
/// `\p{…}` follows Unicode as the installed PCRE2 knows it (10.42: version 14). Bytes that are not UTF-8 match nothing.
@safe final class Pattern: @unchecked Sendable {
  // PCRE2 documents compiled code as read-only, and so as safe to share, once the JIT compiler has run.
  fileprivate let code: OpaquePointer
  /// Whether the JIT compiler accepted it; without one (a hardened kernel, say) the interpreter runs.
  let isJustInTime: Bool

  /// Compiles `source`, which is text of this program or checked before: nothing bounds what a foreign one may cost.
  init(_ source: String) throws(TokenizerError) {
    let options = PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C
    var errorCode: Int32 = 0
    var errorOffset = 0
    let bytes = Array(source.utf8)
    let compiled = unsafe bytes.withUnsafeBufferPointer { text in
      unsafe pcre2_compile_8(text.baseAddress, text.count, options, &errorCode, &errorOffset, nil)
    }
    guard let compiled = unsafe compiled else {
      throw TokenizerError(.unsupported, at: "", "pattern \(source): error \(errorCode) at byte \(errorOffset)")
    }
    unsafe code = compiled
    isJustInTime = unsafe pcre2_jit_compile_8(compiled, PCRE2_JIT_COMPLETE) == 0
  }

  deinit { unsafe pcre2_code_free_8(code) }
}

/// The working memory of matching, for one thread at a time.
///
/// The JIT compiler's code runs on the 32 KB that PCRE2 takes of the caller's stack. A text that needs more gets a stack
/// of its own, up to 16 MB; one that needs even that goes to the interpreter, whose heap is bounded too. Past that, the
/// text is refused.
@safe struct PatternMatcher: ~Copyable {
  private let result: OpaquePointer
  private let context: OpaquePointer
  private var stack: OpaquePointer?

  private static var largestStack: Int { 16 << 20 }
  /// In units of 1024 bytes.
  private static var interpreterHeap: UInt32 { 64 << 10 }

  init() throws(TokenizerError) {
    guard let result = unsafe pcre2_match_data_create_8(1, nil) else { throw Self.outOfMemory }
    guard let context = unsafe pcre2_match_context_create_8(nil) else {
      unsafe pcre2_match_data_free_8(result)
      throw Self.outOfMemory
    }
    unsafe (self.result, self.context) = (result, context)
    unsafe stack = nil
    unsafe pcre2_set_heap_limit_8(context, Self.interpreterHeap)
  }

  deinit {
    unsafe pcre2_match_data_free_8(result)
    unsafe pcre2_match_context_free_8(context)
    if let stack = unsafe stack { unsafe pcre2_jit_stack_free_8(stack) }
  }

  private static var outOfMemory: TokenizerError { TokenizerError(.matchFailed, at: "", "out of memory") }

  /// The first match of `pattern` in `text[range]` that begins at `start` or after and is not empty. The text around
  /// `range` does not exist for the pattern.
  mutating func firstMatch(
    of pattern: Pattern, in text: [UInt8], _ range: Range<Int>, from start: Int
  ) throws(TokenizerError) -> Range<Int>? {
    precondition(range.lowerBound >= 0 && range.upperBound <= text.count && range.contains(start))
    let status = unsafe text.withUnsafeBufferPointer { text in
      unsafe match(pattern, UnsafeBufferPointer(rebasing: text[range]), start - range.lowerBound)
    }
    if status == PCRE2_ERROR_NOMATCH { return nil }
    guard status >= 0, let bounds = unsafe pcre2_get_ovector_pointer_8(result) else { throw Self.failure(status) }
    return unsafe range.lowerBound + bounds[0]..<range.lowerBound + bounds[1]
  }

  private mutating func match(_ pattern: Pattern, _ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int32 {
    let options = PCRE2_NOTEMPTY
    var status = unsafe pcre2_match_8(pattern.code, text.baseAddress, text.count, start, options, result, context)
    if status == PCRE2_ERROR_JIT_STACKLIMIT, unsafe stack == nil {
      unsafe stack = pcre2_jit_stack_create_8(64 << 10, Self.largestStack, nil)
      if let stack = unsafe stack {
        unsafe pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
        status = unsafe pcre2_match_8(pattern.code, text.baseAddress, text.count, start, options, result, context)
      }
    }
    if status == PCRE2_ERROR_JIT_STACKLIMIT {
      let interpreted = options | PCRE2_NO_JIT
      status = unsafe pcre2_match_8(pattern.code, text.baseAddress, text.count, start, interpreted, result, context)
    }
    return status
  }

  private static func failure(_ status: Int32) -> TokenizerError {
    var buffer = [UInt8](repeating: 0, count: 128)
    let length = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
      unsafe pcre2_get_error_message_8(status, buffer.baseAddress, buffer.count)
    }
    let reason = length > 0 ? String(decoding: buffer[0..<Int(length)], as: UTF8.self) : "unknown error"
    return TokenizerError(.matchFailed, at: "", "the text cannot be split into words: \(reason) (PCRE2 \(status))")
  }
}
