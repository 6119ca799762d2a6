import Compute
import HostileFiles

@testable import ModelFiles

/// Opens a folder from memory.
func open(_ contents: [String: [UInt8]]) throws(ModelFileError) -> ModelFile {
  try ModelFile(folder: "folder") { (path) throws(ModelFileError) -> MappedFile? in
    contents[String(path.dropFirst("folder/".count))].map { MappedFile(copying: $0, path: path) }
  }
}

func open(_ folder: FolderBuilder) throws(ModelFileError) -> ModelFile { try open(folder.contents) }

/// Opens a folder that must be refused; returns the error.
func refusal(of contents: [String: [UInt8]]) -> ModelFileError? {
  do {
    _ = try open(contents)
    return nil
  } catch {
    return error
  }
}

func refusal(of folder: FolderBuilder) -> ModelFileError? { refusal(of: folder.contents) }

/// The refusal of the small model with another safetensors header, of one tensor of 4 bytes unless told otherwise.
func refusal(ofHeader header: String, data: Int = 4) -> ModelFileError? {
  let tensor = FolderBuilder.Tensor("x", "U8", [data], bytes: [UInt8](repeating: 0, count: data))
  var folder = FolderBuilder()
  folder.files["model.safetensors"] = FolderBuilder.safetensors([tensor], header: header)
  return refusal(of: folder)
}

/// Rows of a tensor as they come, through `readRows`.
func rows(_ file: ModelFile, _ name: String) throws -> [[UInt8]] {
  let tensor = try file.loadable(name)
  return (0..<tensor.rows).map { row in
    [UInt8](unsafeUninitializedCapacity: tensor.rowBytes) { buffer, count in
      if let base = buffer.baseAddress { file.readRows(row..<row + 1, of: tensor, to: base) }
      count = tensor.rowBytes
    }
  }
}
