/// Where the ledger is: the file that FARTHING_LEDGER names; else the machine's own, where an administrator has made
/// one; else the user's.
public enum LedgerLocation {
  public static let machineWide = "/var/lib/farthing/ledger.db"

  /// - Throws: `invalid` where none of the variables says where this user's files are.
  public static func path() throws(LedgerError) -> String {
    try path(
      environment: Files.environment, machineWideExists: Files.exists(machineWide))
  }

  static func path(
    environment: (String) -> String?, machineWideExists: Bool
  ) throws(LedgerError) -> String {
    if let given = environment("FARTHING_LEDGER") { return given }
    if machineWideExists { return machineWide }
    // The specification of these folders has relative paths ignored.
    if let data = environment("XDG_DATA_HOME"), data.hasPrefix("/") { return data + "/farthing/ledger.db" }
    if let home = environment("HOME"), home.hasPrefix("/") { return home + "/.local/share/farthing/ledger.db" }
    throw .invalid("no place for a ledger: set FARTHING_LEDGER to a file, or give --no-ledger")
  }
}
