import Base
import JSON
import Support

@testable import Oracle
@testable import Policy

/// The bytes choose a policy and up to 16 calls with their times; the engine and its slow twin decide them and agree.
func fuzzEvaluator(_ bytes: [UInt8]) {
    SeededGenerator.tape = bytes
    SeededGenerator.position = 0
    var random = PolicyGenerator(seed: 0)
    let value = random.policy()
    guard let policy = PolicyDocument.load(value.bytes, name: "fuzz", version: 1).policy else {
        fail("the generator's policy is refused: \(value.text)")
    }
    let tightened = PolicyDocument.load(random.tightened(value).bytes, name: "tighter", version: 1).policy
    var twin = Twin(value)
    var quotas = CheckedQuotas()
    var now: Int64 = 1_767_607_200_000_000
    for step in 0..<16 where step == 0 || SeededGenerator.hasMore {
        now += random.wait()
        let call = random.call(at: now)
        let expected = twin.decide(call)
        guard let facts = facts(call, random.written(call.arguments)) else { fail("arguments that are no JSON") }
        let isReleased = random.oneIn(4)
        var before = quotas.real
        judge(facts, policy, &quotas, isReleased: isReleased)
        let (found, _) = answer(decide(facts, policy: policy, quotas: &before))
        var comparable = expected
        comparable.taken = []
        expect(
            found == comparable, "call \(step): engine \(found), twin \(comparable)\n\(value.text)\n\(call)")
        if isReleased { twin.release(expected.taken) }
        tighten(facts, policy, tightened)
    }
}

/// One more guard never turns a denial into an allowance.
private func tighten(_ call: CallFacts, _ policy: CompiledPolicy, _ tightened: CompiledPolicy?) {
    guard let tightened else { fail("the tightened policy is refused") }
    var (first, second) = (QuotaWindows(), QuotaWindows())
    let old = words(decide(call, policy: policy, quotas: &first)).text
    let new = words(decide(call, policy: tightened, quotas: &second)).text
    expect(!new.hasPrefix("allow") || old.hasPrefix("allow"), "\(old) became \(new)")
}

private func facts(_ call: Twin.Call, _ arguments: String) -> CallFacts? {
    guard let arguments = try? JSONDocument.parse(Array(arguments.utf8)).root else { return nil }
    return CallFacts(
        tool: call.tool, arguments: arguments,
        facts: ToolFacts(
            name: call.tool, category: call.category.flatMap(ToolCategory.init(rawValue:)), severity: call.severity,
            annotations: call.annotations.flatMap { try? JSONDocument.parse($0.bytes).root }),
        server: call.server, grant: GrantFacts(id: call.grantID, label: call.label, identity: call.identity),
        client: ClientFacts(name: call.clientName, version: call.clientVersion), session: call.session, ip: call.ip,
        now: Instant(microseconds: call.now))
}

// MARK: What the engine says, in the twin's words

private func answer(_ verdict: consuming Verdict) -> (Twin.Answer, [ReservationRecord]) {
    switch consume verdict {
    case .permit(let permit):
        var answer = Twin.Answer(word: "allow")
        if let shadow = permit.shadow {
            answer = Twin.Answer(shadow, word: "shadow_deny")
        } else {
            answer.remaining = permit.lowestRemaining.map { thousandths($0.description) }
        }
        return (answer, permit.forwarded())
    case .denial(let denial): return (Twin.Answer(denial, word: "deny"), [])
    case .ask(let request):
        return (Twin.Answer(word: "ask", rule: request.rule, evidence: request.evidence.map(line)), [])
    }
}

extension Twin.Answer {
    fileprivate init(_ denial: Denial, word: String) {
        self.init(
            word: word, rule: denial.rule, evidence: denial.evidence.map(line), retryAfterMs: denial.retryAfterMs,
            remaining: denial.remaining.map(thousandths))
    }
}

private func line(_ evidence: Evidence) -> String { "\(evidence.condition) \(evidence.path) \(evidence.result)" }

private func thousandths(_ text: String) -> Int {
    let parts = text.split(separator: ".")
    let fraction = parts.count > 1 ? Int((parts[1] + "000").prefix(3)) ?? 0 : 0
    return (Int(parts[0]) ?? 0) * 1_000 + fraction
}
