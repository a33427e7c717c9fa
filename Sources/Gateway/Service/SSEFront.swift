import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// The transport of 2024-11-05, HTTP+SSE: a GET stream carries all that goes to the client, POSTs bring what it says. It
/// stands before one server's endpoint and before that of all.
final class SSEFront: Sendable {
    /// The two paths under `/mcp/{server}` and under `/mcp`.
    enum Place: String, Sendable {
        case stream = "sse"
        case messages

        /// The only one that it takes.
        var method: String { self == .stream ? "GET" : "POST" }
    }

    /// A message that may be taken. It counts as one that is seen to until `take` is done with it.
    struct Delivery: Sendable {
        let channel: SSEChannel
        let message: RPCMessage
        fileprivate let room: FairBudget.Place?
    }

    private let endpoint: Endpoint
    private let merged: MergedEndpoint
    private let channels = Mutex<[String: SSEChannel]>([:])

    init(_ endpoint: Endpoint, _ merged: MergedEndpoint) {
        self.endpoint = endpoint
        self.merged = merged
    }

    // MARK: The stream

    func checkRoom() throws(Refusal) {
        guard endpoint.sessions.hasRoom, channels.withLock({ $0.count }) < endpoint.options.maxSessions else {
            throw .tooManySessions
        }
    }

    /// - Parameter server: the one in the path; nil for all servers of the grant.
    func open(_ arrival: Arrival, of server: String?, _ writer: consuming ResponseWriter) {
        var fields = Fields()
        fields.append(.xRequestID, arrival.requestID)
        let stream = writer.streamEvents(fields)
        let channel = open(arrival, of: server, EventStream(stream))
        let loop = arrival.loop
        stream.onClose { [weak self] in self?.close(channel, on: loop) }
        let base = server.map { "/mcp/\($0)" } ?? "/mcp"
        let place = "\(base)/\(Place.messages.rawValue)?session=\(channel.id)"
        _ = stream.writeEventNow(SSEEvent(data: Array(place.utf8), event: "endpoint"))
        keepAlive(stream, channel, loop)
    }

    /// The same on any stream; whoever has it says when it is closed.
    func open(_ arrival: Arrival, of server: String?, _ stream: any EventSink) -> SSEChannel {
        let channel = SSEChannel(arrival, isMerged: server == nil, stream)
        channels.withLock { $0[channel.id] = channel }
        return channel
    }

    private func keepAlive(_ stream: ResponseStream, _ channel: SSEChannel, _ loop: EventLoop) {
        _ = loop.schedule(after: Endpoint.keepAlive) { [weak self, weak stream] in
            guard let self else { return }
            // The session may have ended by itself: with its grant, or its server.
            guard let stream, !stream.isClosed, channel.session?.isEnded != true else {
                return close(channel, on: loop)
            }
            channel.session?.touch(loop.now)
            _ = stream.commentNow("alive")
            keepAlive(stream, channel, loop)
        }
    }

    func close(_ channel: SSEChannel, on loop: EventLoop) {
        _ = channels.withLock { $0.removeValue(forKey: channel.id) }
        switch channel.close() {
        case .one(let session): endpoint.end(session, on: loop)
        case .all(let session): merged.end(session, on: loop)
        case nil: break
        }
        channel.stream.end()
    }

    /// Ends the streams of those who may no longer speak.
    func keep(on loop: EventLoop, isOver: (Speaker) -> Bool) {
        for channel in channels.withLock({ $0.values.filter { isOver($0.speaker) } }) {
            close(channel, on: loop)
        }
    }

    func closeStreams() {
        for channel in channels.withLock({ Array($0.values) }) { channel.stream.end() }
    }

    // MARK: Messages

    /// Finds the stream that a POST belongs to; another grant's or another path's looks like none.
    /// - Parameter server: the one in the path; nil for all servers of the grant.
    func admit(_ arrival: Arrival, of server: String?, session id: String?) throws(Refusal) -> Delivery {
        guard let id else { throw .noSession }
        guard let channel = channels.withLock({ $0[id] }), channel.speaker.is(arrival.holder.grant),
            channel.server?.name == server, !channel.stream.isClosed, channel.session?.isEnded != true
        else { throw .unknownSession }
        guard channel.server == server.map({ _ in arrival.caller.server }) else {
            // It is another server by now: a client whose stream ends begins anew.
            close(channel, on: arrival.loop)
            throw .unknownSession
        }
        let message = try Endpoint.read(arrival.body, limit: endpoint.options.maxBody)
        let room = try endpoint.room(for: message, message.document, arrival)
        guard channel.begin(message) else {
            room?.leave()
            throw .tooManyMessages
        }
        return Delivery(channel: channel, message: message, room: room)
    }

    /// Returns at once: what there is to say goes on the stream, and the next POST must not wait for it.
    func take(_ delivery: Delivery, _ arrival: Arrival) {
        Task(executorPreference: arrival.loop) {
            await self.carryOut(delivery.message, delivery.channel, arrival)
            delivery.room?.leave()
            delivery.channel.finish()
            if delivery.channel.stream.isClosed { self.close(delivery.channel, on: arrival.loop) }
        }
    }

