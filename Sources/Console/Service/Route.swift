import HTTP
import Store

/// What the admin plane can do. One case for each row of the route table.
enum Operation: String, Sendable, CaseIterable {
    case page, style, script, icon
    case health, metrics, openapi
    case openSession, session, closeSession
    case status, servers, findings, policies, policy, identities, grants, revokeGrant
    case decisions, decision, verifyLedger
}

/// A query parameter, as it is checked and as it is described.
struct QueryParameter: Sendable {
    /// How a value is read.
    enum Form: Sendable {
        /// A row's number.
        case sequence
        /// A whole number from 1 up to this.
        case count(upTo: Int)
        case time
        case text
        case word([String])
    }

    let name: StaticString
    let form: Form
    let says: String
}

/// One row of the route table: the only place where paths, methods and rights are said. The service finds its way by it,
/// and the OpenAPI document is written from it.
struct Route: Sendable {
    /// Who may.
    enum Access: Sendable, Equatable {
        case everyone
        case role(Role)
    }

    /// What the body of a good answer is.
    enum Answer: Sendable, Equatable {
        /// JSON of a schema of this name.
        case json(String)
        /// The policy's own bytes.
        case policy
        case file(String)
        case nothing
    }

    let operation: Operation
    let method: HTTPMethod
    /// Segments in braces stand for one segment of any text.
    let path: String
    let access: Access
    let answer: Answer
    let status: HTTPStatus
    let query: [QueryParameter]
    let summary: String
    private let segments: [String]

    init(
        _ operation: Operation, _ method: HTTPMethod, _ path: String, _ access: Access, _ answer: Answer,
        status: HTTPStatus = .ok, query: [QueryParameter] = [], _ summary: String
    ) {
        self.operation = operation
        self.method = method
        self.path = path
        self.access = access
        self.answer = answer
        self.status = status
        self.query = query
        self.summary = summary
        segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }

    /// The placeholders' names, in order.
    var placeholders: [String] {
        segments.filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    var methodText: String {
        switch method {
        case .get: "GET"
        case .post: "POST"
        case .delete: "DELETE"
        case .put: "PUT"
        default: "OTHER"
        }
    }

    /// The texts in place of the placeholders; nil when the path is another one.
    func match(_ parts: [ByteText]) -> [String]? {
        guard parts.count == segments.count else { return nil }
        var found: [String] = []
        for (segment, part) in zip(segments, parts) {
            if segment.hasPrefix("{") {
                guard !part.isEmpty else { return nil }
                found.append(part.string)
            } else if !part.equals(segment) {
                return nil
            }
        }
        return found
    }
}

extension Route {
    /// The route of a request and what stands in its placeholders. HEAD goes where GET goes.
    static func find(_ head: RequestHead) throws(AdminProblem) -> (route: Route, names: [String]) {
        let parts = head.target.path.split(UInt8(ascii: "/"))
        let matching = table.compactMap { route in route.match(parts).map { (route: route, names: $0) } }
        guard !matching.isEmpty else { throw .unknownPath }
        let method = head.method == .head ? .get : head.method
        guard let found = matching.first(where: { $0.route.method == method }) else {
            let methods = matching.flatMap { $0.route.method == .get ? ["GET", "HEAD"] : [$0.route.methodText] }
            throw .methodNotAllowed(allow: methods.joined(separator: ", "))
        }
        return found
    }

