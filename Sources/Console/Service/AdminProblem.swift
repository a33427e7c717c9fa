import HTTP
import Store

/// Why a request to the admin plane is not answered as it was meant. SPEC: RFC 9457, problem documents.
enum AdminProblem: Error, Sendable, Equatable {
    /// No token, an unknown, revoked or expired one: strangers can't tell which.
    case unauthenticated
    case roleTooLow(needed: Role, held: Role)
    case foreignHost
    case foreignOrigin
    /// Sent with a session cookie, but not provably by the console's own page.
    case notFromConsole
    case unknownPath
    case methodNotAllowed(allow: String)
    case badQuery(String)
    case notFound(String)
    case conflict(String)
    /// More is being read than there are threads and places for.
    case overloaded
    case verificationRunning
    case storeUnavailable

    /// What the store's refusals mean to a caller. Faults of the file are for the log only.
    init(_ error: StoreError) {
        switch error.code {
        case .notFound: self = .notFound("\(error)")
        case .invalidName, .invalidValue: self = .badQuery("\(error)")
        case .alreadyExists, .inUse: self = .conflict("\(error)")
        case .locked, .queueFull: self = .overloaded
        case .directory, .secretKey, .corrupt, .newerSchema, .alreadyServing, .full, .readOnly, .closed, .io:
            self = .storeUnavailable
        }
    }

    var status: HTTPStatus {
        switch self {
        case .unauthenticated: .unauthorized
        case .roleTooLow, .foreignHost, .foreignOrigin, .notFromConsole: .forbidden
        case .unknownPath, .notFound: .notFound
        case .methodNotAllowed: .methodNotAllowed
        case .badQuery: .badRequest
        case .conflict: .conflict
        case .verificationRunning: .tooManyRequests
        case .overloaded, .storeUnavailable: .serviceUnavailable
        }
    }

    var detail: String {
        switch self {
        case .unauthenticated:
            "A valid admin token is needed: send `Authorization: Bearer sla_…`, or sign in to the console."
        case .roleTooLow(let needed, let held):
            "This needs the role `\(needed.name)`; the token has the role `\(held.name)`."
        case .foreignHost:
            "The admin plane is not known under this host name. `sluice serve --admin-allow-host` allows one."
        case .foreignOrigin: "Pages of this origin may not use the admin plane."
        case .notFromConsole:
            "With a session cookie, changes are taken from the console's own page only: "
                + "send its `Origin` and `X-Sluice-Console: 1`, or use a bearer token instead of the cookie."
        case .unknownPath: "There is nothing at this path. /api/openapi.json describes what there is."
        case .methodNotAllowed(let allow): "This path takes \(allow)."
        case .badQuery(let reason), .notFound(let reason), .conflict(let reason): reason
        case .overloaded: "Too many requests are being answered. Try again in a moment."
        case .verificationRunning: "The ledger is being verified already. Try again when that has ended."
        case .storeUnavailable: "The stored state can't be read or written. The gateway's log says why."
        }
    }

    func response(requestID: String) -> Response {
        var response = problem(status, detail: detail, requestID: requestID)
        switch self {
        case .unauthenticated: response.fields.append(.wwwAuthenticate, "Bearer realm=\"sluice-admin\"")
        case .methodNotAllowed(let allow): response.fields.append(.allow, allow)
        case .overloaded, .storeUnavailable: response.fields.append(.retryAfter, "1")
        case .verificationRunning: response.fields.append(.retryAfter, "5")
        default: break
        }
        return response
    }
}
