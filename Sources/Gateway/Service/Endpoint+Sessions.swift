import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// Legacy sessions: from `initialize` to DELETE.
extension Endpoint {
    /// The session that the request names; another grant's session looks like none.
    func session(of arrival: Arrival) throws(Refusal) -> ClientSession {
        guard let session = sessions.find(try arrival.sessionName()), session.profile.era == .legacy,
            // COST: the same caller, mostly; comparing definitions is a percent of a call's instructions.
            session.caller === arrival.caller
                || session.speaker.is(arrival.caller.grant) && session.server.definition == arrival.caller.server
        else { throw .unknownSession }
        try arrival.checkVersion()
        session.touch(arrival.started)
        return session
    }

    func initialize(_ message: RPCMessage, _ id: RequestID, _ arrival: Arrival, _ reply: any ReplyChannel)
        async throws(Refusal)
    {
        guard let requested = Handshake.requestedVersion(message) else {
            let text = "initialize needs params.protocolVersion, a string"
            return await reply.answer(RPCWriter.error(id: id, code: .invalidParams, message: text))
        }
        guard sessions.hasRoom else { throw .tooManySessions }
        let profile = ClientProfile(message, version: .answer(toInitializeFor: requested))
        let session: ClientSession
        do throws(UpstreamError) {
            session = try await open(SessionTable.makeID(), profile, arrival)
        } catch {
            metrics.upstreamFailures.add(1, ordering: .relaxed)
            log(
                .warning, "a session could not be opened", ("request", arrival.requestID),
                ("server", arrival.caller.server.name), ("detail", error.detail))
            let (message, status) = UpstreamAnswer.error(error, id: id, requestID: arrival.requestID)
            return await reply.answer(message, status: status)
        }
        // Nobody would ever name it.
        guard !reply.isGone else {
            session.end(on: arrival.loop)
            return reply.silence()
        }
        guard sessions.add(session, unless: { isOver(session) }) else {
            let isOver = isOver(session)
            session.end(on: arrival.loop)
            throw isOver ? .unknownSession : .tooManySessions
        }
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        let hello = session.link.hello
        let whole = hello.initializeResult(version: profile.version, relays: arrival.caller.relays)
        let result = pins.approved(whole, of: hello, arrival.caller)
        reply.answer(RPCWriter.result(id: id, result), session: session.id)
    }

    /// A session with its own way to the server, not in the table yet.
    func open(_ id: String, _ profile: ClientProfile, _ arrival: Arrival, asks: AskBook = AskBook())
        async throws(UpstreamError) -> ClientSession
    {
        let caller = arrival.caller
        let server = try upstreams.server(caller.server)
        let link = try await dial(server, profile, caller.relays, arrival.loop)
        let session = ClientSession(
            id: id, caller: caller, server: server, profile: profile, link: link, asks: asks, history: history,
            kept: kept, listened: listened, now: arrival.started, mayHear: mayHear)
        link.goes(by: { [weak session] in Set(session?.wanted.resourceSubscriptions ?? []) })
        // What such a server says before the client listens must find somebody; it ends with the link.
        if link.speaksUnasked { listen(ListenFilter(), session, CallHandle(), arrival) }
        return session
    }

    func end(_ session: ClientSession, on loop: EventLoop) {
        sessions.remove(session)
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        session.end(on: loop)
    }

    /// Ends sessions that nobody uses. Called from a timer.
    func sweep(now: TimeSpan, on loop: EventLoop) {
        let limit = TimeSpan(microseconds: now.microseconds - options.sessionIdle.microseconds)
        for session in sessions.removeAll(where: { $0.isIdle(since: limit) }) { session.end(on: loop) }
        sessions.forgetExpired(now: EventLoop.wallNow)
        metrics.sessions.store(sessions.count, ordering: .relaxed)
    }

    // MARK: The GET stream

    /// Waits until the server is heard, so that a client that has its answer misses nothing; not for long, since some servers
    /// send the head of their stream together with its first event.
    /// - Returns: what was found out, or nil if it takes longer.
    @discardableResult
    func settle<T: Sendable>(on loop: EventLoop, _ heard: @escaping @Sendable () async -> T) async -> T? {
        await within(Self.settling, on: loop, heard)
    }

    func openStream(_ arrival: Arrival, _ session: ClientSession, _ writer: consuming ResponseWriter) async {
        // What can't be an id of ours says nothing.
        let last = arrival.fields[.lastEventID].flatMap { EventID($0.string) }
        if let last, session.events.isOver(last) {
            return writer.send(Refusal.streamOver.response(requestID: arrival.requestID))
        }
        let listener = CallHandle()
        // The rest of one request's stream is no standing stream.
        let isStanding = last.map { !SessionEvents.isAnswer($0) } ?? true
        if isStanding {
            listen(.everything(of: session), session, listener, arrival)
            await settle(on: arrival.loop) { await listener.begun() }
        }
        var fields = Fields()
        fields.append(.xRequestID, arrival.requestID)
        let stream = writer.streamEvents(fields)
        // SPEC: a first byte at once lets intermediaries forward the head.
        _ = stream.commentNow("open")
        // Meanwhile the session may have ended.
        guard !session.isEnded else {
            listener.cancel()
            return stream.end()
        }
        keepAlive(stream, session, arrival.loop)
        guard let standing = session.events.connect(EventStream(stream), after: last) else { return }
        // A client that comes back soon shall have missed nothing of what the server says once only.
        stream.onClose { [loop = arrival.loop] in _ = loop.schedule(after: Self.grace) { listener.cancel() } }
        session.attach(standing, listener: listener)
    }

    /// Has what the server says outside of calls come to the session until `handle` is cancelled.
    func listen(_ filter: ListenFilter, _ session: ClientSession, _ handle: CallHandle, _ arrival: Arrival) {
        let loop = arrival.loop
        let desk = desk
        let patience = patience(session)
        // Not the arrival: its request would be kept for as long as somebody listens.
        let (requestID, caller, peerIP) = (arrival.requestID, arrival.caller, arrival.peerIP)
        Task(executorPreference: loop) { [session] in
            await session.link.listen(filter, on: loop, handle: handle) { message in
                switch message.kind {
                case .notification:
                    if message.method == Endpoint.toolsChanged { session.server.catalogue.invalidate() }
                    session.deliver(message)
                case .request(let id):
                    let visit = Visit(
                        requestID: requestID, caller: caller, session: session, message: message, id: id,
                        peerIP: peerIP, loop: loop, started: loop.now, patience: patience)
                    Task(executorPreference: loop) { await desk.relayOutside(message, id, visit) }
                case .response: break
                }
            }
        }
    }

    func keepAlive(_ stream: ResponseStream, _ session: ClientSession, _ loop: EventLoop) {
        _ = loop.schedule(after: Self.keepAlive) { [weak stream] in
            guard let stream, !stream.isClosed else { return }
            session.touch(loop.now)
            _ = stream.commentNow("alive")
            self.keepAlive(stream, session, loop)
        }
    }
}
