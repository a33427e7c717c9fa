import AllocationCount
import Base
import JSON
import Policy

/// The tools that are called. Each has three conditions and, unless said otherwise, two limits.
private let tools = 20

/// What a benchmark's policy holds besides the entries of the tools that are called.
private struct Rules {
    /// Entries with one condition or one limit each, spread among the tools': 1,980 fit into a document's 256 KiB.
    var others = 0
    var hasLimits = true
    /// The third condition of each tool.
    var third = #"{"path": "args.note", "op": "regex", "value": "^[a-z ,]*$"}"#

    var text: [UInt8] {
        let limits = #"""
            ,
                  "limits": [{"counter": "calls", "window": "second", "max": 1000000, "scope": "grant"},
                    {"counter": "sums", "window": "second", "max": 1000000000, "cost": "args.b", "scope": "session"}]
            """#
        var entries: [String] = []
        for tool in 0..<tools {
            entries.append(
                #"""
                "tool_\#(tool)": {
                      "require": [{"conditions": [{"path": "args.a", "op": "gte", "value": \#(tool % 2)},
                        {"path": "args.b", "op": "lt", "value": \#(1_000_000 + tool)}, \#(third)]}]\#(hasLimits ? limits : "")}
                """#)
            for other in 0..<(others / tools) {
                let rule =
                    other % 2 == 0
                    ? #""require": [{"conditions": [{"path": "args.a", "op": "lt", "value": \#(other)}]}]"#
                    : #""limits": [{"window": "minute", "max": \#(other), "scope": "session"}]"#
                entries.append(#""other_\#(tool)_\#(other)": {\#(rule)}"#)
            }
        }
        return Array(#"{"version": "1", "default": "deny", "tools": {\#(entries.joined(separator: ",\n"))}}"#.utf8)
    }
}

/// The arguments of every call, 200 bytes.
private let arguments = Array(
    #"{"a":2,"b":40,"note":"the sum of two small numbers, with a remark","exact":true,"path":"/srv/images/2026/11/portrait.png","options":{"format":"webp","quality":85,"labels":["drafts","to be reviewed"]}}"#
        .utf8)

func printArguments() {
    print(String(decoding: arguments, as: UTF8.self))
}

/// Calls of all tools in turns, ten microseconds apart, each decided with the quotas that the former ones left.
private struct DecisionBench {
    let policy: CompiledPolicy
    var quotas = QuotaWindows()
    var calls: [CallFacts]
    var next = 0
    var now = Instant(microseconds: 1_767_607_200_000_000)
    var denials = 0

    init?(_ rules: Rules) {
        guard let policy = PolicyDocument.load(rules.text, name: "bench", version: 1).policy,
            let root = try? JSONDocument.parse(arguments).root
        else { return nil }
        self.policy = policy
        let now = now
        calls = (0..<tools).map {
            CallFacts(
                tool: "tool_\($0)", arguments: root, facts: ToolFacts(name: "tool_\($0)"), server: "bench",
                grant: GrantFacts(id: "gr_0123456789abcdef", label: "bench", identity: nil), client: nil,
                session: "session-1", ip: "127.0.0.1", now: now)
        }
    }

    mutating func decideOnce() {
        next = next == tools - 1 ? 0 : next + 1
        now = now + .microseconds(10)
        calls[next].now = now
        switch decide(calls[next], policy: policy, quotas: &quotas) {
        case .permit(let permit): use(permit.forwarded().count)
        case .denial: denials += 1
        case .ask: denials += 1
        }
    }

    /// The same from the arguments' bytes on.
    mutating func readAndDecideOnce() {
        calls[next == tools - 1 ? 0 : next + 1].arguments = (try? JSONDocument.parse(arguments))?.root
        decideOnce()
    }
}

/// Allocations of one decision, in the mean of ten thousand.
private func allocations(_ bench: inout DecisionBench) -> Double {
    let before = allocation_count()
    for _ in 0..<10_000 { bench.decideOnce() }
    return Double(allocation_count() - before) / 10_000
}

@MainActor func measureDecisions() {
    let large = Rules(others: 1_980)
    guard var plain = DecisionBench(Rules()), var many = DecisionBench(large),
        var unlimited = DecisionBench(Rules(hasLimits: false))
    else {
        return fail("a policy of the benchmark does not load")
    }
    // In turns: a neighbour's work on this machine would fall on one of them otherwise.
    var (alone, amongMany) = (Double.infinity, Double.infinity)
    for _ in 0..<3 {
        alone = min(alone, microseconds(milliseconds: 25) { plain.decideOnce() })
        amongMany = min(amongMany, microseconds(milliseconds: 25) { many.decideOnce() })
    }
    report("decision_us", alone)
    report("decision_2000_entries_ratio", amongMany / alone)
    report("decision_conditions_us", microseconds { unlimited.decideOnce() })
    report("decision_allocations", allocations(&plain))
    report("decision_conditions_allocations", allocations(&unlimited))
    if plain.denials + many.denials + unlimited.denials > 0 { fail("a policy of the benchmark denied a call") }
    let text = large.text
    report(
        "policy_compile_2000_ms",
        microseconds { use(PolicyDocument.load(text, name: "bench", version: 1).policy) } / 1_000)
    if let root = plain.calls.first?.arguments {
        report("canonical_arguments_us", microseconds { use(root.canonical()) })
    }
}

/// Rules that Cedar can say too (no limits, no regular expression), from the arguments' bytes to the verdict.
@MainActor func measureCedarRules() {
    let rules = Rules(hasLimits: false, third: #"{"path": "args.note", "op": "starts_with", "value": "the sum"}"#)
    guard var bench = DecisionBench(rules) else { return fail("the policy for Cedar does not load") }
    report("decision_cedar_rules_us", microseconds { bench.readAndDecideOnce() })
    report("decision_cedar_rules_engine_us", microseconds { bench.decideOnce() })
    if bench.denials > 0 { fail("the policy for Cedar denied a call") }
}
