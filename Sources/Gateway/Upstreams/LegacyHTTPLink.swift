import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A client session's own session with a server over Streamable HTTP of the versions with `initialize`. Any loop may use
/// it; each has its own connections.
final class LegacyHTTPLink: UpstreamLink {
    /// What changes when the server forgets our session and we open a new one.
    struct Session: Sendable {
        let hello: UpstreamHello
        /// The server's name for it, if it gave one.
        let id: String?
        var life = 0
        /// The fields of each POST in it.
        // COST: every call has the same; putting them together was 2 % of its instructions.
        let postFields: Fields

        init(_ hello: UpstreamHello, id: String?, _ route: HTTPRoute) {
            self.hello = hello
            self.id = id
            postFields = Self.fields(route.postFields, hello, id)
        }

        /// The fields of a GET in it.
        func streamFields(_ route: HTTPRoute) -> Fields { Self.fields(route.streamFields, hello, id) }

        private static func fields(_ base: Fields, _ hello: UpstreamHello, _ id: String?) -> Fields {
            var fields = base
            fields.append(.mcpProtocolVersion, hello.version.rawValue)
            if let id { fields.append(.mcpSessionID, id) }
            return fields
        }
    }

    /// Who listens to the one stream that a session may have: servers refuse a second.
    private struct Ears {
        var listeners: [(handle: CallHandle, take: @Sendable (RPCMessage) -> Void)] = []
        /// What ends the stream.
        var runner: CallHandle?
        /// Whether it is known by now if there is a stream.
        var isHeard = false
        /// The stream that is open.
        var stream: Listening?

        mutating func begin(_ runner: CallHandle) -> [CallHandle] {
            guard self.runner === runner, !isHeard else { return [] }
            isHeard = true
            return listeners.map(\.handle)
        }

        /// There is no stream, and there will be none: those who listened need not wait.
        mutating func end(_ runner: CallHandle) -> [CallHandle] {
            guard self.runner === runner else { return [] }
            defer { self = Ears() }
            return listeners.map(\.handle)
        }
    }

    let route: HTTPRoute
    private let client: ClientProfile
    private let relays: Relays
    private let session: Mutex<Session>
    private let told = Mutex(Told())
    private let renewal = SharedWork<Session>()
    private let counter = Atomic<Int64>(1)
    /// Notifications and answers that are being sent.
    private let posts = Posts()
    /// Whether the server's standing stream is open.
    private let isListening = Atomic<Bool>(false)
    private let ears = Mutex(Ears())

    init(_ route: HTTPRoute, client: ClientProfile, relays: Relays, session: Session) {
        self.route = route
        self.client = client
        self.relays = relays
        self.session = Mutex(session)
    }

    var hello: UpstreamHello { session.withLock { $0.hello } }

    /// Each request finds its own connection.
    func prepare() async throws(UpstreamError) {}
    var isPrepared: Bool { true }

