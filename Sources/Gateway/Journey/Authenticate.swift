import Base
import HTTP
import Store

/// First step: from a request's head to the grant that speaks. Only a `Caller` from here goes on.
struct Authenticator: Sendable {
    let hasher: any KeyedHasher
    let doorbook: Doorbook

    /// - Parameter server: the name in the path.
    /// - Throws: 401 for anything but one valid token, and only then 403 or 404, so that strangers learn nothing of servers.
    func authenticate(_ head: RequestHead, server: String, snapshot: GatewaySnapshot, requestID: String, now: Instant)
        throws(Refusal) -> Caller
    {
        guard head.fields.count(of: .authorization) == 1, let field = head.fields[.authorization],
            field.hasPrefixIgnoringCase("Bearer ")
        else { throw .unauthenticated }
        let token = field.dropFirst(7).withUnsafeBytes { hasher.tokenHash(UnsafeRawBufferPointer($0)) }
        guard let caller = snapshot.caller(token) else { throw .unauthenticated }
        switch caller.grant.standing(at: now) {
        case .active: break
        case .revoked:
            doorbook.refused(caller, "(revoked grant)", requestID: requestID, now: now)
            throw .unauthenticated
        case .expired:
            doorbook.refused(caller, "(expired grant)", requestID: requestID, now: now)
            throw .unauthenticated
        }
        guard caller.server.name == server else {
            doorbook.refused(caller, "(grant of another server)", requestID: requestID, now: now)
            throw snapshot.servers[server] == nil ? .unknownServer(server) : .wrongServer
        }
        return caller
    }
}
