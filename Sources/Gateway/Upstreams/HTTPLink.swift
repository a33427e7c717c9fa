import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// A client session's own session with a server over Streamable HTTP. Any loop may use it; each has its own connections.
final class HTTPLink: UpstreamLink {
    /// What changes when the server forgets our session and we open a new one.
    private struct Session: Sendable {
        var hello: UpstreamHello
        var fields: Fields
        var hasID: Bool
    }

    private let url: HTTPURL
    private let baseFields: Fields
    private let client: ClientProfile
    private let relays: Relays
    private let clients: HTTPClients
    private let session: Mutex<Session>
    private let counter = Atomic<Int64>(1)
    /// Notifications and responses that are being sent; more are dropped.
    private let posts = Atomic<Int>(0)
    private static let maxPosts = 16

    private init(
        url: HTTPURL, baseFields: Fields, client: ClientProfile, relays: Relays, clients: HTTPClients, session: Session
    ) {
        self.url = url
        self.baseFields = baseFields
        self.client = client
        self.relays = relays
        self.clients = clients
        self.session = Mutex(session)
    }

    /// Performs the handshake.
    static func open(
        _ address: String, headers: [NamedSecret], allowPrivate: Bool, trust: TLSTrust, client: ClientProfile,
        relays: Relays, clients: HTTPClients, on loop: EventLoop
    ) async throws(UpstreamError) -> HTTPLink {
        let url: HTTPURL
        var fields = Fields()
        do throws(HTTPError) {
            url = try HTTPURL(address, allowPrivate: allowPrivate, trust: trust)
            for header in headers { try fields.append(checking: header.name, header.value.revealed) }
        } catch {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "\(error)")
        }
        fields.append(.contentType, "application/json")
        fields.append(.accept, "application/json, text/event-stream")
        let session = try await handshake(url, fields, client, relays, clients, on: loop)
        return HTTPLink(
            url: url, baseFields: fields, client: client, relays: relays, clients: clients, session: session)
    }

    var hello: UpstreamHello { session.withLock { $0.hello } }

    /// Each request finds its own connection.
    func prepare() async throws(UpstreamError) {}

    func mintID() -> Int64 { counter.add(1, ordering: .relaxed).newValue }

    var isShared: Bool { false }

    func send(_ outgoing: Outgoing, on loop: EventLoop, handle: CallHandle) async throws(UpstreamError)
        -> UpstreamReply
    {
        let (message, id) = (outgoing.message, outgoing.id)
        let (fields, hasSession) = session.withLock { ($0.fields, $0.hasID) }
        let request = ClientRequest(.post, url, fields: fields, body: message)
        let cancel = ClientCancel()
        handle.onCancel { [self] in
            let text: JSONValue = ["requestId": .int(id), "reason": "cancelled by the client"]
            loop.execute { [self] in
                post(RPCWriter.notification(method: "notifications/cancelled", params: text), on: loop)
                cancel.cancel()
            }
        }
        defer { handle.finish() }
        let answer = try await Self.open(request, clients, on: loop, cancel: cancel)
        if case .complete(let response) = answer, response.head.status.code == 404, hasSession {
            // SPEC: 2025-11-25 transports, session management: 404 means start anew. The request was not carried out,
            // so sending it once more is safe.
            let fresh = try await Self.handshake(url, baseFields, client, relays, clients, on: loop)
            session.withLock { $0 = fresh }
            let again = ClientRequest(.post, url, fields: fresh.fields, body: message)
            return try await reply(Self.open(again, clients, on: loop, cancel: cancel), to: id)
        }
        return try await reply(answer, to: id)
    }

    func post(_ message: [UInt8], on loop: EventLoop) {
        // A server that asks and asks must not take the connections that calls need.
        guard posts.add(1, ordering: .relaxed).newValue <= Self.maxPosts else {
            posts.subtract(1, ordering: .relaxed)
            return
        }
        let request = ClientRequest(.post, url, fields: session.withLock { $0.fields }, body: message)
        Task(executorPreference: loop) { [self] in
            _ = try? await clients.client(on: loop).open(request)
            posts.subtract(1, ordering: .relaxed)
        }
    }

    func close(on loop: EventLoop) {
        let (fields, hasSession) = session.withLock { ($0.fields, $0.hasID) }
        guard hasSession else { return }
        let request = ClientRequest(.delete, url, fields: fields)
        Task(executorPreference: loop) { [clients] in _ = try? await clients.client(on: loop).send(request) }
    }

    func listen(
        _ filter: ListenFilter, on loop: EventLoop, handle: CallHandle, _ take: @escaping @Sendable (RPCMessage) -> Void
    ) async {
        let cancel = ClientCancel()
        handle.onCancel { loop.execute { cancel.cancel() } }
        while !handle.isCancelled {
            let request = ClientRequest(.get, url, fields: session.withLock { $0.fields })
            // 405 and any other answer that is no stream: the server offers none.
            guard case .stream(let body)? = try? await clients.client(on: loop).open(request, cancel: cancel) else {
                return
            }
            let stream = HTTPStream(body)
            while let message = try? await stream.next() { take(message) }
            // The server may end the stream at any time; a client then asks again, not at once.
            guard !handle.isCancelled, (try? await loop.sleep(.seconds(1))) != nil else { return }
        }
    }

    private func reply(_ answer: ClientAnswer, to id: Int64) async throws(UpstreamError) -> UpstreamReply {
        switch answer {
        case .complete(let response):
            return .response(try Self.message(in: response, to: id), status: Int(response.head.status.code))
        case .stream(let body):
            let stream = HTTPStream(body)
            let first = try await stream.next()
            if case .response = first.kind { return .response(try checked(first, id), status: stream.status) }
            return .stream(ResumedStream(first: first, rest: stream))
        }
    }

    private func checked(_ message: RPCMessage, _ id: Int64) throws(UpstreamError) -> RPCMessage {
        try Self.checkID(message, id)
        return message
    }
}

