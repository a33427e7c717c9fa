import Base
import Glibc
import JSON
import Support
import Testing

@testable import Policy

/// The engine against its slow twin, on random policies and calls.
@Suite struct TwinTests {
    /// 13 seeds × 1,000 policies × 16 calls are 208,000 decisions a run; `SLUICE_TWIN_SEEDS=FIRST-LAST` asks for others.
    /// A failure names its seed.
    static let seeds: ClosedRange<UInt64> = {
        let bounds = getenv("SLUICE_TWIN_SEEDS").map {
            String(cString: $0).split(separator: "-").compactMap { UInt64($0) }
        }
        guard let bounds, bounds.count == 2, bounds[0] <= bounds[1] else { return 0...12 }
        return bounds[0]...bounds[1]
    }()

    @Test(arguments: seeds) func agreesWithTheTwin(_ seed: UInt64) throws {
        var random = PolicyGenerator(seed: seed)
        var words: [String: Int] = [:]
        for round in 0..<1_000 {
            let value = random.policy()
            let load = PolicyDocument.load(value.bytes, name: "random", version: 1)
            let policy = try #require(
                load.policy, "seed \(seed) round \(round): \(load.errors.map { $0.text(file: value.text) })")
            var twin = Twin(value)
            var quotas = QuotaWindows()
            var now: Int64 = 1_767_607_200_000_000
            for step in 0..<16 {
                now += random.wait()
                let call = random.call(at: now)
                let expected = twin.decide(call)
                words[expected.word, default: 0] += 1
                let (found, records) = try Self.engine(call, policy, &quotas, random: &random)
                var comparable = expected
                comparable.taken = []
                guard found == comparable else {
                    Issue.record(
                        """
                        seed \(seed) round \(round) step \(step): engine \(found), twin \(comparable)
                        policy \(value.text)
                        call \(call)
                        """)
                    return
                }
                #expect(records.count == expected.taken.count)
                if random.oneIn(4) {
                    quotas.release(records)
                    twin.release(expected.taken)
                }
            }
        }
        // The generator must reach every outcome, or agreement means little.
        for word in ["allow", "deny", "ask", "shadow_deny"] { #expect(words[word, default: 0] > 100, "\(words)") }
    }

    /// What the engine says, in the twin's words.
    static func engine(
        _ call: Twin.Call, _ policy: CompiledPolicy, _ quotas: inout QuotaWindows, random: inout PolicyGenerator
    ) throws -> (Twin.Answer, [ReservationRecord]) {
        // White space and the order of keys must not matter.
        try engine(call, random.written(call.arguments), policy, &quotas)
    }

    /// - Parameter text: The arguments, however they are written.
    static func engine(
        _ call: Twin.Call, _ text: String, _ policy: CompiledPolicy, _ quotas: inout QuotaWindows
    ) throws -> (Twin.Answer, [ReservationRecord]) {
        let facts = CallFacts(
            tool: call.tool, arguments: try JSONDocument.parse(Array(text.utf8)).root,
            facts: ToolFacts(
                name: call.tool, category: call.category.flatMap(ToolCategory.init(rawValue:)), severity: call.severity,
                annotations: try call.annotations.map { try JSONDocument.parse($0.bytes).root }),
            server: call.server, grant: GrantFacts(id: call.grantID, label: call.label, identity: call.identity),
            client: ClientFacts(name: call.clientName, version: call.clientVersion), session: call.session, ip: call.ip,
            now: Instant(microseconds: call.now))
        switch decide(facts, policy: policy, quotas: &quotas) {
        case .permit(let permit):
            var answer = Twin.Answer(word: "allow")
            if let shadow = permit.shadow {
                answer = Self.answer(shadow)
                answer.word = "shadow_deny"
            } else {
                answer.remaining = permit.lowestRemaining.map { thousandths($0.description) }
            }
            return (answer, permit.forwarded())
        case .denial(let denial): return (answer(denial), [])
        case .ask(let request):
            return (Twin.Answer(word: "ask", rule: request.rule, evidence: request.evidence.map(line)), [])
        }
    }

    private static func answer(_ denial: Denial) -> Twin.Answer {
        Twin.Answer(
            word: "deny", rule: denial.rule, evidence: denial.evidence.map(line), retryAfterMs: denial.retryAfterMs,
            remaining: denial.remaining.map(thousandths))
    }

    private static func line(_ evidence: Evidence) -> String {
        "\(evidence.condition) \(evidence.path) \(evidence.result)"
    }