    static let table: [Route] = [
        Route(.page, .get, "/", .everyone, .file("text/html"), "The console"),
        Route(.style, .get, "/console.css", .everyone, .file("text/css"), "The console's style"),
        Route(.script, .get, "/console.js", .everyone, .file("text/javascript"), "The console's script"),
        Route(.icon, .get, "/icon.svg", .everyone, .file("image/svg+xml"), "The console's icon"),
        Route(.health, .get, "/healthz", .everyone, .file("text/plain"), "Whether the process answers at all"),
        Route(.metrics, .get, "/metrics", .role(.viewer), .file("text/plain"), "Counters in Prometheus' text format"),
        Route(.openapi, .get, "/api/openapi.json", .everyone, .file("application/json"), "This description"),
        Route(
            .openSession, .post, "/api/v1/session", .role(.viewer), .json("Session"), status: .created,
            "Exchanges the bearer token for a session cookie"),
        Route(.session, .get, "/api/v1/session", .role(.viewer), .json("Session"), "Who one is here"),
        Route(
            .closeSession, .delete, "/api/v1/session", .role(.viewer), .nothing, status: .noContent,
            "Ends the session of the cookie"),
        Route(.status, .get, "/api/v1/status", .role(.viewer), .json("Status"), "How the gateway fares"),
        Route(
            .servers, .get, "/api/v1/servers", .role(.viewer), .json("Servers"),
            "The servers and how they fare, without header values, variable values and command arguments"),
        Route(
            .findings, .get, "/api/v1/findings", .role(.viewer), .json("Findings"), query: findingQuery,
            "What a person should look at: changed definitions, look-alike names; the most severe first"),
        Route(
            .policies, .get, "/api/v1/policies", .role(.viewer), .json("Policies"), "The newest version of each policy"),
        Route(
            .policy, .get, "/api/v1/policies/{name}", .role(.viewer), .policy,
            query: [QueryParameter(name: "version", form: .count(upTo: Int(Int32.max)), says: "default: the newest")],
            "A policy's bytes, exactly as they were put"),
        Route(.identities, .get, "/api/v1/identities", .role(.viewer), .json("Identities"), "The identities"),
        Route(.grants, .get, "/api/v1/grants", .role(.viewer), .json("Grants"), "The grants, never their tokens"),
        Route(
            .revokeGrant, .post, "/api/v1/grants/{id}/revoke", .role(.admin), .json("Grant"),
            "Ends a grant for good; its token is dead with the next call"),
        Route(
            .decisions, .get, "/api/v1/decisions", .role(.viewer), .json("Decisions"), query: decisionQuery,
            "Rows of the ledger: decisions, and the outcomes of those let through"),
        Route(
            .decision, .get, "/api/v1/decisions/{seq}", .role(.viewer), .json("Decision"),
            "One row, and the outcome rows that name it"),
        Route(
            .verifyLedger, .get, "/api/v1/ledger/verify", .role(.viewer), .json("Verdict"),
            "Recomputes the ledger's hash chain; takes long on a long ledger, and runs once at a time"),
    ]

    private static let findingQuery: [QueryParameter] = [
        QueryParameter(name: "server", form: .text, says: "findings that have to do with this server"),
        QueryParameter(
            name: "code", form: .word(Finding.Code.allCases.map(\.rawValue)), says: "findings of this kind"),
        QueryParameter(
            name: "severity", form: .word(Finding.Severity.allCases.map(\.name)), says: "findings as severe, or more"),
    ]

    private static let decisionQuery: [QueryParameter] = [
        QueryParameter(name: "after", form: .sequence, says: "rows with a greater seq"),
        QueryParameter(name: "before", form: .sequence, says: "rows with a smaller seq"),
        QueryParameter(name: "since", form: .time, says: "rows of this time or later, such as 2026-01-05T10:00:00Z"),
        QueryParameter(name: "until", form: .time, says: "rows before this time"),
        QueryParameter(name: "server", form: .text, says: "rows about this server"),
        QueryParameter(name: "tool", form: .text, says: "rows about this tool"),
        QueryParameter(name: "grant", form: .text, says: "rows of this grant (id or label)"),
        QueryParameter(
            name: "outcome", form: .word(Outcome.allCases.map(\.name)), says: "rows of this outcome"),
        QueryParameter(
            name: "order", form: .word(["newest", "oldest"]), says: "which rows come first; default: newest"),
        QueryParameter(name: "limit", form: .count(upTo: 1_000), says: "rows at most; default: 100"),
    ]
}
