import Glibc

/// A tree of files in a folder of its own, which stands for `/` in a test and goes with the object.
final class HostTree {
  let root: String

  init(_ files: [String: String] = [:]) {
    var template = Array("\(getenv("TMPDIR").map { String(cString: $0) } ?? P_tmpdir)/farthing-host-XXXXXX".utf8CString)
    root = template.withUnsafeMutableBufferPointer { buffer in
      mkdtemp(buffer.baseAddress!) == nil ? "" : String(cString: buffer.baseAddress!)
    }
    precondition(!root.isEmpty, "no temporary folder")
    for (path, text) in files { write(path, Array(text.utf8)) }
  }

  deinit { Self.remove(root) }

  /// Writes a file at an absolute path below the root, and the folders above it.
  func write(_ path: String, _ content: [UInt8]) {
    makeFolders(above: path)
    guard let file = fopen(root + path, "w") else { preconditionFailure("cannot write \(root + path)") }
    fwrite(content, 1, content.count, file)
    fclose(file)
  }

  func write(_ path: String, _ text: String) { write(path, Array(text.utf8)) }

  func makeFIFO(_ path: String) {
    makeFolders(above: path)
    precondition(mkfifo(root + path, 0o600) == 0)
  }

  func makeFolder(_ path: String) { makeFolders(above: path + "/x") }

  private func makeFolders(above path: String) {
    var folder = root
    for part in path.split(separator: "/").dropLast() {
      folder += "/" + part
      mkdir(folder, 0o700)
    }
  }

  private static func remove(_ path: String) {
    if let folder = opendir(path) {
      while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { remove(path + "/" + name) }
      }
      closedir(folder)
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}
