import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// The era without sessions: each request says all about itself.
extension Endpoint {
    func modern(_ message: RPCMessage, _ arrival: Arrival, _ reply: any ReplyChannel) async {
        switch message.kind {
        case .response:
            // SPEC: 2026-07-28: clients never send responses.
            metrics.refusedRequests.add(1, ordering: .relaxed)
            reply.refuse(.notAMessage("clients of this protocol version send no responses"))
        case .notification:
            reply.accepted()
        case .request(let id):
            do throws(ProtocolFault) {
                try await modern(message, id, arrival, reply)
            } catch {
                metrics.refusedRequests.add(1, ordering: .relaxed)
                await reply.answer(error.answer(to: id), status: HTTPStatus(error.code.httpStatus))
            }
        }
    }

    private func modern(_ message: RPCMessage, _ id: RequestID, _ arrival: Arrival, _ reply: any ReplyChannel)
        async throws(ProtocolFault)
    {
        let (profile, headers) = try admit(message, arrival)
        let session: ClientSession
        do throws(UpstreamError) {
            session = try await standing(profile, arrival)
        } catch {
            return await unreachable(error, id, arrival, reply)
        }
        try await carryOut(message, id, profile, session, headers, arrival, reply)
    }

    /// The checks that need no server.
    func admit(_ message: RPCMessage, _ arrival: Arrival) throws(ProtocolFault) -> (ClientProfile, RoutingHeaders?) {
        let headers = arrival.fields.isEmpty ? nil : arrival.routing
        let envelope = try ModernRequest.check(message, headers: headers, serverExtensions: [ExtensionID.tasks])
        return (ClientProfile(envelope, version: try envelope.version()), headers)
    }

    func unreachable(_ error: UpstreamError, _ id: RequestID, _ arrival: Arrival, _ reply: any ReplyChannel) async {
        metrics.upstreamFailures.add(1, ordering: .relaxed)
        log(
            .warning, "a server could not be reached", ("request", arrival.requestID),
            ("server", arrival.caller.server.name), ("detail", error.detail))
        let (answer, status) = UpstreamAnswer.error(error, id: id, requestID: arrival.requestID)
        await reply.answer(answer, status: status)
    }

    /// A modern request at one server.
    /// - Parameters:
    ///   - headers: nil where there are none.
    ///   - sent: what the client sent with them, if that has other names than `message`.
    func carryOut(
        _ message: RPCMessage, _ id: RequestID, _ profile: ClientProfile, _ session: ClientSession,
        _ headers: RoutingHeaders?, _ arrival: Arrival, _ reply: any ReplyChannel, sent: RPCMessage? = nil
    ) async throws(ProtocolFault) {
        let state = try exchange.states.open(message, arrival.caller)
        let visit = visit(message, id, session, arrival, profile: profile, state: state)
        if let parked = state?.parked { return await resume(parked, visit, reply) }
        try await checkParameters(visit, headers, sent: sent ?? message)
        switch message.method {
        case "server/discover":
            let hello = session.link.hello
            let result = pins.approved(hello.discoverResult(relays: arrival.caller.relays), of: hello, arrival.caller)
            await reply.answer(RPCWriter.result(id: id, result))
        case "subscriptions/listen": try await listen(visit, arrival, reply)
        default: await serve(visit, reply)
        }
    }

    /// Holds `Mcp-Param-*` against the arguments, once it is known which the tool has.
    private func checkParameters(_ visit: Visit, _ headers: RoutingHeaders?, sent: RPCMessage)
        async throws(ProtocolFault)
    {
        guard let headers, visit.message.method == "tools/call", let name = visit.message.params?["name"]?.string else {
            return
        }
        let session = visit.session
        guard (try? await session.server.catalogue.facts(of: name, from: session.link, on: visit.loop)) != nil else {
            return
        }
        let errand = Errand("tools/call", .tool, name, nil)
        try headers.check(
            sent, version: visit.profile.version.rawValue,
            parameters: session.server.catalogue.headerParameters(of: errand))
    }

    static func standingKey(_ grant: String, _ server: String, _ abilities: String) -> String {
        "stateless:\(grant):\(server):\(abilities)"
    }

