import Glibc

let wanted = CommandLine.arguments.dropFirst()
for (name, measure) in [("json", measureJSON), ("decisions", measureDecisions), ("ledger", measureLedger)]
where wanted.isEmpty || wanted.contains(name) {
    measure()
}
exit(hasFailed ? 1 : 0)
