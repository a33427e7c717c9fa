import Base
import JSON
import Policy
import Support
import Testing

@testable import PolicyImport

/// 2026-01-05T10:00:00Z
private let start = Instant(microseconds: 1_767_607_200_000_000)
private let grant = GrantFacts(id: "g1", label: "demo", identity: nil)

enum Outcome: Equatable {
    case allow, deny, ask
}

func outcome(
    _ policy: CompiledPolicy, _ tool: String, _ arguments: String, at offset: TimeSpan = .zero,
    grant facts: GrantFacts = grant, _ quotas: inout QuotaWindows
) throws -> Outcome {
    let call = CallFacts(
        tool: tool, arguments: try JSONDocument.parse(Array(arguments.utf8)).root, server: "s", grant: facts,
        session: "s1", now: start + offset)
    switch decide(call, policy: policy, quotas: &quotas) {
    case .permit: return .allow
    case .denial: return .deny
    case .ask: return .ask
    }
}

func outcome(_ policy: CompiledPolicy, _ tool: String, _ arguments: String) throws -> Outcome {
    var quotas = QuotaWindows()
    return try outcome(policy, tool, arguments, &quotas)
}

/// Random policies and calls: what was imported decides as Intercept does.
@Suite struct TwinTests {
    static let seeds: [UInt64] = Array(1...4)

    private func yaml(_ rules: [[TwinCondition]], wildcard: [[TwinCondition]] = [], action: String = "evaluate")
        -> String
    {
        func list(_ rules: [[TwinCondition]]) -> String {
            rules.map { rule in
                "      - name: r\n        action: \(action)\n        conditions:\n"
                    + rule.map { "          - \($0.text)\n" }.joined()
            }.joined()
        }
        var text = "version: \"1\"\ndefault: deny\ntools:\n  t:\n    rules:\n" + list(rules)
        if !wildcard.isEmpty { text += "  \"*\":\n    rules:\n" + list(wildcard) }
        return text
    }

    @Test(arguments: seeds) func rulesDecideAsInterceptDoes(_ seed: UInt64) throws {
        var generator = TwinGenerator(random: SeededGenerator(seed: seed))
        var counts: [Bool: Int] = [:]
        for _ in 0..<120 {
            let rules = (0..<(1 + generator.random.below(2))).map { _ in generator.conditions() }
            let wildcard = generator.random.oneIn(4) ? [generator.conditions()] : []
            let text = yaml(rules, wildcard: wildcard)
            let policy = try imported(text)
            for _ in 0..<15 {
                let arguments = generator.arguments()
                let passes = (rules + wildcard).allSatisfy { $0.allSatisfy { InterceptTwin.holds($0, arguments) } }
                let decided = try outcome(policy, "t", arguments.text)
                #expect(decided == (passes ? .allow : .deny), "seed \(seed)\n\(text)\n\(arguments.text)")
                counts[passes, default: 0] += 1
            }
        }
        #expect(counts[true, default: 0] > 5 && counts[false, default: 0] > 20)
    }

    /// Single conditions, so that each is decided by itself and both ways.
    @Test(arguments: seeds) func conditionsDecideAsInterceptDoes(_ seed: UInt64) throws {
        var generator = TwinGenerator(random: SeededGenerator(seed: seed &+ 100))
        for _ in 0..<200 {
            let condition = generator.condition()
            let text = yaml([[condition]])
            let policy = try imported(text)
            for _ in 0..<15 {
                let arguments = generator.arguments()
                let passes = InterceptTwin.holds(condition, arguments)
                let decided = try outcome(policy, "t", arguments.text)
                #expect(decided == (passes ? .allow : .deny), "seed \(seed)\n\(text)\n\(arguments.text)")
            }
        }
    }

    @Test(arguments: seeds) func approvalsAskWhenInterceptDoes(_ seed: UInt64) throws {
        var generator = TwinGenerator(random: SeededGenerator(seed: seed &+ 200))
        var asked = 0
        for _ in 0..<120 {
            let rules = (0..<(1 + generator.random.below(2))).map { _ in generator.conditions() }
            let text = yaml(rules, action: "require_approval")
            let policy = try imported(text)
            for _ in 0..<15 {
                let arguments = generator.arguments()
                let asks = rules.contains { $0.allSatisfy { InterceptTwin.holds($0, arguments) } }
                let decided = try outcome(policy, "t", arguments.text)
                #expect(decided == (asks ? .ask : .allow), "seed \(seed)\n\(text)\n\(arguments.text)")
                asked += asks ? 1 : 0
            }
        }
        #expect(asked > 20)
    }

