import Base
import HTTP
import Store

/// Who speaks, once that is proven.
struct Operator: Sendable {
    let token: AdminToken
    let hash: TokenHash
    /// When the console session ends; nil with a bearer token.
    let sessionExpires: Instant?
}

/// From a request's head to the admin token behind it.
struct Doorkeeper: Sendable {
    let hasher: any KeyedHasher
    let sessions: ConsoleSessions
    /// Known to this process and to those who may read the data folder; not stored as others are.
    var localToken: TokenHash?
    var started = Instant(microseconds: 0)

    /// A bearer token goes before a cookie: who sends one means it.
    /// - Throws: `unauthenticated` for everything but one living token or session, always the same; then what a cookie
    ///   needs beyond that; then `roleTooLow`.
    func authenticate(
        _ head: RequestHead, for route: Route, in configuration: Configuration, now: Instant
    ) throws(AdminProblem) -> Operator {
        let speaker: Operator
        if head.fields.contains(.authorization) {
            speaker = try bearer(head, configuration, now)
        } else {
            // A session can't be exchanged for another one: that would make it last for ever.
            guard route.operation != .openSession else { throw .unauthenticated }
            speaker = try session(head, configuration, now)
            try checkSender(head)
        }
        if case .role(let needed) = route.access, speaker.token.role < needed {
            throw .roleTooLow(needed: needed, held: speaker.token.role)
        }
        return speaker
    }

    private func bearer(_ head: RequestHead, _ configuration: Configuration, _ now: Instant) throws(AdminProblem)
        -> Operator
    {
        guard head.fields.count(of: .authorization) == 1, let field = head.fields[.authorization],
            field.hasPrefixIgnoringCase("Bearer ")
        else { throw .unauthenticated }
        let hash = hasher.tokenHash(field.dropFirst(7).bytes)
        if hash == localToken {
            let token = AdminToken(
                id: "at_local", label: "a command of this machine", role: .viewer, created: started, expires: nil,
                revoked: nil)
            return Operator(token: token, hash: hash, sessionExpires: nil)
        }
        guard let token = configuration.adminTokens[hash], token.isActive(at: now) else { throw .unauthenticated }
        return Operator(token: token, hash: hash, sessionExpires: nil)
    }

    private func session(_ head: RequestHead, _ configuration: Configuration, _ now: Instant) throws(AdminProblem)
        -> Operator
    {
        guard let cookie = ConsoleSessions.cookie(in: head), let session = sessions.find(cookie, now: now),
            let token = configuration.adminTokens[session.token], token.isActive(at: now)
        else { throw .unauthenticated }
        return Operator(token: token, hash: session.token, sessionExpires: session.expires)
    }

    /// Browsers send cookies whoever wrote the page, and to every port of a host: `SameSite` alone does not keep out
    /// another program's page on this machine. So the origin has to be our own, and changes need a field that no page can
    /// send elsewhere without being asked for leave first (CORS, which is never given here).
    private func checkSender(_ head: RequestHead) throws(AdminProblem) {
        let isChange = head.method != .get && head.method != .head
        if head.fields.contains(.origin) {
            guard Self.isOwnOrigin(head) else { throw .foreignOrigin }
        } else if isChange {
            throw .notFromConsole
        }
        if let site = head.fields[.secFetchSite], !site.equals("same-origin") {
            guard site.equals("none"), !isChange else { throw .foreignOrigin }
        }
        guard !isChange || head.fields.first("X-Sluice-Console")?.equals("1") == true else { throw .notFromConsole }
    }

    /// Whether `Origin` is the host that was asked, over HTTP or, with TLS in front of us, HTTPS.
    static func isOwnOrigin(_ head: RequestHead) -> Bool {
        guard head.fields.count(of: .origin) == 1, let origin = head.fields[.origin] else { return false }
        for prefix in ["http://", "https://"] as [StaticString] where origin.hasPrefixIgnoringCase(prefix) {
            return !head.authority.isEmpty
                && origin.dropFirst(prefix.utf8CodeUnitCount).equalsIgnoringCase(head.authority)
        }
        return false
    }
}
