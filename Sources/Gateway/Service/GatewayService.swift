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
    private let hasher: any KeyedHasher
    private let snapshots: SnapshotSource
    private let endpoint: Endpoint
    private let merged: MergedEndpoint
    private let front: SSEFront
    private let metrics: GatewayMetrics
    private let log: Log

    init(
        _ options: GatewayOptions, authenticator: Authenticator, hasher: any KeyedHasher, snapshots: SnapshotSource,
        endpoint: Endpoint,
        merged: MergedEndpoint, front: SSEFront,
        metrics: GatewayMetrics, log: Log
    ) {
        self.options = options
        hosts = HostRules(options)
        self.authenticator = authenticator
        self.hasher = hasher
        self.snapshots = snapshots
        self.endpoint = endpoint
        self.merged = merged
        self.front = front
        self.metrics = metrics
        self.log = log
    }

    func makeRequestID() -> String { names.next() }

    /// A large body is held until it has come whole: only of who may speak here.
    func admit(_ head: RequestHead, from peer: SocketAddress) -> Admission {
        guard head.mayHaveLargeBody else { return .accept(maxBody: options.maxBody) }
        let requestID = names.next()
        do throws(Refusal) {
            let facts = makeFacts(head)
            if let problem = facts.hostProblem { throw problem }
            switch facts.place {
            case .health, .readiness: return .accept(maxBody: min(options.maxBody, RequestHead.smallBody))
            case .endpoint(let name), .old(let name, _):
                let (holder, _) = try speaker(facts, name, requestID)
                return .accept(maxBody: options.maxBody, of: holder.grant.id)
            case .unknown: throw .unknownPath
            }
        } catch {
            metrics.requests.add(1, ordering: .relaxed)
            return .refuse(refused(error, requestID))
        }
    }

    func didRefuse(_ problem: HTTPProblem, from peer: SocketAddress, requestID: String) {
        metrics.requests.add(1, ordering: .relaxed)
        metrics.refusedRequests.add(1, ordering: .relaxed)
    }

    private func refused(_ refusal: Refusal, _ requestID: String) -> Response {
        if case .unauthenticated = refusal { metrics.unauthenticated.add(1, ordering: .relaxed) }
        metrics.refusedRequests.add(1, ordering: .relaxed)
        return refusal.response(requestID: requestID)
    }

    func respond(to request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        metrics.requests.add(1, ordering: .relaxed)
        let requestID = names.next()
        let facts = (request.facts as? RequestFacts) ?? makeFacts(request.head)
        do throws(Refusal) {
            switch facts.place {
            case .health: return writer.send(Self.plain("ok\n", requestID))
            case .readiness: return writer.send(readiness(requestID))
            default: break
            }
            if let problem = facts.hostProblem { throw problem }
            let isMerged: Bool
            let arrival: Arrival
            switch facts.place {
            case .endpoint(let name):
                isMerged = name == nil
                arrival = try self.arrival(of: request, facts, name, requestID, loop)
            case .old(let name, let place):
                arrival = try self.arrival(of: request, facts, name, requestID, loop)
                guard let delivery = try admitOld(place, name, arrival, request) else {
                    return front.open(arrival, of: name, writer)
                }
                writer.send(.accepted, Self.fields(requestID))
                return front.take(delivery, arrival)
            default: throw .unknownPath
            }
            switch request.head.method {
            case .post:
                if let problem = facts.mediaProblem { throw problem }
                let reply = HTTPReply(writer, requestID: requestID)
                await isMerged ? merged.post(arrival, reply) : endpoint.post(arrival, reply)
            case .get:
                guard !arrival.isModern else { throw .methodNotAllowed }
                guard accepts(request.head.fields, "text/event-stream") else { throw .notAcceptable }
                if isMerged {
                    let session = try merged.session(of: arrival)
                    await merged.openStream(arrival, session, writer)
                } else {
                    let session = try endpoint.session(of: arrival)
                    await endpoint.openStream(arrival, session, writer)
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
            writer.send(refused(error, requestID))
        }
    }

    package func facts(of head: RequestHead) -> (any HeadFacts)? { makeFacts(head) }

    private func makeFacts(_ head: RequestHead) -> RequestFacts { RequestFacts(head, hosts: hosts, hasher: hasher) }

    /// A message of the transport of 2024-11-05; nil when its stream is to be opened.
    private func admitOld(_ place: SSEFront.Place, _ server: String?, _ arrival: Arrival, _ request: HTTPRequest)
        throws(Refusal) -> SSEFront.Delivery?
    {
        switch (request.head.method, place) {
        case (.get, .stream):
            guard accepts(request.head.fields, "text/event-stream") else { throw .notAcceptable }
            try front.checkRoom()
            return nil
        case (.post, .messages):
            try RequestFacts.checkContent(request.head.fields)
            return try front.admit(arrival, of: server, session: request.head.target.queryValue("session"))
        default: throw .methodOfOldPath(place)
        }
    }

    /// - Parameter server: nil for all servers of the grant.
    private func arrival(
        of request: HTTPRequest, _ facts: RequestFacts, _ server: String?, _ requestID: String, _ loop: EventLoop
    )
        throws(Refusal) -> Arrival
    {
        let (holder, caller) = try speaker(facts, server, requestID)
        return Arrival(
            requestID: requestID, holder: holder, caller: caller, body: request.body, fields: request.head.fields,
            facts: facts,
            peerIP: request.peer.ip, loop: loop, started: loop.now)
    }

    /// The grant that speaks, and what it is at a server.
    /// - Parameter server: nil for all servers of the grant.
    private func speaker(_ facts: RequestFacts, _ server: String?, _ requestID: String) throws(Refusal) -> (
        Holder, Caller
    ) {
        let snapshot: GatewaySnapshot
        do throws(StoreError) {
            snapshot = try snapshots.snapshot()
        } catch {
            log(.error, "the configuration can't be read, so the request is refused", ("reason", error.message))
            throw Refusal.configurationUnavailable
        }
        let now = EventLoop.wallNow
        let holder = try authenticator.authenticate(facts.token, snapshot: snapshot, requestID: requestID, now: now)
        let name = server ?? holder.callers.first?.server.name ?? holder.grant.server
        return (holder, try authenticator.caller(holder, of: name, snapshot: snapshot, requestID: requestID, now: now))
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
