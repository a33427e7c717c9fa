import Base
import HTTP
import JSON
import MCP
import Runtime
import Store

/// How a server's address is called: what every request to it has, and what is made of every answer. All HTTP links of a
/// server share one.
struct HTTPRoute: Sendable {
    let url: HTTPURL
    /// The URL as it was given, for what is relative to it.
    let address: String
    let limits: UpstreamLimits
    let clients: HTTPClients
    let breaker: CircuitBreaker
    let silence: Silence
    let gate: CallGate
    /// The server's own header fields; credentials are among them.
    private let own: Fields
    private let allowPrivate: Bool
    private let trust: TLSTrust

    /// - Parameter trust: what a certificate is held against.
    init(
        _ address: String, headers: [NamedSecret], allowPrivate: Bool, trust: TLSTrust, limits: UpstreamLimits,
        clients: HTTPClients, breaker: CircuitBreaker, silence: Silence, gate: CallGate
    ) throws(UpstreamError) {
        var fields = Fields()
        do throws(HTTPError) {
            url = try HTTPURL(address, allowPrivate: allowPrivate, trust: trust)
            for header in headers { try fields.append(checking: header.name, header.value.revealed) }
        } catch {
            throw UpstreamError(.unreachable, mayHaveRun: false, detail: "\(error)")
        }
        // Whoever asks for compressed answers has to unpack them; we hand bytes on.
        fields.append(.acceptEncoding, "identity")
        own = fields
        self.address = address
        self.allowPrivate = allowPrivate
        self.trust = trust
        self.limits = limits
        self.clients = clients
        self.breaker = breaker
        self.silence = silence
        self.gate = gate
    }

    /// The fields of a POST.
    var postFields: Fields {
        var fields = own
        fields.append(.contentType, "application/json")
        fields.append(.accept, "application/json, text/event-stream")
        return fields
    }

    /// The fields of a GET for an event stream.
    var streamFields: Fields {
        var fields = own
        fields.append(.accept, "text/event-stream")
        return fields
    }

    func post(_ body: [UInt8], _ fields: Fields, to url: HTTPURL? = nil) -> ClientRequest {
        var request = ClientRequest(.post, url ?? self.url, fields: fields, body: body)
        request.headTimeout = limits.call
        request.idleTimeout = limits.call
        request.maxBody = limits.maxMessage
        return request
    }

    /// The same for the first requests, which have another time limit.
    func opening(_ body: [UInt8], _ fields: Fields) -> ClientRequest {
        var request = post(body, fields)
        request.headTimeout = limits.start
        request.idleTimeout = limits.start
        return request
    }

    func stream(_ fields: Fields) -> ClientRequest {
        var request = ClientRequest(.get, url, fields: fields)
        request.headTimeout = limits.call
        // Servers write a comment now and then; a stream that is silent for longer is asked for anew.
        request.idleTimeout = .minutes(10)
        return request
    }

    // MARK: Exchanges

    /// - Parameters:
    ///   - isStanding: the answer is a stream that stays open for as long as the session.
    ///   - isOpening: it is one of the first requests, which every server answers at once.
    ///   - counts: whether a failure is one of the server; not if it may do well without what was tried.
    func open(
        _ request: ClientRequest, on loop: EventLoop, cancel: ClientCancel, isStanding: Bool = false,
        isOpening: Bool = false, counts: Bool = true
    ) async throws(UpstreamError) -> ClientAnswer {
        let isTry = try breaker.admit(loop.now)
        let answer: ClientAnswer
        do throws(HTTPClientError) {
            let client = isStanding ? clients.standing(on: loop) : clients.client(on: loop)
            answer = try await client.open(request, cancel: cancel)
        } catch {
            let failure = UpstreamError(error)
            switch failure.code {
            case _ where !counts: breaker.unknown(isTry: isTry)
            case .unreachable, .lost: breaker.failed(failure.detail, loop.now, isTry: isTry)
            case .timeout where isOpening: breaker.failed(failure.detail, loop.now, isTry: isTry)
            default:
                // A server may begin a standing stream with its first event. A call that it leaves without a word may be a
                // slow one: the others are not kept away for that.
                if failure.code == .timeout, !isStanding { silence.grew() }
                breaker.unknown(isTry: isTry)
            }
            throw failure
        }
        silence.ended()
        let status = Int(answer.head.status.code)
        if (502...504).contains(status), !counts {
            breaker.unknown(isTry: isTry)
        } else if (502...504).contains(status) {
            breaker.failed("HTTP status \(status)", loop.now, isTry: isTry)
        } else {
            breaker.succeeded()
        }
        if let encoding = answer.head.fields[.contentEncoding], !encoding.equalsIgnoringCase("identity") {
            if case .stream(let body) = answer { body.cancel() }
            throw UpstreamError(
                .broken, mayHaveRun: true,
                detail: "the answer has the Content-Encoding `\(encoding.string.prefix(32))`, which we did not ask for",
                status: status)
        }
        return answer
    }

