import AllocationCount
import Base
import JSON
import Policy

/// Three conditions and two limits for the tool `add`, after `others` entries for other tools.
private func policyText(others: Int) -> [UInt8] {
    let entries = (0..<others).map { #""tool_\#($0)": {},"# }.joined()
    return Array(
        #"""
        {"version": "1", "default": "deny", "tools": {\#(entries) "add": {
          "require": [{"conditions": [{"path": "args.a", "op": "gte", "value": 0}, {"path": "args.b", "op": "lt", "value": 1000000},
            {"path": "args.note", "op": "regex", "value": "^[a-z ,]*$"}]}],
          "limits": [{"counter": "calls", "window": "second", "max": 1000000, "scope": "grant"},
            {"counter": "sums", "window": "second", "max": 1000000000, "cost": "args.b", "scope": "session"}]}}}
        """#.utf8)
}

/// One call after the other, ten microseconds apart, each decided with the quotas that the former ones left.
private struct DecisionBench {
    let policy: CompiledPolicy
    var quotas = QuotaWindows()
    var call: CallFacts
    var denials = 0

    init?(others: Int) {
        guard let policy = PolicyDocument.load(policyText(others: others), name: "bench", version: 1).policy,
            let root = try? JSONDocument.parse(toolCall).root
        else { return nil }
        self.policy = policy
        call = CallFacts(
            tool: "add", arguments: root["params"]?["arguments"], facts: ToolFacts(name: "add"), server: "bench",
            grant: GrantFacts(id: "gr_1", label: "bench", identity: nil), client: nil, session: "session-1",
            ip: "127.0.0.1",
            now: Instant(microseconds: 1_767_607_200_000_000))
    }

    mutating func decideOnce() {
        call.now = call.now + .microseconds(10)
        switch decide(call, policy: policy, quotas: &quotas) {
        case .permit(let permit): use(permit.forwarded().count)
        case .denial: denials += 1
        case .ask: denials += 1
        }
    }
}

@MainActor func measureDecisions() {
    guard var plain = DecisionBench(others: 0), var many = DecisionBench(others: 1_999) else {
        return fail("the policy of the benchmark does not load")
    }
    let alone = microseconds { plain.decideOnce() }
    let amongMany = microseconds { many.decideOnce() }
    report("decision_us", alone)
    report("decision_2000_entries_ratio", amongMany / alone)
    let before = allocation_count()
    for _ in 0..<10_000 { plain.decideOnce() }
    report("decision_allocations", Double(allocation_count() - before) / 10_000)
    if plain.denials + many.denials > 0 { fail("the policy of the benchmark denied a call") }

    guard let arguments = plain.call.arguments else { return }
    report("canonical_arguments_us", microseconds { use(arguments.canonical()) })
}
