import Compute
import ModelFiles

/// Levels of models that were made on the fly, kept in the user's cache under what they were made from.
///
/// The name of a file is a checksum over the content of all files that the model was read from and over how the level
/// was made, so that another model, or a new version of the encoders, never finds it.
public struct LevelCache: Sendable {
  /// Raised whenever the encoders or the rules of a level give other bytes.
  private static let encoders = 4

  private let directory: String

  /// - Parameter cache: the user's cache directory.
  public init(cache: String) { directory = cache + "/levels" }

  /// A checksum of everything that a model is read from.
  public static func contentKey(of file: ModelFile) throws(ModelFileError) -> SHA256Digest {
    var hash = SHA256()
    for path in file.sourcePaths.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      // What a folder has besides: texts, pictures.
      guard !file.isFolder || [".safetensors", ".json", ".jinja"].contains(where: path.hasSuffix) else { continue }
      let mapped: MappedFile
      do { mapped = try MappedFile(path: path) } catch {
        throw ModelFileError(.system, path: path, expected: "a readable file", found: error.reason)
      }
      guard let digest = SHA256.digest(of: mapped) else { continue }
      hash.update(Array("\(path.split(separator: "/").last ?? "")\n\(digest)\n".utf8)[...])
    }
    return hash.finish()
  }

  /// Where a level of the model with this content is, or would be.
  /// - Parameter how: everything besides the level that its bytes depend on.
  public func path(_ content: SHA256Digest, _ level: QuantizationLevel, how: String) -> String {
    var hash = SHA256()
    hash.update(Array("\(Self.encoders)\n\(content)\n\(level.name)\n\(how)".utf8)[...])
    return "\(directory)/\(hash.finish().description.prefix(32))-\(level.name).gguf"
  }

  /// Makes the directory, where it is missing.
  public func prepare() throws(ConversionError) {
    do { try ModelStore.makeDirectory(directory) } catch { throw .memory(error.description) }
  }
}
