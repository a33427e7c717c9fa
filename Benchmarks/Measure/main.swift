import Glibc

// For those who decide the same calls.
if CommandLine.arguments.dropFirst() == ["arguments"] {
    printArguments()
    exit(0)
}
let wanted = CommandLine.arguments.dropFirst()
for (name, measure) in [
    ("json", measureJSON), ("decisions", measureDecisions), ("cedar", measureCedarRules), ("ledger", measureLedger),
    ("catalogue", measureCatalogue),
]
where wanted.isEmpty || wanted.contains(name) {
    measure()
}
exit(hasFailed ? 1 : 0)
