import Base
import JSON
import Policy

/// What `policy explain` says about one call.
struct Explanation {
    private var outcome = ""
    private var rule: String?
    private var alias: String?
    private var message: String?
    private var evidence: [Evidence] = []
    private var standings: [LimitStanding] = []

    /// Judges `call` with all counters at zero.
    init(of call: CallFacts, under policy: CompiledPolicy) {
        var quotas = QuotaWindows()
        switch decide(call, policy: policy, quotas: &quotas) {
        case .permit(let permit):
            standings = permit.standings
            if let shadow = permit.shadow {
                outcome = "shadow_deny"
                take(shadow)
            } else {
                outcome = "allow"
            }
            _ = permit.forwarded()
        case .denial(let denial):
            outcome = "deny"
            take(denial)
        case .ask(let request):
            outcome = "ask"
            (rule, alias, message, evidence) = (request.rule, request.alias, request.message, request.evidence)
        }
    }

    private mutating func take(_ denial: Denial) {
        (rule, alias, message, evidence) = (denial.rule, denial.alias, denial.message, denial.evidence)
    }

    func print(asJSON: Bool) {
        if asJSON {
            Output.json { write(to: &$0) }
            return
        }
        Output.print("outcome: \(outcome)")
        if let rule { Output.print("rule:    \(rule)") }
        if let alias, alias != rule { Output.print("alias:   \(alias)") }
        if let message { Output.print("message: \(message)") }
        for item in evidence {
            let note = item.note.map { " (\($0))" } ?? ""
            Output.print("because: \(item.condition): \(item.path) \(item.result)\(note)")
        }
        for standing in standings {
            Output.print("limit:   \(standing.alias): \(standing.remaining) of \(standing.limit) left")
        }
    }

    private func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("outcome", outcome)
        writer.memberIfPresent("rule", rule)
        writer.memberIfPresent("rule_alias", alias)
        writer.memberIfPresent("message", message)
        writer.key("evidence")
        writer.raw(Array(evidence.json.utf8))
        writer.key("limits")
        writer.beginArray()
        for standing in standings {
            writer.beginObject()
            writer.member("rule", standing.rule)
            writer.member("rule_alias", standing.alias)
            writer.member("limit", standing.limit)
            writer.member("remaining", standing.remaining)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
