import Base
import JSON
import MCP
import Policy
import Runtime
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
    let pins: PinDesk
    /// The grant as it stands now; nil when it may no longer speak. A call may have waited since it was authenticated.
    let currentCaller: @Sendable (_ session: ClientSession, _ now: Instant) throws(StoreError) -> Caller?

    /// Decides on the bytes that will be forwarded. Nothing waits between here and the record of the decision.
    /// - Throws: when the server can't be reached or its tools can't be listed, so that nothing is known of the tool.
    func judge(_ errand: Errand, _ visit: Visit, clock: () -> Instant) async throws(UpstreamError) -> Judgement {
        let session = visit.session
        var tool: ToolFacts?
        // COST: mostly there is nothing to wait for, and asking that first saves the wait's own cost.
        if errand.subject != .client, !session.link.isPrepared { try await session.link.prepare() }
        do throws(UpstreamError) {
            if errand.subject == .tool {
                switch session.server.catalogue.knows(errand.name, at: visit.loop.now) {
                case .facts(let facts): tool = facts
                case .nothing:
                    tool = try await session.server.catalogue.facts(of: errand.name, from: session.link, on: visit.loop)
                }
            }
            if pins.needsDefinitions(errand, visit) { try await pins.prepare(visit) }
        } catch {
            throw error.beforeTheCall
        }
        let now = clock()
        let caller: Caller
        do throws(StoreError) {
            guard let current = try currentCaller(session, now) else { return .refused(.grantEnded) }
            caller = current
        } catch {
            return .undecided
        }
        if let refusal = pins.refusal(errand, visit, caller) { return .refused(refusal) }
        if errand.subject == .resource, let policy = caller.policy, !policy.canJudge(resource: errand.name) {
            return .refused(.oddSpelling(policy))
        }
        let facts = CallFacts(
            subject: errand.subject, tool: errand.selectorName, arguments: errand.arguments, facts: tool,
            server: caller.server.name, grant: caller.facts, client: visit.profile.facts, session: session.scopeID,
            ip: visit.peerIP, now: now)
        var counters = quotas.ledger
        switch decide(facts, policy: caller.policy, quotas: &counters) {
        case .permit(let permit):
            guard tool == nil, errand.subject == .tool else { return .permitted(permit) }
            // A name that the server does not have takes no quota.
            quotas.release(permit.forwarded())
            return .refused(.unknownTool(errand.name, policy: caller.policy))
        case .denial(let denial) where denial.reason == .unavailable:
            return .undecided
        case .denial(let denial):
            return .refused(CallRefusal(denial))
        case .ask(let request):
            return .refused(.needsApproval(request))
        }
    }

    /// Whether somebody may hear now of changes of a resource: judged like `resources/subscribe`, by the grant as it stands.
    /// - Parameter uri: the server's.
    func mayHear(of uri: String, _ session: ClientSession, _ hearer: Hearer) -> Bool {
        guard let caller = try? currentCaller(session, EventLoop.wallNow) else { return false }
        return caller.reaches(subscription: uri, session, hearer)
    }
}

extension Caller {
    /// Whether it may have to do with a prompt or resource other than by a call.
    /// - Parameters:
    ///   - name: the server's name or URI.
    ///   - arguments: what the policy's `args` are, where they are known.
    func reaches(
        _ subject: Subject, _ name: String, arguments: JSONView? = nil, _ session: ClientSession, _ hearer: Hearer
    ) -> Bool {
        guard let policy, subject != .resource || policy.canJudge(resource: name) else { return false }
        return policy.reaches(
            CallFacts(
                subject: subject, tool: subject.selectorName(of: name), arguments: arguments, server: server.name,
                grant: facts, client: hearer.client, session: session.scopeID, ip: hearer.ip,
                now: EventLoop.wallNow))
    }

    /// Whether it may hear of changes of a resource: judged like `resources/subscribe`.
    func reaches(subscription uri: String, _ session: ClientSession, _ hearer: Hearer) -> Bool {
        let arguments = try? JSONDocument.parse(JSONValue.object([JSONMember("uri", .string(uri))]).bytes)
        guard let arguments else { return false }
        return reaches(.resource, uri, arguments: arguments.root, session, hearer)
    }
}
