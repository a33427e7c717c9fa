import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store

/// The four lists, without what no call of this grant could pass.
extension Endpoint {
    /// The upstream's own page, filtered.
    func list(_ kind: ListKind, _ visit: Visit, _ reply: any ReplyChannel) async {
        let session = visit.session
        let handle = CallHandle()
        visit.begin(handle, reply)
        defer { visit.finish(handle) }
        do throws(UpstreamError) {
            try await session.link.prepare()
            let changes = session.server.catalogue.changes
            guard
                case .response(let message, _) = try await exchange.run(
                    visit, nil, handle: handle, notify: { _ in true })
            else { throw UpstreamError(.broken, mayHaveRun: false, detail: "\(kind.method) was not answered") }
            guard let page = ListPage(message, kind) else {
                guard case .response(_, isError: true) = message.kind else {
                    throw UpstreamError(
                        .broken, mayHaveRun: false, detail: "\(kind.method) was not answered with a list")
                }
                return await answer(message, visit, reply)
            }
            try session.pages.follow(kind, from: visit.message.params?["cursor"]?.string, to: page.nextCursor)
            if kind == .tools {
                await session.server.catalogue.learn(
                    page, isWhole: visit.message.params?["cursor"] == nil && page.nextCursor == nil, askedAt: changes,
                    on: visit.loop)
            }
            // By place: a name may be there twice, and each entry is judged for itself.
            var visible: Set<Int> = []
            for entry in page.entries where try await isListed(kind, entry, visit) {
                visible.insert(entry.view.range.lowerBound)
            }
            var splice = JSONSplice(message.document)
            page.filter(in: &splice) { visible.contains($0.view.range.lowerBound) }
            await answer(try Self.edited(message, splice), visit, reply)
        } catch {
            await fail(error, visit, reply)
        }
    }

    /// Whether the caller may have to do with a prompt or resource other than by a call: subscribe to it, complete its
    /// arguments. The name or URI is the server's.
    /// - Parameter arguments: what the policy's `args` are, where they are known.
    func isReachable(_ subject: Subject, _ name: String, arguments: JSONView? = nil, _ visit: Visit) -> Bool {
        visit.caller.reaches(subject, name, arguments: arguments, visit.session, visit.hearer)
    }

    /// Whether the caller may hear of changes of a resource: judged like `resources/subscribe`.
    func isReachable(subscription uri: String, _ visit: Visit) -> Bool {
        visit.caller.reaches(subscription: uri, visit.session, visit.hearer)
    }

    /// The message with what was to be taken out taken out; never the message itself instead.
    static func edited(_ message: RPCMessage, _ splice: JSONSplice) throws(UpstreamError) -> RPCMessage {
        guard !splice.isEmpty else { return message }
        guard let edited = try? RPCMessage(JSONDocument.parse(splice.applied(), limits: .upstream)) else {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "a list could not be filtered")
        }
        return edited
    }

    func answer(_ response: RPCMessage, _ visit: Visit, _ reply: any ReplyChannel) async {
        let answer = visit.crossing.response(response, clientID: visit.id, introduction: visit.introduction)
        await reply.answer(answer, status: visit.status(of: answer))
    }

    /// Whether an entry of a list is shown: a call of it could pass, and it is what was approved.
    func isListed(_ kind: ListKind, _ entry: ListPage.Entry, _ visit: Visit) async throws(UpstreamError) -> Bool {
        guard try await isListed(kind, entry.id, visit) else { return false }
        if kind == .tools, !visit.session.server.catalogue.keeps(entry) { return false }
        return pins.shows(kind, entry, visit)
    }

    /// Whether a call of it could pass. The name or URI is the server's.
    func isListed(_ kind: ListKind, _ name: String, _ visit: Visit) async throws(UpstreamError) -> Bool {
        guard let policy = visit.caller.policy else { return false }
        let session = visit.session
        if kind == .tools, session.server.catalogue.isUnusable(name) { return false }
        let subject: Subject =
            switch kind {
            case .tools: .tool
            case .prompts: .prompt
            case .resources, .resourceTemplates: .resource
            }
        let tool =
            subject == .tool
            ? try await session.server.catalogue.facts(of: name, from: session.link, on: visit.loop) : nil
        return policy.lists(
            CallFacts(
                subject: subject, tool: subject.selectorName(of: name), arguments: nil, facts: tool,
                server: visit.caller.server.name, grant: visit.caller.facts, client: visit.profile.facts,
                session: session.scopeID, ip: visit.peerIP, now: EventLoop.wallNow))
    }
}
