import Glibc

System.prepareProcess()
let running = [
  Run.command, Batch.command, Models.list, Models.get, Inspect.command, Tokenize.command, Detokenize.command,
  Evaluate.command, Importance.command, Quantize.command, Compare.command, Bench.command,
]
let accounting =
  Prices.commands + Machines.commands + [Cost.command] + ReportCommand.all + LedgerCommands.all + LedgerRules.all
  + BudgetCommands.all + MachineCommands.all
let program = Program(commands: running + accounting)
// Trap: the one place where the program ends, with the status that it has earned.
exit(program.run(System.arguments(), console: .standard))