    /// What stands in for a session: one for each grant and set of capabilities, since a legacy server is told once what its
    /// client can do.
    func standing(_ profile: ClientProfile, _ arrival: Arrival) async throws(UpstreamError) -> ClientSession {
        let caller = arrival.caller
        let key = Self.standingKey(caller.grant.id, caller.server.name, profile.abilities)
        if let session = sessions.find(key), session.server.definition == caller.server,
            session.speaker.is(caller.grant), !session.isEnded
        {
            session.touch(arrival.started)
            return session
        }
        let session = try await open(key, profile, arrival)
        guard let kept = sessions.adopt(session, on: arrival.loop, unless: { isOver(session) }) else {
            let isOver = isOver(session)
            session.end(on: arrival.loop)
            throw isOver
                ? MergedEndpoint.over : UpstreamError(.overloaded, mayHaveRun: false, detail: "too many sessions")
        }
        // Another request was quicker.
        if kept !== session { session.end(on: arrival.loop) }
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        return kept
    }

    // MARK: subscriptions/listen

    private func listen(_ visit: Visit, _ arrival: Arrival, _ reply: any ReplyChannel) async throws(ProtocolFault) {
        let session = visit.session
        var filter = try ListenFilter(visit.message.params)
        let capabilities = session.link.hello.capabilities ?? JSONDocument.emptyObject.root
        var granted = filter.granted(by: capabilities)
        // The gateway itself changes what a caller sees of the tools.
        granted.toolsListChanged = filter.toolsListChanged && session.link.hello.hasTools
        var readable: [String] = []
        for uri in granted.resourceSubscriptions where isReachable(subscription: uri, visit) {
            readable.append(uri)
        }
        granted.resourceSubscriptions = readable
        if !filter.taskIDs.isEmpty {
            // Of its own tasks only; a legacy server's have another form, and are asked for.
            guard visit.profile.hasTasks else {
                let needed = Untranslatable.taskRequired.requiredCapabilities ?? [:]
                throw .missingCapability(needed, "taskIds need the extension \(ExtensionID.tasks)")
            }
            let hasTasks = session.link.hello.version.era == .modern && TaskShape.isDeclared(in: capabilities)
            granted.taskIDs = hasTasks ? filter.taskIDs.filter(session.tasks.owns) : []
        }
        filter = granted
        let refusal = Listen.refusal(of: visit.id)
        guard session.hasRoomForListen else { return await reply.answer(refusal, status: visit.status(of: refusal)) }
        let end = CallHandle()
        guard let stream = reply.openEvents(closed: { end.cancel() }) else {
            throw ProtocolFault(.unknownMethod, "subscriptions/listen needs a way to send events")
        }
        let gate = Gate(stream)
        let handle = CallHandle()
        let listen = Listen(id: visit.id, filter: filter, stream: gate, hearer: visit.hearer, handle: handle)
        guard session.attach(listen) else {
            // Others took the last places meanwhile, or the session has ended.
            if !session.isEnded { stream.send(refusal) }
            return stream.end()
        }
        end.onCancel {
            handle.cancel()
            session.detach(listen)
        }
        self.listen(filter, session, handle, arrival)
        // What is acknowledged is heard.
        let refused = await settle(on: visit.loop) { [loop = visit.loop] in
            await self.begin(listen, session, on: loop)
        }
        filter.resourceSubscriptions.removeAll { refused?.contains($0) ?? false }
        gate.open(with: Subscription.acknowledgement(of: visit.id, granted: filter))
        if let stream = (reply as? HTTPReply)?.events() { keepAlive(stream, session, visit.loop) }
    }

    /// Waits until a listen is heard; a legacy server is told then which resources it is about.
    /// - Returns: those that it refuses. The listen is not about them any more.
    @discardableResult
    func begin(_ listen: Listen, _ session: ClientSession, on loop: EventLoop) async -> Set<String> {
        await listen.handle.begun()
        guard session.link.hello.version.era == .legacy else { return [] }
        var refused: Set<String> = []
        var failures = 0
        for uri in listen.filter.resourceSubscriptions {
            // Each takes a place with the server, and may wait for long.
            guard !listen.handle.isCancelled, failures < Told.maxFailures else { break }
            let answer = try? await session.link.ask(
                "resources/subscribe", [JSONMember("uri", .string(uri))], on: loop)
            if answer == nil { failures += 1 }
            if case .response(_, isError: true) = answer?.kind { refused.insert(uri) }
        }
        if !refused.isEmpty { session.narrow(listen, without: refused) }
        return refused
    }
}