    func goes(by wanted: @escaping Told.Wanted) { told.withLock { $0.wanted = wanted } }

    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    var isShared: Bool { false }
    var seemsDown: Bool { route.breaker.failuresInARow > 0 }
    var hearsEnd: Bool { isListening.load(ordering: .relaxed) }
    var life: Int { session.withLock { $0.life } }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        var pass: GatePass?
        if outgoing.takesPlace {
            pass = route.gate.enterAtOnce()
            if pass == nil { pass = try await route.gate.enter(handle, on: loop) }
        }
        let (message, id) = (outgoing.message, outgoing.id)
        // Before it goes out: what is said again meanwhile shall not be older.
        if outgoing.isLasting { told.withLock { $0.note(outgoing) } }
        let (sessionID, postFields) = session.withLock { ($0.id, $0.postFields) }
        let request = route.post(message, postFields)
        let cancel = ClientCancel()
        onCancel(handle, id, on: loop) { cancel.cancel() }
        // The end of a task may be far away: nor does it take one of the connections that calls share.
        let waits = outgoing.task != nil
        var answer = try await route.open(request, on: loop, cancel: cancel, isStanding: waits)
        if case .complete(let response) = answer, response.head.status.code == 404, let stale = sessionID,
            !outgoing.isAgain, !isAnswered(response, id)
        {
            // SPEC: 2025-11-25 transports, session management: 404 means that the session is not known, start anew. The
            // request was not taken up, so sending it once more is safe.
            let fresh = try await renewed(stale, on: loop)
            let again = route.post(message, fresh.postFields)
            answer = try await route.open(again, on: loop, cancel: cancel, isStanding: waits)
        }
        return try await reply(answer, to: id, on: loop, handle, cancel, pass)
    }

    /// Whether a 404 says that the server did take the request up: it answers it by its id, and not with a word about the
    /// session. Such a call may have run, and is not sent again.
    private func isAnswered(_ response: ClientResponse, _ id: Int64) -> Bool {
        guard let message = route.message(response.body), case .response(let answered, let isError) = message.kind,
            answered?.int == id
        else { return false }
        guard isError, let code = message.outcome?["code"]?.int, [-32_001, -32_600].contains(code) else { return true }
        return !(message.outcome?["message"]?.string?.lowercased().contains("session") ?? false)
    }

    /// SPEC: in these versions closing the exchange is not cancelling: the server is told.
    private func onCancel(
        _ handle: CallHandle, _ id: Int64, on loop: EventLoop, _ close: @escaping @Sendable () -> Void
    ) {
        handle.onCancel { [self] in
            let text: JSONValue = ["requestId": .int(id), "reason": "cancelled by the client"]
            loop.execute { [self] in
                post(RPCWriter.notification(method: "notifications/cancelled", params: text), on: loop)
                close()
            }
        }
    }

    /// A new session in place of the one that the server no longer knows. Calls that notice it together get the same one.
    func renewed(_ stale: String, on loop: EventLoop) async throws(UpstreamError) -> Session {
        try await renewal.run { () async throws(UpstreamError) -> Session in
            let current = session.withLock { $0 }
            guard current.id == stale else { return current }
            switch try await HTTPOpening.initialize(route, client, relays, on: loop) {
            case .session(var fresh):
                fresh.life = current.life + 1
                session.withLock { $0 = fresh }
                // What the server says in this one comes on a stream of this one.
                ears.withLock { $0.stream }?.hangUp()
                // The call that has found out need not wait for it.
                Task(executorPreference: loop) { [self] in await tell(on: loop) { told.withLock { $0.current } } }
                return fresh
            case .other(_, let error): throw error
            }
        }
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        let parsed = try? RPCMessage(JSONDocument.parse(message, limits: .upstream))
        guard let place = posts.begin(parsed) else { return }
        let request = route.post(message, session.withLock { $0.postFields })
        Task(executorPreference: loop) { [self] in
            _ = try? await route.open(request, on: loop, cancel: ClientCancel())
            posts.end(place)
        }
    }

    func close(on loop: EventLoop) {
        // Whoever listens holds the session, and with it this link.
        let over = ears.withLock { ears in
            defer { ears = Ears() }
            return ears
        }
        over.runner?.cancel()
        for listener in over.listeners { listener.handle.begin() }
        let current = session.withLock { $0 }
        guard current.id != nil else { return }
        let request = ClientRequest(.delete, route.url, fields: current.postFields)
        Task(executorPreference: loop) { [route] in
            _ = try? await route.clients.client(on: loop).send(request)
        }
    }

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        let (runner, isHeard) = ears.withLock { ears -> (CallHandle?, Bool) in
            ears.listeners.append((handle, take))
            guard ears.runner == nil else { return (nil, ears.isHeard) }
            ears.runner = CallHandle()
            return (ears.runner, false)
        }
        handle.onCancel { [self] in leave(handle) }
        if isHeard { handle.begin() }
        if let runner { Listening(self, runner, on: loop).begin() }
    }

    /// It is known by now whether there is a stream.
    func begun(_ runner: CallHandle) { for handle in ears.withLock({ $0.begin(runner) }) { handle.begin() } }
    /// There is no stream any more.
    func ended(_ runner: CallHandle) { for handle in ears.withLock({ $0.end(runner) }) { handle.begin() } }
    /// The stream that is open, or none.
    func listens(by stream: Listening?, _ runner: CallHandle) {
        ears.withLock { ears in
            guard ears.runner === runner else { return }
            ears.stream = stream
            isListening.store(stream != nil, ordering: .relaxed)
        }
    }
    var current: Session { session.withLock { $0 } }

    /// The stream goes on for as long as anybody listens.
    private func leave(_ handle: CallHandle) {
        let runner = ears.withLock { ears -> CallHandle? in
            ears.listeners.removeAll { $0.handle === handle }
            guard ears.listeners.isEmpty else { return nil }
            defer { (ears.runner, ears.stream, ears.isHeard) = (nil, nil, false) }
            isListening.store(false, ordering: .relaxed)
            return ears.runner
        }
        runner?.cancel()
    }

    /// All who listen bring what comes to the same session, which knows who wants it.
    func hear(_ message: RPCMessage) { ears.withLock { $0.listeners.first?.take }?(message) }

    /// What a GET for a stream came to.
    enum Standing {
        case open(ClientStream)
        /// 405 and any other answer that is no stream.
        case notOffered
        /// The server does not know the session (any more).
        case forgotten
        /// It may be there again later.
        case unreachable
    }

    /// Asks for a stream.
    func standing(after lastEventID: String, _ session: Session, on loop: EventLoop, _ cancel: ClientCancel)
        async -> Standing
    {
        var fields = session.streamFields(route)
        if !lastEventID.isEmpty {
            do throws(HTTPError) { try fields.append(checking: "Last-Event-ID", lastEventID) } catch {
                return .notOffered
            }
        }
        do throws(UpstreamError) {
            switch try await route.open(route.stream(fields), on: loop, cancel: cancel, isStanding: true) {
            case .stream(let body): return .open(body)
            case .complete(let response):
                switch Int(response.head.status.code) {
                case 404: return .forgotten
                case 408, 409, 425, 429, 500...599: return .unreachable
                default: return .notOffered
                }
            }
        } catch {
            return .unreachable
        }
    }

    private func stream(after lastEventID: String, on loop: EventLoop, _ cancel: ClientCancel) async -> ClientStream? {
        guard case .open(let body) = await standing(after: lastEventID, session.withLock { $0 }, on: loop, cancel)
        else { return nil }
        return body
    }

    private func reply(
        _ answer: ClientAnswer, to id: Int64, on loop: EventLoop, _ handle: CallHandle, _ cancel: ClientCancel,
        _ pass: GatePass?
    ) async throws(UpstreamError) -> UpstreamReply {
        switch answer {
        case .complete(let response):
            handle.finish()
            return .response(try route.response(response, to: id), status: Int(response.head.status.code))
        case .stream(let body):
            let events = HTTPEvents(
                body, to: id, maxEvent: route.limits.maxMessage, on: loop, limits: route.limits, pass: pass,
                handle: handle
            ) { [self] lastEventID in await stream(after: lastEventID, on: loop, cancel) }
            onCancel(handle, id, on: loop) {
                cancel.cancel()
                events.cancel()
            }
            let first = try await events.next()
            if case .response = first.kind { return .response(first, status: events.status) }
            return .stream(ResumedStream(first: first, rest: events))
        }
    }
}
