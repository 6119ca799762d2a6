/// The processor's name, for people: every measured number carries it.
extension Host {
  /// The name that the processor gives itself (x86), or its maker's name for its part number (Arm); nil when unknown.
  /// Printable, one line, at most 100 characters.
  public var processorName: String? {
    // The first processor's entry stands first; on a large machine the whole file is as large as a book.
    guard let text = files.read("/proc/cpuinfo", limit: 16_384) else { return nil }
    if let name = HostText.value(of: "model name", in: text).flatMap(Self.printable) { return name }
    if let implementer = HostText.value(of: "CPU implementer", in: text).flatMap(Self.hexadecimal),
      let part = HostText.value(of: "CPU part", in: text).flatMap(Self.hexadecimal)
    {
      return Self.armName(implementer: implementer, part: part)
    }
    // RISC-V and others.
    return HostText.value(of: "uarch", in: text).flatMap(Self.printable)
      ?? HostText.value(of: "cpu model", in: text).flatMap(Self.printable)
      ?? HostText.value(of: "Hardware", in: text).flatMap(Self.printable)
  }

  /// What a hypervisor passes through may hold anything: control characters would reach the terminal.
  private static func printable(_ name: HostText.Slice) -> String? {
    var scalars = String.UnicodeScalarView()
    for scalar in String(decoding: name.prefix(400), as: UTF8.self).unicodeScalars where scalars.count < 100 {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .unassigned, .privateUse:
        if scalars.last != " ", !scalars.isEmpty { scalars.append(" ") }
      default:
        scalars.append(scalar)
      }
    }
    if scalars.last == " " { scalars.removeLast() }
    return scalars.isEmpty ? nil : String(scalars)
  }

  private static func hexadecimal(_ text: HostText.Slice) -> Int? {
    guard HostText.hasPrefix(text, "0x"), text.count > 2, text.count <= 8 else { return nil }
    var value = 0
    for byte in text.dropFirst(2) {
      guard let digit = Character(UnicodeScalar(byte)).hexDigitValue else { return nil }
      value = value << 4 | digit
    }
    return value
  }

  /// Numbers as in the main ID register of an Arm processor; names as their makers write them.
  private static func armName(implementer: Int, part: Int) -> String {
    let known: [Int: String] =
      switch implementer {
      case 0x41:
        [
          0xD03: "Arm Cortex-A53", 0xD05: "Arm Cortex-A55", 0xD07: "Arm Cortex-A57", 0xD08: "Arm Cortex-A72",
          0xD09: "Arm Cortex-A73", 0xD0A: "Arm Cortex-A75", 0xD0B: "Arm Cortex-A76", 0xD0C: "Arm Neoverse-N1",
          0xD0D: "Arm Cortex-A77", 0xD40: "Arm Neoverse-V1", 0xD41: "Arm Cortex-A78", 0xD44: "Arm Cortex-X1",
          0xD46: "Arm Cortex-A510", 0xD47: "Arm Cortex-A710", 0xD48: "Arm Cortex-X2", 0xD49: "Arm Neoverse-N2",
          0xD4A: "Arm Neoverse-E1", 0xD4D: "Arm Cortex-A715", 0xD4E: "Arm Cortex-X3", 0xD4F: "Arm Neoverse-V2",
          0xD80: "Arm Cortex-A520", 0xD81: "Arm Cortex-A720", 0xD82: "Arm Cortex-X4", 0xD83: "Arm Neoverse-V3AE",
          0xD84: "Arm Neoverse-V3", 0xD85: "Arm Cortex-X925", 0xD87: "Arm Cortex-A725", 0xD8E: "Arm Neoverse-N3",
        ]
      case 0xC0: [0xAC3: "AmpereOne", 0xAC4: "AmpereOne A"]
      case 0x48: [0xD01: "HiSilicon Kunpeng 920"]
      default: [:]
      }
    let numbers = "implementer 0x" + String(implementer, radix: 16) + ", part 0x" + String(part, radix: 16)
    return known[part] ?? "Arm (" + numbers + ")"
  }
}
