import Base
import JSON
import MCP
import Policy
import Store

/// Second step: the decision. The only source of permits is the policy engine.
enum Judgement: ~Copyable {
    case permitted(Permit)
    case refused(CallRefusal)
    /// The counters can't say whether a limit is full: our own failure, so nothing is said of the policy.
    case undecided
}

struct Judge: Sendable {
    let quotas: Quotas

    /// Decides on the bytes that will be forwarded.
    /// - Throws: when the server's tools can't be listed, so that nothing is known of the tool.
    func judge(_ call: ToolCall, _ visit: Visit, now: Instant) async throws(UpstreamError) -> Judgement {
        let session = visit.session
        let tool = try await session.server.catalogue.facts(of: call.name, from: session.link, on: visit.loop)
        let facts = CallFacts(
            tool: call.name, arguments: call.arguments, facts: tool, server: visit.caller.server.name,
            grant: visit.caller.facts, client: session.client, session: session.id, ip: visit.peerIP, now: now)
        var counters = quotas.ledger
        switch decide(facts, policy: visit.caller.policy, quotas: &counters) {
        case .permit(let permit):
            guard tool == nil else { return .permitted(permit) }
            // A name that the server does not have takes no quota.
            quotas.release(permit.forwarded())
            return .refused(.unknownTool(call.name, policy: visit.caller.policy))
        case .denial(let denial) where denial.reason == .unavailable:
            return .undecided
        case .denial(let denial):
            return .refused(CallRefusal(denial))
        case .ask(let request):
            return .refused(.needsApproval(request))
        }
    }
}
