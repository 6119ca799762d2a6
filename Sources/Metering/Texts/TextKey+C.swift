import CSodium
import Glibc

/// The text of a request, as bytes: what the model read, and what it answered.
public struct RequestText: Sendable, Hashable {
  public var prompt: [UInt8]
  public var answer: [UInt8]

  public init(prompt: [UInt8], answer: [UInt8]) {
    self.prompt = prompt
    self.answer = answer
  }
}

/// The key that stored text is sealed with: 32 random bytes in a file of their own, which only its owner may read and
/// which lies outside the ledger, so that who copies the ledger has no text.
///
/// A text is sealed with XChaCha20-Poly1305, under a random nonce of 24 bytes, so that one key does for any number of
/// texts. The name of its request is authenticated with it: a text cannot be passed off as another request's.
public final class TextKey: Sendable {
  static let size = 32
  private static let nonceSize = 24
  /// Authenticated before the request's name.
  private static let purpose = Array("farthing text 1\0".utf8)

  public let path: String
  private let bytes: [UInt8]
  /// Tells keys apart, and nothing else about them.
  let fingerprint: [UInt8]

  private init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
    fingerprint = Array(Hashing.sha256(Array("farthing text key\0".utf8), bytes).prefix(8))
  }

  // MARK: The file

  /// The file that FARTHING_TEXT_KEY names, else `farthing/text.key` in the user's folder of settings.
  /// - Throws: `invalid` where none of the variables says where that is.
  public static func location() throws(LedgerError) -> String {
    if let given = Files.environment("FARTHING_TEXT_KEY") { return given }
    if let folder = Files.environment("XDG_CONFIG_HOME"), folder.hasPrefix("/") { return folder + "/farthing/text.key" }
    if let home = Files.environment("HOME"), home.hasPrefix("/") { return home + "/.config/farthing/text.key" }
    throw .invalid("no place for the key of stored text: set FARTHING_TEXT_KEY to a file")
  }

  /// Reads the key.
  /// - Throws: `textKey` where it is missing, readable by others, or no key.
  public convenience init(path: String) throws(LedgerError) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw .textKey(path: path, reason: Files.lastReason()) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .textKey(path: path, reason: "it is no file") }
    guard status.st_mode & 0o077 == 0 else {
      throw .textKey(path: path, reason: "others may read or write it; `chmod 600` makes it yours alone")
    }
    guard let text = Files.read(path, limit: 256) else { throw .textKey(path: path, reason: Files.lastReason()) }
    let digits = String(decoding: text.last == UInt8(ascii: "\n") ? text.dropLast() : text[...], as: UTF8.self)
    guard let bytes = Hex.bytes(digits, count: Self.size) else {
      throw .textKey(path: path, reason: "it does not hold \(Self.size * 2) hexadecimal digits")
    }
    self.init(path: path, bytes: bytes)
  }

  /// Reads the key, or makes one where there is none. Of several processes that do so at once, one makes it.
  public static func made(at path: String) throws(LedgerError) -> TextKey {
    if Files.exists(path) { return try TextKey(path: path) }
    try Files.makeDirectories(Files.directory(of: path))
    let temporary = path + ".new-" + Hex.text(Hashing.random(6))
    let text = Array((Hex.text(Hashing.random(size)) + "\n").utf8)
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .textKey(path: path, reason: Files.lastReason()) }
    defer { Files.remove(temporary) }
    let isWhole = unsafe text.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) } == text.count
    // What is sealed with a key that a power cut takes away is lost.
    let isSafe = isWhole && fsync(descriptor) == 0
    let reason = Files.lastReason()
    close(descriptor)
    guard isSafe else { throw .textKey(path: path, reason: reason) }
    // A link, unlike a rename, does not replace the key of a process that was faster.
    guard unsafe link(temporary, path) == 0 || errno == EEXIST else {
      throw .textKey(path: path, reason: Files.lastReason())
    }
    try Files.sync(Files.directory(of: path))
    return try TextKey(path: path)
  }

  // MARK: Sealing

  private static let isReady: Bool = sodium_init() >= 0

  /// nonce 24 | sealed (prompt length 8, prompt, answer) | tag 16
  func seal(_ text: RequestText, request: [UInt8]) throws(LedgerError) -> [UInt8] {
    guard Self.isReady else { throw .textKey(path: path, reason: "libsodium does not start") }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: text.prompt.count >> ($0 * 8)) }
    let message = length + text.prompt + text.answer
    let nonce = Hashing.random(Self.nonceSize)
    let bound = Self.purpose + request
    var sealed = [UInt8](repeating: 0, count: message.count + Int(crypto_aead_xchacha20poly1305_ietf_abytes()))
    var count: UInt64 = 0
    let code = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
      &sealed, &count, message, UInt64(message.count), bound, UInt64(bound.count), nil, nonce, bytes)
    guard code == 0, count == UInt64(sealed.count) else {
      throw .textKey(path: path, reason: "libsodium does not seal")
    }
    return nonce + sealed
  }

  /// Nil where it was not sealed with this key, for this request, with these bytes.
  func unseal(_ sealed: [UInt8], request: [UInt8]) -> RequestText? {
    let tag = Int(crypto_aead_xchacha20poly1305_ietf_abytes())
    guard Self.isReady, sealed.count >= Self.nonceSize + tag + 8 else { return nil }
    let (nonce, rest) = (Array(sealed[..<Self.nonceSize]), Array(sealed[Self.nonceSize...]))
    let bound = Self.purpose + request
    var message = [UInt8](repeating: 0, count: rest.count - tag)
    var count: UInt64 = 0
    let code = unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
      &message, &count, nil, rest, UInt64(rest.count), bound, UInt64(bound.count), nonce, bytes)
    guard code == 0, count == UInt64(message.count) else { return nil }
    let length = message[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(message.count - 8) else { return nil }
    let middle = 8 + Int(length)
    return RequestText(prompt: Array(message[8..<middle]), answer: Array(message[middle...]))
  }
}
