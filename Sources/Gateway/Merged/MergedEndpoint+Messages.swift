import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// What each message to `/mcp` asks for.
extension MergedEndpoint {
    func post(_ arrival: Arrival, _ reply: any ReplyChannel) async {
        do throws(Refusal) {
            let message = try Endpoint.read(arrival.body, limit: endpoint.options.maxBody)
            let room = try endpoint.room(for: message, message.document, arrival)
            defer { room?.leave() }
            let evidence = EraEvidence(
                message, versionHeader: arrival.facts.version, hasSession: arrival.facts.hasSession)
            if evidence == .modern { return try await modern(message, arrival, reply) }
            if case .request(let id) = message.kind, message.method == "initialize" {
                return try await initialize(message, id, arrival, reply)
            }
            await take(message, try session(of: arrival), arrival, reply)
        } catch {
            endpoint.metrics.refusedRequests.add(1, ordering: .relaxed)
            reply.refuse(error)
        }
    }

    // MARK: Legacy

    func initialize(_ message: RPCMessage, _ id: RequestID, _ arrival: Arrival, _ reply: any ReplyChannel)
        async throws(Refusal)
    {
        guard let requested = Handshake.requestedVersion(message) else {
            let text = "initialize needs params.protocolVersion, a string"
            return await reply.answer(RPCWriter.error(id: id, code: .invalidParams, message: text))
        }
        let profile = ClientProfile(message, version: .answer(toInitializeFor: requested))
        let session = try open(SessionTable.makeID(), profile, arrival)
        let parts = await parts(session, arrival)
        guard !parts.isEmpty || arrival.holder.callers.isEmpty else {
            end(session, on: arrival.loop)
            let error = UpstreamError(.unreachable, mayHaveRun: false, detail: "no server of the grant can be reached")
            let (message, status) = UpstreamAnswer.error(error, id: id, requestID: arrival.requestID)
            return await reply.answer(message, status: status)
        }
        var members = [
            JSONMember("protocolVersion", .string(profile.version.rawValue)),
            JSONMember("capabilities", capabilities(of: parts, for: profile.version, arrival)),
            JSONMember("serverInfo", Self.introduction),
        ]
        if let instructions = instructions(of: parts, arrival) {
            members.append(JSONMember("instructions", instructions))
        }
        // Nobody would ever name it.
        guard !reply.isGone else {
            end(session, on: arrival.loop)
            return reply.silence()
        }
        reply.answer(RPCWriter.result(id: id, .object(members)), session: session.id)
    }

    func take(_ message: RPCMessage, _ session: MergedSession, _ arrival: Arrival, _ reply: any ReplyChannel)
        async
    {
        switch message.kind {
        case .response(let id, _):
            if let id = id?.int { session.asks.take(id)?.ended(message) }
            reply.accepted()
        case .notification:
            for part in session.parts where !part.isEnded {
                guard let caller = arrival.holder.caller(of: part.caller.server.name) else { continue }
                endpoint.notice(message, part, caller, arrival.loop)
            }
            reply.accepted()
        case .request(let id):
            reply.keep(in: session.events)
            await serve(message, id, session, arrival, reply) { part, message, reply in
                let visit = endpoint.visit(message, id, part, arrival.at(part))
                await endpoint.serve(visit, reply)
            }
        }
    }

    // MARK: Modern

    private func modern(_ message: RPCMessage, _ arrival: Arrival, _ reply: any ReplyChannel) async throws(Refusal) {
        guard case .request(let id) = message.kind else {
            guard case .notification = message.kind else {
                throw .notAMessage("clients of this protocol version send no responses")
            }
            return reply.accepted()
        }
        do throws(ProtocolFault) {
            let (profile, headers) = try endpoint.admit(message, arrival)
            let session: MergedSession
            do throws(Refusal) { session = try standing(profile, arrival) } catch { return reply.refuse(error) }
            switch message.method {
            case "server/discover":
                let parts = await parts(session, arrival, profile: profile)
                return await reply.answer(RPCWriter.result(id: id, discovered(parts, arrival)))
            case "subscriptions/listen": return try await listen(message, id, session, profile, arrival, reply)
            default: break
            }
            await serve(message, id, session, arrival, reply, profile: profile) { part, own, reply in
                do throws(ProtocolFault) {
                    try await endpoint.carryOut(
                        own, id, profile, part, headers, arrival.at(part), reply, sent: message)
                } catch {
                    await reply.answer(error.answer(to: id), status: HTTPStatus(error.code.httpStatus))
                }
            }
        } catch {
            endpoint.metrics.refusedRequests.add(1, ordering: .relaxed)
            await reply.answer(error.answer(to: id), status: HTTPStatus(error.code.httpStatus))
        }
    }

