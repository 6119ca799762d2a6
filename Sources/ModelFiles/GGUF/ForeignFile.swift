import Compute

/// Tells what a file is that is not GGUF, so that the message can say what the person has at hand.
enum ForeignFile {
  /// What `file` is, or nil when it begins like GGUF.
  static func kind(of file: MappedFile) -> String? {
    let head = (0..<min(512, file.byteCount)).compactMap { file.uint8(at: $0) }
    if head.isEmpty { return "an empty file" }
    if head.starts(with: Array("GGUF".utf8)) { return nil }
    return known(head, file) ?? (isText(head) ? "a text file" : "unknown content, \(hex(head.prefix(4)))")
  }

  private static func known(_ head: [UInt8], _ file: MappedFile) -> String? {
    let beginnings: [(StaticString, String)] = [
      ("FUGG", "GGUF with its bytes swapped"),
      ("lmgg", "a GGML file, older than GGUF"), ("fmgg", "a GGML file, older than GGUF"),
      ("tjgg", "a GGML file, older than GGUF"), ("algg", "a GGML adapter, older than GGUF"),
      ("PK\u{3}\u{4}", "a zip archive (a PyTorch checkpoint or a Python wheel)"),
      ("version https://git-lfs", "a Git LFS pointer, which stands for a file that was not downloaded"),
      ("\u{7F}ELF", "a program"),
    ]
    for (beginning, kind) in beginnings where starts(head, with: beginning) { return kind }
    if head.starts(with: [0x1F, 0x8B]) { return "a gzip archive" }
    let text = head.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
    let start = text.prefix(9).map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 }
    if start.starts(with: Array("<!doctype".utf8)) || start.starts(with: Array("<html".utf8)) {
      return "an HTML page, often what a server sends in place of a file"
    }
    // safetensors: the length of a JSON header, then the header.
    if head.count > 8, head[8] == UInt8(ascii: "{"), let length = file.uint64(at: 0), length <= file.byteCount {
      return "a safetensors file"
    }
    if text.first == UInt8(ascii: "{"), isText(head) { return "a JSON file" }
    // The beginning of a GGUF file that was cut within the magic.
    if head.count < 4, Array("GGUF".utf8).starts(with: head) { return "only \(head.count) bytes" }
    return nil
  }

  private static func starts(_ head: [UInt8], with text: StaticString) -> Bool {
    head.starts(with: Array(text.description.utf8))
  }

  private static func isText(_ head: [UInt8]) -> Bool {
    head.allSatisfy { $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }
  }

  private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }
}
