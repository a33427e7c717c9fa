import Base
import HTTP
import JSON
import MCP
import Runtime

/// `/mcp`: MCP over Streamable HTTP for programs on this machine. Progress comes as an event stream, all else as one JSON
/// body. The server sends nothing of its own accord, so there is no GET stream.
///
/// SPEC: MCP 2025-11-25, transports.
struct MCPService: Sendable {
    private let sessions: SessionTable
    private let maxBody: Int

    init(sessions: SessionTable, maxBody: Int) {
        self.sessions = sessions
        self.maxBody = maxBody
    }

    // MARK: Before the body

    func admit(_ head: RequestHead) -> Admission {
        switch head.method {
        case .post: break
        case .delete: return .accept(maxBody: 0)
        default:
            return .refuse(
                Self.failure(
                    HTTPStatus(405), .invalidRequest, "use POST, or DELETE to end a session", allow: "POST, DELETE"))
        }
        guard let type = head.fields[.contentType].flatMap({ MediaType($0) }), type.matches("application/json") else {
            return .refuse(Self.failure(HTTPStatus(415), .invalidRequest, "Content-Type must be application/json"))
        }
        guard accepts(head.fields, "application/json"), accepts(head.fields, "text/event-stream") else {
            return .refuse(
                Self.failure(
                    HTTPStatus(406), .invalidRequest, "Accept must list application/json and text/event-stream"))
        }
        // A message without a session can only be `initialize`, which is short.
        guard let id = head.fields[.mcpSessionID]?.string else { return .accept(maxBody: min(maxBody, 64 << 10)) }
        guard sessions.session(id, now: EventLoop.monotonicNow) != nil else { return .refuse(Self.unknownSession) }
        return .accept(maxBody: maxBody)
    }

    // MARK: With the body

    func respond(_ request: HTTPRequest, on loop: EventLoop, _ writer: consuming ResponseWriter) async {
        let id = request.head.fields[.mcpSessionID]?.string
        let now = EventLoop.monotonicNow
        if request.head.method == .delete {
            guard let id else {
                writer.send(Self.failure(.badRequest, .invalidRequest, "DELETE needs Mcp-Session-Id"))
                return
            }
            writer.send(sessions.remove(id) ? Response(.noContent) : Self.unknownSession)
            return
        }
        if let version = request.head.fields[.mcpProtocolVersion]?.string,
            ProtocolVersion(rawValue: version)?.era != .legacy
        {
            let known = ProtocolVersion.legacy.map(\.rawValue).joined(separator: ", ")
            writer.send(
                Self.failure(
                    .badRequest, .invalidRequest,
                    "MCP-Protocol-Version \(quoted(version)) is not supported; known: \(known)"))
            return
        }
        guard let id else {
            writer.send(open(request, now: now))
            return
        }
        guard let session = sessions.session(id, now: now) else {
            writer.send(Self.unknownSession)
            return
        }
        await continueSession(session, request, loop, writer)
    }

    /// A message without a session can only be `initialize`.
    private func open(_ request: HTTPRequest, now: TimeSpan) -> Response {
        let session = sessions.newSession()
        switch session.receive(request.body, progress: { _ in }) {
        case .reply(let answer) where session.version != nil:
            guard let id = sessions.add(session, now: now) else {
                return Self.failure(HTTPStatus(503), .overloaded, "too many sessions are busy; try again later")
            }
            var fields = Self.json
            fields.append(.mcpSessionID, id)
            return Response(.ok, fields: fields, body: answer)
        case .reply(let answer), .reject(let answer): return Response(.badRequest, fields: Self.json, body: answer)
        case .call, .batch, .accepted:
            return Self.failure(.badRequest, .invalidRequest, "send `initialize` first, then its Mcp-Session-Id")
        }
    }

    private func continueSession(
        _ session: Session, _ request: HTTPRequest, _ loop: EventLoop, _ writer: consuming ResponseWriter
    ) async {
        // Progress is only asked for by calls, and only then is there a stream to send it on.
        let progress = ProgressOutbox(loop)
        switch session.receive(request.body, progress: { progress.add($0) }) {
        case .reply(let answer): writer.send(.ok, Self.json, answer)
        case .reject(let answer): writer.send(.badRequest, Self.json, answer)
        case .accepted: writer.send(.accepted)
        case .call(let call) where call.wantsProgress:
            let stream = writer.streamEvents(Self.eventFields)
            // Progress is worth nothing late: when the client reads too slowly, it is left out.
            progress.open { _ = stream.writeEventNow(SSEEvent(data: $0, event: "message")) }
            // A client that goes away has not cancelled: that is what notifications/cancelled is for.
            let answer = await session.perform(call)
            progress.empty()
            if let answer {
                _ = await stream.writeEvent(SSEEvent(data: answer, event: "message"))
            }
            stream.end()
        case .call(let call): Self.send(await session.perform(call), writer)
        case .batch(let batch): Self.send(await session.perform(batch: batch), writer)
        }
    }

    private static func send(_ answer: [UInt8]?, _ writer: consuming ResponseWriter) {
        if let answer {
            writer.send(.ok, json, answer)
        } else {
            // Cancelled: no response message, but HTTP wants an answer.
            writer.send(.accepted)
        }
    }

    // MARK: Answers

    private static let json = Fields((.contentType, "application/json"), (.cacheControl, "no-store"))
    private static let eventFields = Fields((FieldName("X-Accel-Buffering"), "no"))
    private static let unknownSession = failure(.notFound, .invalidRequest, "unknown session; send `initialize` again")

    private static func failure(
        _ status: HTTPStatus, _ code: RPCErrorCode, _ message: String, allow: String? = nil
    ) -> Response {
        var fields = json
        if let allow { fields.append(.allow, allow) }
        return Response(status, fields: fields, body: RPCWriter.error(id: nil, code: code, message: message))
    }
}
