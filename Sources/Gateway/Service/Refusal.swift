import HTTP
import JSON
import MCP

/// Why a request is answered before any decision about a tool: one row of the contract's table each.
enum Refusal: Error, Sendable, Hashable {
    case unauthenticated
    case wrongServer
    case unknownServer(String)
    case unknownPath
    case methodNotAllowed
    case methodOfOldPath(SSEFront.Place)
    case wrongContentType
    case encoded
    case notAcceptable
    case foreignOrigin
    case foreignHost
    case notJSON(String)
    case notAMessage(String)
    case noSession
    case unknownSession
    case streamOver
    case wrongVersion(String)
    case tooManySessions
    case tooManyMessages
    case tooMuchUnderWay
    case configurationUnavailable

    var status: HTTPStatus {
        switch self {
        case .unauthenticated: HTTPStatus(401)
        case .wrongServer, .foreignOrigin, .foreignHost: HTTPStatus(403)
        case .unknownServer, .unknownPath, .unknownSession: HTTPStatus(404)
        case .methodNotAllowed, .methodOfOldPath, .streamOver: HTTPStatus(405)
        case .notAcceptable: HTTPStatus(406)
        case .wrongContentType, .encoded: HTTPStatus(415)
        case .notJSON, .notAMessage, .noSession, .wrongVersion: HTTPStatus(400)
        case .tooManySessions, .tooManyMessages, .tooMuchUnderWay, .configurationUnavailable: HTTPStatus(503)
        }
    }

    /// After which one who was told that there is no room may try again, in seconds.
    static let pause = "1"

    private var code: RPCErrorCode {
        switch self {
        case .notJSON: .parseError
        case .tooManySessions, .tooManyMessages, .tooMuchUnderWay: .overloaded
        case .configurationUnavailable: .cannotRecord
        default: .invalidRequest
        }
    }

    /// What is wrong and how to mend it; for the client.
    var message: String {
        switch self {
        case .unauthenticated:
            "A valid grant token is needed: send `Authorization: Bearer slg_…`. `sluice grant create` makes one."
        case .wrongServer: "This grant is for another server. Use the URL that `sluice client-config` prints for it."
        case .unknownServer(let name): "There is no server `\(name.prefix(64))` here. `sluice server list` shows all."
        case .unknownPath: "There is nothing at this path. MCP is served at /mcp/{server} and /mcp."
        case .methodNotAllowed: "This path takes POST, GET and DELETE."
        case .methodOfOldPath(let place):
            "This path is that of HTTP+SSE and takes \(place.method) only. A server called `\(place.rawValue)` is reached at "
                + "/mcp; give it another name by adding it again."
        case .wrongContentType: "The body must be JSON: send `Content-Type: application/json`."
        case .encoded: "Bodies are not taken compressed: leave out Content-Encoding, and send the JSON as it is."
        case .notAcceptable:
            "The answer is JSON or an event stream: send `Accept: application/json, text/event-stream` (GET: text/event-stream)."
        case .foreignOrigin: "Pages of this origin may not call the gateway. `sluice serve --allow-origin` allows one."
        case .foreignHost: "The gateway is not known under this host name. `sluice serve --allow-host` allows one."
        case .notJSON(let reason): "The body is not JSON that is accepted here: \(reason)."
        case .notAMessage(let reason): "The body is no JSON-RPC message: \(reason)."
        case .noSession: "The header Mcp-Session-Id is missing; `initialize` opens a session."
        case .unknownSession: "This session does not exist or has ended; `initialize` opens a new one."
        case .streamOver: "The stream that Last-Event-ID names is over, and nothing of it is left."
        case .wrongVersion(let version):
            "MCP-Protocol-Version `\(version.prefix(32))` is not spoken here; "
                + "known: \(ProtocolVersion.allCases.map(\.rawValue).joined(separator: ", "))."
        case .tooManySessions: "The gateway has no room for another session. Try again later."
        case .tooManyMessages: "Too many requests of this stream are under way. Read their answers, and try again."
        case .tooMuchUnderWay:
            "Too many requests are under way, or too large ones. Wait for their answers, and try again."
        case .configurationUnavailable: "The gateway can't read its configuration, so it refuses. Its log says why."
        }
    }

    func response(requestID: String) -> Response {
        var fields = Fields()
        fields.append(.contentType, "application/json")
        fields.append(.xRequestID, requestID)
        if case .unauthenticated = self { fields.append(.wwwAuthenticate, "Bearer realm=\"sluice\"") }
        // SPEC: RFC 9110, 12.5.3: what would be taken.
        if case .encoded = self { fields.append(.acceptEncoding, "identity") }
        if status.code == 503 { fields.append(.retryAfter, Self.pause) }
        if case .methodOfOldPath(let place) = self {
            fields.append(.allow, place.method)
        } else if status.code == 405 {
            fields.append(.allow, "POST, GET, DELETE")
        }
        let body = RPCWriter.error(
            id: nil, code: code, message: message, data: ["requestId": .string(requestID)])
        return Response(status, fields: fields, body: body)
    }
}