    private func carryOut(_ message: RPCMessage, _ channel: SSEChannel, _ arrival: Arrival) async {
        let reply = SSEReply(channel)
        if let session = channel.session {
            session.touch(arrival.started)
            switch session {
            case .one(let session): return await endpoint.take(message, session, arrival, reply)
            case .all(let session): return await merged.take(message, session, arrival, reply)
            }
        }
        guard case .request(let id) = message.kind else { return }
        guard message.method == "initialize", channel.beginOpening() else {
            let text = "`initialize` has to come first"
            return await reply.answer(RPCWriter.error(id: id, code: .invalidRequest, message: text))
        }
        do throws(Refusal) {
            if channel.server == nil {
                try await merged.initialize(message, id, arrival, reply)
            } else {
                try await endpoint.initialize(message, id, arrival, reply)
            }
        } catch {
            await reply.answer(RPCWriter.error(id: id, code: .overloaded, message: error.message))
        }
        guard let opened = reply.opened, let session = find(opened.session, channel) else {
            return channel.endOpening(nil)
        }
        channel.endOpening(session)
        guard !channel.stream.isClosed else { return close(channel, on: arrival.loop) }
        switch session {
        case .one(let session):
            let listener = CallHandle()
            session.attach(channel.stream, listener: listener)
            endpoint.listen(.everything(of: session), session, listener, arrival)
            await endpoint.settle(on: arrival.loop) { await listener.begun() }
        case .all(let session):
            session.attach(channel.stream)
            merged.lookAfter(channel.stream, session, arrival)
            await endpoint.settle(on: arrival.loop) { for part in session.parts { await part.heard() } }
        }
        await reply.answer(opened.message)
    }

    private func find(_ name: String, _ channel: SSEChannel) -> SSESession? {
        channel.server == nil
            ? merged.session(named: name).map { .all($0) } : endpoint.sessions.find(name).map { .one($0) }
    }
}

/// What a client opened on its stream: a conversation with one server, or with all of its grant.
enum SSESession: Sendable {
    case one(ClientSession)
    case all(MergedSession)

    var isEnded: Bool {
        switch self {
        case .one(let session): session.isEnded
        case .all(let session): session.isEnded
        }
    }

    func touch(_ now: TimeSpan) {
        switch self {
        case .one(let session): session.touch(now)
        case .all(let session):
            session.touch(now)
            for part in session.parts { part.touch(now) }
        }
    }
}

/// One client's stream, and the session that it opened on it.
final class SSEChannel: Sendable {
    private struct State {
        var session: SSESession?
        var isOpening = false
        /// Messages that are seen to at the moment.
        var messages = 0
        /// Bytes that wait for the client to read.
        var waiting = 0
    }

    /// Requests of one client at once. What answers and cancels has room beyond them: it lets others end.
    private static let maxRequests = 256
    private static let maxMessages = 512
    /// One answer always finds room, and so do two of the largest.
    private static let maxWaiting = 2 * ServerSettings.largestResponse

    /// In the URL that only this client is told.
    let id = SessionTable.makeID()
    let speaker: Speaker
    /// Nil for all servers of the grant.
    let server: Server?
    let stream: any EventSink
    private let state = Mutex(State())

    init(_ arrival: Arrival, isMerged: Bool, _ stream: any EventSink) {
        speaker = Speaker(arrival.holder.grant)
        server = isMerged ? nil : arrival.caller.server
        self.stream = stream
    }

    var session: SSESession? { state.withLock { $0.session } }

    /// False if a session is being opened already.
    func beginOpening() -> Bool {
        state.withLock { state in
            defer { state.isOpening = true }
            return !state.isOpening
        }
    }

    func endOpening(_ session: SSESession?) {
        state.withLock { state in
            state.session = session
            state.isOpening = false
        }
    }

    /// False when the client has to wait until some of its messages are done with.
    func begin(_ message: RPCMessage) -> Bool {
        var limit = Self.maxMessages
        if case .request = message.kind { limit = Self.maxRequests }
        return state.withLock { state in
            guard state.messages < limit else { return false }
            state.messages += 1
            return true
        }
    }

    func finish() { state.withLock { $0.messages -= 1 } }

    /// Sends a message and waits while the client does not read; one that leaves too much unread loses its stream.
    func write(_ message: [UInt8]) async {
        let hasRoom = state.withLock { state in
            guard state.waiting == 0 || state.waiting + message.count <= Self.maxWaiting else { return false }
            state.waiting += message.count
            return true
        }
        guard hasRoom else { return stream.end() }
        await stream.write(message)
        state.withLock { $0.waiting -= message.count }
    }

    func close() -> SSESession? { state.withLock { $0.session.take() } }
}

/// The way back for one message that came by POST: the stream.
private final class SSEReply: ReplyChannel {
    private let channel: SSEChannel
    /// The answer to `initialize`, held until the stream is the session's.
    private(set) var opened: (message: [UInt8], session: String)?

    init(_ channel: SSEChannel) {
        self.channel = channel
    }

    var isGone: Bool { channel.stream.isClosed }
    /// The end of the stream ends the session and all its calls.
    func onGone(_ body: @escaping @Sendable () -> Void) {}
    func notify(_ message: [UInt8]) async { await channel.write(message) }
    func answer(_ message: [UInt8], status: HTTPStatus) async { await channel.write(message) }
    func answer(_ message: [UInt8], session: String) { opened = (message, session) }
    func silence() {}
    func accepted() {}
    func refuse(_ refusal: Refusal) {}
}