    /// PolicyLayer: what passes here passes there, whether it converts values or not.
    @Test(arguments: seeds) func policyLayerIsNeverLooser(_ seed: UInt64) throws {
        var generator = TwinGenerator(random: SeededGenerator(seed: seed &+ 300))
        var allowed = 0
        func list(_ rules: [[TwinCondition]]) -> String {
            rules.map { "{\"conditions\": [\($0.map(\.text).joined(separator: ", "))]}" }.joined(separator: ", ")
        }
        for _ in 0..<200 {
            let require = (0..<generator.random.below(2)).map { _ in [generator.condition()] }
            let denyIf = (0..<generator.random.below(3)).map { _ in generator.conditions() }
            let text =
                "{\"version\": \"1\", \"default\": \"deny\", \"tools\": {\"t\": "
                + "{\"require\": [\(list(require))], \"deny_if\": [\(list(denyIf))]}}}"
            let policy = try imported(text)
            for _ in 0..<15 {
                let arguments = generator.arguments()
                guard try outcome(policy, "t", arguments.text) == .allow else { continue }
                allowed += 1
                for reading in [TwinReading.converting, .strict] {
                    let passes =
                        require.allSatisfy { $0.allSatisfy { InterceptTwin.holds($0, arguments, reading) } }
                        && !denyIf.contains { $0.allSatisfy { InterceptTwin.holds($0, arguments, reading) } }
                    #expect(passes, "seed \(seed), \(reading)\n\(text)\n\(arguments.text)")
                }
            }
        }
        #expect(allowed > 20)
    }

    // MARK: Limits

    /// A counter of Intercept: one window, reset when the next begins.
    private struct Counter {
        var window: Int64 = -1
        var count: Int64 = 0
    }

    private struct Limit {
        var scope: String
        var counter: String
        var window: String
        var op: String
        var bound: Int64
        var increment: Int64
        var isCost: Bool

        var seconds: Int64 { window == "minute" ? 60 : window == "hour" ? 3_600 : 86_400 }
        var max: Int64 { op == "lt" ? bound - 1 : bound }

        var text: String {
            let from = isCost ? ", increment_from: args.n" : ""
            return """
                      - name: r
                        conditions: [{path: state.\(scope).\(counter), op: \(op), value: \(bound)}]
                        state: {counter: \(counter), window: \(window), increment: \(increment)\(from)}

                """
        }
    }

    @Test(arguments: seeds) func limitsCountAsInterceptDoes(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &+ 400)
        var counts: [Bool: Int] = [:]
        for _ in 0..<30 {
            func limits(_ scope: String, _ count: Int) -> [Limit] {
                (0..<count).map { i in
                    let isCost = random.oneIn(3)
                    return Limit(
                        scope: scope, counter: "c\(i)", window: random.pick(["minute", "hour", "day"]),
                        op: random.pick(["lt", "lte"]),
                        bound: Int64(isCost ? 5 + random.below(40) : 1 + random.below(12)),
                        increment: Int64(random.below(4)), isCost: isCost)
                }
            }
            let all: [String: [Limit]] = [
                "a": limits("a", 1 + random.below(2)), "b": limits("b", random.below(2)),
                "*": limits("_global", random.below(2)),
            ]
            var text = "version: \"1\"\ntools:\n"
            for name in ["a", "b", "*"] {
                text += "  \"\(name)\":\n    rules:\n" + (all[name] ?? []).map(\.text).joined()
            }
            let policy = try imported(text)
            var quotas = QuotaWindows()
            var counters: [String: Counter] = [:]
            var time: Int64 = 0
            for _ in 0..<120 {
                time += Int64(random.below(random.oneIn(20) ? 20_000 : 40))
                let tool = random.pick(["a", "b"])
                let cost = Int64(random.below(8))
                let arguments = random.oneIn(10) ? "{}" : "{\"n\": \(cost)}"
                let caller = GrantFacts(id: random.pick(["g1", "g2"]), label: "x", identity: nil)
                let decided = try outcome(policy, tool, arguments, at: .seconds(time), grant: caller, &quotas)
                // All or nothing, on a copy.
                var next = counters
                var passes = true
                for limit in (all[tool] ?? []) + (all["*"] ?? []) where passes {
                    let key = "\(limit.scope).\(limit.counter)"
                    var counter = next[key] ?? Counter()
                    let window = (start.microseconds / 1_000_000 + time) / limit.seconds
                    if counter.window != window { counter = Counter(window: window) }
                    if limit.isCost, arguments == "{}" { passes = false }
                    let amount = limit.isCost ? cost : Swift.max(limit.increment, 1)
                    // The condition sees the count before the call.
                    if limit.op == "lt" ? counter.count >= limit.bound : counter.count > limit.bound { passes = false }
                    if counter.count + amount > limit.max { passes = false }
                    counter.count += amount
                    next[key] = counter
                }
                if passes { counters = next }
                counts[passes, default: 0] += 1
                #expect(
                    decided == (passes ? .allow : .deny), "seed \(seed), second \(time)\n\(text)\n\(tool) \(arguments)")
            }
        }
        #expect(counts[true, default: 0] > 5 && counts[false, default: 0] > 20)
    }
}