    /// One stream for all servers; each hears of what is its own.
    private func listen(
        _ message: RPCMessage, _ id: RequestID, _ session: MergedSession, _ profile: ClientProfile, _ arrival: Arrival,
        _ reply: any ReplyChannel
    ) async throws(ProtocolFault) {
        let wanted = try ListenFilter(message.params)
        let refusal = Listen.refusal(of: id)
        guard session.hasRoomForListen else {
            return await reply.answer(refusal, status: Endpoint.status(of: refusal, .modern))
        }
        let end = CallHandle()
        guard let whole = reply.openEvents(closed: { end.cancel() }) else {
            throw ProtocolFault(.unknownMethod, "subscriptions/listen needs a way to send events")
        }
        let gate = Gate(whole)
        let listen = MergedListen(id, gate, Hearer(client: profile.facts, ip: arrival.peerIP))
        guard session.hold(listen) else {
            // Others took the last places meanwhile, or the session has ended.
            if !session.isEnded { whole.send(refusal) }
            return whole.end()
        }
        end.onCancel {
            // Not the other way round: whoever gets the free place needs those with the servers, too.
            listen.close()
            session.release(listen)
        }
        var granted = ListenFilter()
        var shares: [(part: ClientSession, listen: Listen)] = []
        for part in await parts(session, arrival, profile: profile) {
            let server = part.caller.server.name
            var own = wanted
            own.resourceSubscriptions = wanted.resources(of: server)
            var visible: [String] = []
            let visit = endpoint.visit(message, id, part, arrival.at(part), profile: profile)
            for uri in own.resourceSubscriptions where endpoint.isReachable(subscription: uri, visit) {
                visible.append(uri)
            }
            own.resourceSubscriptions = visible
            own = own.granted(by: part.link.hello.capabilities ?? JSONDocument.emptyObject.root)
            own.toolsListChanged = wanted.toolsListChanged
            guard let share = listen.join(part, own) else { continue }
            shares.append((part, share))
            var shown = own
            shown.resourceSubscriptions = own.resourceSubscriptions.map { ServerURI.exposed($0, of: server) }
            granted = granted.joined(with: shown)
        }
        for (part, share) in shares { endpoint.listen(share.filter, part, share.handle, arrival.at(part)) }
        let refused = await endpoint.settle(on: arrival.loop) { [endpoint, shares, loop = arrival.loop] in
            var refused: Set<String> = []
            for (part, share) in shares {
                let own = await endpoint.begin(share, part, on: loop)
                refused.formUnion(own.map { ServerURI.exposed($0, of: part.caller.server.name) })
            }
            return refused
        }
        granted.resourceSubscriptions.removeAll { refused?.contains($0) ?? false }
        gate.open(with: Subscription.acknowledgement(of: id, granted: granted))
        listen.granted = granted
        if let stream = (reply as? HTTPReply)?.events() { keepAlive(stream, session, arrival) }
        lookAfter(whole, session, arrival)
    }

    // MARK: Both eras

    /// Finds the server that a request is about and has `carry` see to it there.
    private func serve(
        _ message: RPCMessage, _ id: RequestID, _ session: MergedSession, _ arrival: Arrival,
        _ reply: any ReplyChannel, profile: ClientProfile? = nil,
        _ carry: (ClientSession, RPCMessage, any ReplyChannel) async -> Void
    ) async {
        if let kind = ListKind(method: message.method) {
            return await list(kind, message, id, session, arrival, profile, reply)
        }
        switch message.method {
        case "ping" where profile == nil: return await reply.answer(RPCWriter.result(id: id, [:]))
        case "logging/setLevel" where profile == nil:
            // Each server is told; the client gets one answer.
            guard let level = message.params?["level"]?.string.flatMap(LogLevel.init(rawValue:)) else {
                return await reply.answer(RPCWriter.error(id: id, code: .invalidParams, message: LogLevel.wanted))
            }
            session.logLevel = level
            for part in await parts(session, arrival) { await carry(part, message, BatchReply(reply)) }
            return await reply.answer(RPCWriter.result(id: id, [:]))
        default: break
        }
        guard let target = await target(of: message, session, arrival, profile) else {
            return await refuse(message, id, arrival, profile, reply)
        }
        guard let caller = arrival.holder.caller(of: target.server) else { return }
        do throws(UpstreamError) {
            let part = try await part(caller, session, arrival, profile: profile)
            guard let own = Renaming(server: target.server).toServer(message, name: target.name) else {
                return await reply.answer(RPCWriter.error(id: id, code: .invalidParams, message: "unusable name"))
            }
            await carry(part, own, RenamingReply(reply, server: target.server, method: message.method))
        } catch {
            await endpoint.unreachable(error, id, arrival.at(caller), reply)
        }
    }

