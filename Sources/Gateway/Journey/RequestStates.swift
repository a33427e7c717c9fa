import Base
import MCP
import Runtime
import Store

/// The `requestState` texts that modern clients bring back: made and checked here, bound to the grant and the request.
struct RequestStates: Sendable {
    /// How long a client may take to answer.
    private static let lifetime = TimeSpan.minutes(30)

    let sealer: any StateSealer
    let hasher: any KeyedHasher

    /// Nil if the server's own state is too long.
    func seal(_ visit: Visit, upstreamState: String?, parked: String?) -> String? {
        let grant = visit.caller.grant
        return RequestState(
            principal: grant.identity ?? grant.id, grant: grant.id, server: visit.session.server.definition.name,
            method: visit.message.method, paramsDigest: digest(visit.message),
            expires: EventLoop.wallNow + Self.lifetime, round: visit.round + 1, upstreamState: upstreamState,
            parked: parked
        ).sealed(by: sealer)
    }

    /// The state that a retry brings back; nil when it brings none.
    func open(_ message: RPCMessage, _ caller: Caller) throws(ProtocolFault) -> RequestState? {
        guard let text = try InputResponses(message.params).requestState else { return nil }
        do throws(RequestStateFault) {
            let state = try RequestState(text, openedBy: sealer)
            try state.check(
                principal: caller.grant.identity ?? caller.grant.id, grant: caller.grant.id,
                server: caller.server.name, method: message.method, paramsDigest: digest(message),
                now: EventLoop.wallNow)
            return state
        } catch {
            throw error.fault
        }
    }

    private func digest(_ message: RPCMessage) -> [UInt8] {
        RequestState.digestInput(message.params).withUnsafeBytes { hasher.argumentDigest($0) }.bytes
    }
}
