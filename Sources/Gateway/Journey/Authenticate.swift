import Base
import Store

/// First step: from a request's head to the grant that speaks. Only a `Caller` from here goes on.
struct Authenticator: Sendable {
    let doorbook: Doorbook

    /// The grant, whatever it may call.
    /// - Throws: 401 for anything but one valid token.
    /// - Parameter token: its hash; nil if the request has none that could be looked up.
    func authenticate(_ token: TokenHash?, snapshot: GatewaySnapshot, requestID: String, now: Instant)
        throws(Refusal) -> Holder
    {
        guard let token, let holder = snapshot.holder(token) else { throw .unauthenticated }
        switch holder.standing(at: now) {
        case .active: return holder
        case .revoked:
            doorbook.refused(holder, "(revoked grant)", requestID: requestID, now: now)
            throw .unauthenticated
        case .expired:
            doorbook.refused(holder, "(expired grant)", requestID: requestID, now: now)
            throw .unauthenticated
        }
    }

    /// The grant at one server.
    /// - Parameter server: the name in the path.
    /// - Throws: 403 or 404, once the token is known to be good, so that strangers learn nothing of servers.
    func caller(_ holder: Holder, of server: String, snapshot: GatewaySnapshot, requestID: String, now: Instant)
        throws(Refusal) -> Caller
    {
        if let caller = holder.caller(of: server) { return caller }
        doorbook.refused(holder, "(grant of another server)", requestID: requestID, now: now)
        throw snapshot.servers[server] == nil ? .unknownServer(server) : .wrongServer
    }
}
