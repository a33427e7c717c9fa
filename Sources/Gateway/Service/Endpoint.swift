import Base
import HTTP
import JSON
import MCP
import Policy
import Runtime
import Store
import Synchronization

/// One MCP endpoint, `/mcp/{server}`: sessions, and what each message asks for.
final class Endpoint: Sendable {
    static let toolsChanged = "notifications/tools/list_changed"
    private static let maxBatch = 50
    private static let keepAlive = TimeSpan.seconds(15)

    private let options: GatewayOptions
    private let sessions: SessionTable
    private let upstreams: UpstreamTable
    private let journey: ToolCallJourney
    private let metrics: GatewayMetrics
    private let log: Log

    init(
        _ options: GatewayOptions, upstreams: UpstreamTable, journey: ToolCallJourney, sessions: SessionTable,
        metrics: GatewayMetrics, log: Log
    ) {
        self.options = options
        self.upstreams = upstreams
        self.journey = journey
        self.sessions = sessions
        self.metrics = metrics
        self.log = log
    }

    var isAbleToRecord: Bool { journey.recorder.ledger.isHealthy }

    // MARK: Messages

    func post(_ arrival: Arrival, _ reply: ReplyChannel) async {
        do throws(Refusal) {
            let document = try Self.parse(arrival.request.body, limit: options.maxBody)
            if document.root.kind == .array { return try await batch(document, arrival, reply) }
            let message = try Self.message(document)
            if case .request(let id) = message.kind, message.method == "initialize" {
                return try await initialize(message, id, arrival, reply)
            }
            await take(message, try session(of: arrival), arrival, reply)
        } catch {
            metrics.refusedRequests.add(1, ordering: .relaxed)
            reply.refuse(error)
        }
    }

    /// Batches were part of 2025-03-26 only; each message in one goes its own way, one after the other.
    private func batch(_ document: JSONDocument, _ arrival: Arrival, _ reply: ReplyChannel) async throws(Refusal) {
        let session = try session(of: arrival)
        guard session.version.allowsBatches, document.root.count > 0 else {
            throw .notAMessage(RPCFault(.batch).message)
        }
        guard document.root.count <= Self.maxBatch else {
            throw .notAMessage("a batch has at most \(Self.maxBatch) messages")
        }
        var messages: [RPCMessage] = []
        for element in document.root.elements {
            messages.append(try Self.message(try Self.parse(Array(element.rawBytes), limit: options.maxBody)))
        }
        reply.beginBatch()
        for message in messages {
            // Each call is judged anew; but nobody waits for the rest any more when the client or the session is gone.
            if reply.isGone || session.isEnded { break }
            await take(message, session, arrival, reply)
        }
        await reply.endBatch()
    }

    private func take(_ message: RPCMessage, _ session: ClientSession, _ arrival: Arrival, _ reply: ReplyChannel) async
    {
        switch message.kind {
        case .response:
            // We ask clients nothing, so there is nothing that this could answer.
            reply.accepted()
        case .notification:
            if message.method == "notifications/cancelled",
                let id = message.params?["requestId"].flatMap(RequestID.init)
            {
                session.cancel(id)
            }
            reply.accepted()
        case .request(let id):
            let visit = Visit(
                requestID: arrival.requestID, caller: arrival.caller, session: session, message: message, id: id,
                peerIP: arrival.request.peer.ip, loop: arrival.loop, started: arrival.started)
            switch message.method {
            case "tools/call": await journey.run(visit, reply)
            case "tools/list": await listTools(visit, reply)
            case "ping": await reply.answer(RPCWriter.result(id: id, [:]))
            default:
                let text = "`\(message.method.prefix(64))` is not available through this gateway."
                await reply.answer(RPCWriter.error(id: id, code: .methodNotFound, message: text))
            }
        }
    }

    private static func parse(_ body: [UInt8], limit: Int) throws(Refusal) -> JSONDocument {
        do throws(JSONError) {
            return try JSONDocument.parse(body, limits: JSONLimits(maxBytes: limit))
        } catch {
            throw Refusal.notJSON("\(error.message) (line \(error.position(in: body).line), byte \(error.offset))")
        }
    }

    private static func message(_ document: JSONDocument) throws(Refusal) -> RPCMessage {
        do throws(RPCFault) { return try RPCMessage(document) } catch { throw Refusal.notAMessage(error.message) }
    }
}

// MARK: - Sessions

extension Endpoint {
    /// The session that the request names; another grant's session looks like none.
    func session(of arrival: Arrival) throws(Refusal) -> ClientSession {
        let fields = arrival.request.head.fields
        guard let id = fields[.mcpSessionID] else { throw .noSession }
        guard fields.count(of: .mcpSessionID) == 1, let session = sessions.find(id.string),
            session.grantID == arrival.caller.grant.id, session.server.definition == arrival.caller.server
        else { throw .unknownSession }
        if let version = fields[.mcpProtocolVersion], MCPVersion(rawValue: version.string) == nil {
            throw .wrongVersion(version.string)
        }
        session.touch(arrival.started)
        return session
    }