// MARK: Handshake and answers

extension HTTPLink {
    private static func handshake(
        _ url: HTTPURL, _ base: Fields, _ client: ClientProfile, _ relays: Relays, _ clients: HTTPClients,
        on loop: EventLoop
    ) async throws(UpstreamError) -> Session {
        let request = ClientRequest(
            .post, url, fields: base,
            body: Handshake.request(
                id: 1, capabilities: client.declared(to: .newestLegacy, relays), client: client.introduction))
        let head: ResponseHead
        let message: RPCMessage
        switch try await open(request, clients, on: loop, cancel: ClientCancel()) {
        case .complete(let response):
            head = response.head
            message = try Self.message(in: response, to: 1)
        case .stream(let body):
            let stream = HTTPStream(body)
            head = body.head
            message = try await stream.response()
            body.cancel()
        }
        guard let hello = UpstreamHello(message) else {
            throw UpstreamError(
                .broken, mayHaveRun: false,
                detail:
                    "initialize at \(url.origin.host):\(url.origin.port) was not answered with a version that we speak")
        }
        var fields = base
        fields.append(.mcpProtocolVersion, hello.version.rawValue)
        let sessionID = head.fields[.mcpSessionID]
        if let sessionID { fields.append(.mcpSessionID, sessionID) }
        let ready = ClientRequest(
            .post, url, fields: fields, body: RPCWriter.notification(method: "notifications/initialized"))
        _ = try await open(ready, clients, on: loop, cancel: ClientCancel())
        return Session(hello: hello, fields: fields, hasID: sessionID != nil)
    }

    private static func open(
        _ request: ClientRequest, _ clients: HTTPClients, on loop: EventLoop, cancel: ClientCancel
    ) async throws(UpstreamError) -> ClientAnswer {
        do throws(HTTPClientError) {
            return try await clients.client(on: loop).open(request, cancel: cancel)
        } catch {
            throw UpstreamError(error)
        }
    }

    private static func message(in response: ClientResponse, to id: Int64) throws(UpstreamError) -> RPCMessage {
        let status = Int(response.head.status.code)
        let parsed = try? RPCMessage(JSONDocument.parse(response.body, limits: .upstream))
        if let parsed, case .response = parsed.kind {
            try checkID(parsed, id)
            return parsed
        }
        guard (200..<300).contains(status) else {
            throw UpstreamError(.refused, mayHaveRun: false, detail: "HTTP status \(status)", status: status)
        }
        throw UpstreamError(
            .broken, mayHaveRun: true, detail: "HTTP status \(status) with a body that is no JSON-RPC response",
            status: status)
    }

    /// An error may come without an id; a result has to carry ours.
    private static func checkID(_ message: RPCMessage, _ id: Int64) throws(UpstreamError) {
        guard case .response(let answered, let isError) = message.kind else { return }
        if answered?.int == id || (isError && answered?.int == nil) { return }
        throw UpstreamError(.broken, mayHaveRun: true, detail: "the answer has the id of another request")
    }
}

/// The server-sent events of one answer, as messages.
private final class HTTPStream: UpstreamStream {
    private struct State {
        var parser = SSEParser(maxEvent: JSONLimits.upstream.maxBytes)
        var waiting: [SSEEvent] = []
    }

    private let body: ClientStream
    private let state = Mutex(State())

    init(_ body: ClientStream) {
        self.body = body
    }

    var status: Int? { Int(body.head.status.code) }

    func next() async throws(UpstreamError) -> RPCMessage {
        while true {
            if let event = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) {
                // Priming events and keep-alives have no data.
                if event.data.isEmpty { continue }
                guard let message = try? RPCMessage(JSONDocument.parse(event.data, limits: .upstream)) else {
                    throw UpstreamError(
                        .broken, mayHaveRun: true, detail: "an event is no JSON-RPC message", status: status)
                }
                return message
            }
            try await readMore()
        }
    }

    private func readMore() async throws(UpstreamError) {
        let chunk: [UInt8]?
        do throws(HTTPClientError) { chunk = try await body.next() } catch { throw UpstreamError(error) }
        guard let chunk else {
            throw UpstreamError(
                .lost, mayHaveRun: true, detail: "the event stream ended before the response", status: status)
        }
        do throws(HTTPError) {
            try state.withLock { state throws(HTTPError) in
                var events: [SSEEvent] = []
                try state.parser.feed(chunk) { events.append($0) }
                state.waiting += events
            }
        } catch {
            throw UpstreamError(.broken, mayHaveRun: true, detail: "\(error)", status: status)
        }
    }
}

extension UpstreamError {
    fileprivate init(_ error: HTTPClientError) {
        let code: Code =
            switch error.code {
            case .refusedAddress, .resolveFailed, .connectFailed, .connectTimeout, .untrusted, .tlsFailed:
                .unreachable
            case .poolFull, .poolTimeout, .shutDown: .overloaded
            case .headTimeout, .idleTimeout: .timeout
            case .bodyTooLarge, .malformedResponse: .broken
            case .connectionLost: .lost
            case .cancelled: .cancelled
            }
        self.init(code, mayHaveRun: error.fate == .fateUnknown, detail: error.detail)
    }
}

extension JSONLimits {
    /// For what an upstream sends: results hold pictures.
    static let upstream = JSONLimits(maxBytes: 32 << 20)
}
