import Base
import HTTP
import Store

/// First step: from a request's head to the grant that speaks. Only a `Caller` from here goes on.
struct Authenticator: Sendable {
    let hasher: any KeyedHasher
    let doorbook: Doorbook

    /// The grant, whatever it may call.
    /// - Throws: 401 for anything but one valid token.
    func authenticate(_ head: RequestHead, snapshot: GatewaySnapshot, requestID: String, now: Instant)
        throws(Refusal) -> Holder
    {
        guard head.fields.count(of: .authorization) == 1, let field = head.fields[.authorization],
            field.hasPrefixIgnoringCase("Bearer ")
        else { throw .unauthenticated }
        let token = field.dropFirst(7).withUnsafeBytes { hasher.tokenHash(UnsafeRawBufferPointer($0)) }
        guard let holder = snapshot.holder(token) else { throw .unauthenticated }
        switch holder.grant.standing(at: now) {
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
