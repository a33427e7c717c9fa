import Base
import JSON
import Testing

@testable import Policy

/// A policy from its text; the test fails, with the problems, if there is any error.
func policy(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> CompiledPolicy {
    let load = PolicyDocument.load(Array(text.utf8), name: "test", version: 3)
    return try #require(
        load.policy, "\(load.problems.map { $0.text(file: "test") })", sourceLocation: sourceLocation)
}

func json(_ text: String) throws -> JSONView { try JSONDocument.parse(Array(text.utf8)).root }

let demoGrant = GrantFacts(id: "g1", label: "demo", identity: "alice")

/// 2026-01-05T10:00:00Z, a Monday.
let monday = Instant(microseconds: 1_767_607_200_000_000)

func call(
    _ tool: String, _ arguments: String? = nil, at offset: TimeSpan = .zero, facts: ToolFacts? = nil,
    grant: GrantFacts = demoGrant, session: String? = "s1", client: ClientFacts? = nil, ip: String? = nil,
    server: String = "studio"
) throws -> CallFacts {
    CallFacts(
        tool: tool, arguments: try arguments.map(json), facts: facts, server: server, grant: grant, client: client,
        session: session, ip: ip, now: monday + offset)
}

/// A verdict that can be compared and printed.
struct Outcome: Equatable, CustomStringConvertible {
    var word: String
    var rule: String

    static let allow = Outcome(word: "allow", rule: "")
    static func deny(_ rule: String) -> Outcome { Outcome(word: "deny", rule: rule) }
    static func ask(_ rule: String) -> Outcome { Outcome(word: "ask", rule: rule) }
    static func shadow(_ rule: String) -> Outcome { Outcome(word: "shadow", rule: rule) }

    init(word: String, rule: String) {
        self.word = word
        self.rule = rule
    }

    init(_ verdict: consuming Verdict) {
        switch verdict {
        case .permit(let permit):
            self.init(word: permit.shadow == nil ? "allow" : "shadow", rule: permit.shadow?.rule ?? "")
        case .denial(let denial): self.init(word: "deny", rule: denial.rule)
        case .ask(let request): self.init(word: "ask", rule: request.rule)
        }
    }

    var description: String { rule.isEmpty ? word : "\(word) \(rule)" }
}

func outcome(
    _ policy: CompiledPolicy?, _ call: CallFacts, _ quotas: inout QuotaWindows, approved: [String] = []
) -> Outcome {
    Outcome(decide(call, policy: policy, quotas: &quotas, approved: approved))
}

func outcome(_ policy: CompiledPolicy?, _ call: CallFacts) -> Outcome {
    var quotas = QuotaWindows()
    return outcome(policy, call, &quotas)
}

/// The denial of a call that must be denied.
func denial(_ policy: CompiledPolicy?, _ call: CallFacts, _ quotas: inout QuotaWindows) -> Denial? {
    switch decide(call, policy: policy, quotas: &quotas) {
    case .denial(let denial): return denial
    case .permit: return nil
    case .ask: return nil
    }
}

func denial(_ policy: CompiledPolicy?, _ call: CallFacts) -> Denial? {
    var quotas = QuotaWindows()
    return denial(policy, call, &quotas)
}