    private func initialize(_ message: RPCMessage, _ id: RequestID, _ arrival: Arrival, _ reply: ReplyChannel)
        async throws(Refusal)
    {
        guard let requested = Handshake.requestedVersion(message) else {
            let text = "initialize needs params.protocolVersion, a string"
            return await reply.answer(RPCWriter.error(id: id, code: .invalidParams, message: text))
        }
        guard sessions.hasRoom else { throw .tooManySessions }
        let client = ClientInfo(message)
        let server = upstreams.server(arrival.caller.server)
        let link: any UpstreamLink
        do throws(UpstreamError) {
            link = try await server.link(for: client, on: arrival.loop)
        } catch {
            metrics.upstreamFailures.add(1, ordering: .relaxed)
            log(
                .warning, "a session could not be opened", ("request", arrival.requestID),
                ("server", arrival.caller.server.name), ("detail", error.detail))
            let (message, status) = UpstreamAnswer.error(error, id: id, requestID: arrival.requestID)
            return await reply.answer(message, status: status)
        }
        let version = MCPVersion.negotiated(requested)
        let session = ClientSession(
            id: SessionTable.makeID(), grantID: arrival.caller.grant.id, server: server, version: version,
            client: client, link: link, now: arrival.started)
        guard sessions.add(session) else {
            link.close(on: arrival.loop)
            throw .tooManySessions
        }
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        let result = RPCWriter.result(id: id, Handshake.result(version: version, upstream: link.hello))
        reply.answer(result, session: session.id)
    }

    func end(_ session: ClientSession, on loop: EventLoop) {
        guard sessions.remove(session.id) != nil else { return }
        metrics.sessions.store(sessions.count, ordering: .relaxed)
        session.end(on: loop)
    }

    /// Ends sessions that nobody uses. Called from a timer.
    func sweep(now: TimeSpan, on loop: EventLoop) {
        let limit = TimeSpan(microseconds: now.microseconds - options.sessionIdle.microseconds)
        for session in sessions.removeAll(where: { $0.isIdle(since: limit) }) { session.end(on: loop) }
        metrics.sessions.store(sessions.count, ordering: .relaxed)
    }

    // MARK: The GET stream

    func openStream(_ arrival: Arrival, _ session: ClientSession, _ writer: consuming ResponseWriter) {
        var fields = Fields()
        fields.append(.xRequestID, arrival.requestID)
        let stream = writer.streamEvents(fields)
        let listener = CallHandle()
        stream.onClose { listener.cancel() }
        session.attach(stream, listener: listener)
        // SPEC: a first byte at once lets intermediaries forward the head.
        _ = stream.commentNow("open")
        keepAlive(stream, session, arrival.loop)
        Task(executorPreference: arrival.loop) { [session, loop = arrival.loop] in
            await session.link.listen(on: loop, handle: listener) { message in
                guard message.method == Self.toolsChanged else { return }
                session.server.catalogue.invalidate()
                session.push(message.document.bytes)
            }
        }
    }

    private func keepAlive(_ stream: ResponseStream, _ session: ClientSession, _ loop: EventLoop) {
        _ = loop.schedule(after: Self.keepAlive) { [weak stream] in
            guard let stream, !stream.isClosed else { return }
            session.touch(loop.now)
            _ = stream.commentNow("alive")
            self.keepAlive(stream, session, loop)
        }
    }
}

// MARK: - tools/list

extension Endpoint {
    /// The upstream's own page, without the tools that no call of this grant could pass.
    private func listTools(_ visit: Visit, _ reply: ReplyChannel) async {
        let session = visit.session
        let handle = CallHandle()
        session.began(visit.id, handle)
        defer { session.finished(visit.id, handle) }
        do throws(UpstreamError) {
            let id = session.link.mintID()
            let request = Relay.request(visit.message, upstreamID: id)
            let message: RPCMessage
            switch try await session.link.send(request, id: id, on: visit.loop, handle: handle) {
            case .response(let response, _): message = response
            case .stream(let stream): message = try await Self.response(of: stream)
            }
            guard let page = ToolList(message) else {
                guard case .response(_, isError: true) = message.kind else {
                    throw UpstreamError(.broken, mayHaveRun: false, detail: "tools/list was not answered with a list")
                }
                return await reply.answer(Relay.response(message, clientID: visit.id))
            }
            session.server.catalogue.learn(page)
            var visible: Set<String> = []
            for name in page.definitions.map(\.name) where try await isListed(name, visit) { visible.insert(name) }
            await reply.answer(page.filtered(for: visit.id) { visible.contains($0) })
        } catch {
            if error.code == .cancelled { return reply.silence() }
            metrics.upstreamFailures.add(1, ordering: .relaxed)
            let (message, status) = UpstreamAnswer.error(error, id: visit.id, requestID: visit.requestID)
            await reply.answer(message, status: status)
        }
    }

    private func isListed(_ name: String, _ visit: Visit) async throws(UpstreamError) -> Bool {
        guard let policy = visit.caller.policy else { return false }
        let session = visit.session
        let tool = try await session.server.catalogue.facts(of: name, from: session.link, on: visit.loop)
        return policy.lists(
            CallFacts(
                tool: name, arguments: nil, facts: tool, server: visit.caller.server.name, grant: visit.caller.facts,
                client: session.client, session: session.id, ip: visit.peerIP, now: EventLoop.wallNow))
    }

    private static func response(of stream: any UpstreamStream) async throws(UpstreamError) -> RPCMessage {
        while true {
            let message = try await stream.next()
            if case .response = message.kind { return message }
        }
    }
}
