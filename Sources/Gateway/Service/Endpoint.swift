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
    /// Opens a session's way to its server.
    typealias Dial =
        @Sendable (UpstreamServer, ClientProfile, Relays, EventLoop) async throws(UpstreamError) -> any UpstreamLink

    static let toolsChanged = "notifications/tools/list_changed"
    private static let maxBatch = 50
    static let keepAlive = TimeSpan.seconds(15)
    /// How long it is still listened to the server when a client's standing stream has broken.
    static let grace = TimeSpan.seconds(10)
    /// How long a client that wants to listen waits for the server to be heard.
    static let settling = TimeSpan.seconds(1)

    let options: GatewayOptions
    let sessions: SessionTable
    let upstreams: UpstreamTable
    let journey: CallJourney
    let metrics: GatewayMetrics
    let log: Log
    let dial: Dial
    /// What sessions keep of their streams, all together.
    let history: EventBudget
    /// What they keep of results, all together.
    let kept: FairBudget
    /// What requests under way hold, all together.
    let underWay: FairBudget
    /// The texts of what is listened for, all together.
    let listened = FairBudget(capacity: GatewayOptions.maxListened)
    /// What sessions ask before they tell of a resource.
    let mayHear: ClientSession.MayHear

    /// How it is done but in tests.
    static let dial: Dial = { server, client, relays, loop async throws(UpstreamError) in
        try await server.link(for: client, relays: relays, on: loop)
    }

    init(
        _ options: GatewayOptions, upstreams: UpstreamTable, journey: CallJourney, sessions: SessionTable,
        metrics: GatewayMetrics, log: Log,
        dial: @escaping Dial
    ) {
        self.dial = dial
        self.options = options
        self.sessions = sessions
        self.upstreams = upstreams
        self.journey = journey
        self.metrics = metrics
        self.log = log
        history = EventBudget(capacity: options.maxHistory, metrics: metrics)
        kept = FairBudget(capacity: options.maxKeptResults) { metrics.keptBytes.store($0, ordering: .relaxed) }
        underWay = FairBudget(capacity: options.requestCapacity) { metrics.requestBytes.store($0, ordering: .relaxed) }
        mayHear = { [judge = journey.judge] uri, session, hearer in judge.mayHear(of: uri, session, hearer) }
    }

    /// Whether a session's grant may speak no more, or its server is another now. One that can't be known counts as over.
    func isOver(_ session: ClientSession) -> Bool {
        (try? journey.judge.currentCaller(session, EventLoop.wallNow)) == nil
    }

    var isAbleToRecord: Bool { journey.recorder.ledger.isHealthy }
    var exchange: Exchange { journey.forwarder.exchange }
    var desk: AskDesk { exchange.desk }
    var pins: PinDesk { journey.judge.pins }

    // MARK: Messages

    func post(_ arrival: Arrival, _ reply: any ReplyChannel) async {
        do throws(Refusal) {
            let document = try Self.parse(arrival.body, limit: options.maxBody)
            let message = document.root.kind == .array ? nil : try Self.message(document)
            let room = try room(for: message, document, arrival)
            defer { room?.leave() }
            guard let message else { return try await batch(document, arrival, reply) }
            let evidence = EraEvidence(
                message, versionHeader: arrival.facts.version, hasSession: arrival.facts.hasSession)
            if evidence == .modern { return await modern(message, arrival, reply) }
            if case .request(let id) = message.kind, message.method == "initialize" {
                return try await initialize(message, id, arrival, reply)
            }
            await take(message, try session(of: arrival), arrival, reply)
        } catch {
            metrics.refusedRequests.add(1, ordering: .relaxed)
            reply.refuse(error)
        }
    }

    /// Room for what may take its time, be it a call, a list or what only the server knows. A response or notification needs
    /// none: it lets others end. A client that hangs up gives its room back when its request is over.
    /// - Parameter message: nil for a batch, whose messages are read one by one after it.
    func room(
        for message: RPCMessage?, _ document: JSONDocument, _ arrival: Arrival
    ) throws(Refusal) -> FairBudget.Place? {
        if let message { guard case .request = message.kind else { return nil } }
        let weight = message == nil ? 2 * document.weight : document.weight
        let size = GatewayOptions.cost(ofBody: arrival.body.count, weight: weight)
        guard let place = underWay.share(of: arrival.holder.grant.id).place(of: size) else { throw .tooMuchUnderWay }
        return place
    }

    /// Batches were part of 2025-03-26 only; each message in one goes its own way, one after the other.
    private func batch(_ document: JSONDocument, _ arrival: Arrival, _ reply: any ReplyChannel) async throws(Refusal) {
        guard !arrival.isModern else { throw .notAMessage(RPCFault(.batch).message) }
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
        let answers = BatchReply(reply)
        for message in messages {
            // Each call is judged anew; but nobody waits for the rest any more when the client or the session is gone.
            if reply.isGone || session.isEnded { break }
            await take(message, session, arrival, answers)
        }
        await answers.end()
    }

    /// A legacy client's message in its session.
    func take(_ message: RPCMessage, _ session: ClientSession, _ arrival: Arrival, _ reply: any ReplyChannel) async {
        switch message.kind {
        case .response(let id, _):
            if let id = id?.int { session.asks.take(id)?.ended(message) }
            reply.accepted()
        case .notification:
            notice(message, session, arrival.caller, arrival.loop)
            reply.accepted()
        case .request(let id):
            reply.keep(in: session.events)
            await serve(visit(message, id, session, arrival), reply)
        }
    }

    func visit(
        _ message: RPCMessage, _ id: RequestID, _ session: ClientSession, _ arrival: Arrival,
        profile: ClientProfile? = nil, state: RequestState? = nil
    ) -> Visit {
        Visit(
            requestID: arrival.requestID, caller: arrival.caller, session: session, profile: profile, message: message,
            id: id, peerIP: arrival.peerIP, loop: arrival.loop, started: arrival.started,
            patience: patience(session), upstreamState: state?.upstreamState, round: state?.round ?? 0)
    }

    /// How long somebody may be silent in a conversation with that server.
    func patience(_ session: ClientSession) -> TimeSpan {
        session.server.definition.settings.callTimeout ?? options.callTimeout
    }

    func notice(_ message: RPCMessage, _ session: ClientSession, _ caller: Caller, _ loop: EventLoop) {
        switch message.method {
        case "notifications/cancelled":
            if let id = message.params?["requestId"].flatMap(RequestID.init) { session.cancel(id) }
        case "notifications/initialized": break
        default:
            // A server that many clients share would take one's words for another's.
            guard !session.link.isShared, session.link.hello.version.era == .legacy, mayNotify(message, session, caller)
            else { return }
            session.link.post(message.document.bytes, on: loop)
        }
    }

    /// A request's method without an id would be a call without a decision: servers exist that look at the method first.
    private func mayNotify(_ message: RPCMessage, _ session: ClientSession, _ caller: Caller) -> Bool {
        guard message.method.hasPrefix("notifications/") else { return false }
        let legality = MethodTable.legality(
            of: message.method, .notification, from: .client, in: session.profile.version)
        return legality == .legal || legality == .unknown && caller.policy?.allowsByDefault == true
    }

    /// A request, whatever its era.
    func serve(_ visit: Visit, _ reply: any ReplyChannel) async {
        switch visit.message.method {
        case "tools/call", "resources/read", "prompts/get":
            await mayPark(visit) ? runParkable(visit, reply) : journey.run(visit, reply)
        case "tools/list": await list(.tools, visit, reply)
        case "prompts/list": await list(.prompts, visit, reply)
        case "resources/list": await list(.resources, visit, reply)
        case "resources/templates/list": await list(.resourceTemplates, visit, reply)
        default: await pass(visit, reply)
        }
    }

    /// One message.
    static func read(_ body: [UInt8], limit: Int) throws(Refusal) -> RPCMessage {
        try message(try parse(body, limit: limit))
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

    /// Answers a request that the server could not serve.
    func fail(_ error: UpstreamError, _ visit: Visit, _ reply: any ReplyChannel) async {
        if visit.staysSilent(error, reply) { return reply.silence() }
        if error.code != .cancelled {
            metrics.upstreamFailures.add(1, ordering: .relaxed)
            log(
                .warning, "request failed", ("request", visit.requestID), ("server", visit.caller.server.name),
                ("method", visit.message.method), ("reason", error.code.rawValue), ("detail", error.detail))
        }
        let (message, status) = UpstreamAnswer.error(error, id: visit.id, requestID: visit.requestID)
        await reply.answer(message, status: status)
    }
}