    /// An answer that has no JSON-RPC response.
    func unusable(_ head: ResponseHead) -> UpstreamError {
        let status = Int(head.status.code)
        if (300..<400).contains(status) {
            let target =
                head.fields[.location].map { field in
                    // A query may hold a key.
                    " to `\(field.string.prefix { $0 != "?" }.prefix(256))`"
                } ?? ""
            return UpstreamError(
                .refused, mayHaveRun: false,
                detail: "the server redirects\(target) (HTTP status \(status)); redirects are not followed: "
                    + "register the address that it names, if you trust it", status: status)
        }
        guard (200..<300).contains(status) else {
            return UpstreamError(.refused, mayHaveRun: false, detail: "HTTP status \(status)", status: status)
        }
        return UpstreamError(
            .broken, mayHaveRun: true, detail: "HTTP status \(status) with a body that is no JSON-RPC response",
            status: status)
    }

    /// The response in a body; nil if there is none.
    func message(_ body: [UInt8]) -> RPCMessage? {
        guard let message = try? RPCMessage(JSONDocument.parse(body, limits: .upstream)),
            case .response = message.kind
        else { return nil }
        return message
    }

    func response(_ answer: ClientResponse, to id: Int64) throws(UpstreamError) -> RPCMessage {
        guard let message = message(answer.body) else { throw unusable(answer.head) }
        guard case .response(let answered, let isError) = message.kind else { throw unusable(answer.head) }
        // An error may come without an id; a result has to carry ours.
        if answered?.int == id || (isError && answered?.int == nil) { return message }
        throw UpstreamError(.broken, mayHaveRun: true, detail: "the answer has the id of another request")
    }

    // MARK: Addresses

    /// What the server names as a second address, such as `/messages?session=1`.
    /// - Throws: `broken` for one on another origin: credentials would go there.
    func resolve(_ reference: String) throws(UpstreamError) -> HTTPURL {
        let start = address.firstRange(of: "://")?.upperBound ?? address.startIndex
        let pathStart = address[start...].firstIndex { "/?#".contains($0) } ?? address.endIndex
        let origin = String(address[..<pathStart])
        let path = address[pathStart...].prefix { $0 != "?" && $0 != "#" }
        let text: String
        if reference.hasPrefix("http://") || reference.hasPrefix("https://") {
            text = reference
        } else if reference.hasPrefix("//") {
            text = String(address[..<start].dropLast(2)) + reference
        } else if reference.hasPrefix("/") {
            text = origin + reference
        } else if reference.hasPrefix("?") {
            text = origin + path + reference
        } else {
            text = origin + (path.lastIndex(of: "/").map { String(path[...$0]) } ?? "/") + reference
        }
        let resolved: HTTPURL
        do throws(HTTPError) { resolved = try HTTPURL(text, allowPrivate: allowPrivate, trust: trust) } catch {
            throw UpstreamError(.broken, mayHaveRun: false, detail: "the server's `endpoint` can't be used: \(error)")
        }
        guard resolved.origin == url.origin else {
            throw UpstreamError(
                .broken, mayHaveRun: false,
                detail: "the server's `endpoint` is on another origin (`\(resolved.origin.host)`), which is refused")
        }
        return resolved
    }
}

extension UpstreamError {
    init(_ error: HTTPClientError) {
        let code: Code =
            switch error.code {
            case .refusedAddress, .resolveFailed, .connectFailed, .connectTimeout, .untrusted, .tlsFailed:
                .unreachable
            case .poolFull, .poolTimeout, .shutDown: .overloaded
            case .headTimeout, .idleTimeout: .timeout
            case .bodyTooLarge: .tooLarge
            case .malformedResponse: .broken
            case .connectionLost: .lost
            case .cancelled: .cancelled
            }
        self.init(code, mayHaveRun: error.fate == .fateUnknown, detail: error.detail)
    }
}

extension JSONLimits {
    /// For what an upstream sends: results hold pictures.
    static let upstream = JSONLimits(maxBytes: ServerSettings.largestResponse)
}
