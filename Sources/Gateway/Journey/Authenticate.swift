import Base
import HTTP
import Store

/// First step: from a request's head to the grant that speaks. Only a `Caller` from here goes on.
struct Authenticator: Sendable {
    let hasher: any KeyedHasher

    /// - Parameter server: the name in the path.
    /// - Throws: 401 for anything but one valid token, and only then 403 or 404, so that strangers learn nothing of servers.
    func authenticate(_ head: RequestHead, server: String, snapshot: GatewaySnapshot, now: Instant)
        throws(Refusal) -> Caller
    {
        guard head.fields.count(of: .authorization) == 1, let field = head.fields[.authorization],
            field.hasPrefixIgnoringCase("Bearer ")
        else { throw .unauthenticated }
        let token = field.dropFirst(7).withUnsafeBytes { hasher.tokenHash(UnsafeRawBufferPointer($0)) }
        guard let caller = snapshot.caller(token), caller.grant.standing(at: now) == .active else {
            throw .unauthenticated
        }
        guard caller.server.name == server else {
            throw snapshot.servers[server] == nil ? .unknownServer(server) : .wrongServer
        }
        return caller
    }
}