    private static func thousandths(_ text: String) -> Int {
        let parts = text.split(separator: ".")
        let fraction = parts.count > 1 ? Int((parts[1] + "000").prefix(3)) ?? 0 : 0
        return (Int(parts[0]) ?? 0) * 1_000 + fraction
    }

    // MARK: Laws

    /// Adding a `require`, `deny_if`, `hide` or limit never turns a denial into an allowance, whatever has been counted
    /// before.
    @Test(arguments: 100..<108) func guardsOnlyTighten(_ seed: UInt64) throws {
        var random = PolicyGenerator(seed: seed)
        var tighter = 0
        for round in 0..<400 {
            let value = random.policy(shadow: false)
            let tightened = random.tightened(value)
            let before = try #require(PolicyDocument.load(value.bytes, name: "a", version: 1).policy)
            let load = PolicyDocument.load(tightened.bytes, name: "b", version: 1)
            let after = try #require(load.policy, "\(load.errors)")
            var quotas = QuotaWindows()
            var now: Int64 = 1_767_607_200_000_000
            for _ in 0..<6 {
                now += random.wait()
                let call = random.call(at: now)
                var counted = quotas
                let (old, _) = try Self.engine(call, before, &quotas, random: &random)
                let (new, _) = try Self.engine(call, after, &counted, random: &random)
                if new.word == "deny", old.word != "deny" { tighter += 1 }
                #expect(
                    new.word != "allow" || old.word == "allow",
                    "seed \(seed) round \(round): \(old) became \(new)\n\(value.text)\n\(tightened.text)\n\(call)")
                // Nor does a question come in place of a denial.
                #expect(new.word != "ask" || old.word != "deny", "seed \(seed) round \(round)")
            }
        }
        // The guards must bite now and then, or the law says little.
        #expect(tighter > 50)
    }

    /// How a call is written changes nothing of the answer: order of keys at every depth, white space, escapes.
    @Test(arguments: 500..<506) func writingNeverMatters(_ seed: UInt64) throws {
        var random = PolicyGenerator(seed: seed)
        for round in 0..<400 {
            let value = random.policy()
            let policy = try #require(PolicyDocument.load(value.bytes, name: "a", version: 1).policy)
            // Nor does the way the policy is written; in it, the order of entries means something.
            let spaced = random.written(value, shuffled: false)
            let again = try #require(PolicyDocument.load(Array(spaced.utf8), name: "a", version: 1).policy)
            var quotas = QuotaWindows()
            var now: Int64 = 1_767_607_200_000_000
            for _ in 0..<6 {
                now += random.wait()
                let call = random.call(at: now)
                var (shuffled, rewritten) = (quotas, quotas)
                let (plain, _) = try Self.engine(call, call.arguments.text, policy, &quotas)
                let other = random.written(call.arguments)
                let (second, _) = try Self.engine(call, other, policy, &shuffled)
                let (third, _) = try Self.engine(call, call.arguments.text, again, &rewritten)
                #expect(plain == second, "seed \(seed) round \(round): \(value.text)\n\(call.arguments.text)\n\(other)")
                #expect(plain == third, "seed \(seed) round \(round): \(value.text)\n\(spaced)")
            }
        }
    }

    /// Shadow mode records what enforcement would have said.
    @Test(arguments: 200..<206) func shadowRecordsTheSame(_ seed: UInt64) throws {
        var random = PolicyGenerator(seed: seed)
        for round in 0..<400 {
            let value = random.policy(shadow: false)
            guard case .object(let members) = value else { continue }
            let shadow = JSONValue.object(members + [JSONMember("mode", "shadow")])
            let enforced = try #require(PolicyDocument.load(value.bytes, name: "a", version: 1).policy)
            let shadowed = try #require(PolicyDocument.load(shadow.bytes, name: "b", version: 1).policy)
            var (first, second) = (QuotaWindows(), QuotaWindows())
            var now: Int64 = 1_767_607_200_000_000
            for _ in 0..<6 {
                now += random.wait()
                let call = random.call(at: now)
                var (real, _) = try Self.engine(call, enforced, &first, random: &random)
                let (recorded, _) = try Self.engine(call, shadowed, &second, random: &random)
                if real.word == "deny" {
                    real.word = "shadow_deny"
                    #expect(recorded == real, "seed \(seed) round \(round): \(value.text)\n\(call)")
                } else if recorded.word != real.word {
                    Issue.record("seed \(seed) round \(round): \(real) \(recorded) \(value.text)\n\(call)")
                }
            }
        }
    }
}
