/// Where the limits of this process's control groups stand: the folders of its own group and of every group above it,
/// as far as they are mounted here.
///
/// Version 1 has a hierarchy per controller, version 2 one for all; a hybrid machine has both, with a controller in one
/// of them. Folders of both are looked up and files that do not exist say nothing, so that no case needs to be told
/// apart. Inside a container the groups above the mount's root cannot be seen; version 1's `memory.stat` alone tells
/// of them.
struct ControlGroups {
  /// A hierarchy that this process is in.
  private struct Membership {
    let isVersion2: Bool
    let controllers: [HostText.Slice]
    let path: [UInt8]
  }

  private struct Mount {
    let isVersion2: Bool
    let controllers: [HostText.Slice]
    /// The group that is visible as the mount's top, and where.
    let top: [UInt8]
    let folder: [UInt8]
  }

  /// A path of the kernel's is shorter; one that is not would make a chain of folders that fills memory.
  private static let pathLimit = 4096
  /// Linux has a dozen controllers, and a machine with as many mounts of their hierarchies has never been seen.
  private static let membershipLimit = 64
  private static let mountLimit = 1_000

  private let memberships: [Membership]
  private let mounts: [Mount]

  init(_ files: HostFiles) {
    let own = HostText.lines(files.read("/proc/self/cgroup") ?? [])
    memberships = Array(own.lazy.compactMap(Self.membership).prefix(Self.membershipLimit))
    let mounted = HostText.lines(files.read("/proc/self/mountinfo") ?? [])
    mounts = Array(mounted.lazy.compactMap(Self.mount).prefix(Self.mountLimit))
  }

  /// `4:memory:/group` in version 1, `0::/group` in version 2.
  private static func membership(_ line: HostText.Slice) -> Membership? {
    let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2].first == UInt8(ascii: "/"), parts[2].count <= pathLimit else { return nil }
    return Membership(
      isVersion2: parts[1].isEmpty, controllers: parts[1].split(separator: UInt8(ascii: ",")), path: Array(parts[2]))
  }

  /// `31 23 0:28 /top /folder rw,relatime shared:1 - cgroup cgroup rw,memory`, with any number of fields before the dash.
  private static func mount(_ line: HostText.Slice) -> Mount? {
    let fields = HostText.fields(line)
    guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { HostText.equal($0, "-") }),
      fields.count > dash + 3
    else { return nil }
    let isVersion2 = HostText.equal(fields[dash + 1], "cgroup2")
    guard isVersion2 || HostText.equal(fields[dash + 1], "cgroup"), fields[3].count + fields[4].count <= pathLimit
    else {
      return nil
    }
    return Mount(
      isVersion2: isVersion2, controllers: fields[dash + 3].split(separator: UInt8(ascii: ",")),
      top: unescaped(fields[3]), folder: unescaped(fields[4]))
  }

  /// The kernel writes a blank in a path as a backslash and three octal digits.
  private static func unescaped(_ text: HostText.Slice) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      guard byte == UInt8(ascii: "\\"), digits.count == 3, digits.allSatisfy({ $0 & 0xF8 == 0x30 }) else {
        bytes.append(byte)
        continue
      }
      bytes.append(UInt8(truncatingIfNeeded: digits.reduce(0) { $0 << 3 | Int($1 & 7) }))
      rest = rest.dropFirst(3)
    }
    return bytes
  }

  /// Folders of the process's group and those above it, in every hierarchy that could hold `controller`.
  func folders(for controller: String) -> [(folder: [UInt8], isVersion2: Bool)] {
    memberships.flatMap { membership -> [(folder: [UInt8], isVersion2: Bool)] in
      guard membership.isVersion2 || membership.controllers.contains(where: { HostText.equal($0, controller) }) else {
        return []
      }
      let candidates = mounts.filter { mount in
        mount.isVersion2 == membership.isVersion2
          && (mount.isVersion2 || mount.controllers.contains { HostText.equal($0, controller) })
      }
      return Self.chain(of: membership.path, in: candidates).map { ($0, membership.isVersion2) }
    }
  }

  /// From the group itself up to the top of the mount that shows the most of its ancestors.
  private static func chain(of path: [UInt8], in mounts: [Mount]) -> [[UInt8]] {
    var best: (folder: [UInt8], below: [HostText.Slice])?
    for mount in mounts {
      guard let below = remainder(of: path, under: mount.top) else { continue }
      if let best, best.below.count >= below.count { continue }
      best = (mount.folder, below)
    }
    guard let best else {
      // The mount shows a part of the tree that the path does not lead through, as with a namespace entered late: the
      // mount's top is the best guess.
      return mounts.first.map { [$0.folder] } ?? []
    }
    var folders = [best.folder == [UInt8(ascii: "/")] ? [] : best.folder]
    for part in best.below { folders.append(folders[folders.count - 1] + [UInt8(ascii: "/")] + part) }
    return folders.reversed()
  }

  /// The names from `top` down to `path`; nil when `top` is not above it.
  private static func remainder(of path: [UInt8], under top: [UInt8]) -> [HostText.Slice]? {
    let names = path.split(separator: UInt8(ascii: "/"))
    let above = top.split(separator: UInt8(ascii: "/"))
    guard names.count >= above.count, zip(names, above).allSatisfy({ $0 == $1 }),
      !names.contains(where: { HostText.equal($0, "..") })
    else { return nil }
    return Array(names.dropFirst(above.count))
  }
}
