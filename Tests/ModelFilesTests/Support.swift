import Compute
import Glibc
import HostileFiles

@testable import ModelFiles

/// Opens one file, or the parts of a split one, from memory.
func open(_ parts: [[UInt8]], named name: String = "model.gguf") throws(ModelFileError) -> ModelFile {
  let paths = partPaths(parts.count, name)
  return try ModelFile(first: MappedFile(copying: parts[0], path: paths[0])) { (path) throws(ModelFileError) in
    guard let number = paths.firstIndex(of: path) else {
      throw ModelFileError(SystemError(call: "open", code: ENOENT, path: path))
    }
    return MappedFile(copying: parts[number], path: path)
  }
}

func open(_ builder: GGUFBuilder) throws(ModelFileError) -> ModelFile { try open([builder.bytes]) }

private func partPaths(_ count: Int, _ name: String) -> [String] {
  guard count > 1 else { return [name] }
  return (1...count).map { "model-0000\($0)-of-0000\(count).gguf" }
}

/// Opens a file that must be refused; returns the error.
func refusal(of parts: [[UInt8]]) -> ModelFileError? {
  do {
    _ = try open(parts)
    return nil
  } catch {
    return error
  }
}

func refusal(of builder: GGUFBuilder) -> ModelFileError? { refusal(of: [builder.bytes]) }

/// Reads everything that a file offers: each value through each getter, each string both ways, the bytes of each
/// tensor. Returns a sum that depends on all of it, so that no read can be left out.
@discardableResult
func walk(_ file: ModelFile) -> UInt64 {
  var sum = UInt64(file.fileBytes)
  for key in file.metadata.keys {
    sum &+= walk(file.metadata, key)
  }
  for tensor in file.tensors {
    let bytes = file.bytes(of: tensor)
    sum &+= UInt64(bytes.count &+ tensor.rows &+ tensor.columns &+ tensor.dimensions.count)
    for byte in bytes { sum = sum &* 31 &+ UInt64(byte) }
    sum &+= file.tensor(tensor.name) == nil ? 1 : 0
    file.release(tensor)
  }
  for tensor in file.unreadableTensors {
    sum &+= UInt64(tensor.byteCount ?? 3) &+ UInt64(tensor.dimensions.count)
    sum &+= (try? file.loadable(tensor.name)) == nil ? 1 : 0
  }
  return sum
}

private func walk(_ metadata: GGUFMetadata, _ key: String) -> UInt64 {
  var sum: UInt64 = metadata.contains(key) ? 1 : 0
  sum &+= UInt64(bitPattern: Int64((try? metadata.integer(key)) ?? 0))
  sum &+= ((try? metadata.float(key)) ?? 0).bitPattern
  sum &+= (try? metadata.bool(key)) == true ? 1 : 0
  sum &+= UInt64((try? metadata.string(key))?.utf8.count ?? 0)
  sum &+= UInt64((try? metadata.stringBytes(key))?.count ?? 0)
  if let array = try? metadata.integers(key) {
    for index in 0..<array.count { sum &+= UInt64(bitPattern: Int64(array[index])) }
  }
  if let array = try? metadata.floats(key) {
    for index in 0..<array.count { sum &+= array[index].bitPattern }
  }
  if let array = try? metadata.bools(key) {
    for index in 0..<array.count { sum &+= array[index] ? 1 : 0 }
  }
  if let array = try? metadata.strings(key) {
    array.visit { index, bytes in
      for byte in bytes { sum = sum &* 31 &+ UInt64(byte) }
      for byte in array.bytes(at: index) { sum = sum &* 31 &+ UInt64(byte) }
    }
  }
  if case .string(let text)? = metadata.value(key) { sum &+= UInt64(text.text?.utf8.count ?? 0) }
  return sum &+ UInt64(metadata.typeName(key)?.utf8.count ?? 0)
}

/// A directory of its own for a test, removed when the test is over.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? P_tmpdir)/farthing-test-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/nonexistent"
  }

  deinit { remove(path) }

  func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o644) -> String {
    let target = path + "/" + name
    let descriptor = Glibc.open(target, O_WRONLY | O_CREAT | O_TRUNC, mode)
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
    return target
  }

  func write(_ name: String, _ text: String, mode: mode_t = 0o644) -> String {
    write(name, Array(text.utf8), mode: mode)
  }

  /// Names of everything below `folder`, sorted, with `/` between levels.
  func list(_ folder: String = "") -> [String] {
    guard let directory = opendir(path + "/" + folder) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      let relative = folder.isEmpty ? name : folder + "/" + name
      names.append(relative)
      if entry.pointee.d_type == UInt8(DT_DIR) { names += list(relative) }
    }
    return names.sorted()
  }

  private func remove(_ target: String) {
    if rmdir(target) == 0 || unlink(target) == 0 { return }
    for name in list().reversed() {
      let child = path + "/" + name
      if unlink(child) != 0 { rmdir(child) }
    }
    rmdir(target)
  }
}