    /// What is nobody's is denied and recorded like what a policy hides, and looks like it.
    private func refuse(
        _ message: RPCMessage, _ id: RequestID, _ arrival: Arrival, _ profile: ClientProfile?, _ reply: any ReplyChannel
    ) async {
        let errand: Errand
        do throws(ErrandFault) {
            guard let known = try Errand(message) else {
                let text = "`\(message.method.prefix(64))` has nothing to do with any server of this grant."
                let isKnown = ["completion/", "tasks/", "resources/"].contains { message.method.hasPrefix($0) }
                let answer = RPCWriter.error(
                    id: id, code: isKnown ? .invalidParams : .methodNotFound, message: text)
                return await reply.answer(answer, status: Endpoint.status(of: answer, profile?.era ?? .legacy))
            }
            errand = known
        } catch {
            let answer = RPCWriter.error(id: id, code: .invalidParams, message: error.text)
            return await reply.answer(answer, status: Endpoint.status(of: answer, profile?.era ?? .legacy))
        }
        let refusal = CallRefusal.unknownTool(errand.name, policy: nil)
        do throws(StoreError) {
            try await endpoint.journey.recorder.record(refusal, errand, arrival)
        } catch {
            let answer = RPCWriter.error(
                id: id, code: .cannotRecord,
                message: "The gateway can't record decisions at the moment, so it refuses calls.")
            return await reply.answer(answer, status: HTTPStatus(503))
        }
        endpoint.metrics.denied.add(1, ordering: .relaxed)
        let answer = refusal.answer(to: errand, id, arrival.requestID, profile?.era ?? .legacy)
        await reply.answer(answer, status: Endpoint.status(of: answer, profile?.era ?? .legacy))
    }

    private struct Target {
        let server: String
        /// The server's name of the tool or prompt.
        var name: String?
    }

    private func target(of message: RPCMessage, _ session: MergedSession, _ arrival: Arrival, _ profile: ClientProfile?)
        async -> Target?
    {
        if let exposed = NamedPlaces.name(inRequest: message.method, message.params)?.string {
            let kind: ListKind = message.method == "tools/call" ? .tools : .prompts
            if let plain = naming(of: exposed, arrival.holder) { return plain }
            if session.target(of: exposed, kind) == nil { await learn(kind, session, arrival, profile) }
            guard let known = session.target(of: exposed, kind),
                arrival.holder.caller(of: known.server) != nil
            else { return nil }
            return Target(server: known.server, name: known.name)
        }
        if let uri = NamedPlaces.uris(inRequest: message.method, message.params).first?.string {
            guard let resolved = ServerURI.resolve(uri), arrival.holder.caller(of: resolved.server) != nil else {
                return nil
            }
            return Target(server: resolved.server)
        }
        if message.method.hasPrefix("tasks/"), let task = message.params?["taskId"]?.string {
            // A modern client's sessions are one for each set of capabilities, and all of them are its grant's.
            let mates =
                profile == nil
                ? [session] : standing(grant: arrival.holder.grant.id)
            let owners = Set(mates.flatMap(\.parts).filter { $0.tasks.owns(task) }.map(\.caller.server.name))
            // Two servers may have given the same id: then nobody knows which of them is meant.
            return owners.count == 1 ? owners.first.map { Target(server: $0) } : nil
        }
        return nil
    }

    /// A name that shows its server needs no table.
    private func naming(of exposed: String, _ holder: Holder) -> Target? {
        guard let mark = exposed.firstRange(of: "__") else { return nil }
        let (server, name) = (String(exposed[..<mark.lowerBound]), String(exposed[mark.upperBound...]))
        guard holder.caller(of: server) != nil, self.exposed(name, of: server) == exposed else { return nil }
        return Target(server: server, name: name)
    }
}
