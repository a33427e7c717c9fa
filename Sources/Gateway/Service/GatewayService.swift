import Base
import HTTP
import JSON
import MCP
import Runtime
import Store
import Synchronization

/// The data plane: finds out who speaks and what is wanted, and sends each message on its way.
final class GatewayService: HTTPService {
    private let options: GatewayOptions
    private let hosts: HostRules
    private let names = RequestNames()
    private let authenticator: Authenticator
    private let snapshots: SnapshotSource
    private let endpoint: Endpoint
    private let merged: MergedEndpoint
    private let front: SSEFront
    private let metrics: GatewayMetrics
    private let log: Log

    init(
        _ options: GatewayOptions, authenticator: Authenticator, snapshots: SnapshotSource, endpoint: Endpoint,
        merged: MergedEndpoint, front: SSEFront,
        metrics: GatewayMetrics, log: Log
    ) {
        self.options = options
        hosts = HostRules(options)
        self.authenticator = authenticator
        self.snapshots = snapshots
        self.endpoint = endpoint
        self.merged = merged
        self.front = front
        self.metrics = metrics
        self.log = log
    }

    func makeRequestID() -> String { names.next() }

    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission { .accept(maxBody: options.maxBody) }

    func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String) {
        metrics.requests.add(1, ordering: .relaxed)
        metrics.refusedRequests.add(1, ordering: .relaxed)
    }

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        metrics.requests.add(1, ordering: .relaxed)
        let requestID = names.next()
        let path = request.head.target.path
        if path.equals("/healthz") { return writer.send(Self.plain("ok\n", requestID)) }
        if path.equals("/readyz") { return writer.send(readiness(requestID)) }
        do throws(Refusal) {
            try hosts.admit(request.head)
            let isMerged = path.equals("/mcp")
            guard isMerged || path.hasPrefix("/mcp/") else { throw .unknownPath }
            var name = isMerged ? nil : path.dropFirst(5).string
            let old = name.flatMap(Self.oldPlace)
            if let old { name?.removeLast(old.rawValue.utf8.count + 1) }
            let arrival = try arrival(of: request, name, requestID, loop)
            if let old {
                switch (request.head.method, old) {
                case (.get, .stream):
                    guard accepts(request.head.fields, "text/event-stream") else { throw .notAcceptable }
                    try front.checkRoom()
                    return front.open(arrival, writer)
                case (.post, .messages):
                    try Self.checkContent(request.head)
                    let delivery = try front.admit(arrival, session: request.head.target.queryValue("session"))
                    writer.send(.accepted, Self.fields(requestID))
                    return front.take(delivery, arrival)
                default: throw .methodNotAllowed
                }
            }
            switch request.head.method {
            case .post:
                try Self.checkMedia(request.head)
                let reply = HTTPReply(writer, requestID: requestID)
                await isMerged ? merged.post(arrival, reply) : endpoint.post(arrival, reply)
            case .get:
                guard !arrival.isModern else { throw .methodNotAllowed }
                guard accepts(request.head.fields, "text/event-stream") else { throw .notAcceptable }
                if isMerged {
                    merged.openStream(arrival, try merged.session(of: arrival), writer)
                } else {
                    endpoint.openStream(arrival, try endpoint.session(of: arrival), writer)
                }
            case .delete:
                guard !arrival.isModern else { throw .methodNotAllowed }
                if isMerged {
                    merged.end(try merged.session(of: arrival), on: loop)
                } else {
                    endpoint.end(try endpoint.session(of: arrival), on: loop)
                }
                writer.send(HTTPStatus(204), Self.fields(requestID))
            default:
                throw .methodNotAllowed
            }
        } catch {
            if case .unauthenticated = error { metrics.unauthenticated.add(1, ordering: .relaxed) }
            metrics.refusedRequests.add(1, ordering: .relaxed)
            writer.send(error.response(requestID: requestID))
        }
    }

    /// - Parameter server: nil for all servers of the grant.
    private func arrival(of request: HTTPRequest, _ server: String?, _ requestID: String, _ loop: EventLoop)
        throws(Refusal) -> Arrival
    {
        let snapshot: GatewaySnapshot
        do throws(StoreError) {
            snapshot = try snapshots.snapshot()
        } catch {
            log(.error, "the configuration can't be read, so the request is refused", ("reason", error.message))
            throw Refusal.configurationUnavailable
        }
        let now = EventLoop.wallNow
        let holder = try authenticator.authenticate(request.head, snapshot: snapshot, requestID: requestID, now: now)
        let name = server ?? holder.callers.first?.server.name ?? holder.grant.server
        let caller = try authenticator.caller(holder, of: name, snapshot: snapshot, requestID: requestID, now: now)
        return Arrival(
            requestID: requestID, holder: holder, caller: caller, body: request.body, fields: request.head.fields,
            peerIP: request.peer.ip, loop: loop, started: loop.now)
    }

    /// SPEC: 2025-11-25 transports: a POST is JSON and its sender reads both kinds of answer.
    private static func checkMedia(_ head: RequestHead) throws(Refusal) {
        try checkEncoding(head)
        guard let type = head.fields[.contentType] else { throw .wrongContentType }
        // COST: nearly all clients send exactly these texts; taking them apart costs ten times as much.
        if type.equals("application/json"), head.fields.count(of: .accept) == 1,
            head.fields[.accept]?.equals("application/json, text/event-stream") == true
        {
            return
        }
        try checkType(head)
        guard accepts(head.fields, "application/json"), accepts(head.fields, "text/event-stream") else {
            throw .notAcceptable
        }
    }

    private static func checkContent(_ head: RequestHead) throws(Refusal) {
        try checkEncoding(head)
        try checkType(head)
    }

    /// A compressed body is read by nobody here, and must not be taken for what it is not.
    private static func checkEncoding(_ head: RequestHead) throws(Refusal) {
        guard let coding = head.fields[.contentEncoding] else { return }
        guard head.fields.count(of: .contentEncoding) == 1, coding.string.lowercased() == "identity" else {
            throw .encoded
        }
    }

    private static func checkType(_ head: RequestHead) throws(Refusal) {
        guard let type = head.fields[.contentType], let media = MediaType(type), media.matches("application/json")
        else {
            throw .wrongContentType
        }
    }

    /// The transport of 2024-11-05 has two paths under a server's. No server's name has a slash.
    private static func oldPlace(_ name: String) -> SSEFront.Place? {
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        return SSEFront.Place(rawValue: String(name[name.utf8.index(after: slash)...]))
    }

    private func readiness(_ requestID: String) -> Response {
        // Ready means able to decide and to record.
        guard endpoint.isAbleToRecord, (try? snapshots.snapshot()) != nil else {
            return Self.plain("not ready\n", requestID, HTTPStatus(503))
        }
        return Self.plain("ready\n", requestID)
    }

    private static func plain(_ text: String, _ requestID: String, _ status: HTTPStatus = .ok) -> Response {
        var fields = fields(requestID)
        fields.append(.contentType, "text/plain; charset=utf-8")
        return Response(status, fields: fields, body: Array(text.utf8))
    }

    private static func fields(_ requestID: String) -> Fields {
        var fields = Fields()
        fields.append(.xRequestID, requestID)
        return fields
    }
}
