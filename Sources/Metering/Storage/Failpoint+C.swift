import Glibc

/// Places where a test ends the process as `kill -9` would, to see what the ledger makes of it.
///
/// `FARTHING_FAILPOINT=insertEvent:2` kills the process when it gets to that statement for the second time;
/// `FARTHING_FAILPOINT_TRACE=FILE` writes the names that a run gets to, one a line. Without them a failpoint costs one
/// comparison. Every statement, script, sync, checkpoint and progress write has one (and, with `.done`, one after it).
enum Failpoint {
  private struct Plan: Sendable {
    let name: String
    let turn: Int
    let trace: String?
  }

  private static let plan: Plan? = {
    let asked = Files.environment("FARTHING_FAILPOINT")
    let trace = Files.environment("FARTHING_FAILPOINT_TRACE")
    guard asked != nil || trace != nil else { return nil }
    let parts = (asked ?? "").split(separator: ":")
    return Plan(name: parts.first.map(String.init) ?? "", turn: parts.count > 1 ? Int(parts[1]) ?? 1 : 1, trace: trace)
  }()

  private static let turns = Counter()

  static func reach(_ name: @autoclosure () -> String) {
    guard let plan else { return }
    let name = name()
    if let trace = plan.trace { Files.append(Array((name + "\n").utf8), to: trace) }
    if name == plan.name, turns.next() == plan.turn { kill(getpid(), SIGKILL) }
  }
}
